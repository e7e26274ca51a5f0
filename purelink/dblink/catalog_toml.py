"""A catalog as a TOML text, and back.

Floor 2, pure: text in, text out; the standard library's TOML reader, where there is one. The form::

    owner = "postgres"

    [wrappers.other_fdw]                     # only what is not there by itself
    validated = false
    options = {}

    [servers.fdtest]
    wrapper = "dblink_fdw"                   # may be left out
    owner = "postgres"                       # may be left out
    usage = ["dblink_regression_test"]       # roles, or "PUBLIC"; the owner has it anyway,
    owner_usage = true                       # unless this says false
    [servers.fdtest.options]
    dbname = "contrib_regression"
    port = 5432                              # numbers and booleans are taken as text
    [servers.fdtest.mappings.dblink_regression_test]
    user = "dblink_regression_test"
    password = "secret"

    [members]
    ann = ["readers"]                        # ann is a member of readers

    [execute]
    "dblink_connect_u(text)" = ["ann"]

Whatever is wrong with it is an `InterfaceError` that names the place and never a value; what the
catalog's own checks refuse is raised as they raise it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import InterfaceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .catalog import Catalog

__all__ = ["read", "write"]

_SECRETS = ("password", "sslpassword")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def read(catalog: Catalog, text: str) -> None:
    """Fill an empty catalog from a TOML text, by the calls that it stands for."""
    whole = _table(_parsed(text), "the catalog", "owner wrappers servers members execute")
    catalog.owner = _text(whole.get("owner", catalog.owner), "owner")
    for name, entry in _table(whole.get("wrappers", {}), "wrappers").items():
        place = f"wrappers.{name}"
        wrapper = _table(entry, place, "validated options")
        options = _options(wrapper.get("options", {}), f"{place}.options")
        if name in catalog.wrappers:
            catalog.alter_wrapper(name, add=options)
        else:
            validated = _flag(wrapper.get("validated", False), f"{place}.validated")
            catalog.create_wrapper(name, options, validated=validated)
    for name, entry in _table(whole.get("servers", {}), "servers").items():
        _read_server(catalog, name, entry)
    for member, roles in _table(whole.get("members", {}), "members").items():
        for role in _texts(roles, f"members.{member}"):
            catalog.grant_role(role, member)
    for function, roles in _table(whole.get("execute", {}), "execute").items():
        for role in _texts(roles, f"execute.{function}"):
            catalog.grant_execute(function, role)


def _read_server(catalog: Catalog, name: str, entry: object) -> None:
    place = f"servers.{name}"
    server = _table(entry, place, "wrapper owner usage owner_usage options mappings")
    owner = _text(server.get("owner", catalog.owner), f"{place}.owner")
    catalog.create_server(
        name,
        _options(server.get("options", {}), f"{place}.options"),
        wrapper=_text(server.get("wrapper", "dblink_fdw"), f"{place}.wrapper"),
        owner=owner,
    )
    if not _flag(server.get("owner_usage", True), f"{place}.owner_usage"):
        catalog.revoke_usage(name, owner)
    for role in _texts(server.get("usage", []), f"{place}.usage"):
        catalog.grant_usage(name, role)
    for user, options in _table(server.get("mappings", {}), f"{place}.mappings").items():
        catalog.create_user_mapping(user, name, _options(options, f"{place}.mappings.{user}"))


def _parsed(text: str) -> Any:
    try:
        return _reader().loads(text)
    except RecursionError:
        told = "nested too deeply"
    except ValueError as error:
        told = str(error).split("\n", 1)[0]
    # Outside the except: the reader's error holds the whole text, passwords and all.
    raise InterfaceError(f"the catalog is not TOML: {told}")


def _reader() -> Any:
    # by name: a type checker for 3.9 knows neither
    try:
        return import_module("tomllib")
    except ImportError:
        pass
    try:
        return import_module("tomli")
    except ImportError:
        raise InterfaceError("reading TOML takes Python 3.11, or the package tomli") from None


def _table(value: object, place: str, known: str = "") -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InterfaceError(f"{place} must be a table")
    for key in value:
        if known and key not in known.split():
            raise InterfaceError(f"{place} has no {key!r}; it may have: {known}")
    return value


def _text(value: object, place: str) -> str:
    if not isinstance(value, str):
        raise InterfaceError(f"{place} must be a string")
    return value


def _texts(value: object, place: str) -> list[str]:
    if not isinstance(value, list):
        raise InterfaceError(f"{place} must be a list of strings")
    return [_text(one, place) for one in value]


def _flag(value: object, place: str) -> bool:
    if not isinstance(value, bool):
        raise InterfaceError(f"{place} must be true or false")
    return value


def _options(value: object, place: str) -> dict[str, str]:
    options = {}
    for name, one in _table(value, place).items():
        if isinstance(one, bool):
            one = "true" if one else "false"
        elif isinstance(one, int):
            one = str(one)
        options[name] = _text(one, f"{place}.{name}")
    return options


def write(catalog: Catalog, *, secrets: bool = True) -> str:
    """Return a catalog as TOML; without `secrets` its passwords are left out."""
    lines = [f"owner = {_string(catalog.owner)}"]
    for name, wrapper in catalog.wrappers.items():
        if wrapper.options or name not in ("dblink_fdw", "postgres_fdw"):
            lines += ["", f"[wrappers.{_string(name)}]"]
            lines.append(f"validated = {'true' if wrapper.validated else 'false'}")
            lines += _section(f"wrappers.{_string(name)}.options", wrapper.options, secrets)
    for name, server in catalog.servers.items():
        head = f"servers.{_string(name)}"
        usage = [role for role in server.usage if role != server.owner]
        lines += ["", f"[{head}]", f"wrapper = {_string(server.wrapper)}"]
        lines += [f"owner = {_string(server.owner)}", f"usage = {_list(usage)}"]
        if server.owner not in server.usage:
            lines.append("owner_usage = false")
        lines += _section(f"{head}.options", server.options, secrets)
        for user, options in server.mappings.items():
            lines += _section(f"{head}.mappings.{_string(user)}", options, secrets)
    for head, table in (("members", catalog.member_of), ("execute", catalog.execute)):
        entries = [f"{_string(one)} = {_list(roles)}" for one, roles in table.items() if roles]
        if entries:
            lines += ["", f"[{head}]", *entries]
    return "\n".join(lines) + "\n"


def _section(head: str, options: Mapping[str, str], secrets: bool) -> list[str]:
    lines = [f"[{head}]"]
    for name, value in options.items():
        if secrets or name not in _SECRETS:
            lines.append(f"{_string(name)} = {_string(value)}")
    return lines


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_string, texts))}]"


def _string(text: str) -> str:
    # TOML allows no control character raw, and DEL is one
    escaped = "".join(
        _ESCAPES.get(one) or (f"\\u{ord(one):04x}" if one < " " or one == "\x7f" else one)
        for one in text
    )
    return f'"{escaped}"'
