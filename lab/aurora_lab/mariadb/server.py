# SPDX-License-Identifier: Apache-2.0
"""One MariaDB server."""

from __future__ import annotations

import contextlib
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, final

import mysql.connector
from mysql.connector.abstracts import MySQLConnectionAbstract

from .. import pristine, processes
from ..errors import LabError
from ..instance import SUPERUSER, Instance, Site
from ..programs import Programs
from .copying import copy_data

Connection = MySQLConnectionAbstract

# The lab kills servers, never the machine, and what a server wrote outlives it: every commit is
# written to its files, nothing is ever synced.
_SETTINGS: dict[str, str] = {
    "innodb_flush_log_at_trx_commit": "2",
    "innodb_flush_method": "nosync",
    "debug_no_sync": "1",
    "sync_binlog": "0",
    "sync_master_info": "0",
    "sync_relay_log": "0",
    "sync_relay_log_info": "0",
    "innodb_buffer_pool_size": "64M",
    "innodb_log_file_size": "16M",
    "innodb_use_native_aio": "0",
    "innodb_fast_shutdown": "2",
    "innodb_buffer_pool_dump_at_shutdown": "0",
    "innodb_buffer_pool_load_at_startup": "0",
    "key_buffer_size": "1M",
    "aria_pagecache_buffer_size": "4M",
    "performance_schema": "0",
    "max_connections": "300",
    "max_allowed_packet": "64M",
    "skip_name_resolve": "1",
    "local_infile": "1",
    "secure_file_priv": "",
    "character_set_server": "utf8mb4",
    "collation_server": "utf8mb4_general_ci",
    "default_time_zone": "+00:00",
    "log_bin": "binlog",
    "relay_log": "relay",
    "binlog_format": "ROW",
    "log_slave_updates": "1",
    "gtid_strict_mode": "1",
    "skip_slave_start": "1",
    "rpl_semi_sync_master_wait_point": "AFTER_SYNC",
    # Ten days: nobody may ever be told of a commit that no reader has.
    "rpl_semi_sync_master_timeout": "864000000",
    # Relative to the data folder, where the server works: a socket's path must be short.
    "socket": "server.sock",
    "pid_file": "server.pid",
}


