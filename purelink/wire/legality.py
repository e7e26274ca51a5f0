"""What may be heard and said when: the protocol's states as tables.

Floor 1, pure data. `HEARD[state]` maps a backend message's tag to the state that follows; a tag
that is not there is a violation, and the connection is closed: after one malformed answer nobody
can tell which answer belongs to which query, which is what injection attacks exploit.

Two following states are no states: `NEXT` takes the next step off the queue of what was asked,
`SKIP` drops the queue up to its next Sync, since the server discards everything up to there.

N, S and A (notice, parameter status, notification) may come between any two messages once the
user is authenticated; they stand in no row. A FATAL error may come at any time and is the last
word. The steps of an extended batch are states too: a queue holds one for each message sent.

            STARTUP -v-> NEGOTIATED -R-> AUTH -Ok-> AUTHENTICATED -K-> KEYED -Z-> IDLE
    IDLE -Q-> SIMPLE -T-> SIMPLE_ROWS -C-> SIMPLE_MORE -Z-> IDLE
    IDLE -P B D E S-> PARSE, BIND, DESCRIBE_PORTAL, EXECUTE, SYNC (queued) -Z-> IDLE

Source: the manual's "Message Flow", and `fe-protocol3.c` (pqParseInput3).
"""

from __future__ import annotations

__all__ = ["HEARD", "NEXT", "SAID", "SKIP"]

# pseudo-states
NEXT = "next"
SKIP = "skip"

# before the session
STARTUP = "startup"
NEGOTIATED = "negotiated"
AUTH = "authentication"
AUTHENTICATED = "authenticated"
KEYED = "keyed"

IDLE = "idle"
CLOSED = "closed"

# a simple query
SIMPLE = "simple query"
SIMPLE_ROWS = "rows of a simple query"
SIMPLE_MORE = "simple query, something complete"
SIMPLE_FAILED = "simple query, failed"

# the steps of an extended batch
PARSE = "parse"
BIND = "bind"
DESCRIBE_STATEMENT = "describe statement"
DESCRIBED_PARAMETERS = "describe statement, parameters told"
DESCRIBE_PORTAL = "describe portal"
EXECUTE = "execute"
EXECUTE_ROWS = "rows of an execute"
CLOSE = "close"
SYNC = "sync"
# committing what came before the Sync failed: a deferred constraint
SYNC_FAILED = "sync, failed"
# all steps are answered and their Sync is not said yet
OPEN = "extended batch, to be synced"
OPEN_FAILED = "extended batch, failed, to be synced"

# COPY, in either protocol: where it leads afterwards is kept by the session
COPY_IN = "copy in"
COPY_IN_ENDED = "copy in, ended by us"
COPY_OUT = "copy out"
COPY_OUT_ENDED = "copy out, ended"
COPY_BOTH = "copy both"
COPY_BOTH_ENDED = "copy both, ended by us"
# A COPY FROM of the extended protocol failed: nobody knows whether the server swallowed the Sync
# that was sent behind the Execute (it ignores one that it reads while it takes data).
COPY_IN_FAILED = "copy in, failed"
# Sync, Close, Sync went out: whatever comes before CloseComplete belongs to the doubtful Syncs.
RESYNC = "copy in, failed, marked"

FUNCTION = "function call"
FUNCTION_DONE = "function call, answered"
FUNCTION_FAILED = "function call, failed"


def _tags(**following: str) -> dict[int, str]:
    # Keyword arguments cannot begin with a digit: _1 stands for the tag "1".
    return {ord(tag.lstrip("_")): state for tag, state in following.items()}


