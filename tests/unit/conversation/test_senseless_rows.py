"""Rows that answer a question of ours with nonsense: an InternalError, on a connection in step."""

from __future__ import annotations

from typing import Any

import pytest

from fuzz.backend_stream import talk_of, trips
from fuzz.catalog_rows import (
    _columns,
    _extended,
    _fetch,
    _foreign_server,
    _large_object,
    _new_large_object,
    _pkey,
    _relation,
    _texts,
    _type_of,
)
from purelink.errors import InternalError
from purelink.testing.transcript import drive

MEASURED = _extended([20, 23], (b"10", b"0"))
TYPE = [16, 20, 25, 25, 20, 25, 25, 20, 1009, 1016, 1009, 25, 20]
ROW = (b"t", b"16400", b"mood", b"public", b"0", b"e", b",", None)


@pytest.mark.parametrize(
    ("conversation", "said"),
    [
        pytest.param(_fetch, _extended(TYPE), id="no type"),
        pytest.param(_fetch, _texts(b"t", b"1"), id="other columns"),
        pytest.param(
            _fetch, _extended(TYPE, (*ROW, b"{a}", b"{}", b"{}", None, b"0")), id="half a field"
        ),
        pytest.param(
            _fetch, _extended(TYPE, (*ROW, b"{}", b"{}", b"{NULL}", None, b"0")), id="no label"
        ),
        pytest.param(
            _fetch, _extended(TYPE, (*ROW, b"{NULL}", b"{25}", b"{}", None, b"0")), id="no name"
        ),
        pytest.param(
            _fetch,
            _extended(TYPE, (*ROW[:4], b"16400", *ROW[5:], b"{}", b"{}", b"{}", None, b"7")),
            id="an array of nothing",
        ),
        pytest.param(_large_object, _extended([20, 23], (b"-1", b"0")), id="a negative size"),
        pytest.param(_large_object, _extended([25], (b"10",)), id="a size that is text"),
        pytest.param(_large_object, [*MEASURED, *_extended([17], (None,))], id="no bytes"),
        pytest.param(
            _large_object, [*MEASURED, *_extended([17], (b"\\x" + b"00" * 11,))], id="too much"
        ),
        pytest.param(_new_large_object, _extended([26]), id="no object"),
        pytest.param(_type_of, _texts(b"x", b"b", b"0", b"-1", b"t"), id="an OID that is none"),
        pytest.param(
            _type_of,
            [*_texts(b"1", b"d", b"1", b"-1", b"t"), *_texts(b"1", b"d", b"1", b"-1") * 1001],
            id="a domain over itself",
        ),
        pytest.param(
            _type_of,
            [*_texts(b"1", b"d", b"1", b"-1", b"t"), *_extended([25] * 4)],
            id="a domain over nothing",
        ),
        pytest.param(
            _pkey, [*_relation(), *_texts(b"2", b"1 9"), *_columns()], id="a key of no column"
        ),
        pytest.param(
            _foreign_server, _texts(b"s", None, b"{host}", b"10", None, b"t", b"t"), id="an option"
        ),
    ],
)
def test_senseless(conversation: Any, said: list[bytes]) -> None:
    talk = talk_of()
    with pytest.raises(InternalError, match="makes no sense") as caught:
        drive(conversation(talk), *trips(b"".join(said), b"Z"))
    assert caught.value.sqlstate == "XX000"
    assert talk.session.idle
