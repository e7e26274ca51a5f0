"""What dblink asks of the *local* database: the role, a relation's columns, key and row.

Floor 4, pure: conversations on a connection that a face opened. Queries look at the system
catalogs by qualified names and operators alone and paste nothing in, so that no search_path and no
name can change them; values come as text, in the session's own styles. No transaction is begun for
them, whatever `autocommit` says.

Source: contrib/dblink/dblink.c (get_rel_from_relname, get_pkey_attnames, get_tuple_of_interest).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, Sequence, Tuple

from ..conversation.outcomes import shaped, unfit
from ..values import oids
from ..values.parameters import encode_parameters
from ..values.rows import text_row_decoder
from ..wire import dialogues
from ..wire.dialogues import Batch
from ..wire.session import Answer
from ..wire.wants import Call, Dialogue
from . import refusals, statements

if TYPE_CHECKING:
    from ..conversation.talk import Talk
    from .opening import Link

__all__ = ["Local", "Role"]

Row = Tuple[Optional[str], ...]

_ROLE = """\
SELECT rolname, rolsuper FROM pg_catalog.pg_roles
WHERE rolname OPERATOR(pg_catalog.=) CURRENT_USER"""

_ROLE_NAMED = """\
SELECT rolname, rolsuper FROM pg_catalog.pg_roles
WHERE rolname OPERATOR(pg_catalog.=) CAST($1 AS pg_catalog.name)"""

# The cast raises what dblink's own look-up does: both are textToQualifiedNameList.
_RELATION = """\
SELECT c.oid, c.relname, c.relkind, pg_catalog.has_table_privilege(c.oid, 'SELECT'),
    pg_catalog.pg_table_is_visible(c.oid), pg_catalog.quote_ident(n.nspname),
    pg_catalog.quote_ident(c.relname)
FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE c.oid OPERATOR(pg_catalog.=)
    CAST(CAST($1 AS pg_catalog.text) AS pg_catalog.regclass)::pg_catalog.oid"""

# Beside each column: where its type's own `=` lives, if it has one outside pg_catalog.
_COLUMNS = """\
SELECT a.attnum, a.attname, pg_catalog.quote_ident(a.attname),
    (SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_operator o
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) o.oprnamespace
    WHERE o.oprname OPERATOR(pg_catalog.=) '='
        AND o.oprleft OPERATOR(pg_catalog.=) t.oid AND o.oprright OPERATOR(pg_catalog.=) t.oid
        AND o.oprnamespace OPERATOR(pg_catalog.=) t.typnamespace)
FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid
WHERE a.attrelid OPERATOR(pg_catalog.=) CAST($1 AS pg_catalog.oid)
    AND a.attnum OPERATOR(pg_catalog.>) 0 AND a.attisdropped IS FALSE
ORDER BY a.attnum"""

_KEY = """\
SELECT i.indnkeyatts, i.indkey FROM pg_catalog.pg_index i
WHERE i.indrelid OPERATOR(pg_catalog.=) CAST($1 AS pg_catalog.oid) AND i.indisprimary"""

#: relkind -> what it is called where access is denied (get_relkind_objtype)
_DENIED = {"v": "view", "m": "materialized view", "S": "sequence", "f": "foreign table"}
#: relkind -> what cannot be opened as a table, and 15's words for it
_NOT_TABLES = {
    "i": ("indexes", "an index"),
    "I": ("partitioned indexes", "an index"),
    "c": ("composite types", "a composite type"),
}


_TYPE = """\
SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod, pg_catalog.format_type(t.oid, NULL)
FROM pg_catalog.pg_type t
WHERE t.oid OPERATOR(pg_catalog.=) CAST(
    pg_catalog.to_regtype(CAST($1 AS pg_catalog.text)) AS pg_catalog.oid)"""

_BASE = """\
SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod FROM pg_catalog.pg_type t
WHERE t.oid OPERATOR(pg_catalog.=) CAST($1 AS pg_catalog.oid)"""


#: Domains over domains that are followed.
_DOMAINS_AT_MOST = 1000


class Role(NamedTuple):
    """Whose rights count: a role's name, and whether it is a superuser."""

    user: str
    superuser: bool


class _Column(NamedTuple):
    number: int
    name: str
    quoted: str
    equals: str


class _Relation(NamedTuple):
    """A relation that may be read: its OID as text; its name as SQL would write it here."""

    oid: str
    name: str


