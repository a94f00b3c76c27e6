# SPDX-License-Identifier: Apache-2.0
"""Real MariaDB servers that differ in their TLS, and a listener that records what it passes on."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mysql.connector
from aurora_lab import eventually
from aurora_lab.mariadb.programs import Programs

USER, PASSWORD = "ruled", "secret-of-ruled"
OTHER_USER, OTHER_PASSWORD = "plain", "secret-of-plain"
"""An account without any requirement, which sees the links of all."""

_QUICK = (
    "--no-defaults",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=4M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-fast-shutdown=1",
    "--performance-schema=0",
    "--aria-pagecache-buffer-size=1M",
    "--bind-address=127.0.0.1",
)


class TlsServers:
    """Starts servers, which are copies of one another but for their arguments."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tls-servers-"))
        self.folder.chmod(0o755)
        self._programs = Programs()
        self._running: list[Any] = []
        self._template = self._new_folder("template")
        self._programs.run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self._template / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            cwd=self._template,
        )

    def _new_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        self._programs.give(folder)
        return folder

    def give(self, path: Path) -> None:
        """Let the servers read a file that only its owner may."""
        self._programs.give(path)

    def start(self, name: str, *arguments: str, requires: str = "NONE") -> int:
        """Start a server and return its port; ``requires`` is what of the account USER."""
        folder = self._new_folder(name)
        shutil.copytree(self._template / "data", folder / "data")
        for path in (folder / "data", *(folder / "data").rglob("*")):
            self._programs.give(path)
        (folder / "init.sql").write_text(
            f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}' REQUIRE {requires};\n"
            f"CREATE USER {OTHER_USER}@'%' IDENTIFIED BY '{OTHER_PASSWORD}';\n"
            f"GRANT PROCESS ON *.* TO {OTHER_USER}@'%';\n"
        )
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        process = self._programs.spawn(
            "mariadbd",
            *_QUICK,
            f"--datadir={folder / 'data'}",
            f"--socket={folder / 'socket'}",
            f"--pid-file={folder / 'pid'}",
            f"--port={port}",
            f"--init-file={folder / 'init.sql'}",
            *arguments,
            cwd=folder,
            log=folder / "log",
        )
        self._running.append(process)
        eventually(lambda: _answers(port), within=60)
        return port

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)


def _answers(port: int) -> bool:
    try:
        mysql.connector.connect(
            host="127.0.0.1", port=port, user=OTHER_USER, password=OTHER_PASSWORD, use_pure=True
        ).close()
    except mysql.connector.Error:
        return False
    return True


class Recorder:
    """A port that leads to another one, and keeps what its clients said."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._heard: list[bytes] = []
        self._ports: list[int] = []
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def heard(self, word: str) -> bool:
        """Tell whether a client said ``word`` in clear."""
        return word.encode() in b"".join(self._heard)

    def ports(self) -> set[int]:
        """Where its connections to the server come from."""
        return set(self._ports)

    def close(self) -> None:
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
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            self._ports.append(int(server.getsockname()[1]))
            for pair in ((client, server, self._heard), (server, client, [])):
                threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, heard: list[bytes]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            heard.append(data)
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def recorded(port: int) -> Iterator[Recorder]:
    """A recorder in front of a port."""
    recorder = Recorder(port)
    try:
        yield recorder
    finally:
        recorder.close()
