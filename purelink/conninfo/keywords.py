"""The connection parameters of libpq as data: names, variables, defaults, secrecy.

Floor 1, pure: imports nothing of purelink. One row for each parameter, in the order of libpq's
own table (`PQconninfoOptions` in fe-connect.c), which is the order that every listing keeps.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PREFIXES", "SECRETS", "Keyword", "names", "table"]

#: how a connection string in the form of a URI begins
PREFIXES = ("postgresql://", "postgres://")
#: the release whose behaviour is meant when none is named
RELEASE = 18


class Keyword(NamedTuple):
    """One connection parameter.

    Fields:
        name: as written in a connection string, case-sensitive.
        variable: the environment variable that stands in for it, "" if there is none.
        default: the compiled default of a build with TLS and without GSS, None if none.
        dispchar: libpq's mark: "*" a password field, "D" a debug option, "" neither.
        since: the first major release that knows it (8 stands for "always").
    """

    name: str
    variable: str
    default: str | None
    dispchar: str
    since: int


_ROWS: tuple[tuple[str, str, str | None, str, int], ...] = (
    ("service", "PGSERVICE", None, "", 8),
    ("servicefile", "PGSERVICEFILE", None, "", 19),
    ("user", "PGUSER", None, "", 8),
    ("password", "PGPASSWORD", None, "*", 8),
    ("passfile", "PGPASSFILE", None, "", 10),
    ("channel_binding", "PGCHANNELBINDING", "prefer", "", 13),
    ("connect_timeout", "PGCONNECT_TIMEOUT", None, "", 8),
    ("dbname", "PGDATABASE", None, "", 8),
    ("host", "PGHOST", None, "", 8),
    ("hostaddr", "PGHOSTADDR", None, "", 8),
    ("port", "PGPORT", "5432", "", 8),
    ("client_encoding", "PGCLIENTENCODING", None, "", 9),
    ("options", "PGOPTIONS", "", "", 8),
    ("application_name", "PGAPPNAME", None, "", 9),
    ("fallback_application_name", "", None, "", 9),
    ("keepalives", "", None, "", 9),
    ("keepalives_idle", "", None, "", 9),
    ("keepalives_interval", "", None, "", 9),
    ("keepalives_count", "", None, "", 9),
    ("tcp_user_timeout", "", None, "", 12),
    ("sslmode", "PGSSLMODE", "prefer", "", 8),
    ("sslnegotiation", "PGSSLNEGOTIATION", "postgres", "", 17),
    ("sslcompression", "PGSSLCOMPRESSION", "0", "", 9),
    ("sslcert", "PGSSLCERT", None, "", 8),
    ("sslkey", "PGSSLKEY", None, "", 8),
    ("sslcertmode", "PGSSLCERTMODE", None, "", 16),
    ("sslpassword", "", None, "*", 13),
    ("sslrootcert", "PGSSLROOTCERT", None, "", 8),
    ("sslcrl", "PGSSLCRL", None, "", 8),
    ("sslcrldir", "PGSSLCRLDIR", None, "", 14),
    ("sslsni", "PGSSLSNI", "1", "", 14),
    ("requirepeer", "PGREQUIREPEER", None, "", 9),
    ("require_auth", "PGREQUIREAUTH", None, "", 16),
    ("min_protocol_version", "PGMINPROTOCOLVERSION", None, "", 18),
    ("max_protocol_version", "PGMAXPROTOCOLVERSION", None, "", 18),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION", "TLSv1.2", "", 13),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION", None, "", 13),
    ("gssencmode", "PGGSSENCMODE", "disable", "", 12),
    ("krbsrvname", "PGKRBSRVNAME", "postgres", "", 8),
    ("gsslib", "PGGSSLIB", None, "", 8),
    ("gssdelegation", "PGGSSDELEGATION", "0", "", 16),
    ("replication", "", None, "D", 9),
    ("target_session_attrs", "PGTARGETSESSIONATTRS", "any", "", 10),
    ("load_balance_hosts", "PGLOADBALANCEHOSTS", "disable", "", 16),
    ("scram_client_key", "", None, "D", 18),
    ("scram_server_key", "", None, "D", 18),
    ("oauth_issuer", "", None, "", 18),
    ("oauth_client_id", "", None, "", 18),
    ("oauth_client_secret", "", None, "*", 18),
    ("oauth_scope", "", None, "", 18),
    ("oauth_ca_file", "PGOAUTHCAFILE", None, "", 19),
    ("sslkeylogfile", "", None, "D", 18),
)

#: parameters whose value is never shown; the SCRAM keys log in as well as a password does,
#: though libpq marks them as debug options only
SECRETS: frozenset[str] = frozenset(
    {"password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"}
)

_tables: dict[int, tuple[Keyword, ...]] = {}
_names: dict[int, frozenset[str]] = {}


def table(release: int = RELEASE) -> tuple[Keyword, ...]:
    """Return the parameters that a libpq of this major release knows, in its order."""
    if release not in _tables:
        _tables[release] = tuple(Keyword(*row) for row in _ROWS if row[4] <= release)
    return _tables[release]


def names(release: int = RELEASE) -> frozenset[str]:
    """Return the names alone."""
    if release not in _names:
        _names[release] = frozenset(row[0] for row in _ROWS if row[4] <= release)
    return _names[release]