@final
class Server(Instance):
    """A MariaDB server; ``extra_settings`` are added to its configuration file."""

    driver_error = mysql.connector.Error
    _stop_signal = signal.SIGTERM

    def __init__(
        self, site: Site, programs: Programs, password: str, extra_settings: Mapping[str, str]
    ) -> None:
        super().__init__(site, programs, password)
        self._temporary = self.folder / "tmp"
        self._stopping = threading.Lock()
        self._settings = {
            **_SETTINGS,
            **extra_settings,
            "bind_address": self.address,
            "port": str(self.port),
            "datadir": str(self.data),
            # Its own: a server that starts deletes all temporary tables that it finds there.
            "tmpdir": str(self._temporary),
            "server_id": str(self.number),
        }

    @property
    def resource_id(self) -> str:
        """The id that a Multi-AZ cluster knows it by: its ``server_id``."""
        return str(self.number)

    def create(self) -> None:
        """Make an empty data folder with the superuser in it, configured as a writer."""
        self.configure(primary=None)
        program = self._programs.path("mariadb-install-db")
        pristine.put(self.data, program, self._init, self._programs.give)

    def _init(self) -> None:
        user = f"'{SUPERUSER}'@'%'"
        self._write(
            "superuser.sql",
            "FLUSH PRIVILEGES;\n"  # without, the bootstrap knows no users yet
            f"CREATE USER {user} IDENTIFIED BY '{self._password}';\n"
            f"GRANT ALL ON *.* TO {user} WITH GRANT OPTION;\n"
            "DELETE FROM mysql.global_priv WHERE User IN ('', 'root');\n"
            "DELETE FROM mysql.proxies_priv;\n",
        )
        self._programs.run(
            "mariadb-install-db",
            f"--defaults-file={self.folder / 'my.cnf'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-log-bin",
            "--innodb-fast-shutdown=1",  # else it leaves files that no recovery understands
            f"--extra-file={self.folder / 'superuser.sql'}",
            cwd=self.folder,
        )
        (self.folder / "superuser.sql").unlink()

    def clone(self, source: Instance) -> None:
        """Replace the data folder by a copy of a running server, start, and follow that one."""
        shutil.rmtree(self.data, ignore_errors=True)
        copy_data(source.data, self.data, cast(Server, source).still, self._programs.give)
        self.configure(primary=source)
        self.start()
        with self.session() as session:
            self.rows(session, "SET GLOBAL gtid_slave_pos = @@gtid_binlog_pos")
            self._follow(session, source)

    def follow(self, primary: Instance) -> None:
        """Let a running reader follow ``primary`` from now on."""
        self.configure(primary=primary)
        with self.session() as session:
            self._follow(session, primary)

    def configure(self, *, primary: Instance | None, semi_sync: bool = False) -> None:
        """Write the settings that the next start shall find: its role, and if commits wait.

        Does nothing to a running server.
        """
        self._primary = primary
        if not self._temporary.exists():
            self._temporary.mkdir(mode=0o700)
            self._programs.give(self._temporary)
        role = {
            "read_only": "0" if primary is None else "1",
            "rpl_semi_sync_master_enabled": "1" if semi_sync else "0",
        }
        lines = [f"{name} = {value}" for name, value in {**self._settings, **role}.items()]
        self._write("my.cnf", "\n".join(["[mariadbd]", *lines]) + "\n")

    def connect(self, **parameters: Any) -> Connection:
        """Open a superuser's connection past gate and resolver, in autocommit mode.

        ``parameters`` are mysql-connector's; ``connection_timeout`` is 5 s unless given.
        """
        given: dict[str, Any] = {
            "connection_timeout": 5,
            "autocommit": True,
            "ssl_disabled": True,
            **parameters,
        }
        connection = mysql.connector.connect(
            host=self.address,
            port=self.port,
            user=SUPERUSER,
            password=self._password,
            use_pure=True,
            **given,
        )
        return cast(Connection, connection)

    def rows(self, connection: Connection, sql: str) -> list[tuple[Any, ...]]:
        """Run one statement on a connection and return its rows."""
        with contextlib.closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            found = cursor.fetchall() if cursor.description else []
        return cast("list[tuple[Any, ...]]", found)

    def replication(self, connection: Connection) -> dict[str, Any]:
        """Return ``SHOW SLAVE STATUS`` by column name, empty on a server that follows nobody."""
        with contextlib.closing(connection.cursor(dictionary=True)) as cursor:
            cursor.execute("SHOW SLAVE STATUS")
            found = cast("list[dict[str, Any]]", cursor.fetchall())
        return found[0] if found else {}

    @contextlib.contextmanager
    def still(self) -> Iterator[None]:
        """Keep the running server from doing anything.

        What is in its data folder then is what a killed server leaves, and a server recovers from
        that. Raises ``LabError`` if it isn't up.
        """
        with self._stopping:
            if self.pid is None or self.state != "up":
                raise LabError(f"{self.id} is {self.state}: it can't be copied")
            processes.freeze(self.folder, self.pid)
            try:
                yield
            finally:
                processes.thaw(self.folder)

    def _follow(self, session: Connection, primary: Instance) -> None:
        self.rows(session, "STOP SLAVE")
        self.rows(
            session,
            f"CHANGE MASTER TO MASTER_HOST='{primary.address}', MASTER_PORT={primary.port}, "
            f"MASTER_USER='{SUPERUSER}', MASTER_PASSWORD='{self._password}', "
            "MASTER_CONNECT_RETRY=1, MASTER_USE_GTID=slave_pos",
        )
        self.rows(session, "SET GLOBAL read_only = 1, rpl_semi_sync_slave_enabled = 1")
        self.rows(session, "START SLAVE")

    def _command(self) -> Sequence[str]:
        return "mariadbd", f"--defaults-file={self.folder / 'my.cnf'}"

    def _socket_of(self, connection: Connection) -> int:
        number: int = connection._socket.sock.fileno()  # type: ignore[attr-defined]
        return number
