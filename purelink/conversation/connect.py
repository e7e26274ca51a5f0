"""Connecting as libpq 18 does: host by host, address by address, one encryption after another.

Floor 3, pure. `connect` tries the targets of the settings until one is fit, and tells the whole
story of all attempts when none is: a prefixed line an attempt, in libpq's words. Each failure says
where it leads (`attempt.Failed.then`).

Source: `fe-connect.c` (PQconnectPoll, connectFailureMessage), `fe-auth.c`; the manual's sections on
multiple hosts and on `target_session_attrs`.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

from ..conninfo import integer
from ..errors import (
    AuthenticationError,
    ConnectError,
    ConninfoError,
    Error,
    PolicyError,
)
from ..wire.dialogues import terminate
from ..wire.startup import bounded
from ..wire.wants import (
    Address,
    Close,
    Deliver,
    Dialogue,
    Limit,
    LimitExpired,
    Resolve,
)
from .attempt import (
    ADDRESS,
    AGAIN,
    ENCRYPTION,
    HOST,
    STOP,
    Attempt,
    Connected,
    Failed,
    Plan,
    bare,
)
from .fitness import is_fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..conninfo import Target

__all__ = ["Connected", "Plan", "bare", "connect"]

#: sun_path of Linux, less its NUL
_SOCKET_PATH_AT_MOST = 107


def connect(plan: Plan) -> Dialogue[Connected]:
    """Connect to the first fit server.

    Raises:
        ConnectError: none was; its message is libpq's, its `attempts` the story.
        AuthenticationError: the last attempt failed over who is who.
        InterfaceError: something in the settings cannot be sent.
        PolicyError: the plan's policy does not allow it.
    """
    policy = plan.policy
    if policy is None:
        return (yield from _Connecting(plan).run())
    own = plan.password is not None or plan.token is not None or plan.gss is not None
    policy.check_settings(plan.settings, credentials=own)
    seat = policy.seat()
    try:
        connected = yield from _Connecting(plan).run()
    except BaseException:
        policy.leave(seat)
        raise
    # It is taken as long as somebody holds the connection and it is open.
    seat.session, connected.seat = connected.session, seat
    return connected


class _Connecting:
    """One run of `connect`: what was tried, and what came of it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.settings = plan.settings
        self.story: list[tuple[str, str]] = []
        self.last: Failed | None = None
        self.attempt: Attempt | None = None
        self.timeout: float | None = None
        self.timeout_known = False

    def run(self) -> Dialogue[Connected]:
        wish = self.settings["target_session_attrs"] or "any"
        rounds = ["standby", "any"] if wish == "prefer-standby" else [wish]
        for each, target in product(rounds, self.settings.targets):
            try:
                return (yield from self._host(target, each))
            except Failed as failed:
                self.last = failed
            if self.last.then is STOP or self.plan.once:
                break
        # Not in the clause above: what failed would be shown with it, down to its frames.
        raise self._error() from (self.last.cause if self.last is not None else None)

    def _error(self) -> ConnectError:
        last = self.last
        text = "\n".join(line for _, line in self.story)
        diagnostics = last.diagnostics if last is not None else None
        kind: type[ConnectError] = ConnectError
        if last is not None and (
            isinstance(last.cause, AuthenticationError)
            or (diagnostics is not None and (diagnostics.sqlstate or "")[:2] == "28")
        ):
            kind = AuthenticationError
        sqlstate = None if diagnostics is not None and diagnostics.sqlstate else "08001"
        error = kind(text, attempts=self.story, diagnostics=diagnostics, sqlstate=sqlstate)
        authentication = self.attempt.authentication if self.attempt is not None else None
        if authentication is not None:
            error.password_needed = authentication.needs_password
            if isinstance(error, AuthenticationError):
                error.discovery = authentication.discovery
        return error

    def _tell(self, where: str, prefix: str, failed: Failed) -> None:
        line = (prefix if failed.prefixed else "") + failed.text
        self.story.append((where, line))
        self.plan.log("info", line)

    # -- one host ---------------------------------------------------------------------------

    def _host(self, target: Target, wish: str) -> Dialogue[Connected]:
        where = _spell(target)
        self.attempt = None
        try:
            addresses = yield from self._addresses(target)
        except Failed as failed:
            self._tell(where, "", failed)
            raise
        last = Failed(f'no address for host "{target.host}"', HOST)
        for address in addresses:
            limit = Limit(self.timeout)
            try:
                return (yield from self._address(target, address, wish, limit))
            except Failed as caught:
                last = caught
                if caught.then in (HOST, STOP):
                    raise
        raise last

    def _addresses(self, target: Target) -> Dialogue[Sequence[Address]]:
        try:
            port = integer(target.port, "port")
        except ConninfoError as error:
            raise Failed(str(error), STOP, cause=error) from error
        if not 1 <= port <= 65535:
            raise Failed(f'invalid port number: "{target.port}"', HOST)
        if self.plan.dial is not None:
            name = target.hostaddr or target.host or target.socket_directory
            return [Address("own", name, port, partial(self.plan.dial, target))]
        if target.kind == "socket":
            path = f"{target.socket_directory}/.s.PGSQL.{port}"
            if len(path.encode("utf-8", "surrogateescape")) > _SOCKET_PATH_AT_MOST:
                raise Failed(
                    f'Unix-domain socket path "{path}" is too long'
                    f" (maximum {_SOCKET_PATH_AT_MOST} bytes)",
                    HOST,
                )
            return [Address("unix", path, 0)]
        found = yield from self._looked_up(target, port)
        # These very addresses are opened: nobody can make the name lead elsewhere meanwhile.
        return found if self.plan.policy is None else self.plan.policy.screen(target, found)

    def _looked_up(self, target: Target, port: int) -> Dialogue[list[Address]]:
        numeric = target.kind == "address"
        name = target.hostaddr if numeric else target.host
        try:
            found: list[Address] = yield Resolve(name, port, numeric=numeric)
        except OSError as error:
            what = "parse network address" if numeric else "translate host name"
            tail = "" if numeric else " to address"
            raise Failed(
                f'could not {what} "{name}"{tail}: {error.strerror or error}', HOST, cause=error
            ) from error
        if self.plan.shuffle is not None and self.settings["load_balance_hosts"] == "random":
            self.plan.shuffle(found)
        return found

    # -- one address ------------------------------------------------------------------------

    def _address(
        self, target: Target, address: Address, wish: str, limit: Limit
    ) -> Dialogue[Connected]:
        where = _spell(target)
        prefix = _prefix(target, address)
        sslmode = self.settings["sslmode"] or "prefer"
        methods = _METHODS[sslmode]
        if address.family == "unix" or (target.kind == "socket" and "plain" in methods):
            methods = ["plain"]
        else:
            if self.plan.tls_settings is None:
                methods = [method for method in methods if method == "plain"]
            if not methods:
                refusal = Failed(
                    f'sslmode value "{sslmode}" invalid when SSL support is not compiled in',
                    STOP,
                    prefixed=False,
                )
                self._tell(where, prefix, refusal)
                raise refusal
        remaining = list(methods)
        named = True
        while True:
            attempt = self.attempt = Attempt(self.plan, target, address, remaining, named=named)
            self.plan.log("debug", f"trying {where} ({address.host}), {attempt.method}")
            try:
                connected = yield from self._limited(attempt, wish, limit)
                if self.plan.policy is not None:
                    yield from self._check_reached(connected)
                self.plan.log("info", f"connected to {where}, {_secured(connected)}")
                return connected
            except Failed as failed:
                yield Close()
                self._tell(where, prefix, failed)
                if self.plan.once:
                    raise
                if failed.then is AGAIN and named:
                    # The server would not take application_name: once more without it.
                    named, remaining = False, [attempt.method]
                    self.story.pop()
                    continue
                if failed.then is ENCRYPTION and remaining:
                    continue
                then = STOP if failed.then in (ENCRYPTION, AGAIN) else failed.then
                failed.then = then
                raise
            except GeneratorExit:
                # Abandoned: whoever held the dialogue holds the channel too.
                raise
            except Error as error:
                yield Close()
                raise bare(error)  # noqa: B904 - it is the same
            except BaseException:
                yield Close()
                raise

    def _limited(self, attempt: Attempt, wish: str, limit: Limit) -> Dialogue[Connected]:
        """Run one attempt within connect_timeout; the clock is the address's, not the attempt's."""
        if not self.timeout_known and attempt.address.family != "unix":
            self._learn_timeout(limit)
        try:
            connected = yield from bounded(attempt.run(), limit)
            if not self.timeout_known:
                self._learn_timeout(limit)
            yield from bounded(self._fit(connected, wish), limit)
        except LimitExpired as expired:
            if expired.limit is not limit:
                raise
            raise Failed("timeout expired", ADDRESS, cause=expired) from expired
        connected.attempts = tuple(self.story)
        return connected

    def _learn_timeout(self, limit: Limit) -> None:
        # libpq reads connect_timeout only when the first attempt is under way.
        text = self.settings["connect_timeout"]
        if text is not None:
            try:
                seconds = integer(text, "connect_timeout")
            except ConninfoError as error:
                raise Failed(str(error), STOP, cause=error) from error
            if seconds > 0:
                self.timeout = float(seconds)
                limit.seconds = self.timeout
        self.timeout_known = True

    def _fit(self, connected: Connected, wish: str) -> Dialogue[None]:
        refusal = yield from is_fit(connected.session, wish)
        if refusal is not None:
            yield from _leave()
            raise Failed(refusal, HOST)

    def _check_reached(self, connected: Connected) -> Dialogue[None]:
        authentication = self.attempt.authentication if self.attempt is not None else None
        try:
            self.plan.policy.check_reached(
                family=connected.address.family,
                encrypted=connected.secured is not None,
                method=authentication.method if authentication is not None else None,
            )
        except PolicyError:
            yield from _leave()
            raise


