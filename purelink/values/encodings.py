"""PostgreSQL's encoding names and Python's codecs: a fixed table, never the server's word.

Floor 1, pure. `codecs.lookup` on what a server reports would let it pick any codec
(`zlib_codec` …), so only names of this table are ever looked up.
"""

from __future__ import annotations

import codecs
from typing import NamedTuple, Optional, Tuple

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

#: where such an encoding has bytes of ASCII inside its characters: a backslash that is none
_ASCII_ALONE = Codec("ascii", "strict")
_EMBEDDING = frozenset({"BIG5", "GB18030", "GBK", "JOHAB", "SHIFT_JIS_2004", "SJIS", "UHC"})

#: `pg_encoding_to_char` -> Python's codec. Absent: EUC_TW and MULE_INTERNAL (no codec).
CODECS: dict[str, str] = {
    "BIG5": "big5",
    "EUC_CN": "gb2312",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_JP": "purelink_euc_jp",
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
    "SHIFT_JIS_2004": "purelink_shift_jis_2004",
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


#: Those in which Python takes a yen sign for a backslash, and an overline for a tilde. A text in
#: which quotes or tabs were escaped before it is encoded would be another when it is read: with
#: these the two signs cannot be sent, and ASCII is ASCII, as the server has it.
_STRICTER = {"purelink_euc_jp": "euc_jp", "purelink_shift_jis_2004": "shift_jis_2004"}
_SIGNS = ("\N{YEN SIGN}", "\N{OVERLINE}")


def _find(name: str) -> Optional[codecs.CodecInfo]:
    if name not in _STRICTER:
        return None
    inner = codecs.lookup(_STRICTER[name])
    signs = dict(zip("\\~", _SIGNS)) if b"\\".decode(inner.name) != "\\" else {}
    outward = str.maketrans(signs)
    inward = str.maketrans({sign: letter for letter, sign in signs.items()})

    def encode(text: str, errors: str = "strict") -> Tuple[bytes, int]:
        for sign in _SIGNS:
            at = text.find(sign)
            if at >= 0:
                raise UnicodeEncodeError(name, text, at, at + 1, "it has no such character")
        return inner.encode(text.translate(outward), errors)

    def decode(data: bytes, errors: str = "strict") -> Tuple[str, int]:
        text, length = inner.decode(data, errors)
        return text.translate(inward), length

    return codecs.CodecInfo(encode, decode, name=name)  # type: ignore[arg-type]  # bytes are all we have


codecs.register(_find)


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
    if codec is not None:
        return Codec(codec, "strict")
    return _ASCII_ALONE if name.upper() in _EMBEDDING else NO_CODEC
