# SPDX-License-Identifier: Apache-2.0
"""One PostgreSQL server of a cluster."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg

from . import processes
from .errors import LabError
from .programs import Programs

State = Literal["up", "frozen", "down"]
Connection = psycopg.Connection[tuple[Any, ...]]

SUPERUSER = "rdsadmin"

_SETTINGS: dict[str, str] = {
    "unix_socket_directories": "",
    "max_connections": "300",
    "max_prepared_transactions": "20",
    "shared_buffers": "64MB",
    # Nothing of a killed server may stay in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    # The lab kills servers, never the machine, and what a server wrote outlives it.
    "fsync": "off",
    "wal_level": "replica",
    "wal_log_hints": "on",
    "max_wal_size": "1GB",
    "max_wal_senders": "20",
    "wal_keep_size": "256MB",
    "wal_receiver_status_interval": "1s",
    "wal_retrieve_retry_interval": "50ms",
    "hot_standby": "on",
    "hot_standby_feedback": "on",
    # A promotion replays what was received, and must not wait for a reader's long query.
    "max_standby_streaming_delay": "1s",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


@dataclass(frozen=True)
class Member:
    """An instance as others see it; ``down_since`` is wall-clock seconds, ``None`` when up."""

    id: str
    resource_id: str
    endpoint: str
    address: str
    port: int
    down_since: float | None


class Instance:
    """A server with its folder, its loopback address and its names.

    ``address`` is the server's own; ``gate_address`` is the relay in front of it, or ``None``.
    All methods that wait take or have a deadline and raise ``LabError`` when it passes.
    """

    def __init__(
        self,
        instance_id: str,
        *,
        endpoint: str,
        address: str,
        gate_address: str | None,
        port: int,
        folder: Path,
        programs: Programs,
        password: str,
        extra_settings: dict[str, str],
    ) -> None:
        self.id = instance_id
        self.endpoint = endpoint
        self.address = address
        self.gate_address = gate_address
        self.port = port
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "server.log"
        self.down_since: float | None = None
        """Wall-clock seconds at which the lab stopped it; ``None`` while it should run."""
        self._programs = programs
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None
        self._frozen = False
        self._primary: Instance | None = None
        self._settings = {
            **_SETTINGS,
            **extra_settings,
            "listen_addresses": address,
            "port": str(port),
            "cluster_name": instance_id,
            "hba_file": str(folder / "pg_hba.conf"),
        }

    def __repr__(self) -> str:
        return f"<Instance {self.id} {self.address}:{self.port} {self.state}>"

    @property
    def resource_id(self) -> str:
        """The id that a Multi-AZ cluster knows it by."""
        return "db-" + self.id.upper().replace("-", "").rjust(26, "A")

    @property
    def public_address(self) -> str:
        """Where its names point to: the gate if there is one."""
        return self.gate_address or self.address

    @property
    def pid(self) -> int | None:
        """The postmaster's process id; ``None`` when the server is down."""
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

    @property
    def synchronous(self) -> str:
        """Its setting ``synchronous_standby_names``."""
        return self._settings.get("synchronous_standby_names", "")

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

    def prepare(self, hba: str) -> None:
        """Make the folder and its access rules."""
        self.folder.mkdir(mode=0o700)
        self._programs.give(self.folder)
        self._write("pg_hba.conf", hba)

    def create(self) -> None:
        """Make an empty data folder with the superuser in it."""
        self._write("password", self._password)
        self._programs.run(
            "initdb",
            f"--pgdata={self.data}",
            f"--username={SUPERUSER}",
            f"--pwfile={self.folder / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
            cwd=self.folder,
        )
        (self.folder / "password").unlink()

    def copy_from(self, source: Instance) -> None:
        """Replace the data folder by a copy of a running server, to follow it."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._programs.run(
            "pg_basebackup",
            f"--pgdata={self.data}",
            f"--dbname={source._conninfo(self.id + '-copy')}",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
            cwd=self.folder,
            extra={"PGPASSWORD": self._password},
        )

    def configure(
        self,
        *,
        primary: Instance | None,
        synchronous: Sequence[str] = (),
    ) -> None:
        """Write the settings: whom to follow, and whose confirmation a commit waits for.

        A running server is told to read them.
        """
        self._primary = primary
        names = ", ".join(f'"{name}"' for name in synchronous)
        self._settings["synchronous_standby_names"] = (
            f"FIRST {len(synchronous)} ({names})" if synchronous else ""
        )
        conninfo = f"{primary._conninfo(self.id)} password={self._password}" if primary else ""
        self._settings["primary_conninfo"] = conninfo
        lines = [f"{k} = '{v.replace(chr(39), chr(39) * 2)}'" for k, v in self._settings.items()]
        self._write("postgresql.conf", "\n".join(lines) + "\n")
        if self.data.is_dir() and self.pid is None:
            self._mark_standby(primary is not None)
        if self.pid is not None:
            os.kill(self.pid, signal.SIGHUP)

    def start(self, within: float = 30.0) -> None:
        """Start the server and wait until it answers queries.

        Raises ``LabError`` with the end of its log if it doesn't within ``within`` seconds.
        """
        self._process = self._programs.spawn(
            "postgres",
            f"--config-file={self.folder / 'postgresql.conf'}",
            "-D",
            str(self.data),
            cwd=self.data,
            log=self.log,
        )
        self._frozen = False
        self.down_since = None
        deadline = time.monotonic() + within
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError as error:
                if self.pid is None or time.monotonic() > deadline:
                    raise LabError(
                        f"{self.id} doesn't start: {error}\n{self._end_of_log()}"
                    ) from error
            time.sleep(0.01)

    def stop(self, within: float = 10.0) -> None:
        """Shut the server down in an orderly way; kill it if it takes longer than ``within``."""
        if self.pid is None or self._process is None:
            return
        os.kill(self.pid, signal.SIGINT)
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
            processes.free_shared_memory(self.data / "postmaster.pid")
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

    def connect(self, **parameters: Any) -> Connection:
        """Open a superuser's connection past gate and resolver, in autocommit mode.

        ``parameters`` are psycopg's; ``connect_timeout`` is 5 s unless given.
        """
        given = {"dbname": "postgres", "connect_timeout": 5, "autocommit": True, **parameters}
        return psycopg.connect(
            host=self.address,
            port=self.port,
            user=SUPERUSER,
            password=self._password,
            **given,
        )

    @contextlib.contextmanager
    def session(self, within: float = 30.0) -> Iterator[Connection]:
        """Give a superuser's connection that is cut off after ``within`` seconds."""
        with contextlib.closing(self.connect()) as connection:
            # A duplicate: the number could belong to someone else by the time the timer fires.
            link = socket.socket(fileno=os.dup(connection.fileno()))
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
            return rows(connection, sql)

    def _conninfo(self, application: str) -> str:
        return (
            f"host={self.address} port={self.port} user={SUPERUSER} "
            f"application_name={application} connect_timeout=5 sslmode=disable"
        )

    def _mark_standby(self, standby: bool) -> None:
        signal_file = self.data / "standby.signal"
        if standby:
            signal_file.touch()
            self._programs.give(signal_file)
        else:
            signal_file.unlink(missing_ok=True)

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


def rows(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    """Run one statement on a connection and return its rows."""
    cursor = connection.execute(sql.encode())
    return cursor.fetchall() if cursor.description else []


def _shut(link: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the server closed it first: the query ends anyway
        link.shutdown(socket.SHUT_RDWR)
