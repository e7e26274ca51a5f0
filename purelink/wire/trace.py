"""What goes over the wire, message by message, as lines of text: the format of libpq 18's PQtrace.

Floor 1, pure: from one message's bytes to its line; `tracing` finds the messages. What one consists
of is data: `FRONTEND` and `BACKEND` map a tag to the manual's name and a layout, a letter a field:

    i Int32                   s String, in double quotes      v Int32 length and so many bytes
    n Int32, NNNN in regress  p String that is a secret       w the same, but the bytes are a secret
    h Int16, unsigned         c Byte1                         k all the rest, a secret
    H Int16s up to the end    S Strings up to an empty one    d all the rest, BBBB in regress
    (x) Int16 n, then n times x      P pairs of Strings       e the fields of an error or notice

Secrets show as `***`, the length of a password as NN. A malformed message is shown as far as it
goes, and never read past its end, as libpq reads it.

Source: `fe-trace.c` (pqTraceOutputMessage, pqTraceOutputNoTypeByteMessage), read of release 18 and
compared with its library 18.6.
"""

from __future__ import annotations

from typing import Callable

from . import codes
from .codec import int32, uint16

__all__ = ["BACKEND", "FRONTEND", "REQUESTS", "answer", "line", "request"]

_AUTH_GSS, _AUTH_GSS_CONTINUE, _AUTH_SSPI = 7, 8, 9

#: tag -> name and layout
FRONTEND: dict[int, tuple[str, str]] = {
    ord("B"): ("Bind", "ss(h)(v)(h)"),
    ord("C"): ("Close", "cs"),
    ord("D"): ("Describe", "cs"),
    ord("E"): ("Execute", "si"),
    ord("F"): ("FunctionCall", "n(h)(v)h"),
    ord("H"): ("Flush", ""),
    ord("P"): ("Parse", "ss(n)"),
    ord("Q"): ("Query", "s"),
    ord("S"): ("Sync", ""),
    ord("X"): ("Terminate", ""),
    ord("c"): ("CopyDone", ""),
    ord("d"): ("CopyData", "d"),
    ord("f"): ("CopyFail", "s"),
}

BACKEND: dict[int, tuple[str, str]] = {
    codes.BACKEND_KEY_DATA: ("BackendKeyData", "nk"),
    codes.BIND_COMPLETE: ("BindComplete", ""),
    codes.CLOSE_COMPLETE: ("CloseComplete", ""),
    codes.COMMAND_COMPLETE: ("CommandComplete", "s"),
    codes.COPY_BOTH_RESPONSE: ("CopyBothResponse", "cH"),
    codes.COPY_DATA: ("CopyData", "d"),
    codes.COPY_DONE: ("CopyDone", ""),
    codes.COPY_IN_RESPONSE: ("CopyInResponse", "c(h)"),
    codes.COPY_OUT_RESPONSE: ("CopyOutResponse", "c(h)"),
    codes.DATA_ROW: ("DataRow", "(v)"),
    codes.EMPTY_QUERY_RESPONSE: ("EmptyQueryResponse", ""),
    codes.ERROR_RESPONSE: ("ErrorResponse", "e"),
    codes.FUNCTION_CALL_RESPONSE: ("FunctionCallResponse", "v"),
    codes.NEGOTIATE_PROTOCOL_VERSION: ("NegotiateProtocolVersion", "ii"),
    codes.NO_DATA: ("NoData", ""),
    codes.NOTICE_RESPONSE: ("NoticeResponse", "e"),
    codes.NOTIFICATION_RESPONSE: ("NotificationResponse", "nss"),
    codes.PARAMETER_DESCRIPTION: ("ParameterDescription", "(n)"),
    codes.PARAMETER_STATUS: ("ParameterStatus", "ss"),
    codes.PARSE_COMPLETE: ("ParseComplete", ""),
    codes.PORTAL_SUSPENDED: ("PortalSuspended", ""),
    codes.READY_FOR_QUERY: ("ReadyForQuery", "c"),
    codes.ROW_DESCRIPTION: ("RowDescription", "(snhnhih)"),
}

