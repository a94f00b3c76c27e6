# SPDX-License-Identifier: Apache-2.0
"""Servers that listen on a Unix socket alone."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

import mysql.connector
import psycopg
from aurora_lab import eventually, processes
from aurora_lab.mariadb.programs import Programs as MariadbPrograms
from aurora_lab.postgres.programs import Programs as PostgresPrograms
from aurora_lab.programs import Programs


class LocalServer:
    """A server in a folder of its own, which is gone when the ``with`` block ends."""

    socket: Path
    """The file that it listens on."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="local"))  # a socket's path must be short
        self.folder.chmod(0o755)
        programs.give(self.folder)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LocalServer:
        try:
            self._create()
            self._process = self._start()
            eventually(self._answers, within=30)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def freeze(self) -> None:
        """Let it answer nothing any more."""
        assert self._process is not None
        processes.freeze(self.folder, self._process.pid)

    def _create(self) -> None:
        raise NotImplementedError

    def _start(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def _end(self) -> None:
        if self._process is not None:
            processes.kill(self.folder, self._process.pid)
            self._process.wait()
            processes.free_shared_memory(self.folder / "data" / "postmaster.pid")
        shutil.rmtree(self.folder)


class LocalPostgres(LocalServer):
    """A PostgreSQL server; whoever comes by its folder is believed to be ``postgres``."""

    def __init__(self) -> None:
        super().__init__(PostgresPrograms())
        self.socket = self.folder / ".s.PGSQL.5432"

    def _create(self) -> None:
        data = f"--pgdata={self.folder / 'data'}"
        self._programs.run("initdb", data, "-U", "postgres", "-A", "trust", "-N", cwd=self.folder)

    def _start(self) -> subprocess.Popen[bytes]:
        settings = {"unix_socket_directories": self.folder, "listen_addresses": "", "fsync": "off"}
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        where = ("-D", str(self.folder / "data"))
        log = self.folder / "log"
        return self._programs.spawn("postgres", *where, *given, cwd=self.folder, log=log)

    def _answers(self) -> bool:
        try:
            psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True


class LocalMariadb(LocalServer):
    """A MariaDB server whose ``root`` has no password."""

    def __init__(self) -> None:
        super().__init__(MariadbPrograms())
        self.socket = self.folder / "s"

    def _create(self) -> None:
        self._programs.run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            "--skip-test-db",
            "--auth-root-authentication-method=normal",
            cwd=self.folder,
        )

    def _start(self) -> subprocess.Popen[bytes]:
        return self._programs.spawn(
            "mariadbd",
            "--no-defaults",
            "--skip-networking",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.socket}",
            cwd=self.folder,
            log=self.folder / "log",
        )

    def _answers(self) -> bool:
        try:
            mysql.connector.connect(unix_socket=str(self.socket), user="root").close()
        except mysql.connector.Error:
            return False
        return True
