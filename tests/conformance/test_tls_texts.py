"""`purelink.tls` beside the real libpq 18: the same server, the same settings, the same words.

Both clients connect to `FakeServer`, so no PostgreSQL is needed, only psycopg-binary's libpq (or
the one that `$PURELINK_TEST_LIBPQ` names). What differs on purpose stands in `DIFFERENT`.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import ssl
from pathlib import Path
from typing import Any, Mapping, NamedTuple

import pytest

from purelink import tls
from tests.conformance.tls_server import (
    CERTIFICATES,
    FakeServer,
    libpq,
    load_libpq,
    ours,
    server_context,
    serving,
)
from tests.unit.tls.test_names import TABLE

REAL = load_libpq()
if REAL is None:
    pytest.skip("no libpq with TLS: install psycopg-binary", allow_module_level=True)
LIBRARY, VERSION = REAL
if int(VERSION) < 180000:
    pytest.skip(f"libpq {VERSION} is older than 18", allow_module_level=True)

CA, CLIENT = str(CERTIFICATES / "ca.pem"), str(CERTIFICATES / "client.pem")
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, for both clients; every `client*.key` is in it, and only ours."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for key in CERTIFICATES.glob("*.key"):
        shutil.copyfile(key, tmp_path / key.name)
        (tmp_path / key.name).chmod(0o600)
    (tmp_path / "open.key").write_bytes((tmp_path / "client.key").read_bytes())
    (tmp_path / "open.key").chmod(0o644)
    (tmp_path / "none.pem").write_text("nothing here")
    (tmp_path / "none.pem").chmod(0o600)
    (tmp_path / "cut.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n")
    return tmp_path


def both(server: FakeServer, home: Path, settings: Mapping[str, str | None]) -> tuple[str, str]:
    """Return what libpq said and what we said."""
    wanted: dict[str, str | None] = {
        "host": "localhost", "hostaddr": "127.0.0.1", "port": str(server.port),
        "sslmode": "require",
    }  # fmt: skip
    for keyword, value in settings.items():
        wanted[keyword] = None if value is None else value.replace("~", str(home))
    return libpq(LIBRARY, wanted), ours(wanted, home=str(home))


class Case(NamedTuple):
    """A server and what to ask of it; `log` as `FakeServer` writes it, if it matters."""

    name: str
    settings: Mapping[str, str | None]
    context: Mapping[str, Any] = {}
    behaviour: str = ""
    text: str | None = None


OPTIONAL: dict[str, Any] = {"clients": ssl.CERT_OPTIONAL}
REQUIRED: dict[str, Any] = {"clients": ssl.CERT_REQUIRED}
STRANGER, MINE = {"certificate": "stranger.pem"}, {"sslcert": CLIENT, "sslkey": "~/client.key"}
DIRECT = {"sslnegotiation": "direct"}

CASES = [
    Case("plain", {}, text="connected"),
    Case("verify-ca without root", {"sslmode": "verify-ca"}),
    Case("verify-full without root", {"sslmode": "verify-full"}),
    Case("verify-ca", {"sslmode": "verify-ca", "sslrootcert": CA}, text="connected"),
    Case("missing root ignored", {"sslrootcert": "~/absent"}, STRANGER, text="connected"),
    Case("stranger", {"sslrootcert": CA}, STRANGER, text="SSL error: certificate verify failed"),
    Case("expired", {"sslrootcert": CA}, {"certificate": "expired.pem"}),
    Case("revoked", {"sslrootcert": CA, "sslcrl": f"{CERTIFICATES}/revoked.crl"},
         {"certificate": "revoked.pem"}, text="SSL error: certificate verify failed"),
    Case("not revoked", {"sslrootcert": CA, "sslcrl": f"{CERTIFICATES}/revoked.crl"}),
    Case("empty CRL", {"sslrootcert": CA, "sslcrl": f"{CERTIFICATES}/empty.crl"}),
    Case("missing CRL", {"sslrootcert": CA, "sslcrl": "~/absent"}, text="connected"),
    Case("missing CRL folder", {"sslrootcert": CA, "sslcrldir": "~/absent"}),
    Case("missing CRL, and a folder", {"sslrootcert": CA, "sslcrl": "~/x", "sslcrldir": "~"}),
    Case("no name to verify", {"sslrootcert": CA, "sslmode": "verify-full", "host": None},
         text="host name must be specified for a verified SSL connection"),
    Case("root is no certificate", {"sslrootcert": "~/none.pem"}),
    Case("certificate is none", {"sslcert": "~/none.pem"}),
    Case("certificate is cut", {"sslcert": "~/cut.pem"}),
    Case("certificate not there", {"sslcert": "~/absent"}, text="connected"),
    Case("certificate below a file", {"sslcert": "~/none.pem/x"}, text="connected"),
    Case("certificate without key", {"sslcert": CLIENT}),
    Case("key not there", {"sslcert": CLIENT, "sslkey": "~/absent"}),
    Case("key below a file", {"sslcert": CLIENT, "sslkey": "~/none.pem/x"}),
    Case("key is a folder", {"sslcert": CLIENT, "sslkey": "~"}),
    Case("key is open", {"sslcert": CLIENT, "sslkey": "~/open.key"}),
    Case("key is none", {"sslcert": CLIENT, "sslkey": "~/none.pem"}),
    Case("key of another", {"sslcert": CLIENT, "sslkey": "~/other.key"}),
    Case("key of another in DER", {"sslcert": CLIENT, "sslkey": "~/other-der.key"}),
    Case("key of another kind", {"sslcert": CLIENT, "sslkey": "~/rsa.key"}),
    Case("key in DER", {"sslcert": CLIENT, "sslkey": "~/client-der.key"}, REQUIRED,
         text="connected"),
    Case("key in PKCS8 and DER", {"sslcert": CLIENT, "sslkey": "~/client-pkcs8-der.key"}, REQUIRED,
         text="connected"),
    *[
        Case(f"{file} with {passphrase!r}"[:60],
             {"sslcert": CLIENT, "sslkey": f"~/{file}", "sslpassword": passphrase}, REQUIRED)
        for file in ("client-locked.key", "client-locked-traditional.key", "client-locked-der.key")
        for passphrase in ("open sesame", "wrong", "x" * 3000)
    ],
    Case("ours", MINE, REQUIRED, text="connected"),
    Case("TLS 1.3 demands ours", {}, {**REQUIRED, "lowest": V13},
         text="SSL error: tlsv13 alert certificate required"),
    *[
        Case(f"{mode}, {asked}, {version.name}", {"sslcertmode": mode, **mine},
             {**asked, "highest": version})
        for version in (V12, V13)
        for mode in ("disable", "allow", "require")
        for asked in ({}, OPTIONAL)
        for mine in ({}, MINE)
    ],
    Case("server too old", {"ssl_min_protocol_version": "TLSv1.3"}, {"highest": V12}),
    Case("server too new", {"ssl_max_protocol_version": "tlsv1.2"}, {"lowest": V13}),
    Case("no lower bound", {"ssl_min_protocol_version": ""}, {"highest": V12}),
    Case("lower bound 1.0", {"ssl_min_protocol_version": "TLSv1"}),
    Case("junk", {}, behaviour="junk"),
    Case("cut", {}, behaviour="cut", text="SSL error: unexpected eof while reading"),
    Case("reset", {}, behaviour="reset"),
    Case("truncated", {}, behaviour="truncate", text="SSL error: unexpected eof while reading"),
    Case("direct", DIRECT, text="connected"),
    Case("direct without ALPN", DIRECT, {"alpn": None}),
    Case("direct with another ALPN", DIRECT, {"alpn": "h2"}),
    Case("ALPN comes before the name",
         {**DIRECT, "sslmode": "verify-full", "sslrootcert": CA, "host": "elsewhere"},
         {"alpn": None}),
    Case("no ALPN", {}, {"alpn": None}, text="connected"),
    Case("direct, junk", DIRECT, behaviour="junk"),
    Case("direct, cut", DIRECT, behaviour="cut"),
]  # fmt: skip


def named(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_same_words(case: Case, home: Path) -> None:
    direct = "sslnegotiation" in case.settings
    with serving(server_context(**case.context), case.behaviour, direct=direct) as server:
        theirs, mine = both(server, home, case.settings)
    assert mine == theirs
    assert case.text in (None, mine)


#: everything that can go wrong up to the end of the handshake
FALLS_BACK = [
    Case("stranger", {"sslrootcert": CA}, STRANGER),
    Case("root is no certificate", {"sslrootcert": "~/none.pem"}),
    Case("certificate is none", {"sslcert": "~/none.pem"}),
    Case("certificate without key", {"sslcert": CLIENT}),
    Case("key is a folder", {"sslcert": CLIENT, "sslkey": "~"}),
    Case("key is open", {"sslcert": CLIENT, "sslkey": "~/open.key"}),
    Case("key of another", {"sslcert": CLIENT, "sslkey": "~/other.key"}),
    Case("key engine", {"sslcert": CLIENT, "sslkey": "pkcs11:key"}),
    Case("wrong passphrase",
         {"sslcert": CLIENT, "sslkey": "~/client-locked.key", "sslpassword": "wrong"}),
    Case("name too long for SNI", {"host": "x" * 300}),
    Case("server too old", {"ssl_min_protocol_version": "TLSv1.3"}, {"highest": V12}),
    Case("TLS 1.2 demands ours", {}, {**REQUIRED, "highest": V12}),
    Case("junk", {}, behaviour="junk"),
    Case("cut", {}, behaviour="cut"),
    Case("reset", {}, behaviour="reset"),
]  # fmt: skip


@pytest.mark.parametrize("case", FALLS_BACK, ids=named)
def test_prefer_falls_back_to_plaintext(case: Case, home: Path) -> None:
    with serving(server_context(**case.context), case.behaviour) as server:
        answers = both(server, home, {**case.settings, "sslmode": "prefer"})
    assert answers == ("connected", "connected")
    assert server.log.count("plain") == 2


#: and what comes after it
STAYS = [
    Case("TLS 1.3 demands ours", {}, {**REQUIRED, "lowest": V13}),
    Case("not asked", {"sslcertmode": "require"}),
    Case("asked, none sent", {"sslcertmode": "require"}, OPTIONAL),
    Case("truncated", {}, behaviour="truncate"),
]


@pytest.mark.parametrize("case", STAYS, ids=named)
def test_prefer_does_not_fall_back_once_tls_is_up(case: Case, home: Path) -> None:
    with serving(server_context(**case.context), case.behaviour) as server:
        theirs, mine = both(server, home, {**case.settings, "sslmode": "prefer"})
    assert mine == theirs != "connected"
    assert "plain" not in server.log


@pytest.mark.parametrize(("certificate", "host", "text"), TABLE)
def test_the_table_of_names(certificate: str, host: str, text: str | None, home: Path) -> None:
    with serving(server_context(f"{certificate}.pem")) as server:
        settings = {"sslmode": "verify-full", "sslrootcert": CA, "host": host}
        theirs, mine = both(server, home, settings)
    assert mine == theirs == (text or "connected")


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost.", "foo_bar", "0x7f000001", "a..b", "x" * 70, "127.1", "1.2.3.4.5",
     "::1", "127.0.0.1"],
)  # fmt: skip
@pytest.mark.parametrize("sslsni", ["1", "0", "1x", "true", ""])
def test_the_same_sni(host: str, sslsni: str, home: Path) -> None:
    with serving(server_context()) as server:
        assert both(server, home, {"host": host, "sslsni": sslsni}) == ("connected", "connected")
        theirs, mine = server.names
    assert mine == theirs


@pytest.mark.parametrize(
    ("certificate", "text"),
    [("san-localhost.pem", "connected"), ("stranger.pem", "SSL error: certificate verify failed")],
)
def test_the_systems_roots(
    certificate: str, text: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", CA)
    monkeypatch.setenv("SSL_CERT_DIR", str(home))
    with serving(server_context(certificate)) as server:
        settings = {"sslmode": "verify-full", "sslrootcert": "system"}
        assert both(server, home, settings) == (text, text)


#: (case, libpq's text, ours): the reasons are in docs/differences.md
DIFFERENT = [
    # OpenSSL asks for the passphrase at the terminal; we never do
    (Case("locked key without passphrase", {"sslcert": CLIENT, "sslkey": "~/client-locked.key"}),
     "bad password read"),
    # OpenSSL looks for the engine's shared library
    (Case("key engine", {"sslcert": CLIENT, "sslkey": "pkcs11:key"}),
     'could not load SSL engine "pkcs11": purelink cannot use key engines'),
    # libpq shows an older error, left over in OpenSSL's queue
    (Case("name too long for SNI", {"host": "x" * 300}), "invalid servername"),
    # CPython allows no cipher that TLS 1.1 knows
    (Case("TLS 1.1", {"ssl_min_protocol_version": "", "ssl_max_protocol_version": "TLSv1.1"}),
     "SSL error: "),
    (Case("a folder as root", {"sslrootcert": "~"}), "Is a directory"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "text"), DIFFERENT)
def test_known_differences(case: Case, text: str, home: Path) -> None:
    with serving(server_context(**case.context)) as server:
        wanted: dict[str, str | None] = {
            "host": "localhost", "port": str(server.port), "sslmode": "require", **case.settings,
        }  # fmt: skip
        mine = ours({key: (value or "").replace("~", str(home)) for key, value in wanted.items()})
    assert text in mine


def openssl() -> ctypes.CDLL | None:
    """The libcrypto that libpq uses, if it is there under a name that can be found."""
    folder = Path(str(LIBRARY._name)).parent
    for path in [*folder.glob("libcrypto-*.so*"), *folder.glob("libcrypto.so.3")]:
        library = ctypes.CDLL(str(path))
        for function in ("d2i_X509", "EVP_get_digestbyname", "EVP_sha256", "OBJ_nid2sn"):
            getattr(library, function).restype = ctypes.c_void_p
        library.OBJ_nid2sn.restype = ctypes.c_char_p
        return library
    return None


@pytest.mark.parametrize(
    "path", sorted(CERTIFICATES.glob("hash-*.pem")), ids=lambda path: path.stem
)
def test_the_same_channel_binding_hash(path: Path) -> None:
    """pgtls_get_peer_certificate_hash, call by call."""
    library = openssl()
    if library is None:
        pytest.skip("no libcrypto beside libpq")
    der = ssl.PEM_cert_to_DER_cert(path.read_text())
    place = ctypes.c_char_p(der)
    certificate = ctypes.c_void_p(library.d2i_X509(None, ctypes.byref(place), len(der)))
    number = ctypes.c_int()
    assert library.X509_get_signature_info(certificate, ctypes.byref(number), None, None, None)
    short = library.OBJ_nid2sn(number)
    if short in (b"MD5", b"SHA1"):
        digest = library.EVP_sha256()
    else:
        digest = library.EVP_get_digestbyname(short)
    if not digest:
        with pytest.raises(tls.TLSFailure) as caught:
            tls.end_point_hash(der)
        assert caught.value.text == f"could not find digest for NID {short.decode()}"
        return
    buffer, size = ctypes.create_string_buffer(64), ctypes.c_uint()
    assert library.X509_digest(certificate, ctypes.c_void_p(digest), buffer, ctypes.byref(size))
    assert tls.end_point_hash(der) == buffer.raw[: size.value]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives away")
@pytest.mark.parametrize("owner", [0, 65534])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o610, 0o660, 0o400])
def test_the_keys_owner_and_permissions(owner: int, mode: int, home: Path) -> None:
    key = home / "client.key"
    os.chown(key, owner, 0)
    key.chmod(mode)
    with serving(server_context(**REQUIRED)) as server:
        theirs, mine = both(server, home, {"sslcert": CLIENT, "sslkey": str(key)})
    assert mine == theirs
