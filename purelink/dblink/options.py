"""Options of foreign servers and user mappings: what may stand where, and the string they make.

Floor 2, pure: imports `refusals` and `conninfo.keywords` (the table of libpq's parameters). The
three contexts are those of SQL: the wrapper, the server, the user mapping. `validate` is
dblink_fdw_validator, `edited` is the OPTIONS clause of CREATE and ALTER, `compose` is what dblink
makes of a foreign server's options before it connects.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Mapping, Optional, Sequence, Tuple, Union

from ..conninfo.keywords import RELEASE, table
from ..errors import InterfaceError
from ..values.input import input_function
from .refusals import (
    checked_text,
    invalid_option,
    no_such_option,
    option_name_refused,
    option_twice,
    pass_through_not_boolean,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "ForeignServer",
    "Options",
    "compose",
    "edited",
    "pass_through",
    "validate",
    "validate_texts",
]

#: options as they are given: a mapping, or pairs (the only way to say one twice)
Options = Optional[Union[Mapping[str, str], Sequence[Tuple[str, str]]]]

WRAPPER, SERVER, MAPPING = "wrapper", "server", "user mapping"
PASS_THROUGH = "use_scram_passthrough"  # noqa: S105 - an option's name

_TRUE, _BOOLEAN = {"true", "on"}, {"true", "on", "false", "off"}


def valid_options(context: str, version: int | None = None) -> list[str]:
    """Return the libpq options that a context may carry, in libpq's order.

    Args:
        context: WRAPPER, SERVER or MAPPING.
        version: 15 to 18; None is 18.

    Source: is_valid_dblink_option.
    """
    if context == WRAPPER:
        return []
    valid = []
    for keyword in table(version or RELEASE):
        secret_or_user = keyword.name == "user" or keyword.dispchar == "*"
        if (
            keyword.dispchar == "D"
            or keyword.name == "client_encoding"
            or keyword.name.startswith("oauth_")
        ):
            continue
        if secret_or_user == (context == MAPPING):
            valid.append(keyword.name)
    return valid


def validate(options: Mapping[str, str], context: str, version: int | None = None) -> None:
    """Raise if an option may not stand in this context.

    Raises:
        LinkOperationalError: HV00J, with the hint of that version.
        LinkProgrammingError: 42601, `use_scram_passthrough` is no boolean word (18.6's rule).

    Values are not looked at otherwise: a bad port shows when connecting.

    Source: dblink_fdw_validator.
    """
    valid = valid_options(context, version)
    for name, value in options.items():
        if name == PASS_THROUGH and version in (None, 18) and context != WRAPPER:
            if value.lower() not in _BOOLEAN:
                raise pass_through_not_boolean()
        elif name not in valid:
            raise invalid_option(name, hint=_hint(name, valid, version))


#: system catalog -> the context it stands for; any other allows no option
_CONTEXTS = {
    2328: WRAPPER,
    "pg_foreign_data_wrapper": WRAPPER,
    1417: SERVER,
    "pg_foreign_server": SERVER,
    1418: MAPPING,
    "pg_user_mapping": MAPPING,
}
_TEXT_ARRAY = 1009


def validate_texts(
    options: str | Sequence[str], catalog: int | str, version: int | None = None
) -> None:
    """Raise as `validate` does, for dblink_fdw_validator's own arguments.

    Args:
        options: `"{host=h,port}"`, or the texts; one without `=` is a name alone.
        catalog: OID or name of the system catalog that holds such options.
    """
    texts: Any = input_function(_TEXT_ARRAY)(options) if isinstance(options, str) else options
    context = _CONTEXTS.get(catalog, WRAPPER)
    for text in texts:
        # one by one: an array may hold a name twice, and the first wrong one is told
        name, _, value = text.partition("=")
        validate({name: value}, context, version)


def _hint(name: str, valid: list[str], version: int | None) -> str | None:
    if not valid:
        return "There are no valid options in this context."
    if version == 15:
        return "Valid options in this context are: " + ", ".join(valid)
    closest = _closest(name, valid)
    return None if closest is None else f'Perhaps you meant the option "{closest}".'


def _closest(name: str, candidates: list[str]) -> str | None:
    # Source: updateClosestMatch (varlena.c). The distance counts characters, the half of
    # the name counts bytes; the first of equals wins.
    allowed = min(4, len(name.encode("utf-8", "surrogatepass")) // 2)
    best = None
    for candidate in candidates:
        distance = _levenshtein(name, candidate)
        if distance <= allowed:
            best, allowed = candidate, distance - 1
    return best


def _levenshtein(source: str, target: str) -> int:
    row = list(range(len(target) + 1))
    for i, have in enumerate(source, 1):
        diagonal, row[0] = row[0], i
        for j, want in enumerate(target, 1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (have != want)),
            )
    return row[-1]


def pairs(options: Options) -> Iterator[tuple[str, str]]:
    """Give options one by one, in order."""
    if options is None:
        return iter(())
    return iter(options.items() if isinstance(options, Mapping) else options)


def edited(
    old: Mapping[str, str],
    *,
    add: Options = None,
    change: Options = None,
    drop: Sequence[str] = (),
) -> dict[str, str]:
    """Return options after an OPTIONS clause: first DROP, then SET, then ADD.

    Raises:
        LinkProgrammingError: 42704, DROP or SET of an option that is not there; 42710, ADD of
            one that is.
        LinkDataError: 22023, a name with `=` in it; 22021, no text.
        InterfaceError: a value that is no string.

    Source: transformGenericOptions.
    """
    new = dict(old)
    for name in drop:
        if name not in new:
            raise no_such_option(name)
        del new[name]
    for name, value in pairs(change):
        if name not in new:
            raise no_such_option(name)
        new[name] = value
    for name, value in pairs(add):
        if name in new:
            raise option_twice(name)
        new[name] = value
    for name, value in new.items():
        if not isinstance(value, str):
            raise InterfaceError(f'option "{name}" must be a string, not {type(value).__name__}')
        if "=" in name:
            raise option_name_refused(name)
        checked_text(name + value)
    return new


class HoldsPasswords:
    """What must not be pickled, because passwords are in it."""

    __slots__ = ()

    def __reduce__(self) -> str:
        raise TypeError(f"a {type(self).__name__} holds passwords: it cannot be pickled")


class Wrapper(HoldsPasswords):
    """A foreign-data wrapper; `validated`: dblink_fdw_validator looks at every option."""

    __slots__ = ("options", "validated")

    def __init__(self, validated: bool) -> None:
        self.validated = validated
        self.options: dict[str, str] = {}


class Server(HoldsPasswords):
    """A foreign server: its options, its user mappings by role, who has USAGE."""

    __slots__ = ("mappings", "name", "options", "owner", "usage", "wrapper")

    def __init__(self, name: str, wrapper: str, owner: str, options: dict[str, str]) -> None:
        self.name = name
        self.wrapper = wrapper
        self.owner = owner
        self.options = options
        self.mappings: dict[str, dict[str, str]] = {}
        # The owner's USAGE is a grant like any other: it can be revoked (tried on 18.6).
        self.usage: dict[str, None] = {owner: None}


class ForeignServer(HoldsPasswords):
    """A foreign server as one user sees it: the options of all three contexts.

    What a look-up gives and `compose` takes, whether from a `Catalog` or from the system tables
    of a local connection. It holds passwords: its `repr` shows option names only, and it cannot
    be pickled.
    """

    __slots__ = ("mapping_options", "name", "server_options", "wrapper_options")

    def __init__(
        self,
        name: str,
        wrapper_options: Mapping[str, str],
        server_options: Mapping[str, str],
        mapping_options: Mapping[str, str],
    ) -> None:
        self.name = name
        self.wrapper_options = wrapper_options
        self.server_options = server_options
        self.mapping_options = mapping_options

    def __repr__(self) -> str:
        return (
            f"<ForeignServer {self.name}: server {list(self.server_options)},"
            f" user mapping {list(self.mapping_options)}>"
        )


def pass_through(server: ForeignServer, version: int | None = None) -> bool:
    """Tell whether the session's SCRAM keys are to be used: the mapping's word wins (18.6).

    Source: UseScramPassthrough. A validator-less wrapper may carry any value: 42601 then.
    """
    if version not in (None, 18):
        return False
    for options in (server.mapping_options, server.server_options):
        if PASS_THROUGH in options:
            value = options[PASS_THROUGH].lower()
            if value not in _BOOLEAN:
                raise pass_through_not_boolean()
            return value in _TRUE
    return False


def compose(
    server: ForeignServer,
    *,
    version: int | None = None,
    scram_keys: tuple[bytes, bytes] | None = None,
) -> str:
    """Return the connection string of a foreign server: `key='value' ` for every option.

    Args:
        server: what a look-up gave.
        version: 15 to 18, which decides what is valid; None is 18.
        scram_keys: the session's client key and server key, 32 bytes each; None if it was not
            authenticated by SCRAM. Used only where `pass_through` says so. They come first:
            options that overwrite them are caught by `rules.pass_through_intact`.

    Options that do not belong into their context are skipped, as a validator-less wrapper, or
    another extension's, may carry them. An empty value stays (`key=''`).

    Source: get_connect_string, appendSCRAMKeysInfo, escape_param_str.
    """
    parts = []
    if scram_keys is not None and pass_through(server, version):
        client, own = (b64encode(key).decode("ascii") for key in scram_keys)
        parts.append(f"scram_client_key='{client}' scram_server_key='{own}' ")
        parts.append("require_auth='scram-sha-256' ")
    for context, options in (
        (WRAPPER, server.wrapper_options),
        (SERVER, server.server_options),
        (MAPPING, server.mapping_options),
    ):
        valid = valid_options(context, version)
        for name, value in options.items():
            if name in valid:
                escaped = value.replace("\\", "\\\\").replace("'", "\\'")
                parts.append(f"{name}='{escaped}' ")
    return "".join(parts)
