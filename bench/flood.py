# SPDX-License-Identifier: Apache-2.0
"""Servers that let anybody in and never stop talking. Usage: python -m bench.flood ADDRESS ..."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import suppress

PORT = 15432
_SSL_REQUEST = 8  # bytes
# PostgreSQL's protocol: AuthenticationOk; NoticeResponse, of 4 + 4 + 1 bytes behind its kind.
_LET_IN = b"R\0\0\0\x08\0\0\0\0"
_NOTICES = b"N\0\0\0\x09Mno\0\0" * 6000


def talk(client: socket.socket) -> None:
    with client, suppress(OSError):
        if len(client.recv(4096)) == _SSL_REQUEST:
            client.sendall(b"N")
            client.recv(4096)
        client.sendall(_LET_IN)
        while True:
            client.sendall(_NOTICES)


def serve(listening: socket.socket) -> None:
    while True:
        client, _ = listening.accept()
        threading.Thread(target=talk, args=[client], daemon=True).start()


if __name__ == "__main__":
    for address in sys.argv[1:]:
        server = socket.create_server((address, PORT))
        threading.Thread(target=serve, args=[server], daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
