"""Values: Python objects to PostgreSQL's text and binary forms and back, rows, quoting.

Floor 1, pure. The names below are loaded when they are first asked for: a program that
only connects does not pay for the decoders of types it never meets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from purelink.values.bulk import best_formats as best_formats
    from purelink.values.bulk import row_decoder as row_decoder
    from purelink.values.encoders import batch_encoder as batch_encoder
    from purelink.values.encoders import copy_encoder as copy_encoder
    from purelink.values.encoders import copy_text_encoder as copy_text_encoder
    from purelink.values.encodings import codec_of as codec_of
    from purelink.values.input import input_function as input_function
    from purelink.values.interval import Interval as Interval
    from purelink.values.parameters import Json as Json
    from purelink.values.parameters import Jsonb as Jsonb
    from purelink.values.parameters import encode as encode
    from purelink.values.parameters import encode_parameters as encode_parameters
    from purelink.values.quoting import identifier as identifier
    from purelink.values.quoting import literal as literal
    from purelink.values.quoting import quote_ident as quote_ident
    from purelink.values.quoting import quote_literal as quote_literal
    from purelink.values.ranges import Multirange as Multirange
    from purelink.values.ranges import Range as Range
    from purelink.values.rows import RowCounter as RowCounter
    from purelink.values.rows import RowDecoder as RowDecoder
    from purelink.values.rows import ValueFailure as ValueFailure
    from purelink.values.rows import null_row_decoder as null_row_decoder
    from purelink.values.rows import raw_row_decoder as raw_row_decoder
    from purelink.values.rows import text_row_decoder as text_row_decoder
    from purelink.values.styles import Styles as Styles
    from purelink.values.text import Registry as Registry
    from purelink.values.text import text_decoder as text_decoder
    from purelink.values.types import type_named as type_named

_HOME = {
    "Interval": "interval",
    "Json": "parameters",
    "Jsonb": "parameters",
    "Multirange": "ranges",
    "Range": "ranges",
    "Registry": "text",
    "RowCounter": "rows",
    "RowDecoder": "rows",
    "Styles": "styles",
    "ValueFailure": "rows",
    "batch_encoder": "encoders",
    "best_formats": "bulk",
    "codec_of": "encodings",
    "copy_encoder": "encoders",
    "copy_text_encoder": "encoders",
    "encode": "parameters",
    "encode_parameters": "parameters",
    "identifier": "quoting",
    "input_function": "input",
    "literal": "quoting",
    "null_row_decoder": "rows",
    "quote_ident": "quoting",
    "quote_literal": "quoting",
    "raw_row_decoder": "rows",
    "row_decoder": "bulk",
    "text_decoder": "text",
    "text_row_decoder": "rows",
    "type_named": "types",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