#: code -> name and layout of a message without a tag; any other code is a protocol version
REQUESTS: dict[int, tuple[str, str]] = {
    codes.CANCEL_REQUEST: ("CancelRequest", "hhnk"),
    codes.SSL_REQUEST: ("SSLRequest", "hh"),
    codes.GSSENC_REQUEST: ("GSSENCRequest", "hh"),
}
_STARTUP = ("StartupMessage", "hhP")

#: code of an `R` -> name and layout of what follows the code; MD5's salt is not shown by libpq
_AUTHENTICATION: dict[int, tuple[str, str]] = {
    codes.AUTH_OK: ("AuthenticationOk", ""),
    codes.AUTH_CLEARTEXT: ("AuthenticationCleartextPassword", ""),
    codes.AUTH_MD5: ("AuthenticationMD5Password", ""),
    _AUTH_GSS: ("AuthenticationGSS", ""),
    _AUTH_GSS_CONTINUE: ("AuthenticationGSSContinue", "k"),
    _AUTH_SSPI: ("AuthenticationSSPI", ""),
    codes.AUTH_SASL: ("AuthenticationSASL", "S"),
    codes.AUTH_SASL_CONTINUE: ("AuthenticationSASLContinue", "k"),
    codes.AUTH_SASL_FINAL: ("AuthenticationSASLFinal", "k"),
}

#: code of the `R` that was asked last -> the `p` that answers it
_ANSWERS: dict[int, tuple[str, str]] = {
    codes.AUTH_CLEARTEXT: ("PasswordMessage", "p"),
    codes.AUTH_MD5: ("PasswordMessage", "p"),
    _AUTH_GSS: ("GSSResponse", "k"),
    _AUTH_GSS_CONTINUE: ("GSSResponse", "k"),
    _AUTH_SSPI: ("GSSResponse", "k"),
    codes.AUTH_SASL: ("SASLInitialResponse", "sw"),
    codes.AUTH_SASL_CONTINUE: ("SASLResponse", "k"),
}
# A `p` that answers nothing we know of: libpq shows no byte of it, nor do we.
_UNKNOWN_ANSWER = ("UnknownAuthenticationResponse", "")

_AUTHENTICATE = ord("p")
_PRINTABLE = [bytes([b]) if 32 <= b < 127 else b"\\x%02x" % b for b in range(256)]
#: of an error's fields: what changes with the server's code is left out in regress mode
_OF_THE_SOURCE = frozenset(b"FLR")


class _Short(Exception):
    """The message ends before its layout does."""


class _Fields:
    """Writes a body's fields, as its layout says, to `out`."""

    def __init__(self, body: bytes, *, regress: bool) -> None:
        self.body = body
        self.position = 0
        self.regress = regress
        self.out: list[bytes] = []

    def write(self, layout: str) -> None:
        """Write the fields of a layout. Raises `_Short` where the body ends too early."""
        position = 0
        while position < len(layout):
            letter = layout[position]
            if letter == "(":
                stop = layout.index(")", position)
                for _ in range(self.int16()):
                    self.write(layout[position + 1 : stop])
                position = stop
            else:
                _FIELDS[letter](self)
            position += 1

    def _take(self, count: int) -> bytes:
        start = self.position
        self.position = start + count
        if not 0 <= count <= len(self.body) - start:
            raise _Short
        return self.body[start : start + count]

    def int16(self) -> int:
        value: int = uint16.unpack(self._take(2))[0]
        self.out.append(b" %d" % value)
        return value

    def int32(self) -> int:
        value: int = int32.unpack(self._take(4))[0]
        self.out.append(b" %d" % value)
        return value

    def number(self) -> None:
        if self.regress:
            self._take(4)
            self.out.append(b" NNNN")
        else:
            self.int32()

    def byte(self) -> int:
        value = self._take(1)[0]
        self.out.append(b" " + _PRINTABLE[value])
        return value

    def string(self, instead: bytes | None = None) -> bytes:
        stop = self.body.find(0, self.position)
        if stop < 0:
            stop = len(self.body)
        value = self._take(stop - self.position + 1)[:-1]
        self.out.append(b' "%b"' % (value if instead is None else instead))
        return value

    def secret_string(self) -> None:
        self.string(b"***")

    def strings(self) -> None:
        while self.string():
            pass

    def pairs(self) -> None:
        # Up to an empty name, which is not shown.
        while self.body[self.position : self.position + 1] != b"\0":
            self.string()
            self.string()

    def data(self, count: int) -> None:
        value = b"".join([_PRINTABLE[byte] for byte in self._take(count)])
        self.out.append(b" '%b'" % value)

    def secret(self, count: int) -> None:
        self._take(count)
        self.out.append(b" 'BBBB'" if self.regress else b" '***'")

    def value(self) -> None:
        length = self.int32()
        if length != -1:
            self.data(length)

    def secret_value(self) -> None:
        length = self.int32()
        if length != -1:
            self.secret(length)

    def secret_rest(self) -> None:
        self.secret(len(self.body) - self.position)

    def copied(self) -> None:
        if self.regress:
            self.secret_rest()
        else:
            self.data(len(self.body) - self.position)

    def int16s(self) -> None:
        while self.position < len(self.body):
            self.int16()

    def report(self) -> None:
        while True:
            field = self.byte()
            if not field:
                return
            self.string(b"SSSS" if self.regress and field in _OF_THE_SOURCE else None)


