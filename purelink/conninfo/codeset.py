"""PostgreSQL's names for the character sets of locales: what client_encoding=auto becomes.

Floor 1, pure data. A locale's codeset is known by several names; letter case is ignored.
"""

from __future__ import annotations

__all__ = ["encoding_name"]

_NAMES = {
    "SQL_ASCII": "ANSI_X3.4-1968 646 US-ASCII C POSIX ASCII",
    "UTF8": "UTF-8 UTF8 CP65001",
    "EUC_JP": "EUC-JP EUCJP IBM-EUCJP SDECKANJI CP20932",
    "EUC_CN": "EUC-CN EUCCN GB2312 IBM-EUCCN DECHANZI CP20936",
    "EUC_KR": "EUC-KR EUCKR IBM-EUCKR DECKOREAN 5601 CP51949",
    "EUC_TW": "EUC-TW EUCTW IBM-EUCTW CNS11643",
    "JOHAB": "JOHAB CP1361",
    "GB18030": "GB18030 CP54936",
    "GBK": "GBK CP936",
    "BIG5": "BIG5 BIG5HKSCS BIG5-HKSCS HKBIG5 CP950",
    "SJIS": "SJIS PCK SHIFT_JIS CP932",
    "UHC": "UHC CP949",
    "KOI8R": "KOI8-R CP20866",
    "KOI8U": "KOI8-U CP21866",
    "WIN866": "CP866 IBM866",
    "WIN874": "CP874",
    "WIN1250": "CP1250",
    "WIN1251": "CP1251 ANSI-1251",
    "WIN1252": "CP1252",
    "WIN1253": "CP1253",
    "WIN1254": "CP1254",
    "WIN1255": "CP1255",
    "WIN1256": "CP1256",
    "WIN1257": "CP1257",
    "WIN1258": "CP1258",
    "LATIN1": "ISO-8859-1 ISO8859-1 ISO88591 CP28591",
    "LATIN2": "ISO-8859-2 ISO8859-2 ISO88592 CP28592",
    "LATIN3": "ISO-8859-3 ISO8859-3 ISO88593 CP28593",
    "LATIN4": "ISO-8859-4 ISO8859-4 ISO88594 CP28594",
    "LATIN5": "ISO-8859-9 ISO8859-9 ISO88599 CP28599",
    "LATIN6": "ISO-8859-10 ISO8859-10 ISO885910",
    "LATIN7": "ISO-8859-13 ISO8859-13 ISO885913",
    "LATIN8": "ISO-8859-14 ISO8859-14 ISO885914",
    "LATIN9": "ISO-8859-15 ISO8859-15 ISO885915 CP28605",
    "LATIN10": "ISO-8859-16 ISO8859-16 ISO885916",
    "ISO_8859_5": "ISO-8859-5 ISO8859-5 ISO88595 CP28595",
    "ISO_8859_6": "ISO-8859-6 ISO8859-6 ISO88596 CP28596",
    "ISO_8859_7": "ISO-8859-7 ISO8859-7 ISO88597 CP28597",
    "ISO_8859_8": "ISO-8859-8 ISO8859-8 ISO88598 CP28598",
}


def encoding_name(codeset: str) -> str:
    """Return PostgreSQL's name for a codeset, "" if it has none (then nothing is sent).

    Args:
        codeset: as nl_langinfo(CODESET) tells it.

    Source: pg_get_encoding_from_locale.
    """
    wanted = codeset.upper()
    for name, codesets in _NAMES.items():
        if wanted in codesets.split(" "):
            return name
    return ""
