"""TLSSettings: taken out of the connection's settings, never telling the passphrase."""

from __future__ import annotations

import copy
import pickle

import pytest

from purelink.tls import TLSSettings


class Target:
    host: str | None = "db.example.com"
    hostaddr = ""


def test_every_ssl_setting_is_taken() -> None:
    keywords = {
        "sslmode": "verify-full", "sslrootcert": "r", "sslcrl": "c", "sslcrldir": "d",
        "sslcert": "t", "sslkey": "k", "sslpassword": "secret", "sslcertmode": "require",
        "sslsni": "0", "ssl_min_protocol_version": "", "ssl_max_protocol_version": "TLSv1.3",
        "sslkeylogfile": "l",
    }  # fmt: skip
    taken = TLSSettings.from_settings(
        {**keywords, "sslnegotiation": "direct", "port": "5432"}, Target, "/home/u", lend=False
    )
    for keyword, value in keywords.items():
        assert getattr(taken, keyword) == value
    assert (taken.host, taken.direct) == ("db.example.com", True)
    assert (taken.home, taken.lend) == ("/home/u", False)


def test_absent_settings_are_the_defaults() -> None:
    class Address:
        host = None

    taken = TLSSettings.from_settings({"sslsni": "1", "ssl_min_protocol_version": "TLSv1.2"},
                                      Address, None)  # fmt: skip
    assert taken == TLSSettings()
    assert repr(taken) == "TLSSettings()"


def test_the_passphrase_is_never_told() -> None:
    settings = TLSSettings(sslkey="client.key", sslpassword="secret")
    assert repr(settings) == "TLSSettings(sslkey='client.key', sslpassword=***)"
    assert "secret" not in f"{settings} {settings!r}"
    with pytest.raises(TypeError, match=r"cannot be pickled"):
        pickle.dumps(settings)
    with pytest.raises(TypeError):
        copy.copy(settings)


@pytest.mark.parametrize(
    ("system", "home", "path"),
    [
        ("posix", "/home/u", "/home/u/.postgresql/root.crt"),
        ("nt", "C:\\Users\\u\\postgresql", "C:\\Users\\u\\postgresql\\root.crt"),
        ("posix", None, None),
    ],
)
def test_default_files(
    monkeypatch: pytest.MonkeyPatch, system: str, home: str | None, path: str | None
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("purelink.tls.settings.os.name", system)
        found = TLSSettings(home=home).default_file("root.crt")
    assert found == path