class Local:
    """The local database of a session.

    Args:
        link: a face's connection.
        version: whose texts: 15 to 18, or None.

    Every conversation may raise what a query does: the local server's errors, ConnectionLost.
    """

    def __init__(self, link: Link, version: int | None = None) -> None:
        self.link = link
        self.version = version

    def asked(self, sql: str, *parameters: str, width: int) -> Dialogue[list[Row]]:
        """Return the rows of one query, as text; `width`: how many columns it has.

        Raises: InternalError: the server gives others.
        """
        rows: list[Row] = yield Call(self.link.run, _asked(self.link.talk, sql, parameters))
        shaped(rows, *[(str, type(None))] * width)
        return rows

    def role(self, user: str | None = None) -> Dialogue[Role]:
        """Return the effective role: SET ROLE counts. Source: GetUserId, superuser().

        Args:
            user: another role, by name; one that does not exist is no superuser.
        """
        found = yield from self.asked(*([_ROLE] if user is None else [_ROLE_NAMED, user]), width=2)
        return Role(str(found[0][0]), found[0][1] == "t") if found else Role(user or "", False)

    # -- types of column lists that only the local database knows ------------------------------

    def type_of(self, text: str) -> Dialogue[tuple[int, int, str] | None]:
        """Return what a type is based on (OID, modifier), and its name; None: there is none.

        What Python has no values for (an enum, a composite …) is based on text.
        """
        found = yield from self.asked(_TYPE, text, width=5)
        if not found or found[0][1] == "p":
            return None
        oid, kind, base, modifier, name = found[0]
        typmod = "-1"
        for _ in range(_DOMAINS_AT_MOST):
            if kind != "d":
                break
            typmod = str(modifier)
            based = yield from self.asked(_BASE, str(base), width=4)
            if len(based) != 1:
                raise unfit()
            oid, kind, base, modifier = based[0]
        else:
            raise unfit()
        number = _number(oid)
        if kind != "b" or number not in oids.TYPES:
            return oids.TEXT, -1, str(name)
        return number, _number(typmod), str(name)

    def check(self, name: str, texts: Sequence[str | None]) -> Dialogue[None]:
        """Have the local database read values of a type. Raises: its errors."""
        sql = (
            f"SELECT pg_catalog.count(CAST(t.v AS {name}))"  # noqa: S608 - as the server wrote it
            " FROM pg_catalog.unnest(CAST($1 AS pg_catalog.text[])) AS t(v)"
        )
        yield from self.asked(sql, _array(texts), width=1)

    # -- dblink_get_pkey, dblink_build_sql_* (section 12) -------------------------------------

    def get_pkey(self, relname: str) -> Dialogue[list[tuple[int, str]]]:
        """dblink_get_pkey: (position, column) of the primary key, in the key's order.

        Raises: as `_relation`.
        """
        relation = yield from self._relation(relname)
        found = yield from self.asked(_KEY, relation.oid, width=2)
        if not found:
            return []
        count, numbers = found[0]
        names = {column.number: column.name for column in (yield from self._columns(relation))}
        wanted = statements.vector(numbers or "")[: _number(count)]
        if not names.keys() >= set(wanted):
            raise unfit()
        return [(at, names[number]) for at, number in enumerate(wanted, 1)]

    def build_insert(
        self,
        relname: str,
        numbers: statements.Vector,
        count: int,
        source: statements.Array,
        target: statements.Array,
    ) -> Dialogue[str]:
        """dblink_build_sql_insert. Raises: as `_relation`; 22023, 2202E, 21000; the row's query."""
        numbers, source = statements.vector(numbers), statements.array(source)
        target = statements.array(target)
        relation, columns, keys = yield from self._keyed(relname, numbers, count)
        row = yield from self._row(relation, columns, keys, source, target)
        return statements.insert(relation.name, _quoted(columns), row, keys, target)

    def build_update(
        self,
        relname: str,
        numbers: statements.Vector,
        count: int,
        source: statements.Array,
        target: statements.Array,
    ) -> Dialogue[str]:
        """dblink_build_sql_update. Raises: as `build_insert`."""
        numbers, source = statements.vector(numbers), statements.array(source)
        target = statements.array(target)
        relation, columns, keys = yield from self._keyed(relname, numbers, count)
        row = yield from self._row(relation, columns, keys, source, target)
        return statements.update(relation.name, _quoted(columns), row, keys, target)

    def build_delete(
        self, relname: str, numbers: statements.Vector, count: int, target: statements.Array
    ) -> Dialogue[str]:
        """dblink_build_sql_delete; no row is looked for. Raises: as `_relation`; 22023, 2202E."""
        numbers, target = statements.vector(numbers), statements.array(target)
        relation, columns, keys = yield from self._keyed(relname, numbers, count)
        statements.check_length(target, keys, "target")
        return statements.delete(relation.name, _quoted(columns), keys, target)

    def _relation(self, relname: str) -> Dialogue[_Relation]:
        """Find a relation that may be read.

        Raises: 42602, 42601, 0A000, 3F000, 42P01 for the name; 42809 for an index or a composite
        type; 42501 without SELECT on the whole of it.
        """
        refusals.checked_text(relname)
        found = yield from self.asked(_RELATION, relname, width=7)
        if not found:  # dropped between the look-up and the scan
            raise refusals.no_such_relation(relname)
        oid, name, kind, readable, visible, schema, quoted = map(str, found[0])
        if kind in _NOT_TABLES:
            plural, single = _NOT_TABLES[kind]
            if self.version == 15:
                raise refusals.relation_refused_15(name, single)
            detail = f"This operation is not supported for {plural}."
            raise refusals.relation_refused(name, detail=detail)
        if readable != "t":
            raise refusals.relation_denied(_DENIED.get(kind, "table"), name)
        return _Relation(oid, quoted if visible == "t" else f"{schema}.{quoted}")

    def _columns(self, relation: _Relation) -> Dialogue[list[_Column]]:
        """Return the columns in the table's order, dropped ones left out."""
        rows = yield from self.asked(_COLUMNS, relation.oid, width=4)
        return [
            _Column(_number(number), str(name), str(quoted), schema or "pg_catalog")
            for number, name, quoted, schema in rows
        ]

    def _keyed(
        self, relname: str, numbers: list[int], count: int
    ) -> Dialogue[tuple[_Relation, list[_Column], list[int]]]:
        relation = yield from self._relation(relname)
        columns = yield from self._columns(relation)
        return relation, columns, statements.key(numbers, count, len(columns))

    def _row(
        self,
        relation: _Relation,
        columns: list[_Column],
        keys: list[int],
        source: list[statements.Value],
        target: list[statements.Value],
    ) -> Dialogue[Row]:
        """Return the one row with the source key. Raises: 2202E, 21000, what its query does."""
        statements.check_length(source, keys, "source")
        statements.check_length(target, keys, "target")
        conditions, parameters = [], []
        for position, value in zip(keys, source):
            column = columns[position]
            if value is None:
                conditions.append(f"{column.quoted} IS NULL")
            else:
                parameters.append(value)
                place = f"OPERATOR({column.equals}.=) ${len(parameters)}"
                conditions.append(f"{column.quoted} {place}")
        wanted = ", ".join(_quoted(columns))
        where = " AND ".join(conditions)
        # two rows tell as well as a million that there is more than one
        sql = f"SELECT {wanted} FROM {relation.name} WHERE {where} LIMIT 2"  # noqa: S608 - names as the server quoted them
        rows = yield from self.asked(sql, *parameters, width=len(columns))
        if not rows:
            raise refusals.source_row_missing()
        if len(rows) > 1:
            raise refusals.source_row_ambiguous()
        return rows[0]


