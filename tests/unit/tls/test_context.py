"""What a context is made from: roots, revocations, our certificate and key, the secrets' log."""

from __future__ import annotations

import os
import shutil
import ssl
import stat
from pathlib import Path

import pytest

from purelink.tls import TLSFailure, TLSSettings, context
from purelink.tls.context import check_key_file, prepare

CERTIFICATES = Path(__file__).parent / "certificates"
CA, CLIENT = str(CERTIFICATES / "ca.pem"), str(CERTIFICATES / "client.pem")
ADVICE = (
    "\nEither provide the file, use the system's trusted roots with sslrootcert=system, "
    "or change sslmode to disable server certificate verification."
)
PASSPHRASE = "open sesame"


def refused(settings: TLSSettings) -> str:
    with pytest.raises(TLSFailure) as caught:
        prepare(settings)
    assert caught.value.fallback_allowed  # as libpq 18: tried on every text
    return caught.value.text


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Our key, in a file of its own that only we may read."""
    return own(tmp_path, "client.key")


def own(folder: Path, name: str, mode: int = 0o600) -> Path:
    copy = folder / name
    shutil.copyfile(CERTIFICATES / name, copy)
    copy.chmod(mode)
    return copy


def test_without_a_root_nothing_is_verified_below_verify_ca(tmp_path: Path) -> None:
    for mode in ("allow", "prefer", "require"):
        for settings in (
            TLSSettings(sslmode=mode),
            TLSSettings(sslmode=mode, home=str(tmp_path)),
            TLSSettings(sslmode=mode, sslrootcert=str(tmp_path / "absent")),
        ):
            made = prepare(settings)
            assert made.context.verify_mode == ssl.CERT_NONE
            assert not made.has_certificate
            assert not made.context.check_hostname


# check 156
def test_verify_needs_a_root(tmp_path: Path) -> None:
    absent = tmp_path / ".postgresql" / "root.crt"
    for mode in ("verify-ca", "verify-full"):
        assert refused(TLSSettings(sslmode=mode, home=str(tmp_path))) == (
            f'root certificate file "{absent}" does not exist{ADVICE}'
        )
        assert refused(TLSSettings(sslmode=mode)) == (
            f"could not get home directory to locate root certificate file{ADVICE}"
        )
    odd = refused(TLSSettings(sslmode="verify-ca", sslrootcert="a\0b"))
    assert odd.startswith("root certificate file ")


def test_a_root_that_is_there_is_used_in_every_mode(tmp_path: Path) -> None:
    (tmp_path / ".postgresql").mkdir()
    shutil.copyfile(CA, tmp_path / ".postgresql" / "root.crt")
    for settings in (
        TLSSettings(sslmode="prefer", sslrootcert=CA),
        TLSSettings(sslmode="require", home=str(tmp_path)),
        TLSSettings(sslmode="require", sslrootcert="", home=str(tmp_path), lend=False),
    ):
        made = prepare(settings)
        assert made.context.verify_mode == ssl.CERT_REQUIRED
        assert len(made.context.get_ca_certs()) == 1
        assert made.context.verify_flags & ssl.VERIFY_CRL_CHECK_CHAIN == 0


def broken(folder: Path) -> dict[str, Path]:
    texts = {
        "none": "nothing",
        "cut": "-----BEGIN CERTIFICATE-----\nMIIB\n",
        "base64": "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "content": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return {name: folder / name for name in texts}


def test_a_root_file_that_is_none(tmp_path: Path) -> None:
    files = broken(tmp_path)
    for name, said in {
        "cut": "bad end line", "base64": "bad base64 decode", "content": "wrong tag",
    }.items():  # fmt: skip
        assert refused(TLSSettings(sslrootcert=str(files[name]))) == (
            f'could not read root certificate file "{files[name]}": {said}'
        )
    text = refused(TLSSettings(sslrootcert=str(files["none"])))
    assert text.startswith(f'could not read root certificate file "{files["none"]}": no cert')
    assert refused(TLSSettings(sslrootcert=str(tmp_path))).startswith("could not read root cert")


# check 162
def test_the_systems_roots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", CA)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    crl = str(CERTIFICATES / "revoked.crl")
    made = prepare(TLSSettings(sslmode="verify-full", sslrootcert="system", sslcrl=crl))
    assert made.context.verify_mode == ssl.CERT_REQUIRED
    assert len(made.context.get_ca_certs()) == 1
    assert made.context.verify_flags & ssl.VERIFY_CRL_CHECK_CHAIN == 0


# check 163
def test_revocations_are_checked_only_if_a_list_was_loaded(tmp_path: Path) -> None:
    listed = str(CERTIFICATES / "revoked.crl")
    absent = str(tmp_path / "absent")
    (tmp_path / ".postgresql").mkdir()
    shutil.copyfile(listed, tmp_path / ".postgresql" / "root.crl")
    for settings, checked in (
        (TLSSettings(sslcrl=listed), True),
        (TLSSettings(sslcrl=absent), False),
        (TLSSettings(sslcrl=absent, sslcrldir=str(tmp_path)), False),
        (TLSSettings(sslcrldir=str(tmp_path)), True),
        (TLSSettings(home=str(tmp_path)), True),
        (TLSSettings(home=str(tmp_path), sslcrl=absent), False),
    ):
        flags = prepare(settings._replace(sslrootcert=CA)).context.verify_flags
        assert bool(flags & ssl.VERIFY_CRL_CHECK_CHAIN) is checked
        assert bool(flags & ssl.VERIFY_CRL_CHECK_LEAF) is checked


def test_our_certificate_is_loaded(key: Path) -> None:
    assert prepare(TLSSettings(sslcert=CLIENT, sslkey=str(key))).has_certificate


def test_default_files_are_ours_only_if_lent(tmp_path: Path) -> None:
    folder = tmp_path / ".postgresql"
    folder.mkdir()
    shutil.copyfile(CLIENT, folder / "postgresql.crt")
    key = folder / "postgresql.key"
    home = str(tmp_path)
    assert refused(TLSSettings(home=home)) == (
        f'certificate present, but not private key file "{key}"'
    )
    shutil.copyfile(CERTIFICATES / "client.key", key)
    key.chmod(0o600)
    assert prepare(TLSSettings(home=home)).has_certificate
    assert not prepare(TLSSettings(home=home, lend=False)).has_certificate
    assert not prepare(TLSSettings(home=home, sslcertmode="disable")).has_certificate
    for settings in (
        TLSSettings(sslcert=CLIENT),
        TLSSettings(sslcert=CLIENT, home=home, lend=False),
    ):
        assert refused(settings) == (
            'certificate does not match private key file "": no private key assigned'
        )


def test_a_missing_certificate_file_is_no_certificate(tmp_path: Path) -> None:
    for absent in (tmp_path / "absent", Path(CLIENT) / "below"):
        settings = TLSSettings(sslcert=str(absent), sslkey="engine:key")
        assert not prepare(settings).has_certificate


def test_a_certificate_file_that_is_none(tmp_path: Path) -> None:
    files = broken(tmp_path)
    for name, said in {
        "none": "no start line", "cut": "bad end line", "base64": "bad base64 decode",
        "content": "wrong tag",
    }.items():  # fmt: skip
        assert refused(TLSSettings(sslcert=str(files[name]))) == (
            f'could not read certificate file "{files[name]}": {said}'
        )
    assert refused(TLSSettings(sslcert=str(tmp_path))).startswith("could not read certificate")
    assert refused(TLSSettings(sslcert="a\0b")).startswith("could not open certificate file")
    looped = tmp_path / "loop"
    looped.symlink_to(looped)
    assert refused(TLSSettings(sslcert=str(looped))) == (
        f'could not open certificate file "{looped}": Too many levels of symbolic links'
    )


def test_a_trusted_certificate_is_left_to_openssl(tmp_path: Path, key: Path) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_text(Path(CLIENT).read_text().replace("BEGIN CERT", "BEGIN TRUSTED CERT")
                       .replace("END CERT", "END TRUSTED CERT"))  # fmt: skip
    assert prepare(TLSSettings(sslcert=str(trusted), sslkey=str(key))).has_certificate


def test_key_engines_are_refused_by_name() -> None:
    assert refused(TLSSettings(sslcert=CLIENT, sslkey="pkcs11:my key")) == (
        'could not load SSL engine "pkcs11": purelink cannot use key engines'
    )


# check 159
def test_the_keys_file_must_be_there_and_a_file(tmp_path: Path) -> None:
    absent = tmp_path / "absent"
    for path, text in {
        absent: f'certificate present, but not private key file "{absent}"',
        tmp_path: f'private key file "{tmp_path}" is not a regular file',
        Path(CA) / "x": f'could not stat private key file "{CA}/x": Not a directory',
    }.items():
        assert refused(TLSSettings(sslcert=CLIENT, sslkey=str(path))) == text


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize(
    ("owner", "mode", "accepted"),
    [
        (1000, 0o600, True), (1000, 0o400, True), (1000, 0o700, True), (1000, 0o640, False),
        (1000, 0o644, False), (1000, 0o604, False), (1000, 0o601, False), (0, 0o600, True),
        (0, 0o640, True), (0, 0o440, True), (0, 0o644, False), (0, 0o660, False),
        (0, 0o650, False), (0, 0o641, False),
    ],
)  # fmt: skip
def test_the_keys_permissions(
    monkeypatch: pytest.MonkeyPatch, owner: int, mode: int, accepted: bool
) -> None:
    found = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, 0, 0, 0, 0, 0))
    monkeypatch.setattr(Path, "stat", lambda _path: found)
    if accepted:
        check_key_file("k")
        return
    with pytest.raises(TLSFailure) as caught:
        check_key_file("k")
    assert caught.value.text == (
        'private key file "k" has group or world access; file must have permissions u=rw (0600) '
        "or less if owned by the current user, or permissions u=rw,g=r (0640) or less if owned by "
        "root"
    )


def test_on_windows_permissions_are_not_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    open_to_all = own(tmp_path, "client.key", 0o644)
    monkeypatch.setattr(context, "_WINDOWS", True)
    check_key_file(str(open_to_all))
    # and a path with a drive is no engine
    with pytest.raises(TLSFailure, match=r"present, but not private key file"):
        prepare(TLSSettings(sslcert=CLIENT, sslkey="C:\\absent"))


# check 160
@pytest.mark.parametrize("file", ["client-der.key", "client-pkcs8-der.key"])
def test_a_key_in_der_leaves_no_copy_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str
) -> None:
    seen: list[tuple[Path, int, int]] = []
    real = context._try_pair

    def spy(made: ssl.SSLContext, path: str, key: str, password: str | None) -> str | None:
        copy = Path(key)
        if copy.name == "key.pem":
            modes = (stat.S_IMODE(name.stat().st_mode) for name in (copy, copy.parent))
            seen.append((copy, *modes))  # type: ignore[arg-type]
        return real(made, path, key, password)

    monkeypatch.setattr(context, "_try_pair", spy)
    made = prepare(TLSSettings(sslcert=CLIENT, sslkey=str(own(tmp_path, file))))
    assert made.has_certificate
    ((copy, mode, folders),) = seen
    assert (mode, folders) == (0o600, 0o700)
    assert not copy.exists()
    assert not copy.parent.exists()


def test_an_rsa_key_in_der(tmp_path: Path) -> None:
    key, certificate = own(tmp_path, "rsa-der.key"), str(CERTIFICATES / "rsa-client.pem")
    assert prepare(TLSSettings(sslcert=certificate, sslkey=str(key))).has_certificate


@pytest.mark.parametrize("file", ["client-locked.key", "client-locked-traditional.key"])
def test_an_encrypted_key_and_its_passphrase(tmp_path: Path, file: str) -> None:
    key = str(own(tmp_path, file))
    settings = TLSSettings(sslcert=CLIENT, sslkey=key)
    assert prepare(settings._replace(sslpassword=PASSPHRASE)).has_certificate
    for password, said in (
        ("wrong", "bad decrypt"),
        ("x" * 5000, "bad decrypt"),
        ("", "bad password read"),
        (None, "bad password read"),
    ):
        text = refused(settings._replace(sslpassword=password))
        assert text == f'could not load private key file "{key}": {said}'


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("other.key", 'could not load private key file "%s": key values mismatch'),
        ("other-der.key", 'could not load private key file "%s": unsupported'),
        ("client-locked-der.key", 'could not load private key file "%s": unsupported'),
        ("ca.pem", 'could not load private key file "%s": unsupported'),
        ("rsa.key",
         'certificate does not match private key file "%s": no certificate assigned'),
        ("rsa-der.key",
         'certificate does not match private key file "%s": no certificate assigned'),
    ],
)  # fmt: skip
def test_a_key_that_is_not_the_certificates(tmp_path: Path, file: str, text: str) -> None:
    key = str(own(tmp_path, file))
    assert refused(TLSSettings(sslcert=CLIENT, sslkey=key)) == text % key


def test_a_key_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch, key: Path) -> None:
    def forbidden(*_args: object) -> str | None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(context, "_try_pair", forbidden)
    assert refused(TLSSettings(sslcert=CLIENT, sslkey=str(key))) == (
        f'could not load private key file "{key}": Permission denied'
    )


# check 166
def test_versions() -> None:
    versions = ssl.TLSVersion
    for lowest, highest, expected in (
        ("TLSv1.2", None, (versions.TLSv1_2, versions.MAXIMUM_SUPPORTED)),
        ("tlsv1.3", "TLSV1.3", (versions.TLSv1_3, versions.TLSv1_3)),
        ("", "", (versions.MINIMUM_SUPPORTED, versions.MAXIMUM_SUPPORTED)),
        (None, "TLSv1.2", (versions.MINIMUM_SUPPORTED, versions.TLSv1_2)),
        ("TLSv1.1", "TLSv1.1", (versions.TLSv1_1, versions.TLSv1_1)),
        ("TLSv1", "TLSv1.2", (versions.TLSv1, versions.TLSv1_2)),
    ):
        settings = TLSSettings(ssl_min_protocol_version=lowest, ssl_max_protocol_version=highest)
        made = prepare(settings).context
        assert (made.minimum_version, made.maximum_version) == expected
    assert refused(TLSSettings(ssl_min_protocol_version="SSLv3")) == (
        'invalid value "SSLv3" for minimum SSL protocol version'
    )
    assert refused(TLSSettings(ssl_max_protocol_version="2")) == (
        'invalid value "2" for maximum SSL protocol version'
    )


def test_the_log_of_secrets_is_made_for_us_alone(tmp_path: Path) -> None:
    log = tmp_path / "keys"
    before = os.umask(0)
    try:
        made = prepare(TLSSettings(sslkeylogfile=str(log)))
    finally:
        os.umask(before)
    assert made.warnings == ()
    assert made.context.keylog_filename == str(log)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_is_only_a_warning(tmp_path: Path) -> None:
    made = prepare(TLSSettings(sslkeylogfile=str(tmp_path)))
    assert made.warnings == (f'could not open SSL key logging file "{tmp_path}": Is a directory',)
    odd = prepare(TLSSettings(sslkeylogfile="a\0b"))
    assert len(odd.warnings) == 1


def test_a_python_without_a_log_of_secrets(tmp_path: Path) -> None:
    warning = context._log_keys(object(), str(tmp_path / "keys"))  # type: ignore[arg-type]
    assert warning is not None
    assert warning.endswith("not supported by this Python")
