"""From a connection string and its surroundings to settings: all that libpq does before a socket.

Floor 1, pure. For each parameter the first that is *set* counts, an empty text included: the
string or the keywords, the service file's section, the environment, the compiled default, the
operating system's user. Then hosts, user, database and passfile are worked out and the values
checked, in libpq's order, so that the first error is libpq's too. Every candidate is kept as a
`Source`, so that a setting can tell what it overrode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ConninfoError
from . import mask
from .codeset import encoding_name
from .files import service_section
from .keywords import SECRETS, names, table
from .parse import checked, is_connection_string, scan
from .settings import Settings, Source, Target
from .surroundings import cut
from .targets import split_hosts, with_passwords
from .validate import (
    check_before_hosts_are_shuffled,
    check_protocol_versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .surroundings import Surroundings

    Keywords = Mapping[str, Any] | Iterable[tuple[str, Any]]
    # for each keyword the values that were given, the one that counts first
    Candidates = dict[str, list[tuple[str, Source]]]

__all__ = ["resolve"]

# What a resolution that lends nothing leaves alone. The same holds for what a service file says of
# them: `service=` may be named by a stranger, together with a host of his own, and the
# program's certificate would prove itself there.
_AMBIENT_KEYWORDS = SECRETS | {"passfile", "sslcert", "sslkey", "sslkeylogfile"}
_AMBIENT_VARIABLES = frozenset({"PGPASSWORD", "PGPASSFILE", "PGSSLCERT", "PGSSLKEY"})
_STARTUP_VARIABLES = (("datestyle", "PGDATESTYLE"), ("timezone", "PGTZ"), ("geqo", "PGGEQO"))
# compiled defaults as candidates, made once each
_COMPILED: dict[str, tuple[str, Source]] = {}
# compiled defaults that differ in a build without TLS
_WITHOUT_TLS = {"channel_binding": "disable", "sslmode": "disable"}


def resolve(
    conninfo: str = "",
    keywords: Keywords | None = None,
    *,
    surroundings: Surroundings,
    lend: bool = True,
    shuffle: Callable[[list[Target]], object] | None = None,
    expand_dbname: bool = True,
) -> Settings:
    """Return the settings that a connection is made with.

    Args:
        conninfo: a connection string, always read as one; alone it is PQconnectdb.
        keywords: pairs, or a mapping, laid over it in order; None and "" are as if absent,
            a number or a bool stands for its text. Without a `conninfo`, the first `dbname`
            may itself be a connection string.
        surroundings: environment, user and files to fill in from.
        lend: False leaves ambient credentials alone: PGPASSWORD, passfiles, PGSSLCERT and
            PGSSLKEY, certificate files in the home folder, and what a service file says of secrets,
            certificates and passfiles.
        shuffle: reorders a list in place, for load_balance_hosts=random; None: no shuffle.
        expand_dbname: False takes every `dbname` literally.

    Raises:
        ConninfoError: the first error that libpq would report, in its words.

    Source: PQconnectStart, PQconnectStartParams.
    """
    found = _explicit(conninfo, keywords, surroundings.release, expand_dbname=expand_dbname)
    _add_service(found, surroundings, lend=lend)
    _add_defaults(found, surroundings, lend=lend)
    values: dict[str, str | None] = {}
    sources: dict[str, Source] = {}
    for keyword in table(surroundings.release):
        name = keyword[0]
        candidates = found.get(name)
        if not candidates:
            values[name] = None
            continue
        value, source = candidates[0]
        values[name] = value
        if len(candidates) > 1:
            source = Source(*source[:4], tuple([other for _, other in candidates[1:]]))
        sources[name] = source
    try:
        return _derive(values, sources, surroundings, lend=lend, shuffle=shuffle)
    except ConninfoError as error:
        if error.keyword in sources and error.position is None:
            error.position = sources[error.keyword].position
        raise


def _explicit(
    conninfo: str, keywords: Keywords | None, release: int, *, expand_dbname: bool
) -> Candidates:
    # Source: parse_connection_string, conninfo_array_parse
    found: Candidates = {}
    for item in scan(conninfo, release=release):
        _set(found, *item, place="")
    if keywords is None:
        return found
    pairs = list(keywords.items() if hasattr(keywords, "items") else keywords)
    given = [(name, _text(value, name)) for name, value in pairs]
    expanded: list[tuple[str, str, int]] | None = None
    chance = -1
    if expand_dbname and not conninfo:
        # the first dbname that is there at all, even an empty one, has the only chance
        chance = next(
            (at for at, (name, text) in enumerate(given) if name == "dbname" and text is not None),
            -1,
        )
        if chance >= 0 and is_connection_string(given[chance][1] or ""):
            expanded = scan(given[chance][1] or "", release=release)
    known = names(release)
    for at, (name, text) in enumerate(given):
        if not text:
            continue
        if name not in known:
            raise ConninfoError(f'invalid connection option "{name}"', keyword=name)
        if at == chance and expanded is not None:
            for item in expanded:
                _set(found, *item, place=" of dbname")
        else:
            source = Source("keyword", f"keyword {name}", mask.shown(name, text))
            found.setdefault(name, []).insert(0, (text, source))
    return found


def _set(found: Candidates, keyword: str, value: str, position: int, place: str) -> None:
    place = f"position {position}{place}"
    source = Source("string", place, mask.shown(keyword, value), position)
    found.setdefault(keyword, []).insert(0, (value, source))


def _text(value: Any, keyword: str) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        value = str(int(value))
    elif isinstance(value, int):
        value = str(value)
    elif hasattr(value, "__fspath__"):
        value = value.__fspath__()
    if not isinstance(value, str):
        raise ConninfoError(
            f'connection option "{keyword}" must be text, not {type(value).__name__}',
            keyword=keyword,
        )
    return checked(value, f'connection option "{keyword}"')


def _add_service(found: Candidates, surroundings: Surroundings, *, lend: bool) -> None:
    # Source: parseServiceInfo
    variables = surroundings.environment
    service = found["service"][0][0] if "service" in found else variables.get("PGSERVICE")
    if service is None:
        return
    release = surroundings.release
    path: str | None
    if "servicefile" in found:
        path = cut(found["servicefile"][0][0])
    elif "PGSERVICEFILE" in variables:
        path = cut(variables["PGSERVICEFILE"])
    else:
        path = surroundings.home_file(".pg_service.conf")
        if path is not None and surroundings.file(path) is None:
            path = None
    section = None
    if path is not None:
        section = _service_section(path, service, surroundings)
    if section is None:
        folder = variables.get("PGSYSCONFDIR", surroundings.sysconfdir)
        path = cut(f"{folder}/pg_service.conf")
        if surroundings.file(path) is not None:
            section = _service_section(path, service, surroundings)
    if section is None:
        raise _fault(found, "service", f'definition of service "{service}" not found')
    for keyword, value, line in section:
        if lend or keyword not in _AMBIENT_KEYWORDS:
            source = Source("service", f"{path}, line {line}", mask.shown(keyword, value))
            found.setdefault(keyword, []).append((value, source))
    if release > 18 and path is not None:
        source = Source("service", f"service {service}", path)
        found.setdefault("servicefile", []).append((path, source))


def _service_section(
    path: str, service: str, surroundings: Surroundings
) -> list[tuple[str, str, int]] | None:
    file = surroundings.file(path)
    if file is None or file.content is None:
        raise ConninfoError(f'service file "{path}" not found', keyword="service")
    return service_section(file.content, service, path, release=surroundings.release)


def _fault(found: Candidates, keyword: str, text: str) -> ConninfoError:
    position = found[keyword][0][1].position if keyword in found else None
    return ConninfoError(text, keyword=keyword, position=position)


def _add_defaults(found: Candidates, surroundings: Surroundings, *, lend: bool) -> None:
    # Source: conninfo_add_defaults
    variables = surroundings.environment
    for name, variable, default, _, _ in table(surroundings.release):
        if variable in variables and (lend or variable not in _AMBIENT_VARIABLES):
            value = variables[variable]
            source = Source("environment", variable, mask.shown(name, value))
            found.setdefault(name, []).append((value, source))
        if default is not None:
            if name == "sslmode":
                if variables.get("PGREQUIRESSL", "").startswith("1"):
                    source = Source("environment", "PGREQUIRESSL", "require")
                    found.setdefault(name, []).append(("require", source))
                root = found.get("sslrootcert") or _from_variable(variables, "PGSSLROOTCERT")
                if "sslmode" not in found and root and root[0][0] == "system":
                    source = Source("default", "because of sslrootcert=system", "verify-full")
                    found["sslmode"] = [("verify-full", source)]
            if not surroundings.tls:
                default = _WITHOUT_TLS.get(name, default)
            found.setdefault(name, []).append(_compiled(default))
        elif name == "user" and surroundings.user is not None:
            found.setdefault(name, []).append((surroundings.user, _user_source(surroundings)))


def _compiled(default: str) -> tuple[str, Source]:
    if default not in _COMPILED:
        _COMPILED[default] = (default, Source("default", "compiled default", default))
    return _COMPILED[default]


def _from_variable(variables: Mapping[str, str], variable: str) -> list[tuple[str, Source]]:
    # sslrootcert comes after sslmode in the table: its variable has not been read yet
    value = variables.get(variable)
    return [] if value is None else [(value, Source("environment", variable, value))]


def _user_source(surroundings: Surroundings) -> Source:
    return Source("os", f"user ID {surroundings.uid}", surroundings.user or "")


def _derive(
    values: dict[str, str | None],
    sources: dict[str, Source],
    surroundings: Surroundings,
    *,
    lend: bool,
    shuffle: Callable[[list[Target]], object] | None,
) -> Settings:
    # Source: pqConnectOptions2
    def replace(keyword: str, value: str, kind: str, place: str) -> None:
        before = sources.get(keyword)
        values[keyword] = value
        overrode = () if before is None else (before._replace(overrode=()), *before.overrode)
        sources[keyword] = Source(kind, place, value, None, overrode)

    targets = split_hosts(
        values["host"] or "", values["hostaddr"] or "", values["port"] or "", surroundings
    )
    if not values["user"]:
        if surroundings.user is None:
            raise ConninfoError(
                f"local user with ID {surroundings.uid} does not exist", keyword="user"
            )
        replace("user", surroundings.user, "os", f"user ID {surroundings.uid}")
    user = values["user"] or ""
    if not values["dbname"]:
        replace("dbname", user, "default", "same as user")
    warnings: list[str] = []
    password = values["password"]
    if password:
        targets = [target._replace(password=password) for target in targets]
    elif lend:
        if not values["passfile"]:
            path = surroundings.home_file(".pgpass")
            if path is not None:
                replace("passfile", path, "default", "in the home folder")
        path = values["passfile"]
        if path:
            dbname = values["dbname"] or ""
            targets, warnings, line = with_passwords(targets, path, dbname, user, surroundings)
            if line:
                sources["password"] = Source("passfile", f"{path}, line {line}", mask.MASK)
    check_before_hosts_are_shuffled(values, tls=surroundings.tls)
    if values["sslcertmode"] is None:
        replace("sslcertmode", "allow" if surroundings.tls else "disable", "default", "unset")
    if values["load_balance_hosts"] == "random" and shuffle is not None:
        shuffle(targets)
    check_protocol_versions(values)
    if values["client_encoding"] == "auto":
        replace("client_encoding", encoding_name(surroundings.codeset), "os", "LC_CTYPE")
    return Settings(
        values,
        sources,
        targets=tuple(targets),
        startup_parameters=_startup_parameters(values, surroundings),
        warnings=tuple(warnings),
        home=surroundings.home,
        lend=lend,
        certificate_folder=_certificate_folder(surroundings) if lend else None,
    )


def _certificate_folder(surroundings: Surroundings) -> str | None:
    path = surroundings.home_file(".postgresql/root.crt")
    return None if path is None else path.rpartition("/")[0]


def _startup_parameters(
    values: Mapping[str, str | None], surroundings: Surroundings
) -> list[tuple[str, str]]:
    # Source: build_startup_packet
    application_name = values["application_name"]
    if application_name is None:  # set but empty, it keeps the fallback out
        application_name = values["fallback_application_name"]
    pairs = [
        ("user", values["user"]),
        ("database", values["dbname"]),
        ("replication", values["replication"]),
        ("options", values["options"]),
        ("application_name", application_name),
        ("client_encoding", values["client_encoding"]),
    ]
    parameters = [(name, value) for name, value in pairs if value]
    for name, variable in _STARTUP_VARIABLES:
        setting = surroundings.environment.get(variable)
        if setting is not None and setting.lower() != "default":
            parameters.append((name, setting))
    return parameters
