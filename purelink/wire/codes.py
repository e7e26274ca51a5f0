"""The protocol's numbers: versions, request codes, message tags, limits.

Floor 1, pure. Tags are `int` here (what indexing `bytes` gives); names are the manual's.
"""

from __future__ import annotations

PROTOCOL_3_0 = 0x00030000
PROTOCOL_3_2 = 0x00030002
#: 3.1 never existed in the wild and is reserved
PROTOCOL_3_1 = 0x00030001

CANCEL_REQUEST = 80877102
SSL_REQUEST = 80877103
GSSENC_REQUEST = 80877104

#: Messages that may be long; every other message has at most `SHORT_LENGTH` bytes of length
#: word (libpq's VALID_LONG_MESSAGE_TYPE; `t` since 17.11 and 18.6: a real server sends a
#: ParameterDescription of 30,006 bytes for 7,500 parameters).
LONG_TAGS = frozenset(b"TDdVENAt")
SHORT_LENGTH = 30000
#: The largest message a server can build, and the largest we send.
CEILING = 0x3FFFFFFF
#: A statement or portal name past this can be parsed but never described or closed: the
#: server drops the connection without a word on small-class messages over 10,000 bytes.
NAME_LENGTH = 8000
#: The server resets the connection on a longer startup packet.
STARTUP_LENGTH = 10000
PARAMETERS = 65535

AUTH_OK = 0
AUTH_CLEARTEXT = 3
AUTH_MD5 = 5
AUTH_SASL = 10
AUTH_SASL_CONTINUE = 11
AUTH_SASL_FINAL = 12

#: Cancel keys: exactly 4 bytes in protocol 3.0, 4 to 256 in 3.2.
KEY_LENGTH = 4
KEY_LENGTH_LONGEST = 256

AUTHENTICATION = ord("R")
BACKEND_KEY_DATA = ord("K")
BIND_COMPLETE = ord("2")
CLOSE_COMPLETE = ord("3")
COMMAND_COMPLETE = ord("C")
COPY_BOTH_RESPONSE = ord("W")
COPY_DATA = ord("d")
COPY_DONE = ord("c")
COPY_IN_RESPONSE = ord("G")
COPY_OUT_RESPONSE = ord("H")
DATA_ROW = ord("D")
EMPTY_QUERY_RESPONSE = ord("I")
ERROR_RESPONSE = ord("E")
FUNCTION_CALL_RESPONSE = ord("V")
NEGOTIATE_PROTOCOL_VERSION = ord("v")
NO_DATA = ord("n")
NOTICE_RESPONSE = ord("N")
NOTIFICATION_RESPONSE = ord("A")
PARAMETER_DESCRIPTION = ord("t")
PARAMETER_STATUS = ord("S")
PARSE_COMPLETE = ord("1")
PORTAL_SUSPENDED = ord("s")
READY_FOR_QUERY = ord("Z")
ROW_DESCRIPTION = ord("T")

#: May come between any two messages once the user is authenticated.
ASYNCHRONOUS = frozenset(b"NSA")

#: Transaction status, as ReadyForQuery tells it.
IDLE = "I"
IN_TRANSACTION = "T"
IN_FAILED_TRANSACTION = "E"
STATUSES = frozenset(b"ITE")


def version_name(version: int) -> str:
    """Return "3.2" for 0x00030002."""
    return f"{version >> 16}.{version & 0xFFFF}"


def letter(tag: int) -> str:
    """Return how libpq prints a tag (`%c`): the character, whatever it is."""
    return chr(tag)
