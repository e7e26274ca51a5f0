"""The server's certificate: any bytes as the DER that TLS hands over, and as a private key file.

Input: the certificate (or the key).
Invariant: names, a hash and a label, or a documented refusal; lengths that lie cost nothing.
Allowed exceptions: `Malformed` (a ValueError), `TLSFailure` where there is no hash.

    python -m fuzz.certificate --runs 100000
"""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fuzz import runner
from fuzz.values import damaged
from purelink.tls import certificate
from purelink.tls.failure import TLSFailure

if TYPE_CHECKING:
    from random import Random

__all__ = ["example", "one"]

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "unit" / "tls" / "certificates"


def one(data: bytes) -> None:
    """Try one certificate."""
    try:
        found = certificate.names(data)
    except certificate.Malformed:
        pass
    else:
        assert sum(map(len, map(repr, found))) <= 40 * len(data) + 200
    try:
        digest = certificate.end_point_hash(data)
    except (certificate.Malformed, TLSFailure):
        pass
    else:
        assert 16 <= len(digest) <= 64
    certificate.key_label(data)


def example(random: Random) -> bytes:
    """Return one of the test certificates or keys, damaged or not."""
    path = random.choice(sorted(FOLDER.glob("*.pem")) + sorted(FOLDER.glob("*.key")))
    content = path.read_bytes()
    if path.suffix == ".pem":
        content = ssl.PEM_cert_to_DER_cert(
            content.decode().strip()[: content.find(b"-----END") + 25]
        )
    return damaged(random, content)


if __name__ == "__main__":
    sys.exit(runner.run("certificate", sys.argv[1:]))
