"""What the catalog says about types that are not built in, asked for by name, in one trip.

Floor 3, pure. With a type come all that it is made of, and its array. The name travels as a
parameter, and what comes back is data: nothing of it is ever run. No transaction is begun for it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Sequence

from ..errors import InterfaceError
from ..values.bulk import row_decoder
from ..values.registry import EVERYONE, OwnTypes
from ..values.typeinfo import TypeInfo
from ..wire import dialogues
from ..wire.dialogues import Batch
from ..wire.session import Answer
from .fitness import server_version
from .outcomes import result_of, shaped, unfit

if TYPE_CHECKING:
    from ..wire.backend import Column
    from ..wire.session import RowDecoder
    from ..wire.wants import Dialogue
    from .talk import Talk

__all__ = ["fetch_type", "own_types", "retyped"]

# Types made by initdb (information_schema) have OIDs from 10,000 on; below all is built in. Each of
# its operators is pg_catalog's when it is sent, whatever stands first in the search_path.
_QUERY = """\
WITH RECURSIVE known(oid) AS (
 SELECT $1::pg_catalog.text::pg_catalog.regtype::pg_catalog.oid
UNION
 SELECT x.part FROM known k JOIN pg_catalog.pg_type t ON t.oid = k.oid
 CROSS JOIN LATERAL (
  SELECT t.typelem UNION ALL SELECT t.typarray UNION ALL SELECT t.typbasetype
  UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid{multirange}
  UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
   WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
 ) x(part) WHERE x.part >= 10000)
SELECT t.oid = $1::pg_catalog.text::pg_catalog.regtype::pg_catalog.oid,
 t.oid::pg_catalog.int8, t.typname::pg_catalog.text, n.nspname::pg_catalog.text,
 t.typarray::pg_catalog.int8, t.typtype::pg_catalog.text, t.typdelim::pg_catalog.text,
 (CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE
  (SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid = r.rngtypid{multi}) END
 )::pg_catalog.int8,
 ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a WHERE t.typtype = 'c'
  AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
 ARRAY(SELECT a.atttypid::pg_catalog.int8 FROM pg_catalog.pg_attribute a WHERE t.typtype = 'c'
  AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
 ARRAY(SELECT e.enumlabel::pg_catalog.text FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid
  ORDER BY e.enumsortorder),
 (SELECT p.proname::pg_catalog.text FROM pg_catalog.pg_proc p WHERE p.oid = t.typinput),
 t.typelem::pg_catalog.int8
FROM known k JOIN pg_catalog.pg_type t ON t.oid = k.oid
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace"""
_MULTIRANGE = """
  UNION ALL SELECT r.rngmultitypid FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid
  UNION ALL SELECT r.rngtypid FROM pg_catalog.pg_range r WHERE r.rngmultitypid = t.oid
  UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngmultitypid = t.oid"""

#: what the columns of `_QUERY` are read as
_NONE = type(None)
_COLUMNS = (
    *(bool, int, str, str, int, str, str, (int, _NONE), list, list, list, (str, _NONE), int),
)
_OPERATOR = re.compile(" (=|>=|>) ")


def own_types(talk: Talk) -> OwnTypes:
    """Return what a connection knows of types, made when it is first spoken of."""
    if not isinstance(talk.registry, OwnTypes):
        talk.registry = EVERYONE.copy()
    return talk.registry


def retyped(talk: Talk) -> None:
    """Types are read otherwise from now on: make decoders, and statements, anew."""
    talk.session.changes += 1
    talk.statements.renew()


def fetch_type(talk: Talk, name: str, python: type | None = None) -> Dialogue[TypeInfo]:
    """Ask the catalog about a type and all that it is made of; take it into the registry.

    Args:
        name: as SQL writes it, found by the search_path.
        python: the program's class for it.

    Raises:
        ProgrammingError: 42704: there is no such type. InterfaceError: the class does not fit.
        As `Talk.query` beside that.
    """
    session, registry = talk.session, own_types(talk)
    if "\0" in name:
        raise InterfaceError("the name of a type cannot hold a NUL (0x00)")
    multi = server_version(session) >= 140000
    sql = _QUERY.format(
        multirange=_MULTIRANGE if multi else "",
        multi=" OR t.oid = r.rngmultitypid" if multi else "",
    )
    sql = _OPERATOR.sub(r" OPERATOR(pg_catalog.\1) ", sql)
    answer = Answer()
    batch = Batch()
    talk.statements.close_evicted(batch)
    batch.parse(answer, b"", session.text(sql, "the query"))
    batch.bind(answer, b"", (0,), (session.text(name, "the name of a type"),))
    batch.describe_portal(answer).execute(answer).sync()

    def plainly(columns: tuple[Column, ...]) -> RowDecoder:
        # A program's own decoder of text would not know what to make of these.
        return row_decoder(columns, encoding=session.encoding, errors=session.encoding_errors)

    yield from talk.finish(dialogues.ask(session, batch, plainly))
    rows = shaped(result_of(answer, talk.taken()).rows, *_COLUMNS)
    infos = {row[1]: _info(row) for row in rows}
    wanted = next((row for row in rows if row[0]), None)
    if wanted is None:  # regtype raises where there is none
        raise unfit()
    info = infos[wanted[1]]
    arrays = {one.array_oid for one in infos.values()} - {0}
    if info.oid in arrays:  # "addr[]": its element is what there is to know
        element = infos.get(wanted[12])
        if element is None:
            raise unfit()
        info = element
    for one in infos.values():
        if one is not info and one.oid not in arrays:
            registry.add(one)
    registry.add(info, python)
    retyped(talk)
    return info


def _info(row: Sequence[Any]) -> TypeInfo:
    _, oid, name, schema, array, sort, delimiter, part, names, types, labels, function, _ = row
    fields = tuple(zip(names, types))
    texts = (*names, *labels)
    if len(names) != len(types) or not all(isinstance(each, str) for each in texts):
        raise unfit()
    if not all(isinstance(each, int) for each in types):
        raise unfit()
    return TypeInfo(
        oid, name, schema, array, sort, delimiter, part or 0, fields, tuple(labels), function or ""
    )
