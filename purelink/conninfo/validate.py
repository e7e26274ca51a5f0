"""The values that libpq refuses before it opens a socket, in the order in which it looks.

Floor 1, pure. Everything else is looked at while connecting, or never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConninfoError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_before_hosts_are_shuffled", "check_protocol_versions", "scram_key"]

_WORDS: dict[str, tuple[str, ...]] = {
    "channel_binding": ("disable", "prefer", "require"),
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslcertmode": ("disable", "allow", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "target_session_attrs": (
        "any",
        "read-write",
        "read-only",
        "primary",
        "standby",
        "prefer-standby",
    ),
    "load_balance_hosts": ("disable", "random"),
}
_TLS_VERSIONS = ("", "tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3")
_PROTOCOL_VERSIONS = {"3.0": (3, 0), "3.2": (3, 2), "latest": (3, 2)}
_METHODS = frozenset({"password", "md5", "gss", "sspi", "scram-sha-256", "oauth", "none"})
_BASE64 = {
    character: value
    for value, character in enumerate(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    )
}
# SCRAM_MAX_KEY_LEN: a SHA-256 digest
_KEY_LENGTH = 32


def check_before_hosts_are_shuffled(values: Mapping[str, str | None], *, tls: bool) -> None:
    """Check what stands between the password file and the shuffle of the hosts.

    Args:
        values: all parameters, defaults filled in.
        tls: False gives the texts of a libpq without SSL.

    Raises:
        ConninfoError: the first value that is refused.

    Source: pqConnectOptions2, middle part.
    """
    _check_require_auth(values["require_auth"] or "")
    _check_word(values, "channel_binding")
    if not tls and values["sslrootcert"] == "system":
        raise _not_compiled_in("sslrootcert", "system")
    _check_word(values, "sslmode")
    sslmode = values["sslmode"] or ""
    if not tls and sslmode[:1] in ("r", "v"):
        raise _not_compiled_in("sslmode", sslmode)
    _check_word(values, "sslnegotiation")
    if values["sslnegotiation"] == "direct":
        if not tls:
            raise _not_compiled_in("sslnegotiation", "direct")
        if sslmode[:1] not in ("r", "v"):
            raise ConninfoError(
                f'weak sslmode "{sslmode}" may not be used with sslnegotiation=direct '
                '(use "require", "verify-ca", or "verify-full")',
                keyword="sslmode",
            )
    if values["sslrootcert"] == "system" and sslmode != "verify-full":
        raise ConninfoError(
            f'weak sslmode "{sslmode}" may not be used with sslrootcert=system (use "verify-full")',
            keyword="sslmode",
        )
    _check_tls_versions(values)
    if values["sslcertmode"] is not None:
        _check_word(values, "sslcertmode")
        if not tls and values["sslcertmode"] == "require":
            raise _not_compiled_in("sslcertmode", "require")
    _check_word(values, "gssencmode")
    if values["gssencmode"] == "require":
        raise ConninfoError(
            'gssencmode value "require" invalid when GSSAPI support is not compiled in',
            keyword="gssencmode",
        )
    _check_word(values, "target_session_attrs")
    for side in ("client", "server"):
        text = values[f"scram_{side}_key"]
        if text is not None:
            scram_key(text, side)
    _check_word(values, "load_balance_hosts")


def check_protocol_versions(values: Mapping[str, str | None]) -> None:
    """Check min_protocol_version and max_protocol_version, alone and together.

    Raises:
        ConninfoError: a version that is none, or a maximum below the minimum.
    """
    for keyword in ("min_protocol_version", "max_protocol_version"):
        value = values[keyword]
        if value is not None and value not in _PROTOCOL_VERSIONS:
            raise _invalid(keyword, value)
    least = _PROTOCOL_VERSIONS[values["min_protocol_version"] or "3.0"]
    # without a maximum, a minimum above 3.0 asks for the latest one
    most = _PROTOCOL_VERSIONS[values["max_protocol_version"] or "latest"]
    if least > most:
        raise ConninfoError(
            '"min_protocol_version" is greater than "max_protocol_version"',
            keyword="min_protocol_version",
        )


def _invalid(keyword: str, value: str) -> ConninfoError:
    return ConninfoError(f'invalid {keyword} value: "{value}"', keyword=keyword)


def _not_compiled_in(keyword: str, value: str) -> ConninfoError:
    return ConninfoError(
        f'{keyword} value "{value}" invalid when SSL support is not compiled in',
        keyword=keyword,
    )


def _check_word(values: Mapping[str, str | None], keyword: str) -> None:
    value = values[keyword]
    if value not in _WORDS[keyword]:
        raise _invalid(keyword, value or "")


def _check_tls_versions(values: Mapping[str, str | None]) -> None:
    ranks: list[int] = []
    for keyword in ("ssl_min_protocol_version", "ssl_max_protocol_version"):
        value = values[keyword] or ""
        version = _lower(value)
        if version not in _TLS_VERSIONS:
            # quotes round the name here, and nowhere else
            raise ConninfoError(f'invalid "{keyword}" value: "{value}"', keyword=keyword)
        ranks.append(_TLS_VERSIONS.index(version))
    least, most = ranks
    if least and most and least > most:
        raise ConninfoError(
            "invalid SSL protocol version range", keyword="ssl_max_protocol_version"
        )


def _lower(text: str) -> str:
    # pg_strcasecmp in the C locale: "K" (the Kelvin sign) is no "k"
    return text.lower() if text.isascii() else text


def _check_require_auth(value: str) -> None:
    if not value:
        return
    seen: set[str] = set()
    methods = value.split(",")
    negative = methods[0].startswith("!")
    for method in methods:
        name = method
        if method.startswith("!"):
            if not negative:
                raise ConninfoError(
                    f'negative require_auth method "{method}" cannot be mixed with '
                    "non-negative methods",
                    keyword="require_auth",
                )
            name = method[1:]
        elif negative:
            raise ConninfoError(
                f'require_auth method "{method}" cannot be mixed with negative methods',
                keyword="require_auth",
            )
        if name not in _METHODS:
            raise _invalid("require_auth", name)
        if name in seen:
            raise ConninfoError(
                f'require_auth method "{method}" is specified more than once',
                keyword="require_auth",
            )
        seen.add(name)


def scram_key(text: str, side: str) -> bytes:
    """Return the 32 bytes of a SCRAM key given in base64.

    Args:
        text: standard alphabet, padded, no blanks.
        side: "client" or "server", for the error.

    Raises:
        ConninfoError: not base64, or another length; the key is not shown.

    Source: pqConnectOptions2, pg_b64_decode (which reads on after the padding).
    """
    key = bytearray()
    group = position = padding = 0
    for character in text:
        if character == "=":
            if not padding:
                padding = position - 1
            value = 0 if padding in (1, 2) else None
        else:
            value = _BASE64.get(character)
        if value is None:
            position = -1
            break
        group = (group << 6) + value
        position += 1
        if position == 4:
            key += group.to_bytes(3, "big")[: padding or 3]
            group = position = 0
    if position:
        raise ConninfoError(f"invalid SCRAM {side} key", keyword=f"scram_{side}_key")
    if len(key) != _KEY_LENGTH:
        raise ConninfoError(
            f"invalid SCRAM {side} key length: {len(key)}", keyword=f"scram_{side}_key"
        )
    return bytes(key)