_FIELDS: dict[str, Callable[[_Fields], object]] = {
    "i": _Fields.int32,
    "n": _Fields.number,
    "h": _Fields.int16,
    "H": _Fields.int16s,
    "s": _Fields.string,
    "p": _Fields.secret_string,
    "S": _Fields.strings,
    "P": _Fields.pairs,
    "c": _Fields.byte,
    "v": _Fields.value,
    "w": _Fields.secret_value,
    "k": _Fields.secret_rest,
    "d": _Fields.copied,
    "e": _Fields.report,
}


def line(
    tag: int, body: bytes, *, frontend: bool, regress: bool = False, asked: int | None = None
) -> bytes:
    """Return the line for one message, and a second one where its length does not add up.

    Args:
        body: without tag and length word.
        frontend: we said it.
        asked: for a `p`: the code of the last authentication request.
    """
    length: bytes = b"%d" % (len(body) + 4)
    fields = _Fields(body, regress=regress)
    entry = (FRONTEND if frontend else BACKEND).get(tag)
    if frontend and tag == _AUTHENTICATE:
        entry = _ANSWERS.get(asked or 0, _UNKNOWN_ANSWER)
        if "p" in entry[1]:
            length = b"NN"
    elif not frontend and tag == codes.AUTHENTICATION and len(body) >= 4:
        code = int32.unpack_from(body)[0]
        fields.position = 4
        entry = _AUTHENTICATION.get(code, (f"Unknown authentication message {code}", ""))
    elif regress and not frontend and tag in (codes.ERROR_RESPONSE, codes.NOTICE_RESPONSE):
        length = b"NN"
    name, layout = entry or (f"Unknown message: {tag:02x}", "")
    try:
        fields.write(layout)
    except _Short:
        pass  # told by the second line
    out = [b"F\t" if frontend else b"B\t", length, b"\t", name.encode()]
    if layout:
        out.append(b"\t")
    out += fields.out
    out.append(b"\n")
    if fields.position != len(body):
        out.append(
            b"mismatched message length: consumed %d, expected %d\n"
            % (fields.position + 4, len(body) + 4)
        )
    return b"".join(out)


def request(body: bytes, *, regress: bool = False) -> bytes:
    """Return the line for a message without a tag; `body` follows the length word."""
    prefix = b"F\t%d\t" % (len(body) + 4)
    if len(body) < 4:
        return prefix + b"Unknown message\n"
    name, layout = REQUESTS.get(int32.unpack_from(body)[0], _STARTUP)
    fields = _Fields(body, regress=regress)
    try:
        fields.write(layout)
    except _Short:
        pass  # libpq has no second line here
    return b"".join((prefix, name.encode(), b"\t", *fields.out, b"\n"))


def answer(name: str, byte: int) -> bytes:
    """Return the line for the one byte that answers an SSLRequest or a GSSENCRequest.

    Source: pqTraceOutputCharResponse.
    """
    return b"B\t1\t%b\t %b\n" % (name.encode(), _PRINTABLE[byte])