HEARD: dict[str, dict[int, str]] = {
    STARTUP: _tags(v=NEGOTIATED, R=AUTH, E=CLOSED),
    NEGOTIATED: _tags(R=AUTH, E=CLOSED),
    # The exchange itself decides when AuthenticationOk ends it: `auth.Authentication`.
    AUTH: _tags(R=AUTH, E=CLOSED),
    AUTHENTICATED: _tags(K=KEYED, Z=IDLE, E=CLOSED),
    KEYED: _tags(Z=IDLE, E=CLOSED),
    IDLE: {},
    CLOSED: {},
    SIMPLE: _tags(
        T=SIMPLE_ROWS,
        C=SIMPLE_MORE,
        I=SIMPLE_MORE,
        E=SIMPLE_FAILED,
        G=COPY_IN,
        H=COPY_OUT,
        W=COPY_BOTH,
    ),
    SIMPLE_ROWS: _tags(D=SIMPLE_ROWS, C=SIMPLE_MORE, E=SIMPLE_FAILED),
    SIMPLE_MORE: _tags(
        T=SIMPLE_ROWS,
        C=SIMPLE_MORE,
        I=SIMPLE_MORE,
        E=SIMPLE_FAILED,
        G=COPY_IN,
        H=COPY_OUT,
        W=COPY_BOTH,
        Z=NEXT,
    ),
    SIMPLE_FAILED: _tags(Z=NEXT),
    PARSE: _tags(_1=NEXT, E=SKIP),
    BIND: _tags(_2=NEXT, E=SKIP),
    DESCRIBE_STATEMENT: _tags(t=DESCRIBED_PARAMETERS, E=SKIP),
    DESCRIBED_PARAMETERS: _tags(T=NEXT, n=NEXT, E=SKIP),
    DESCRIBE_PORTAL: _tags(T=NEXT, n=NEXT, E=SKIP),
    EXECUTE: _tags(
        D=EXECUTE_ROWS,
        C=NEXT,
        s=NEXT,
        I=NEXT,
        G=COPY_IN,
        H=COPY_OUT,
        W=COPY_BOTH,
        E=SKIP,
    ),
    EXECUTE_ROWS: _tags(D=EXECUTE_ROWS, C=NEXT, s=NEXT, E=SKIP),
    CLOSE: _tags(_3=NEXT, E=SKIP),
    SYNC: _tags(Z=NEXT, E=SYNC_FAILED),
    SYNC_FAILED: _tags(Z=NEXT),
    OPEN: {},
    OPEN_FAILED: {},
    COPY_IN: _tags(E=SKIP),
    COPY_IN_ENDED: _tags(C=NEXT, E=SKIP),
    COPY_OUT: _tags(d=COPY_OUT, c=COPY_OUT_ENDED, E=SKIP),
    COPY_OUT_ENDED: _tags(C=NEXT, E=SKIP),
    COPY_BOTH: _tags(d=COPY_BOTH, c=COPY_IN, E=SKIP),
    COPY_BOTH_ENDED: _tags(d=COPY_BOTH_ENDED, c=COPY_OUT_ENDED, E=SKIP),
    COPY_IN_FAILED: _tags(Z=COPY_IN_FAILED),
    RESYNC: _tags(Z=RESYNC, _3=SYNC),
    FUNCTION: _tags(V=FUNCTION_DONE, E=FUNCTION_FAILED),
    FUNCTION_DONE: _tags(Z=NEXT),
    FUNCTION_FAILED: _tags(Z=NEXT),
}

_EXTENDED = frozenset(b"PBDECSH")

#: What we may say, by state. Extended messages may be queued behind each other (a pipeline) but
#: not behind a simple query; data of a COPY only while the server takes it.
SAID: dict[str, frozenset[int]] = {
    IDLE: frozenset(b"QFX") | _EXTENDED,
    COPY_IN: frozenset(b"dcf"),
    COPY_BOTH: frozenset(b"dcf"),
    **dict.fromkeys(
        (
            PARSE,
            BIND,
            DESCRIBE_STATEMENT,
            DESCRIBED_PARAMETERS,
            DESCRIBE_PORTAL,
            EXECUTE,
            EXECUTE_ROWS,
            CLOSE,
            SYNC,
            SYNC_FAILED,
            OPEN,
            OPEN_FAILED,
        ),
        _EXTENDED,
    ),
}
