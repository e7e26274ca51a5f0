"""PostgreSQL's encoding names and Python's codecs: a fixed table, never the server's word.

Floor 1, pure. `codecs.lookup` on what a server reports would let it pick any codec
(`zlib_codec` …), so only names of this table are ever looked up.
"""

from __future__ import annotations

import codecs
from typing import NamedTuple

__all__ = ["CODECS", "NO_CODEC", "SQL_ASCII", "Codec", "codec_of", "python_codec"]


class Codec(NamedTuple):
    """How the session's text is encoded: arguments of `str.encode` and `bytes.decode`."""

    encoding: str
    errors: str


#: bytes of an unknown encoding: UTF-8 where they are, kept as surrogates where they are not
SQL_ASCII = Codec("utf-8", "surrogateescape")
#: an encoding that has a meaning, but no codec here: what is read can be sent back unchanged, and
#: nothing but ASCII can be sent that was not read: it would be stored as something else
NO_CODEC = Codec("ascii", "surrogateescape")

#: `pg_encoding_to_char` -> Python's codec. Absent: EUC_TW and MULE_INTERNAL (no codec).
CODECS: dict[str, str] = {
    "BIG5": "big5",
    "EUC_CN": "gb2312",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_JP": "euc_jp",
    "EUC_KR": "euc_kr",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO_8859_5": "iso8859-5",
    "ISO_8859_6": "iso8859-6",
    "ISO_8859_7": "iso8859-7",
    "ISO_8859_8": "iso8859-8",
    "JOHAB": "johab",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
    "LATIN1": "iso8859-1",
    "LATIN2": "iso8859-2",
    "LATIN3": "iso8859-3",
    "LATIN4": "iso8859-4",
    "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10",
    "LATIN7": "iso8859-13",
    "LATIN8": "iso8859-14",
    "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "SHIFT_JIS_2004": "shift_jis_2004",
    "SJIS": "cp932",
    "UHC": "cp949",
    "UTF8": "utf-8",
    "WIN866": "cp866",
    "WIN874": "cp874",
    "WIN1250": "cp1250",
    "WIN1251": "cp1251",
    "WIN1252": "cp1252",
    "WIN1253": "cp1253",
    "WIN1254": "cp1254",
    "WIN1255": "cp1255",
    "WIN1256": "cp1256",
    "WIN1257": "cp1257",
    "WIN1258": "cp1258",
}


def python_codec(name: str) -> str | None:
    """Return Python's codec for an encoding of PostgreSQL's; None: unknown, or not built in.

    Args:
        name: as `client_encoding` is reported; case does not matter. `SQL_ASCII` has no
            codec and gives None.
    """
    codec = CODECS.get(name.upper())
    if codec is None:
        return None
    try:
        codecs.lookup(codec)  # a small Python may lack the East Asian ones
    except LookupError:
        return None
    return codec


def codec_of(name: str) -> Codec:
    """Return how to encode and decode under a reported `client_encoding`.

    Nothing is lost where Python has no codec, and ASCII reads as itself.
    """
    if name.upper() == "SQL_ASCII":
        return SQL_ASCII
    codec = python_codec(name)
    return NO_CODEC if codec is None else Codec(codec, "strict")
