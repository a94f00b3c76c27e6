# SPDX-License-Identifier: Apache-2.0
"""One server of a cluster: what all kinds of servers have in common."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from . import processes
from .errors import LabError
from .programs import Programs

State = Literal["up", "frozen", "down"]

SUPERUSER = "rdsadmin"


@dataclass(frozen=True)
class Site:
    """Where an instance is and what it is called.

    ``number`` counts from 1; ``address`` is the server's own, ``gate_address`` that of the relay
    in front of it, or ``None``; ``folder`` is the instance's.
    """

    id: str
    number: int
    endpoint: str
    address: str
    gate_address: str | None
    port: int
    folder: Path


@dataclass(frozen=True)
class Member:
    """An instance as others see it; ``down_since`` is wall-clock seconds, ``None`` when up."""

    id: str
    resource_id: str
    endpoint: str
    address: str
    port: int
    down_since: float | None


class Instance(ABC):
    """A server with its folder, its loopback address and its names.

    ``address`` is the server's own; ``gate_address`` is the relay in front of it, or ``None``.
    All methods that wait take or have a deadline and raise ``LabError`` when it passes.
    """

    driver_error: ClassVar[type[Exception]]
    """What the driver raises; the methods that speak to the server let it through."""
    _stop_signal: ClassVar[signal.Signals]

    def __init__(self, site: Site, programs: Programs, password: str) -> None:
        self.id = site.id
        self.number = site.number
        self.endpoint = site.endpoint
        self.address = site.address
        self.gate_address = site.gate_address
        self.port = site.port
        self.folder = site.folder
        self.data = site.folder / "data"
        self.log = site.folder / "server.log"
        self.down_since: float | None = None
        """Wall-clock seconds at which the lab stopped it; ``None`` while it should run."""
        self._programs = programs
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False
        self._primary: Instance | None = None

    def __repr__(self) -> str:
        return f"<Instance {self.id} {self.address}:{self.port} {self.state}>"

    @property
    @abstractmethod
    def resource_id(self) -> str:
        """The id that a Multi-AZ cluster knows it by."""

    @property
    def public_address(self) -> str:
        """Where its names point to: the gate if there is one."""
        return self.gate_address or self.address

    @property
    def pid(self) -> int | None:
        """The process id of the server, or of its leader; ``None`` when the server is down."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    @property
    def state(self) -> State:
        """Whether the server runs, is stopped by a signal, or is gone."""
        if self.pid is None:
            return "down"
        return "frozen" if self._frozen else "up"

    @property
    def primary(self) -> str | None:
        """The address that it is configured to follow; ``None`` for a writer."""
        return self._primary.address if self._primary else None

    def member(self) -> Member:
        """Return it as the topology and DNS should show it now."""
        return Member(
            self.id,
            self.resource_id,
            self.endpoint,
            self.public_address,
            self.port,
            self.down_since,
        )

    # Becoming something

    def prepare(self) -> None:
        """Make the folder."""
        self.folder.mkdir(mode=0o700)
        self._programs.give(self.folder)

    @abstractmethod
    def create(self) -> None:
        """Make an empty data folder with the superuser in it, configured as a writer."""

    @abstractmethod
    def clone(self, source: Instance) -> None:
        """Replace the data folder by a copy of a running server, start, and follow that one."""

    def join(self, source: Instance) -> None:
        """Start as a reader of a server that was just created, and follow that one."""
        self.clone(source)

    @abstractmethod
    def follow(self, primary: Instance) -> None:
        """Let a running reader follow ``primary`` from now on."""

    # Life

    def start(self, within: float = 30.0) -> None:
        """Start the server and wait until it answers queries.

        Raises ``LabError`` with the end of its log if it doesn't within ``within`` seconds.
        """
        name, *arguments = self._command()
        self._process = self._programs.spawn(name, *arguments, cwd=self.data, log=self.log)
        self._frozen = False
        self.down_since = None
        deadline = time.monotonic() + within
        while True:
            try:
                self.connect().close()
                return
            except self.driver_error as error:
                if self.pid is None or time.monotonic() > deadline:
                    raise LabError(
                        f"{self.id} doesn't start: {error}\n{self._end_of_log()}"
                    ) from error
            time.sleep(0.01)

    def stop(self, within: float = 10.0) -> None:
        """Shut the server down in an orderly way; kill it if it takes longer than ``within``."""
        if self.pid is None or self._process is None:
            return
        os.kill(self.pid, self._stop_signal)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
        self.down_since = self.down_since or time.time()

    def kill(self) -> None:
        """SIGKILL every process of the server at once; nothing happens if it is down."""
        if self.pid is not None and self._process is not None:
            processes.kill(self.folder, self.pid)
            self._process.wait(5)
        self._frozen = False
        self.down_since = self.down_since or time.time()

    def freeze(self) -> None:
        """SIGSTOP every process of the server. Raises ``LabError`` if it is down."""
        if self.pid is None:
            raise LabError(f"{self.id} is down, it can't be frozen")
        processes.freeze(self.folder, self.pid)
        self._frozen = True

    def thaw(self) -> None:
        """Let a frozen server go on."""
        processes.thaw(self.folder)
        self._frozen = False

    # Asking

    @abstractmethod
    def connect(self, **parameters: Any) -> Any:
        """Open a superuser's connection past gate and resolver, in autocommit mode.

        ``parameters`` are the driver's; the time to connect is limited to 5 s unless given.
        """

    @abstractmethod
    def rows(self, connection: Any, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of ``connect()`` and return its rows."""

    @contextlib.contextmanager
    def session(self, within: float = 30.0) -> Iterator[Any]:
        """Give a superuser's connection that is cut off after ``within`` seconds."""
        with contextlib.closing(self.connect()) as connection:
            # A duplicate: the number could belong to someone else by the time the timer fires.
            link = socket.socket(fileno=os.dup(self._socket_of(connection)))
            timer = threading.Timer(within, _shut, [link])
            timer.daemon = True
            timer.start()
            try:
                yield connection
            finally:
                timer.cancel()
                timer.join()
                link.close()

    def query(self, sql: str, *, within: float = 10.0) -> list[tuple[Any, ...]]:
        """Run one statement as the superuser and return its rows."""
        with self.session(within) as connection:
            return self.rows(connection, sql)

    @abstractmethod
    def _command(self) -> Sequence[str]:
        """Return the server program's name and its arguments."""

    @abstractmethod
    def _socket_of(self, connection: Any) -> int:
        """Return the descriptor of a connection's socket."""

    def _write(self, name: str, text: str) -> None:
        new = self.folder / (name + ".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        self._programs.give(new)
        os.replace(new, self.folder / name)

    def _end_of_log(self, lines: int = 20) -> str:
        if not self.log.exists():
            return "(it has no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _shut(link: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the server closed it first: the query ends anyway
        link.shutdown(socket.SHUT_RDWR)
