# SPDX-License-Identifier: Apache-2.0
"""A port that leads to a MySQL server, whose session it can end with the server's kind of error."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from types import TracebackType


class Relay:
    """Passes on what its clients and the server say, until a client is to be told an error."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._error: bytes | None = None
        self._sockets = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def end_next(self, code: int, state: str, text: str) -> None:
        """Answer what a client says next by an error, and end its link."""
        payload = b"\xff" + struct.pack("<H", code) + f"#{state}{text}".encode()
        self._error = struct.pack("<I", len(payload))[:3] + b"\x01" + payload

    def __enter__(self) -> Relay:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            server = socket.create_connection(self._target)
            self._sockets += [client, server]
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                error = self._error
                if error is not None:
                    self._error = None
                    source.sendall(error)
                    source.shutdown(socket.SHUT_RDWR)
                    break
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
