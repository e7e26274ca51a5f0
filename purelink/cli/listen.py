"""`purelink listen CHANNEL …`: print notifications as they come, whatever becomes of connections.

Floor 6. A connection that is lost is made anew, and the gap is told.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from ..conversation.listening import Gap
from ..cursors.listening import Listener
from ..errors import Error, OperationalError
from .options import (
    FAILED,
    NO_CONNECTION,
    CommandFailed,
    Parser,
    Voice,
    add_connection,
    add_speech,
    reached,
)
from .terminal import Output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

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
    parser.add_argument(
        "--patience",
        type=float,
        metavar="SECONDS",
        help="connect anew for so long when the connection is lost (default: for ever)",
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

    def listening(text: str, **keywords: Any) -> Listener:
        listener = Listener(text, *options.channels, patience=options.patience, **keywords)
        return listener.__enter__()

    try:
        with reached(options, voice, listening) as listener, Output(colour=options.color) as out:
            return _listen(listener, options, out, voice)
    except CommandFailed as failed:
        return failed.code
    except Error as error:
        voice.error(error)
        return NO_CONNECTION if isinstance(error, OperationalError) else FAILED


def _listen(listener: Listener, options: argparse.Namespace, out: Output, voice: Voice) -> int:
    end = None if options.timeout is None else time.monotonic() + options.timeout
    count = 0
    while options.count is None or count < options.count:
        left = None if end is None else max(0.0, end - time.monotonic())
        event = listener.next(left)
        if event is None:
            return 0 if options.count is None else FAILED
        if isinstance(event, Gap):
            _say_gap(event, out, voice, as_json=options.json)
        else:
            _say(event, out, as_json=options.json)
            count += 1
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


def _say_gap(gap: Gap, out: Output, voice: Voice, *, as_json: bool) -> None:
    """Say that notifications may have been missed: into the data, for whoever reads that."""
    if as_json:
        out.write(json.dumps({"gap": round(gap.seconds, 3), "reason": str(gap.error)}) + "\n")
        out.flush()
    else:
        voice.note(f"The connection was lost for {gap.seconds:.1f} s: what came then is lost, too.")
