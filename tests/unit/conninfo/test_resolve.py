"""Where values come from: precedence, sources, what is lent and what is not."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from purelink.conninfo import (
    ConninfoError,
    File,
    Settings,
    Source,
    Surroundings,
    Target,
    resolve,
)

SERVICES = File(b"[s]\nhost=/svc\nuser=su\nuser=late\npassword=svcpw\nsslcert=/c\n[empty]\n")


def around(environment: dict[str, str] | None = None, **given: Any) -> Surroundings:
    files = {
        "/h/.pg_service.conf": SERVICES,
        "/h/.pgpass": File(b"# mine\n*:*:*:*:filepw\n"),
        **given.pop("files", {}),
    }
    here = {"HOME": "/h", **(environment or {})}
    return Surroundings(here, user="me", uid=7, files=files, **{"sysconfdir": "/etc/pg", **given})


def told(settings: Settings, keyword: str) -> tuple[str | None, str, str, list[str]]:
    source = settings.source(keyword)
    return settings[keyword], source.kind, source.place, [other.place for other in source.overrode]


def test_every_layer_and_what_it_overrode() -> None:
    here = around({"PGUSER": "eu", "PGPORT": "6000", "PGREQUIRESSL": "1"})
    settings = resolve("service=s host=/a host=/b", surroundings=here)
    assert told(settings, "host") == (
        "/b",
        "string",
        "position 19",
        ["position 11", "/h/.pg_service.conf, line 2"],
    )
    assert told(settings, "user") == (
        "su",
        "service",
        "/h/.pg_service.conf, line 3",
        ["/h/.pg_service.conf, line 4", "PGUSER", "user ID 7"],
    )
    assert told(settings, "port") == ("6000", "environment", "PGPORT", ["compiled default"])
    assert told(settings, "sslmode")[:3] == ("require", "environment", "PGREQUIRESSL")
    assert told(settings, "dbname") == ("su", "default", "same as user", [])
    assert told(settings, "sslrootcert") == (None, "default", "absent", [])
    assert settings.source("password").shown == "***"
    assert len(settings) == 50


def test_what_the_operating_system_gives() -> None:
    settings = resolve("user='' dbname='' client_encoding=auto", surroundings=around())
    assert told(settings, "user") == ("me", "os", "user ID 7", ["position 1", "user ID 7"])
    assert told(settings, "dbname") == ("me", "default", "same as user", ["position 9"])
    assert told(settings, "client_encoding") == ("SQL_ASCII", "os", "LC_CTYPE", ["position 19"])


def test_no_user_at_all() -> None:
    nobody = Surroundings(uid=4711)
    with pytest.raises(ConninfoError, match=r"^local user with ID 4711 does not exist$"):
        resolve("", surroundings=nobody)
    settings = resolve("user=u", surroundings=nobody)
    assert settings["passfile"] is None
    assert settings.certificate_folder is None
    assert settings.home is None


def test_the_passfile() -> None:
    settings = resolve("", surroundings=around())
    assert settings["password"] is None
    assert told(settings, "passfile") == ("/h/.pgpass", "default", "in the home folder", [])
    assert settings.source("password") == Source("passfile", "/h/.pgpass, line 2", "***")
    (target,) = settings.targets
    assert (target.password, target.passfile) == ("filepw", "/h/.pgpass")
    # a password from elsewhere, and the file is not even named
    settings = resolve("password=pw", surroundings=around())
    assert settings["passfile"] is None
    assert settings.targets[0][5:] == ("pw", None)


def test_ambient_credentials_are_not_lent() -> None:
    here = around(
        {
            "PGPASSWORD": "envpw",
            "PGPASSFILE": "/h/.pgpass",
            "PGSSLCERT": "/c",
            "PGSSLKEY": "/k",
            "PGPORT": "6000",
        }
    )
    settings = resolve("service=s", surroundings=here, lend=False)
    for keyword in ("password", "passfile", "sslkey", "sslcert"):
        assert settings[keyword] is None
    assert (settings["port"], settings["user"], settings["host"]) == ("6000", "su", "/svc")
    assert settings.targets[0].password is None
    assert settings.certificate_folder is None
    assert not settings.lend
    own = resolve("password=pw passfile=/h/.pgpass", surroundings=here, lend=False)
    assert own.targets[0].password == "pw"
    lent = resolve("service=s", surroundings=here)
    assert lent["password"] == "svcpw"
    assert (lent["sslcert"], lent["sslkey"]) == ("/c", "/k")
    assert lent.certificate_folder == "/h/.postgresql"


def test_keywords_over_a_string() -> None:
    settings = resolve(
        "host=/a user=u dbname=d", {"host": "/b", "user": "", "port": None}, surroundings=around()
    )
    assert told(settings, "host") == ("/b", "keyword", "keyword host", ["position 1"])
    assert settings["user"] == "u"
    # the string had the only chance: this dbname is a name
    settings = resolve("host=/a", {"dbname": "host=/b"}, surroundings=around())
    assert (settings["host"], settings["dbname"]) == ("/a", "host=/b")


def test_the_first_dbname_may_be_a_connection_string() -> None:
    pairs = [("host", "/a"), ("dbname", "host=/b user=x"), ("user", "y")]
    settings = resolve("", pairs, surroundings=around())
    assert (settings["host"], settings["user"], settings["dbname"]) == ("/b", "y", "y")
    assert settings.source("host").place == "position 1 of dbname"
    settings = resolve("", pairs, surroundings=around(), expand_dbname=False)
    assert settings["dbname"] == "host=/b user=x"
    settings = resolve("", {"dbname": "plain"}, surroundings=around())
    assert settings["dbname"] == "plain"
    settings = resolve("", [("dbname", ""), ("dbname", "a=b")], surroundings=around())
    assert settings["dbname"] == "a=b"


def test_values_of_keywords_need_not_be_text() -> None:
    given = {"port": 6000, "keepalives": False, "sslcert": PurePosixPath("/c")}
    settings = resolve("", given, surroundings=around())
    assert [settings[keyword] for keyword in given] == ["6000", "0", "/c"]
    with pytest.raises(ConninfoError, match='"port" must be text, not float'):
        resolve("", {"port": 1.5}, surroundings=around())
    with pytest.raises(ConninfoError, match="NUL") as caught:
        resolve("", {"password": "hush\0"}, surroundings=around())
    assert "hush" not in str(caught.value)
    with pytest.raises(ConninfoError, match=r'^invalid connection option "nosuch"$'):
        resolve("", {"nosuch": "1"}, surroundings=around())


@pytest.mark.parametrize(
    ("environment", "files", "host"),
    [
        ({"PGSERVICEFILE": "/x"}, {"/x": File(b"[a]\nhost=/x")}, "/x"),
        (
            {"PGSERVICEFILE": "/x"},
            {"/x": File(b""), "/etc/pg/pg_service.conf": File(b"[a]\nhost=/s")},
            "/s",
        ),
        ({"PGSYSCONFDIR": "/y"}, {"/y/pg_service.conf": File(b"[a]\nhost=/y")}, "/y"),
    ],
)
def test_service_files(environment: dict[str, str], files: dict[str, File], host: str) -> None:
    settings = resolve("service=a", surroundings=around(environment, files=files))
    assert settings["host"] == host


def test_services_that_are_not_there() -> None:
    def refusal(text: str, here: Surroundings) -> tuple[str, int | None]:
        with pytest.raises(ConninfoError) as caught:
            resolve(text, surroundings=here)
        return str(caught.value), caught.value.position

    gone = 'definition of service "a" not found'
    assert refusal("host=h service=a", around()) == (gone, 8)
    assert refusal("", around({"PGSERVICE": "a"})) == (gone, None)
    assert refusal("service=a", Surroundings(user="u")) == (gone, 1)
    unreadable = around({"PGSERVICEFILE": "/x"}, files={"/x": File(None)})
    assert refusal("service=a", unreadable)[0] == 'service file "/x" not found'
    assert resolve("service=empty", surroundings=around())["host"] is None


def test_release_19_has_servicefile() -> None:
    files = {"/x": File(b"[a]\nhost=/x"), "/e": File(b"[a]\nhost=/e")}
    here = around({"PGSERVICEFILE": "/e"}, files=files, release=19)
    settings = resolve("service=a servicefile=/x", surroundings=here)
    assert (settings["host"], settings["servicefile"]) == ("/x", "/x")
    settings = resolve("service=a", surroundings=here)
    assert told(settings, "servicefile") == ("/e", "service", "service a", ["PGSERVICEFILE"])
    assert len(settings) == 52


def test_sslrootcert_system_wants_verify_full() -> None:
    for here, text in (
        (around(), "sslrootcert=system"),
        (around({"PGSSLROOTCERT": "system"}), ""),
    ):
        settings = resolve(text, surroundings=here)
        assert told(settings, "sslmode") == (
            "verify-full",
            "default",
            "because of sslrootcert=system",
            ["compiled default"],
        )
    assert resolve("", surroundings=around({"PGSSLROOTCERT": "/r"}))["sslmode"] == "prefer"


def test_the_shuffle_comes_after_the_passwords() -> None:
    here = around(files={"/h/.pgpass": File(b"b:*:*:*:pb\na:*:*:*:pa\n")})
    text = "host=a,b load_balance_hosts=random"

    def turn(targets: list[Target]) -> None:
        targets.reverse()

    settings = resolve(text, surroundings=here, shuffle=turn)
    assert [(target.host, target.password) for target in settings.targets] == [
        ("b", "pb"),
        ("a", "pa"),
    ]
    assert settings["host"] == "a,b"
    assert settings.source("password").place == "/h/.pgpass, line 2"
    assert resolve(text, surroundings=here).targets[0].host == "a"
    assert resolve("host=a,b", surroundings=here, shuffle=turn).targets[0].host == "a"


def test_an_error_of_a_value_points_to_its_item() -> None:
    with pytest.raises(ConninfoError) as caught:
        resolve("host=h sslmode=x", surroundings=around())
    assert (caught.value.keyword, caught.value.position) == ("sslmode", 8)
    with pytest.raises(ConninfoError) as caught:
        resolve("host=h", surroundings=around({"PGSSLMODE": "x"}))
    assert (caught.value.keyword, caught.value.position) == ("sslmode", None)


@pytest.mark.parametrize(
    ("text", "environment", "parameters"),
    [
        ("user=u", {}, [("user", "u"), ("database", "u")]),
        (
            "user=u application_name='' fallback_application_name=f options=-cx replication=1",
            {},
            [("user", "u"), ("database", "u"), ("replication", "1"), ("options", "-cx")],
        ),
        (
            "user=u fallback_application_name=f client_encoding=UTF8",
            {"PGDATESTYLE": "DeFault", "PGTZ": "UTC", "PGGEQO": ""},
            [
                ("user", "u"),
                ("database", "u"),
                ("application_name", "f"),
                ("client_encoding", "UTF8"),
                ("timezone", "UTC"),
                ("geqo", ""),
            ],
        ),
    ],
)
def test_startup_parameters(
    text: str, environment: dict[str, str], parameters: list[tuple[str, str]]
) -> None:
    settings = resolve(text, surroundings=around(environment))
    assert settings.startup_parameters == parameters


def test_files_that_are_named_or_not_there() -> None:
    bare = Surroundings(
        {"HOME": "/none"},
        user="u",
        files={"/etc/pg/pg_service.conf": File(b"[a]\nhost=/sys"), "/p": File(b"*:*:*:*:pw")},
        sysconfdir="/etc/pg",
        tls=False,
    )
    settings = resolve("service=a passfile=/p sslcertmode=disable", surroundings=bare)
    assert (settings["host"], settings.targets[0].password) == ("/sys", "pw")
    assert settings["sslmode"] == "disable"
    settings = resolve("user=u passfile=/none", surroundings=bare)
    assert settings.source("password").kind == "default"
    # no user, no home: no passfile to look for
    settings = resolve("user=u", surroundings=Surroundings())
    assert settings.targets[0].password is None
