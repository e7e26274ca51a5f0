"""A class for every SQLSTATE, below its branch, made when it is asked for."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import psycopg.errors
import pytest

import purelink
from purelink import errors
from purelink._sqlstate import CONDITIONS
from tools import sqlstates

CODES = [code for code in CONDITIONS if code[:2] not in ("00", "01")]


@pytest.mark.parametrize("code", CODES)
def test_every_sqlstate_has_a_class(code: str) -> None:
    kind = errors.lookup(code)
    assert kind is errors.lookup(code)
    assert kind is getattr(errors, kind.__name__)
    assert kind.sqlstate == code
    assert kind.__mro__[1] is errors.class_for_sqlstate(code)
    assert CONDITIONS[code] in (kind.__doc__ or "")
    raised = errors.server_error(errors.Diagnostics({"C": code, "M": "no", "D": "why"}))
    assert type(raised) is kind
    again = pickle.loads(pickle.dumps(raised))
    assert type(again) is kind
    assert str(again) == "no\nDETAIL:  why"
    assert again.diagnostics == raised.diagnostics
    assert again.diag.message_detail == "why"
    assert errors.Error("ours").diag.message_detail is None
    assert kind.__name__ in dir(errors)


def test_names_are_psycopgs() -> None:
    theirs = {
        name
        for name, kind in vars(psycopg.errors).items()
        if isinstance(kind, type) and isinstance(getattr(kind, "sqlstate", None), str)
    }
    # what was taken out of PostgreSQL 17
    assert theirs - {errors.lookup(code).__name__ for code in CODES} == {"SnapshotTooOld"}


def test_what_there_is_no_class_for() -> None:
    for code in ("", "00000", "01000", "XX999", "nonsense"):
        with pytest.raises(KeyError):
            errors.lookup(code)
    with pytest.raises(AttributeError):
        getattr(errors, "Nonsense")  # noqa: B009 - mypy would see it
    gone = errors.server_error(errors.Diagnostics({"C": "72000", "M": "snapshot too old"}))
    assert type(gone) is errors.OperationalError  # servers before 17
    strange = errors.server_error(errors.Diagnostics({"C": "23999", "M": "no"}))
    assert type(strange) is errors.IntegrityError
    assert strange.sqlstate == "23999"
    assert type(errors.server_error(errors.Diagnostics({}))) is errors.DatabaseError


def test_what_type_checkers_see_is_what_is_made() -> None:
    seen = Path(errors.__file__).with_name("_conditions.py").read_text(encoding="ascii")
    assert seen == sqlstates.classes()
    kind: type[purelink.IntegrityError] = errors.UniqueViolation
    assert kind.sqlstate == "23505"


def test_importing_makes_none() -> None:
    code = (
        "import sys, purelink.errors as e; assert not e._made;"
        " assert 'purelink._sqlstate' not in sys.modules;"
        " assert e.UniqueViolation.sqlstate == '23505'; assert len(e._made) == 1"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
