"""Everything a TLS connection is made from, as plain data: `TLSSettings`.

Floor 2, pure: no file is looked at here, only the names of files are made.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["TLSSettings"]


class TLSSettings(NamedTuple):
    """The ssl* keywords as conninfo left them, for one target.

    Text is `str` with surrogateescape, as everywhere; None is an absent setting, and "" counts
    as absent for the files. `repr` masks the passphrase; pickling is refused.
    """

    #: "disable" … "verify-full"
    sslmode: str = "prefer"
    #: the name to verify and to send as SNI; "" where only `hostaddr` was given
    host: str = ""
    #: file, "system", or None: `root.crt` in the home folder
    sslrootcert: str | None = None
    #: file of revoked certificates; without it and `sslcrldir`: `root.crl` in the home folder
    sslcrl: str | None = None
    #: folder of them, hashed as OpenSSL wants it
    sslcrldir: str | None = None
    #: our certificate chain in PEM; None: `postgresql.crt` in the home folder
    sslcert: str | None = None
    #: its key in PEM or DER; None: `postgresql.key` in the home folder
    sslkey: str | None = None
    #: the key's passphrase
    sslpassword: str | None = None
    #: "disable", "allow", "require"
    sslcertmode: str = "allow"
    #: SNI is sent if this begins with "1"
    sslsni: str | None = "1"
    #: "TLSv1" … "TLSv1.3" in any letter case; "" or None: no bound
    ssl_min_protocol_version: str | None = "TLSv1.2"
    #: the same
    ssl_max_protocol_version: str | None = None
    #: file to append the session's secrets to
    sslkeylogfile: str | None = None
    #: sslnegotiation=direct
    direct: bool = False
    #: the home folder (on Windows: `%APPDATA%\postgresql`); None: there is none
    home: str | None = None
    #: False: the default files of our own certificate and key are not looked for
    lend: bool = True

    @classmethod
    def from_settings(
        cls, settings: Mapping[str, str | None], target: Any, home: str | None, *, lend: bool = True
    ) -> TLSSettings:
        """Take what concerns TLS out of the settings.

        Args:
            settings: keyword to value or None; a missing keyword is an absent value.
            target: anything with a `host` ("" or None where only an address was given).
            home: the user's home folder, or None.
            lend: False for a session that may not use the program's own certificate.
        """
        return cls(
            sslmode=settings.get("sslmode") or "prefer",
            host=target.host or "",
            sslrootcert=settings.get("sslrootcert"),
            sslcrl=settings.get("sslcrl"),
            sslcrldir=settings.get("sslcrldir"),
            sslcert=settings.get("sslcert"),
            sslkey=settings.get("sslkey"),
            sslpassword=settings.get("sslpassword"),
            sslcertmode=settings.get("sslcertmode") or "allow",
            sslsni=settings.get("sslsni"),
            ssl_min_protocol_version=settings.get("ssl_min_protocol_version"),
            ssl_max_protocol_version=settings.get("ssl_max_protocol_version"),
            sslkeylogfile=settings.get("sslkeylogfile"),
            direct=settings.get("sslnegotiation") == "direct",
            home=home,
            lend=lend,
        )

    def default_file(self, name: str) -> str | None:
        """Return the path of a file in the home folder, or None without a home.

        Source: libpq, pqGetHomeDirectory and ROOT_CERT_FILE, USER_CERT_FILE, USER_KEY_FILE.
        """
        if self.home is None:
            return None
        if os.name == "nt":
            return f"{self.home}\\{name}"
        return f"{self.home}/.postgresql/{name}"

    def __repr__(self) -> str:
        shown = (
            f"{name}={'***' if name == 'sslpassword' and value else repr(value)}"
            for name, value in zip(self._fields, self)
            if value != self._field_defaults[name]
        )
        return f"TLSSettings({', '.join(shown)})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("TLSSettings cannot be pickled: it may hold a passphrase")
