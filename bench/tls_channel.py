"""How dear is TLS by `MemoryBIO` beside `SSLSocket`? The client's CPU seconds for bulk reads.

A child process sends records of 8 kB (PostgreSQL's send buffer) over loopback; the client reads
everything in pieces of about 64 kB. Ways: plain socket; `SSLSocket.recv`; our `Engine` fed
by a raw socket. One run a way and round, in turn; medians. `python bench/tls_channel.py [MB]`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import ssl
import statistics
import sys
import time
from pathlib import Path
from typing import Callable

from purelink.tls import TLSSettings, engine

CERTIFICATES = Path(__file__).parents[1] / "tests" / "unit" / "tls" / "certificates"
RECORD, READ = 8192, 65536


def serve(listener: socket.socket, megabytes: int, *, secured: bool) -> None:
    """Send that much to whoever connects, once."""
    peer, _ = listener.accept()
    if secured:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / "san-localhost.pem", CERTIFICATES / "server.key")
        peer = context.wrap_socket(peer, server_side=True)
    record = os.urandom(RECORD)
    for _ in range(megabytes * 1_000_000 // RECORD):
        peer.sendall(record)
    peer.close()


def read_plain(channel: socket.socket) -> int:
    """Read everything; returns the bytes counted, as all ways do."""
    total = 0
    while data := channel.recv(READ):
        total += len(data)
    return total


def read_ssl_socket(channel: socket.socket) -> int:
    """Read through `SSLSocket`, gathered as a pump gathers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    secured = context.wrap_socket(channel)
    total = 0
    while True:
        pieces, size = [], 0
        while size < READ:
            data = secured.recv(READ)
            if not data:
                return total + size
            pieces.append(data)
            size += len(data)
        total += len(b"".join(pieces))


def read_engine(channel: socket.socket) -> int:
    """Read through `purelink.tls.Engine` on a raw socket."""
    made = engine(TLSSettings(sslmode="require", host="localhost"))
    while not made.handshake():
        channel.sendall(made.drain())
        made.feed(channel.recv(READ))
    channel.sendall(made.drain())
    total = 0
    while True:
        data = made.read()
        if data:
            total += len(data)
            continue
        received = channel.recv(READ)
        if not received:
            return total  # the bench's server sends no close_notify
        made.feed(received)


WAYS: dict[str, Callable[[socket.socket], int]] = {
    "plain": read_plain,
    "SSLSocket": read_ssl_socket,
    "MemoryBIO": read_engine,
}


def measure(way: str, megabytes: int) -> tuple[float, float]:
    """Return CPU seconds and seconds of the reading side."""
    listener = socket.create_server(("127.0.0.1", 0))
    child = os.fork()
    if child == 0:
        try:
            serve(listener, megabytes, secured=way != "plain")
        finally:
            os._exit(0)
    with listener, socket.create_connection(listener.getsockname()) as channel:
        before, began = time.process_time(), time.perf_counter()
        total = WAYS[way](channel)
        spent, took = time.process_time() - before, time.perf_counter() - began
    os.waitpid(child, 0)
    assert total == megabytes * 1_000_000 // RECORD * RECORD, total
    return spent, took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("megabytes", nargs="?", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    runs: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(wanted.rounds):
        for way in WAYS:
            runs[way].append(measure(way, wanted.megabytes))
    cpu = {way: statistics.median(run[0] for run in found) for way, found in runs.items()}
    wall = {way: statistics.median(run[1] for run in found) for way, found in runs.items()}
    if wanted.json:
        print(json.dumps({"megabytes": wanted.megabytes, "cpu": cpu, "wall": wall}))
        return
    print(f"{wanted.megabytes} MB, Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, "
          f"{os.cpu_count()} cores, median of {wanted.rounds}\n")  # fmt: skip
    print("| way | client CPU s | wall s | CPU beside SSLSocket |\n|---|---|---|---|")
    for way in WAYS:
        print(f"| {way} | {cpu[way]:.2f} | {wall[way]:.2f} | {cpu[way] / cpu['SSLSocket']:.2f} |")


if __name__ == "__main__":
    if not hasattr(os, "fork"):
        sys.exit("needs fork")
    main()
