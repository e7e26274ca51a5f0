"""Builds the `SSLContext` of one connection: trust, revocation, our own certificate, versions.

Floor 2; reads files, needs `ssl`: imported by `purelink.tls.engine` alone, when it is called. As
in libpq there is one context for each connection, and what is checked, in which order and with
which words, is libpq's.
"""

from __future__ import annotations

import base64
import os
import shutil
import ssl
import stat
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from .certificate import key_label
from .checks import ALPN
from .failure import ADVICE, TLSFailure, words

if TYPE_CHECKING:
    from .settings import TLSSettings

__all__ = ["Prepared", "check_key_file", "prepare"]

#: OpenSSL's PEM_BUFSIZE with its closing NUL: libpq cuts longer passphrases
_PASSPHRASE_BYTES = 1023

_LARGEST_KEY = 1 << 20

_WINDOWS = os.name == "nt"

_OPENINGS = (b"-----BEGIN CERTIFICATE-----", b"-----BEGIN X509 CERTIFICATE-----")
_TRUSTED_OPENING = b"-----BEGIN TRUSTED CERTIFICATE-----"


class Prepared(NamedTuple):
    """A context, whether it holds a certificate of ours, and what to warn about."""

    context: ssl.SSLContext
    has_certificate: bool
    warnings: tuple[str, ...]


class _PassphraseWanted(Exception):
    """The key is encrypted and there is no passphrase."""


def prepare(settings: TLSSettings) -> Prepared:
    """Return a context for `settings`.

    Raises:
        TLSFailure: a file is missing, unreadable or wrong, or a setting cannot be honoured.

    Source: libpq, initialize_SSL.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # CPython 3.10+ asks OpenSSL 3 to take a cut connection for a proper end: a truncation
    # attack would pass for the end of the rows.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    context.options |= getattr(ssl, "OP_NO_RENEGOTIATION", 0)
    _bound_versions(context, settings)
    _load_trust(context, settings)
    has_certificate = _load_certificate(context, settings)
    context.set_alpn_protocols([ALPN])
    warning = _log_keys(context, settings.sslkeylogfile)
    return Prepared(context, has_certificate, (warning,) if warning else ())


def _bound_versions(context: ssl.SSLContext, settings: TLSSettings) -> None:
    versions = {
        "tlsv1": ssl.TLSVersion.TLSv1,
        "tlsv1.1": ssl.TLSVersion.TLSv1_1,
        "tlsv1.2": ssl.TLSVersion.TLSv1_2,
        "tlsv1.3": ssl.TLSVersion.TLSv1_3,
    }
    for which, asked, attribute, unbound in (
        ("minimum", settings.ssl_min_protocol_version, "minimum_version", "MINIMUM_SUPPORTED"),
        ("maximum", settings.ssl_max_protocol_version, "maximum_version", "MAXIMUM_SUPPORTED"),
    ):
        if asked and asked.lower() not in versions:
            raise TLSFailure(f'invalid value "{asked}" for {which} SSL protocol version')
        bound = versions[asked.lower()] if asked else getattr(ssl.TLSVersion, unbound)
        if bound in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
            # Python deprecates them; who asks for them by name knows.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                setattr(context, attribute, bound)
        else:
            setattr(context, attribute, bound)


def _load_trust(context: ssl.SSLContext, settings: TLSSettings) -> None:
    path = settings.sslrootcert or settings.default_file("root.crt")
    if path == "system":
        # OpenSSL's default places (SSL_CERT_FILE, SSL_CERT_DIR), on Windows its own store too
        context.load_default_certs()
        context.verify_mode = ssl.CERT_REQUIRED
        return
    if path is None or not _exists(path):
        if not settings.sslmode.startswith("verify"):
            return
        if path is None:
            raise TLSFailure(
                f"could not get home directory to locate root certificate file\n{ADVICE}"
            )
        raise TLSFailure(f'root certificate file "{path}" does not exist\n{ADVICE}')
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ValueError) as error:
        said = _said_of_pem(error, path)
        raise TLSFailure(f'could not read root certificate file "{path}": {said}') from error
    context.verify_mode = ssl.CERT_REQUIRED
    _load_revocations(context, settings)


def _load_revocations(context: ssl.SSLContext, settings: TLSSettings) -> None:
    file, folder = settings.sslcrl or None, settings.sslcrldir or None
    if file is None and folder is None:
        file = settings.default_file("root.crl")
    if file is None and folder is None:
        return
    try:
        context.load_verify_locations(cafile=file, capath=folder)
    except (OSError, ValueError):
        return  # as libpq: "if not found, silently ignore; we do not require CRL"
    # only now: with the flag set and no list loaded every certificate would be refused
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _load_certificate(context: ssl.SSLContext, settings: TLSSettings) -> bool:
    """Load our certificate and key, if there are any; returns whether there are."""
    path: str | None = settings.sslcert or None
    if path is None and settings.lend:
        path = settings.default_file("postgresql.crt")
    if settings.sslcertmode == "disable" or path is None:
        return False
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError) as error:
        raise TLSFailure(f'could not open certificate file "{path}": {_said(error)}') from error
    _check_certificate_file(path)
    key: str | None = settings.sslkey or None
    if key is not None and ":" in key and not (_WINDOWS and key[1:2] == ":"):
        engine = key.partition(":")[0]
        raise TLSFailure(f'could not load SSL engine "{engine}": purelink cannot use key engines')
    if key is None and settings.lend:
        key = settings.default_file("postgresql.key")
    if key is None:
        raise TLSFailure('certificate does not match private key file "": no private key assigned')
    check_key_file(key)
    _load_pair(context, path, key, settings.sslpassword)
    return True


def _check_certificate_file(path: str) -> None:
    """Refuse a certificate file with OpenSSL's words, which `load_cert_chain` would hide."""
    try:
        content = Path(path).read_bytes()
        if _TRUSTED_OPENING in content:
            return
        if not any(opening in content for opening in _OPENINGS):
            raise TLSFailure(f'could not read certificate file "{path}": no start line')
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except TLSFailure:
        raise
    except (OSError, ValueError) as error:
        said = _said_of_pem(error, path)
        raise TLSFailure(f'could not read certificate file "{path}": {said}') from error