def _number(text: str | None) -> int:
    """Return a number as the server's text has it; 0 for NULL. Raises: InternalError: none."""
    if text is None:
        return 0
    digits = text[1:] if text[:1] == "-" else text
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        raise unfit()
    return int(text)


def _array(texts: Sequence[str | None]) -> str:
    """Return the text of a text[]."""
    elements = (
        "NULL" if text is None else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        for text in texts
    )
    return "{" + ",".join(elements) + "}"


def _quoted(columns: Sequence[_Column]) -> list[str]:
    return [column.quoted for column in columns]


def _asked(talk: Talk, sql: str, parameters: tuple[str, ...]) -> Dialogue[list[Row]]:
    session = talk.session
    encoding, errors = session.encoding, session.encoding_errors
    values = [
        value for _, _, value in encode_parameters(parameters, encoding=encoding, errors=errors)
    ]
    batch, answer = Batch(), Answer()
    # untyped: each takes the type of what it is compared with, as a literal would
    batch.parse(answer, b"", session.text(sql, "the query"))
    batch.bind(answer, b"", (), tuple(values)).describe_portal(answer).execute(answer).sync()
    decoder: Any = partial(text_row_decoder, encoding=encoding, errors=errors)
    data = dialogues.ask(session, batch, decoder)
    yield from dialogues.until_idle(session, talk.deliver, data=data)
    answers = list(session.answers)
    session.answers.clear()
    for each in answers:
        if each.error is not None:
            raise each.error
    return answers[0].rows
