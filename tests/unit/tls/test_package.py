"""The package without `ssl`, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from purelink import tls


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


def test_importing_it_imports_no_ssl() -> None:
    assert run("""
        import sys
        import purelink.tls
        print([name for name in ("ssl", "_ssl", "socket", "tempfile") if name in sys.modules])
    """) == "[]\n"  # fmt: skip


def test_an_interpreter_without_ssl_says_so_in_libpqs_words() -> None:
    assert run("""
        import sys
        sys.modules["ssl"] = sys.modules["_ssl"] = None
        from purelink import tls
        print(tls.available())
        try:
            tls.engine(tls.TLSSettings(sslmode="require"))
        except tls.TLSFailure as failure:
            print(failure.text)
        print(tls.end_point_hash.__name__)
    """) == (
        'False\nsslmode value "require" invalid when SSL support is not compiled in\n'
        "end_point_hash\n"
    )  # fmt: skip


def test_what_the_package_offers_is_there() -> None:
    assert tls.available()
    assert tls.Engine is type(tls.engine(tls.TLSSettings()))
    for name in tls.__all__:
        assert getattr(tls, name) is not None
    with pytest.raises(AttributeError, match=r"has no attribute 'Endgine'"):
        tls.Endgine  # noqa: B018


def test_without_ssl_there_is_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ssl", None)
    assert not tls.available()
    with pytest.raises(tls.TLSFailure, match=r"when SSL support is not compiled in"):
        tls.engine(tls.TLSSettings(sslmode="require"))