def _said_of_pem(error: OSError | ValueError, path: str) -> str:
    """Return why OpenSSL cannot read a certificate; CPython itself would say "PEM lib"."""
    said = _said(error)
    if said != "PEM lib":
        return said
    content = Path(path).read_bytes()
    _, _, rest = content.partition(b"-----BEGIN ")
    label, _, rest = rest.partition(b"-----")
    body, end, _ = rest.partition(b"-----END " + label + b"-----")
    if not end:
        return "bad end line"
    try:
        base64.b64decode(b"".join(body.split()), validate=True)
    except ValueError:
        return "bad base64 decode"
    return "wrong tag"


def check_key_file(path: str) -> None:
    """Check that a private key's file is there, is a file, and is not open to others.

    Raises:
        TLSFailure: with libpq's texts, in libpq's order.

    Source: libpq, initialize_SSL. Windows has no such permissions.
    """
    try:
        found = Path(path).stat()
    except FileNotFoundError as error:
        raise TLSFailure(f'certificate present, but not private key file "{path}"') from error
    except (OSError, ValueError) as error:
        raise TLSFailure(f'could not stat private key file "{path}": {_said(error)}') from error
    if not stat.S_ISREG(found.st_mode):
        raise TLSFailure(f'private key file "{path}" is not a regular file')
    # root's files may be readable by a group: system-wide keys
    forbidden = 0o037 if found.st_uid == 0 else 0o077
    if not _WINDOWS and found.st_mode & forbidden:
        raise TLSFailure(
            f'private key file "{path}" has group or world access; file must have permissions '
            "u=rw (0600) or less if owned by the current user, or permissions u=rw,g=r (0640) "
            "or less if owned by root"
        )


def _load_pair(context: ssl.SSLContext, path: str, key: str, password: str | None) -> None:
    """Load certificate and key, the key as PEM and else as DER."""
    try:
        said = _try_pair(context, path, key, password)
        if said == _UNREADABLE:
            said = _try_der(context, path, key)
    except OSError as error:
        said = error.strerror or str(error)
    if said is None:
        return
    if said == _OTHER_KIND:
        raise TLSFailure(f'certificate does not match private key file "{key}": {said}')
    raise TLSFailure(f'could not load private key file "{key}": {said}')


# OpenSSL's words for: not a key in PEM; a key of another algorithm than the certificate's.
_UNREADABLE = "unsupported"
_OTHER_KIND = "no certificate assigned"
_MISMATCHES = ("key values mismatch", "key type mismatch", _OTHER_KIND)


def _try_pair(context: ssl.SSLContext, path: str, key: str, password: str | None) -> str | None:
    """Return None if certificate and key were loaded, else OpenSSL's words.

    Raises `OSError` if a file cannot be read. The passphrase is given by a callable in every
    case, so that OpenSSL never asks at the terminal.
    """
    asked = False

    def passphrase() -> bytes:
        nonlocal asked
        asked = True
        if not password:
            raise _PassphraseWanted
        return password.encode("utf-8", "surrogateescape")[:_PASSPHRASE_BYTES]

    try:
        context.load_cert_chain(path, key, passphrase)
    except _PassphraseWanted:
        return "bad password read"
    except ssl.SSLError as error:
        said = words(error)
        if said in _MISMATCHES:
            return said
        # CPython tells the last of OpenSSL's errors ("PEM lib"), libpq the first.
        return "bad decrypt" if asked else _UNREADABLE
    return None


def _try_der(context: ssl.SSLContext, path: str, key: str) -> str | None:
    """As `_try_pair` for a key in DER, by way of a PEM file that only we can read, soon gone.

    If it is no good either, what was said about it as PEM is repeated, as libpq does.
    """
    with Path(key).open("rb") as file:
        content = file.read(_LARGEST_KEY)
    label = key_label(content)
    if label is None:
        return _UNREADABLE
    text = base64.encodebytes(content)
    pem = b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), text, label.encode())
    folder = Path(tempfile.mkdtemp(prefix="purelink-"))  # mode 0700
    try:
        copy = folder / "key.pem"
        descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
        said = _try_pair(context, path, str(copy), None)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return said if said is None or said == _OTHER_KIND else _UNREADABLE


def _log_keys(context: ssl.SSLContext, path: str | None) -> str | None:
    """Have the session's secrets appended to a file; returns a warning if that is not to be.

    Source: libpq 18, SSL_CTX_keylog_cb: failure does not stop the connection.
    """
    if not path:
        return None
    try:
        # Python would create it as the umask says
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
        if not hasattr(context, "keylog_filename"):
            return f'could not open SSL key logging file "{path}": not supported by this Python'
        context.keylog_filename = path
    except (OSError, ValueError) as error:
        return f'could not open SSL key logging file "{path}": {_said(error)}'
    return None


def _exists(path: str) -> bool:
    try:
        Path(path).stat()
    except (OSError, ValueError):
        return False
    return True


def _said(error: OSError | ValueError) -> str:
    """Return the words for an error that `ssl` or the system raised about a file."""
    if isinstance(error, ssl.SSLError):
        return words(error)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
