"""`ConnectionInfo`: what psycopg's users look for on `connection.info`.

Floor 5. Nothing here asks the server anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import tzinfo

    from ..face import Face

__all__ = ["ConnectionInfo"]


class ConnectionInfo:
    """What is known of a connection, by psycopg's names; see `Connection`'s properties too."""

    def __init__(self, face: Face) -> None:
        self._face = face

    @property
    def vendor(self) -> str:
        """Whose server it is, by the protocol."""
        return "PostgreSQL"

    @property
    def host(self) -> str:
        """The host's name, or the directory of the unix socket."""
        target = self._face.target
        return target.socket_directory or target.host or target.hostaddr

    @property
    def hostaddr(self) -> str:
        """The address that was reached; "" for a unix socket."""
        address = self._face.talk.connected.address
        return "" if address.family == "unix" else address.host

    @property
    def port(self) -> int:
        """The port."""
        return int(self._face.target.port)

    @property
    def dbname(self) -> str:
        """The database."""
        return self._face.settings["dbname"] or ""

    @property
    def user(self) -> str:
        """The role that was connected as."""
        return self._face.settings["user"] or ""

    @property
    def options(self) -> str:
        """The setting `options`."""
        return self._face.settings["options"] or ""

    @property
    def dsn(self) -> str:
        """The settings that were given, as a connection string, without secrets."""
        from ..conninfo import format as written

        return written(self.get_parameters())

    def get_parameters(self) -> dict[str, str]:
        """Return the settings that were given, not the defaults, without secrets."""
        settings = self._face.settings
        found = {}
        for keyword in settings:
            value = settings[keyword]
            if value is None or keyword in _SECRET:
                continue
            if settings.source(keyword).kind != "default":
                found[keyword] = value
        return found

    @property
    def server_version(self) -> int:
        """180006 for 18.6."""
        return self._face.server_version

    @property
    def protocol_version(self) -> int:
        """3: the major version."""
        return self._face.protocol_version[0]

    @property
    def full_protocol_version(self) -> int:
        """30002 for 3.2."""
        major, minor = self._face.protocol_version
        return major * 10000 + minor

    @property
    def backend_pid(self) -> int:
        """Process ID of the server's backend; 0 if it did not tell."""
        return self._face.backend_pid or 0

    @property
    def transaction_status(self) -> str:
        """As `Connection.transaction_status`."""
        return self._face.transaction_status

    def parameter_status(self, name: str) -> str | None:
        """Return a parameter that the server reported (ParameterStatus); None if it did not."""
        return self._face.talk.session.parameters.get(name)

    @property
    def encoding(self) -> str:
        """Python's name of the session's client_encoding."""
        return self._face.talk.session.encoding

    @property
    def timezone(self) -> tzinfo:
        """The session's time zone; UTC where Python does not know it."""
        from datetime import timezone

        name = self.parameter_status("TimeZone")
        if name:
            try:
                from zoneinfo import ZoneInfo

                return ZoneInfo(name)
            except Exception:  # noqa: S110 - whatever a strange name meets on this machine
                pass
        return timezone.utc

    @property
    def used_password(self) -> bool:
        """The server asked for a password."""
        return self._face.password_used

    @property
    def error_message(self) -> str:
        """What the connection was lost by; "" while it stands, and where it was closed."""
        failure: Any = self._face.talk.session.failure
        return "" if failure is None else str(failure)

    def __repr__(self) -> str:
        return f"<ConnectionInfo {self.dsn}>"


_SECRET = frozenset(
    ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")
)
