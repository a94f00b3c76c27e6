# SPDX-License-Identifier: Apache-2.0
"""What stands between an application and its servers: HAProxy and PgBouncer, as Debian has them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from aurora_lab import Cluster, eventually
from aurora_lab.instance import Instance
from aurora_lab.programs import Programs

_FOLDERS = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))


class _ProxyPrograms(Programs):
    accounts = ("postgres", "nobody")

    def _find(self, bindir: Path | None) -> Mapping[str, Path]:
        assert bindir is None
        found = {name: shutil.which(name, path=_FOLDERS) for name in ("haproxy", "pgbouncer")}
        missing = [name for name, place in found.items() if place is None]
        assert not missing, f"not installed: {missing}; see tools/install-system-packages"
        return {name: Path(place) for name, place in found.items() if place is not None}


class Proxy:
    """A proxy in a folder of its own, which is gone when the ``with`` block ends.

    It listens on a free port, unless one is given.
    """

    def __init__(self, host: str = "127.0.0.1", port: int | None = None) -> None:
        self.host = host
        self._programs = _ProxyPrograms()
        self._folder = Path(tempfile.mkdtemp(prefix="proxy"))
        self._folder.chmod(0o755)
        self._programs.give(self._folder)
        self._process: subprocess.Popen[bytes] | None = None
        with socket.create_server((self.host, port or 0)) as free:
            self.port: int = free.getsockname()[1]

    def __enter__(self) -> Proxy:
        try:
            self._process = self._start()
            eventually(self._listens, within=10)
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

    def _start(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self._folder / "log"
        return self._programs.spawn(name, *arguments, cwd=self._folder, log=log)

    def _write(self, name: str, text: str) -> str:
        path = self._folder / name
        path.write_text(text)
        self._programs.give(path)
        return str(path)

    def _listens(self) -> bool:
        assert self._process is not None
        log = self._folder / "log"
        assert self._process.poll() is None, log.read_text()
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection((self.host, self.port), timeout=5).close()
            return True
        return False

    def _end(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self._folder)


class HaProxy(Proxy):
    """Hands connections on to ``servers`` (address and port), one after the other."""

    def __init__(
        self, servers: Sequence[tuple[str, int]], host: str, port: int | None = None
    ) -> None:
        super().__init__(host, port)
        self._servers = servers

    def _start(self) -> subprocess.Popen[bytes]:
        lines = [f"  server s{n} {host}:{port}" for n, (host, port) in enumerate(self._servers)]
        config = "\n".join(
            (
                "defaults",
                "  mode tcp",
                "  balance roundrobin",
                "  timeout connect 5s",
                "  timeout client 1h",
                "  timeout server 1h",
                "listen servers",
                f"  bind {self.host}:{self.port}",
                *lines,
                "",
            )
        )
        return self._spawn("haproxy", "-db", "-f", self._write("haproxy.cfg", config))

    def _listens(self) -> bool:
        # A look would take a server's turn.
        assert self._process is not None
        return _listens_at(self.host, self.port)


class PgBouncer(Proxy):
    """Hands the transactions of its clients on to the server at ``address``."""

    def __init__(self, address: str, port: int, *, user: str, password: str, database: str) -> None:
        super().__init__()
        self._target = f"{database} = host={address} port={port}"
        self._user = f'"{user}" "{password}"\n'

    def _start(self) -> subprocess.Popen[bytes]:
        config = "\n".join(
            (
                "[databases]",
                self._target,
                "[pgbouncer]",
                f"listen_addr = {self.host}",
                f"listen_port = {self.port}",
                "unix_socket_dir =",
                "auth_type = trust",
                f"auth_file = {self._write('users', self._user)}",
                "pool_mode = transaction",
                "server_login_retry = 1",
                "",
            )
        )
        return self._spawn("pgbouncer", self._write("pgbouncer.ini", config))


def _listens_at(host: str, port: int) -> bool:
    place = f"{int.from_bytes(socket.inet_aton(host), sys.byteorder):08X}:{port:04X}"
    listening = "0A"
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(line[1] == place and line[3] == listening for line in lines)


def pattern_of(cluster: Cluster) -> str:
    """The pattern of a cluster's instances, without a port."""
    return "?." + cluster.writer.endpoint.partition(".")[2]


def login(cluster: Cluster, proxy: Proxy, database: str = "dbname") -> dict[str, Any]:
    """The arguments of a connection through a proxy."""
    return {
        "host": proxy.host,
        "port": proxy.port,
        "user": cluster.user,
        "password": cluster.password,
        database: cluster.database,
        "cluster_instance_host_pattern": pattern_of(cluster),
        "autocommit": True,
    }


def before(cluster: Cluster, *instances: Instance, port: int | None = None) -> HaProxy:
    """A balancer before some instances, at an address of the cluster's own network."""
    servers = [(cluster.lookup(one.endpoint), cluster.port) for one in instances]
    address = cluster.writer.address.rpartition(".")[0] + ".250"
    return HaProxy(servers, address, port)


def bouncer(cluster: Cluster) -> PgBouncer:
    return PgBouncer(
        cluster.writer.address,
        cluster.port,
        user=cluster.user,
        password=cluster.password,
        database=cluster.database,
    )
