# SPDX-License-Identifier: Apache-2.0
"""Where a cluster lives: its loopback network and its folder, and what is left of dead ones."""

from __future__ import annotations

import logging
import os
import re
import shutil
import socket
import tempfile
from pathlib import Path

from . import processes
from .errors import LabError
from .programs import service_uids

log = logging.getLogger("aurora_lab")

_NETWORKS = range(16, 250)
_CLUSTER = re.compile(r"aurora-lab-(\d+)-")
_RESOLVER = re.compile(r"aurora-lab-resolver-(\d+)-")


def server_address(network: int, number: int) -> str:
    """Return the address of the server with this number (from 1)."""
    return f"127.0.{network}.{10 + number}"


def gate_address(network: int, number: int) -> str:
    """Return the address of the gate in front of the server with this number."""
    return f"127.0.{network}.{110 + number}"


def claim_network(port: int) -> tuple[int, socket.socket]:
    """Take a free network 127.0.x.0/24; return x and the socket that marks it as taken.

    The mark is a name in the kernel's abstract socket namespace: it holds across users, and
    vanishes with the last process that has the socket. Raises ``LabError`` if none is free.
    """
    for network in _NETWORKS:
        mark = _mark(network)
        if mark is None:
            continue
        if _free(server_address(network, 1), port):
            return network, mark
        mark.close()
    raise LabError(
        f"no free network among 127.0.{_NETWORKS[0]}.0 to 127.0.{_NETWORKS[-1]}.0: "
        f"does a server listen on every address at port {port}?"
    )


def make_folder(network: int, directory: Path | None) -> Path:
    """Make the folder of a cluster, in ``directory`` or in the system's temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix=f"aurora-lab-{network}-", dir=directory)).resolve()
    folder.chmod(0o755)
    return folder


def sweep_stale(directory: Path | None) -> None:
    """Remove what clusters left behind whose every process was killed."""
    place = directory or Path(tempfile.gettempdir())
    ours = {os.geteuid()} | (service_uids() if os.geteuid() == 0 else set())
    for folder in place.glob("aurora-lab-*"):
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid not in ours:
            continue
        cluster, resolver = _CLUSTER.match(folder.name), _RESOLVER.match(folder.name)
        if cluster:
            mark = _mark(int(cluster.group(1)))
            if mark is not None:  # nobody keeps that network, so nobody keeps the folder
                log.info("removing %s, left behind by a cluster that died", folder)
                processes.sweep(folder)
                mark.close()
        elif resolver and not processes.alive(int(resolver.group(1))):
            shutil.rmtree(folder, ignore_errors=True)


def _mark(network: int) -> socket.socket | None:
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0aurora-lab-{network}")
    except OSError:
        mark.close()  # taken by a living cluster
        return None
    return mark


def _free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
