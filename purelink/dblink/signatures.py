"""dblink's overloads: which of its forms a call's arguments mean.

Floor 2, pure. As in SQL, a form is told by the number of arguments and, if that is not enough, by
a trailing bool against text. A None among them makes the whole call nothing (STRICT): the functions
here then return None. Arguments that fit no form are a `TypeError`.
"""

from __future__ import annotations

from typing import Any

__all__ = ["close", "connect", "execute", "fetch", "name", "open", "query"]


def _wrong(function: str, forms: str) -> TypeError:
    return TypeError(f"{function} takes {forms}")


def _checked(args: tuple[Any, ...], kinds: tuple[type, ...]) -> bool:
    """Tell whether the arguments are of these kinds; a bool is no int here."""
    if len(args) != len(kinds):
        return False
    for value, kind in zip(args, kinds):
        if value is None:
            continue
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            return False
    return True


def connect(args: tuple[Any, ...]) -> tuple[str | None, str] | None:
    """dblink_connect, dblink_connect_u: (connstr) or (connname, connstr) -> (name, connstr)."""
    if not (_checked(args, (str,)) or _checked(args, (str, str))):
        raise _wrong("dblink_connect", "(connstr) or (connname, connstr)")
    if None in args:
        return None
    return (None, args[0]) if len(args) == 1 else (args[0], args[1])


def query(args: tuple[Any, ...]) -> tuple[str | None, str, bool] | None:
    """dblink: (sql[, fail]) or (connection, sql[, fail]) -> (connection, sql, fail)."""
    return _statement("dblink", args)


def execute(args: tuple[Any, ...]) -> tuple[str | None, str, bool] | None:
    """dblink_exec: as dblink."""
    return _statement("dblink_exec", args)


def _statement(function: str, args: tuple[Any, ...]) -> tuple[str | None, str, bool] | None:
    forms = "(sql[, fail]) or (connname_or_connstr, sql[, fail])"
    if _checked(args, (str,)):
        found = (None, args[0], True)
    elif len(args) == 2 and isinstance(args[1], bool) and _checked(args, (str, bool)):
        found = (None, args[0], args[1])
    elif _checked(args, (str, str)):
        found = (args[0], args[1], True)
    elif _checked(args, (str, str, bool)):
        found = args
    else:
        raise _wrong(function, forms)
    return None if None in args else found


def open(args: tuple[Any, ...]) -> tuple[str | None, str, str, bool] | None:  # noqa: A001
    """dblink_open: (cursor, sql[, fail]) or (connname, cursor, sql[, fail])."""
    if _checked(args, (str, str)):
        found = (None, args[0], args[1], True)
    elif len(args) == 3 and isinstance(args[2], bool) and _checked(args, (str, str, bool)):
        found = (None, args[0], args[1], args[2])
    elif _checked(args, (str, str, str)):
        found = (*args, True)
    elif _checked(args, (str, str, str, bool)):
        found = args
    else:
        raise _wrong("dblink_open", "(cursor, sql[, fail]) or (connname, cursor, sql[, fail])")
    return None if None in args else found


def fetch(args: tuple[Any, ...]) -> tuple[str | None, str, int, bool] | None:
    """dblink_fetch: (cursor, count[, fail]) or (connname, cursor, count[, fail])."""
    if _checked(args, (str, int)):
        found = (None, args[0], args[1], True)
    elif len(args) == 3 and _checked(args, (str, int, bool)):
        found = (None, args[0], args[1], args[2])
    elif _checked(args, (str, str, int)):
        found = (*args, True)
    elif _checked(args, (str, str, int, bool)):
        found = args
    else:
        raise _wrong("dblink_fetch", "(cursor, count[, fail]) or (connname, cursor, count[, fail])")
    return None if None in args else found


def close(args: tuple[Any, ...]) -> tuple[str | None, str, bool] | None:
    """dblink_close: (cursor[, fail]) or (connname, cursor[, fail])."""
    if _checked(args, (str,)):
        found = (None, args[0], True)
    elif len(args) == 2 and isinstance(args[1], bool) and _checked(args, (str, bool)):
        found = (None, args[0], args[1])
    elif _checked(args, (str, str)):
        found = (args[0], args[1], True)
    elif _checked(args, (str, str, bool)):
        found = args
    else:
        raise _wrong("dblink_close", "(cursor[, fail]) or (connname, cursor[, fail])")
    return None if None in args else found


def name(args: tuple[Any, ...]) -> tuple[str | None] | None:
    """dblink_disconnect, dblink_get_notify: () or (connname)."""
    if args == ():
        return (None,)
    if not _checked(args, (str,)):
        raise _wrong("the function", "() or (connname)")
    return None if None in args else (args[0],)
