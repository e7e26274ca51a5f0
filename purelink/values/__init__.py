"""Values: Python objects to PostgreSQL's text and binary forms and back, rows, quoting.

Floor 1, pure. The names below are loaded when they are first asked for: a program that
only connects does not pay for the decoders of types it never meets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .bulk import best_formats as best_formats
    from .bulk import row_decoder as row_decoder
    from .encoders import batch_encoder as batch_encoder
    from .encoders import copy_encoder as copy_encoder
    from .encoders import copy_text_encoder as copy_text_encoder
    from .encodings import codec_of as codec_of
    from .input import input_function as input_function
    from .interval import Interval as Interval
    from .parameters import Json as Json
    from .parameters import Jsonb as Jsonb
    from .parameters import encode as encode
    from .parameters import encode_parameters as encode_parameters
    from .quoting import identifier as identifier
    from .quoting import literal as literal
    from .quoting import quote_ident as quote_ident
    from .quoting import quote_literal as quote_literal
    from .ranges import Multirange as Multirange
    from .ranges import Range as Range
    from .rows import RowCounter as RowCounter
    from .rows import RowDecoder as RowDecoder
    from .rows import ValueFailure as ValueFailure
    from .rows import null_row_decoder as null_row_decoder
    from .rows import raw_row_decoder as raw_row_decoder
    from .rows import text_row_decoder as text_row_decoder
    from .styles import Styles as Styles
    from .text import Registry as Registry
    from .text import text_decoder as text_decoder
    from .types import type_named as type_named

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
