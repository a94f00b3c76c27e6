# SPDX-License-Identifier: Apache-2.0
"""What a cluster costs its neighbours in the process when its servers never stop sending."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aurora_lab import Cluster

from aws_advanced_python_wrapper import _engine, release_resources
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.psycopg._link import monitor_driver

from .figures import Figure, median
from .flood import PORT
from .trouble import heard_after

_IDS = ("1", "2", "3", "4")
_LONG = 3600  # seconds


@contextmanager
def flooding_cluster() -> Iterator[None]:
    """Monitors that look for the writer of a cluster whose servers flood them."""
    addresses = [f"127.0.9.{number}" for number in _IDS]
    command = [sys.executable, "-m", "bench.flood", *addresses]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as servers:
        assert servers.stdout is not None
        servers.stdout.readline()
        with socket.create_connection((addresses[0], PORT)) as link:
            settings = _engine.parse_settings(
                {
                    "plugins": "failover,host_monitoring",
                    "wrapper_dialect": "aurora-pg",
                    "cluster_instance_host_pattern": f"127.0.9.?:{PORT}",
                    "failover_timeout_sec": _LONG,
                }
            )
            session = _engine.Session(settings, addresses[0], monitor_driver())
            opening = session.open()
            opening.opened(addresses[0], addresses[0], PORT, link.fileno(), False, {"user": "u"})
            hosts = [(one, "t" if one == "1" else "f", "1", "0", None) for one in _IDS]
            opening.asked([hosts, [("1",)], [("f",)]])
            opening.used()
            search = session.recover("08006", 0, "lost", True, False)
            yield
            del search
            session.close()
        servers.terminate()


def neighbour(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """A crash beside such a cluster, and alone."""
    rounds = 3 if quick else 20
    name = "crash beside a cluster whose servers never stop sending, beyond one alone"
    alone = heard_after(cluster, face.connect, "crash", "topology_published", rounds)
    with flooding_cluster():
        beside = heard_after(cluster, face.connect, "crash", "topology_published", rounds)
        refused = sum(told["links_refused"] for told in _engine.statistics()["clusters"])
    release_resources()
    detail = f"{median(beside):.1f} and {median(alone):.1f} ms; {refused} floods ended"
    yield Figure(name, median(beside) - median(alone), "ms", 50, detail)
