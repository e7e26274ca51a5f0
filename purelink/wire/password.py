"""What becomes of a password before it goes out: libpq's preparation for SCRAM, and md5.

Floor 1, pure: bytes in, bytes out. SCRAM hashes a *prepared* password, and a client that prepares
it otherwise than the server did when the role was made cannot log in; so the rule is PostgreSQL's
own, bug for bug: RFC 4013 (SASLprep), tested before the normalisation, and silently given up for
the raw bytes wherever a character is not allowed. `stringprep` and `unicodedata` are imported
only for a password that is not ASCII, `hashlib` only when there is something to hash.
"""

from __future__ import annotations

from ..errors import AuthenticationError

__all__ = ["md5", "prepare"]


def prepare(password: bytes) -> bytes:
    """Return the bytes that SCRAM hashes for a password.

    Args:
        password: as the user gave it; any bytes.

    Returns:
        The NFKC form of the mapped text in UTF-8 or, where SASLprep has an objection (or the
        bytes are not UTF-8), the bytes given.

    Source: libpq's pg_saslprep (src/common/saslprep.c); RFC 4013, RFC 3454.
    """
    if password.isascii():
        # libpq's short cut: even control characters stay, which SASLprep would refuse.
        return password
    try:
        text = password.decode("utf-8")
    except UnicodeDecodeError:
        return password

    import stringprep
    import unicodedata

    # C.1.2 comes first: U+200B stands in both tables and becomes a space, not nothing.
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in text
        if stringprep.in_table_c12(character) or not stringprep.in_table_b1(character)
    )
    if not mapped or not _permitted(mapped):
        return password
    # Today's Unicode, as PostgreSQL's own tables have it, not the 3.2 that RFC 3454 names.
    return unicodedata.normalize("NFKC", mapped).encode("utf-8")


def _permitted(text: str) -> bool:
    """Tell whether SASLprep allows a mapped, not yet normalised text (at least one character).

    C.1.2 and C.5 need not be asked: the mapping left no such space, and UTF-8 has no surrogates.
    Source: RFC 4013 sections 2.3 to 2.5; RFC 3454 section 6 for the direction.
    """
    import stringprep

    refused = (
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
        stringprep.in_table_a1,
    )
    if any(table(character) for character in text for table in refused):
        return False
    if not any(map(stringprep.in_table_d1, text)):
        return True
    # Right-to-left text: nothing left-to-right in it, and R or AL at both ends.
    return (
        not any(map(stringprep.in_table_d2, text))
        and stringprep.in_table_d1(text[0])
        and stringprep.in_table_d1(text[-1])
    )


def md5(password: bytes, user: bytes, salt: bytes) -> bytes:
    """Return the answer to an md5 request, 35 bytes: "md5" and 32 hexadecimal digits.

    Args:
        password: as the user gave it, not prepared.
        user: the name sent in the StartupMessage.
        salt: 4 bytes, from the request.

    Raises:
        AuthenticationError: this Python has no MD5 (a FIPS build).

    Source: libpq's pg_md5_encrypt, twice.
    """
    from hashlib import md5 as digest

    try:
        # Not `usedforsecurity=False`: that would be a lie, and FIPS means it.
        stored = digest(password + user).hexdigest().encode("ascii")  # noqa: S324 - the protocol's
        return b"md5" + digest(stored + salt).hexdigest().encode("ascii")  # noqa: S324
    except ValueError as error:
        raise AuthenticationError(
            "could not encrypt password: unsupported (this Python refuses MD5, as FIPS mode"
            " does: have the role's password stored again under password_encryption ="
            ' "scram-sha-256" and ask for scram-sha-256 in pg_hba.conf)'
        ) from error
