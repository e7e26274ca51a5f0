"""`purelink listen CHANNEL …`: print notifications as they come.

Floor 6.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from ..errors import Error
from ..values.quoting import identifier
from .options import (
    FAILED,
    NO_CONNECTION,
    CommandFailed,
    Parser,
    Voice,
    add_connection,
    add_speech,
    opened,
)
from .terminal import Output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..connection import Connection
    from ..wire.session import Notification

__all__ = ["main"]

EXAMPLES = [
    "purelink listen jobs",
    "purelink listen jobs mail --count 1 --timeout 60 --json",
    'purelink listen jobs --json | while read -r line; do work "$line"; done',
]


def _parser() -> Parser:
    parser = Parser("listen", "Wait for NOTIFY on channels, and print each one.", EXAMPLES)
    parser.add_argument("channels", metavar="CHANNEL", nargs="+", help="as it stands: Jobs is Jobs")
    parser.add_argument("--count", type=int, metavar="N", help="end after so many")
    parser.add_argument(
        "--timeout",
        type=float,
        metavar="SECONDS",
        help="end after so long: with exit code 1 if --count was not reached",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    add_speech(parser)
    add_connection(parser)
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.count is not None and options.count < 1:
        parser.error("--count must be 1 at least")
    voice = Voice(colour=options.color, as_json=options.json)
    try:
        with opened(options, voice) as connection, Output(colour=options.color) as out:
            return _listen(connection, options, out, voice)
    except CommandFailed as failed:
        return failed.code


def _listen(connection: Connection, options: argparse.Namespace, out: Output, voice: Voice) -> int:
    end = None if options.timeout is None else time.monotonic() + options.timeout
    count = 0
    try:
        for channel in options.channels:
            connection.query(f"LISTEN {identifier(channel)}")
        while options.count is None or count < options.count:
            left = None if end is None else max(0.0, end - time.monotonic())
            notification = connection.wait_for_notification(left)
            if notification is None:
                return 0 if options.count is None else FAILED
            _say(notification, out, as_json=options.json)
            count += 1
    except Error as error:
        voice.error(error)
        return NO_CONNECTION if connection.closed else FAILED
    return 0


def _say(notification: Notification, out: Output, *, as_json: bool) -> None:
    if as_json:
        out.write(json.dumps(notification._asdict(), ensure_ascii=False) + "\n")
    else:
        payload = f' with payload "{notification.payload}"' if notification.payload else ""
        out.write(
            f'Asynchronous notification "{notification.channel}"{payload}'
            f" received from server process with PID {notification.pid}.\n"
        )
    out.flush()
