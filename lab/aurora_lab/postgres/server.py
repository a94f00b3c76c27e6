# SPDX-License-Identifier: Apache-2.0
"""One PostgreSQL server."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from typing import Any, final

import psycopg

from .. import pristine, processes
from ..instance import SUPERUSER, Instance, Site
from ..programs import Programs

Connection = psycopg.Connection[tuple[Any, ...]]

_SETTINGS: dict[str, str] = {
    "unix_socket_directories": "",
    "max_connections": "600",
    "max_prepared_transactions": "20",
    "shared_buffers": "64MB",
    # Nothing of a killed server may stay in /dev/shm.
    "dynamic_shared_memory_type": "mmap",
    # The lab kills servers, never the machine, and what a server wrote outlives it.
    "fsync": "off",
    "wal_level": "replica",
    "wal_log_hints": "on",
    "wal_init_zero": "off",
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
# The lab's own logins must not compute beside the programs that are under test: SCRAM takes 5 ms.
_HBA = f"""\
host all {SUPERUSER} 127.0.0.0/8 md5
host replication {SUPERUSER} 127.0.0.0/8 md5
hostssl all all 127.0.0.0/8 scram-sha-256
host all all 127.0.0.0/8 scram-sha-256
"""


@final
class Server(Instance):
    """A PostgreSQL server; ``extra_settings`` are added to its configuration file."""

    driver_error = psycopg.Error
    _stop_signal = signal.SIGINT

    def __init__(
        self, site: Site, programs: Programs, password: str, extra_settings: Mapping[str, str]
    ) -> None:
        super().__init__(site, programs, password)
        self._settings = {
            **_SETTINGS,
            **extra_settings,
            "listen_addresses": self.address,
            "port": str(self.port),
            "cluster_name": self.id,
            "hba_file": str(self.folder / "pg_hba.conf"),
        }

    @property
    def resource_id(self) -> str:
        """The id that a Multi-AZ cluster knows it by."""
        return "db-" + self.id.upper().replace("-", "").rjust(26, "A")

    @property
    def synchronous(self) -> str:
        """Its setting ``synchronous_standby_names``."""
        return self._settings.get("synchronous_standby_names", "")

    def prepare(self) -> None:
        """Make the folder and its access rules."""
        super().prepare()
        self._write("pg_hba.conf", _HBA)

    def create(self) -> None:
        """Make an empty data folder with the superuser in it, configured as a writer."""
        self._put_pristine()
        self.configure(primary=None)

    def join(self, source: Instance) -> None:
        """Start as a reader that follows a server which began with the same empty data folder."""
        self._put_pristine()
        self.configure(primary=source)
        self.start()

    def _put_pristine(self) -> None:
        program = self._programs.path("initdb")
        pristine.put(self.data, program, self._init, self._programs.give)

    def _init(self) -> None:
        self._write("password", self._password)
        self._programs.run(
            "initdb",
            f"--pgdata={self.data}",
            f"--username={SUPERUSER}",
            f"--pwfile={self.folder / 'password'}",
            "--auth=md5",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
            "--no-instructions",
            cwd=self.folder,
        )
        (self.folder / "password").unlink()

    def clone(self, source: Instance) -> None:
        """Replace the data folder by a copy of a running server, start, and follow that one."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._programs.run(
            "pg_basebackup",
            f"--pgdata={self.data}",
            f"--dbname={_conninfo(source, self.id + '-copy')}",
            "--checkpoint=fast",
            "--wal-method=stream",
            "--no-sync",
            cwd=self.folder,
            extra={"PGPASSWORD": self._password},
        )
        self.configure(primary=source)
        self.start()

    def follow(self, primary: Instance) -> None:
        """Let a running reader follow ``primary`` from now on."""
        self.configure(primary=primary)

    def configure(self, *, primary: Instance | None, synchronous: Sequence[str] = ()) -> None:
        """Write the settings: whom to follow, and whose confirmation a commit waits for.

        A running server is told to read them.
        """
        self._primary = primary
        names = ", ".join(f'"{name}"' for name in synchronous)
        self._settings["synchronous_standby_names"] = (
            f"FIRST {len(synchronous)} ({names})" if synchronous else ""
        )
        conninfo = f"{_conninfo(primary, self.id)} password={self._password}" if primary else ""
        self._settings["primary_conninfo"] = conninfo
        lines = [f"{k} = '{v.replace(chr(39), chr(39) * 2)}'" for k, v in self._settings.items()]
        self._write("postgresql.conf", "\n".join(lines) + "\n")
        if self.data.is_dir() and self.pid is None:
            self._mark_standby(primary is not None)
        if self.pid is not None:
            os.kill(self.pid, signal.SIGHUP)

    def kill(self) -> None:
        """SIGKILL every process of the server at once; nothing happens if it is down."""
        super().kill()
        processes.free_shared_memory(self.data / "postmaster.pid")

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

    def rows(self, connection: Connection, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement on a connection and return its rows."""
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []

    def _command(self) -> Sequence[str]:
        config = f"--config-file={self.folder / 'postgresql.conf'}"
        return "postgres", config, "-D", str(self.data)

    def _socket_of(self, connection: Connection) -> int:
        return connection.fileno()

    def _mark_standby(self, standby: bool) -> None:
        signal_file = self.data / "standby.signal"
        if standby:
            signal_file.touch()
            self._programs.give(signal_file)
        else:
            signal_file.unlink(missing_ok=True)


def _conninfo(server: Instance, application: str) -> str:
    return (
        f"host={server.address} port={server.port} user={SUPERUSER} "
        f"application_name={application} connect_timeout=5 sslmode=disable"
    )