def _leave() -> Dialogue[None]:
    try:
        yield Deliver(terminate())
    except OSError:
        pass  # a polite word, no more: the server is left either way


_METHODS = {
    "disable": ["plain"],
    "allow": ["plain", "tls"],
    "prefer": ["tls", "plain"],
    "require": ["tls"],
    "verify-ca": ["tls"],
    "verify-full": ["tls"],
}


def _spell(target: Target) -> str:
    """Return a target as text, for the story."""
    if target.kind == "socket":
        return f"{target.socket_directory}/.s.PGSQL.{target.port}"
    name = target.hostaddr if target.kind == "address" else target.host
    return f"{name}:{target.port}"


def _secured(connected: Connected) -> str:
    secured = connected.secured
    return "in plaintext" if secured is None else f"{secured.version} ({secured.cipher})"


def _prefix(target: Target, address: Address) -> str:
    """Return what libpq writes before an attempt's failure. Source: emitHostIdentityInfo."""
    if address.family == "unix":
        return f'connection to server on socket "{address.host}" failed: '
    shown = target.hostaddr if target.kind == "address" else target.host
    if address.family == "own":
        at = f' at "{shown}", port {target.port}' if shown else ""
        return f"connection to server{at} over the caller's transport failed: "
    resolved = "" if shown == address.host or target.kind == "address" else f" ({address.host})"
    return f'connection to server at "{shown}"{resolved}, port {target.port} failed: '
