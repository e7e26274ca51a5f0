"""Settings and targets: a mapping with sources, whose reprs and pickles hold no secret."""

from __future__ import annotations

import copy
import pickle

import pytest

from purelink.conninfo.settings import Settings, Source, Target

TARGET = Target("name", "h", "", "5432", "", "hush", "/p")
SETTINGS = Settings(
    {"host": "h", "password": "hush", "port": "5432", "options": None},
    {
        "host": Source("string", "position 1", "h", 1),
        "password": Source("environment", "PGPASSWORD", "***"),
        "port": Source("default", "compiled default", "5432"),
    },
    targets=(TARGET,),
    startup_parameters=[("user", "u")],
    warnings=("WARNING: w",),
    home="/h",
    lend=False,
)


def test_it_is_a_mapping() -> None:
    assert SETTINGS["host"] == "h"
    assert list(SETTINGS) == ["host", "password", "port", "options"]
    assert len(SETTINGS) == 4
    assert SETTINGS.get("nosuch") is None
    with pytest.raises(KeyError):
        SETTINGS.source("nosuch")


def test_sources() -> None:
    assert SETTINGS.source("host").position == 1
    assert SETTINGS.source("options") == Source("default", "absent")


def test_reprs_hide_secrets() -> None:
    assert repr(SETTINGS) == "Settings(host='h', password='***')"
    assert SETTINGS.shown("password") == "***"
    assert SETTINGS.shown("options") is None
    assert "hush" not in f"{TARGET}"
    assert "password='***'" in repr(TARGET)
    assert "password=None" in repr(TARGET._replace(password=None))


def test_pickles_leave_secrets_out() -> None:
    data = pickle.dumps(SETTINGS)
    assert b"hush" not in data
    again = pickle.loads(data)
    assert again["password"] is None
    assert again["host"] == "h"
    assert again.source("host") == SETTINGS.source("host")
    assert again.targets == (TARGET._replace(password=None),)
    assert (again.home, again.lend, again.warnings) == ("/h", False, ("WARNING: w",))
    assert again.startup_parameters == [("user", "u")]


def test_copies_keep_them() -> None:
    assert copy.copy(TARGET).password == "hush"
    assert copy.deepcopy(TARGET).password == "hush"
    assert Settings({}, {}).startup_parameters == []
