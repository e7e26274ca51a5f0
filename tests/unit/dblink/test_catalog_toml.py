"""A catalog to TOML and back; whatever is wrong is told with its place, never with a value."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from purelink import errors
from purelink.dblink import catalog_toml
from purelink.dblink.catalog import Catalog


def have_reader() -> bool:
    try:
        importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    except ImportError:
        return False
    return True


reads = pytest.mark.skipif(
    not have_reader(), reason="no TOML reader: Python has one from 3.11, before that `tomli`"
)


def full() -> Catalog:
    catalog = Catalog(owner="boss")
    catalog.create_wrapper("plain", {"a.b": "c"})
    catalog.create_wrapper("strict", validated=True)
    catalog.alter_wrapper("postgres_fdw", add={"x": "y"})
    catalog.create_server("fdtest", {"dbname": "d'\"\\\n\t\r\x01\x7fé", "port": ""})
    catalog.create_user_mapping("bob", "fdtest", {"user": "u", "password": "s3cret"})
    catalog.create_user_mapping("PUBLIC", "fdtest", {"sslpassword": "s3cret"})
    catalog.grant_usage("fdtest", "PUBLIC")
    catalog.grant_usage("fdtest", 'odd "role".x')
    catalog.create_server("f", {"fetch_size": "1"}, wrapper="postgres_fdw", owner="ann")
    catalog.revoke_usage("f", "ann")
    catalog.grant_role("readers", "ann")
    catalog.grant_role("own", "ann")
    catalog.grant_execute("dblink_connect_u(text)", "ann")
    return catalog


WRITTEN = r"""owner = "boss"

[wrappers."postgres_fdw"]
validated = false
[wrappers."postgres_fdw".options]
"x" = "y"

[wrappers."plain"]
validated = false
[wrappers."plain".options]
"a.b" = "c"

[wrappers."strict"]
validated = true
[wrappers."strict".options]

[servers."fdtest"]
wrapper = "dblink_fdw"
owner = "boss"
usage = ["public", "odd \"role\".x"]
[servers."fdtest".options]
"dbname" = "d'\"\\\n\t\r\u0001\u007fé"
"port" = ""
[servers."fdtest".mappings."bob"]
"user" = "u"
"password" = "s3cret"
[servers."fdtest".mappings."public"]
"sslpassword" = "s3cret"

[servers."f"]
wrapper = "postgres_fdw"
owner = "ann"
usage = []
owner_usage = false
[servers."f".options]
"fetch_size" = "1"

[members]
"ann" = ["readers", "own"]

[execute]
"dblink_connect_u(text)" = ["ann"]
"""


def test_written() -> None:
    assert full().to_toml() == WRITTEN
    assert Catalog().to_toml() == 'owner = "postgres"\n'


def test_written_without_secrets() -> None:
    text = full().to_toml(secrets=False)
    assert "s3cret" not in text
    assert '"user" = "u"' in text


@reads
def test_read_back() -> None:
    again = Catalog.from_toml(WRITTEN)
    assert again.to_toml() == WRITTEN
    assert again.owner == "boss"
    assert again.has_role("ann", "readers")
    assert not again.may_execute("dblink_connect_u(text,text)", "ann")


@reads
def test_written_by_hand() -> None:
    catalog = Catalog.from_toml(
        """
        [servers.fdtest.options]
        dbname = "contrib_regression"
        port = 5432
        use_scram_passthrough = true
        keepalives = 0
        [servers.fdtest.mappings.PUBLIC]
        use_scram_passthrough = false
        """,
        dblink_version=18,
    )
    assert catalog.conninfo("fdtest", "postgres", scram_keys=(b"", b"")) == (
        "dbname='contrib_regression' port='5432' keepalives='0' "
    )


@reads
@given(
    st.dictionaries(
        st.text(
            st.characters(exclude_characters="\0=", exclude_categories=["Cs"]), min_size=1
        ).filter(lambda name: len(name.encode()) < 64),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    )
)
def test_anything_survives(options: dict[str, str]) -> None:
    catalog = Catalog()
    catalog.create_server("s", options, wrapper="postgres_fdw")
    again = Catalog.from_toml(catalog.to_toml())
    assert again.servers["s"].options == options


@reads
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('password = "s3cret', "the catalog is not TOML: Unterminated string"),
        ('password = "s3cret"\nx = "\x00"', r"the catalog is not TOML: .*\(at line 2"),
        pytest.param(f"x = {'[' * 20000}", "the catalog is not TOML: ", id="deep"),
        ("severs = {}", "the catalog has no 'severs'; it may have: owner wrappers servers"),
        ("owner = 7", "owner must be a string"),
        ("servers = 7", "servers must be a table"),
        ("[servers]\ns = 7", "servers.s must be a table"),
        ("[servers.s]\noption = {}", "servers.s has no 'option'; it may have: wrapper"),
        ("[servers.s]\nusage = 'ann'", "servers.s.usage must be a list of strings"),
        ("[servers.s]\nusage = [1]", "servers.s.usage must be a string"),
        ("[servers.s]\nowner_usage = 1", "servers.s.owner_usage must be true or false"),
        ("[servers.s.options]\nhost = 1.5", "servers.s.options.host must be a string"),
        ("[servers.s.mappings]\nbob = 7", "servers.s.mappings.bob must be a table"),
        (
            "[servers.s.mappings.bob]\npassword = ['s3cret']",
            "servers.s.mappings.bob.password must be a string",
        ),
        ("[wrappers.w]\nvalidated = 'x'", "wrappers.w.validated must be true or false"),
        ("[members]\nann = 'x'", "members.ann must be a list of strings"),
        ("[execute]\n'dblink_connect_u(text)' = 'x'", "execute.dblink_connect_u"),
    ],
)
def test_wrong_forms(text: str, told: str) -> None:
    with pytest.raises(errors.InterfaceError, match=told) as caught:
        Catalog.from_toml(text)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None


@reads
def test_the_catalogs_own_checks_pass() -> None:
    with pytest.raises(errors.LinkError, match='invalid option "hots"'):
        Catalog.from_toml('[servers.s.options]\nhots = "x"')
    with pytest.raises(errors.LinkError, match="does not exist"):
        Catalog.from_toml("[execute]\n'dblink(text)' = ['x']")


class Reader:
    """Stands in for `tomli`."""

    @staticmethod
    def loads(text: str) -> dict[str, Any]:
        return {"owner": text}


@pytest.mark.parametrize("found", [Reader, None])
def test_before_python_3_11(found: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def import_module(name: str) -> object:
        if name == "tomllib" or found is None:
            raise ImportError(name)
        return found

    monkeypatch.setattr(catalog_toml, "import_module", import_module)
    if found is not None:
        assert Catalog.from_toml("boss").owner == "boss"
        return
    with pytest.raises(errors.InterfaceError, match=r"takes Python 3\.11, or the package tomli"):
        Catalog.from_toml("")
