# SPDX-License-Identifier: Apache-2.0
"""What the tests on the lab share."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aurora_lab import Cluster

import aws_advanced_python_wrapper
from aws_advanced_python_wrapper.psycopg import PsycopgConnection

Connect = Callable[..., "PsycopgConnection[Any]"]


def connector(cluster: Cluster) -> Iterator[Connect]:
    opened: list[PsycopgConnection[Any]] = []

    def open_one(endpoint: str | None = None, **kwargs: Any) -> PsycopgConnection[Any]:
        connection = PsycopgConnection.connect(cluster.dsn(endpoint), **kwargs)
        opened.append(connection)
        return connection

    yield open_one
    for connection in opened:
        connection.close()


def user_environment() -> dict[str, str]:
    """The environment of a program that a user starts, without what tests/first adds to it."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def counter(name: str) -> int:
    """A counter of the engine, summed up over all clusters."""
    clusters = aws_advanced_python_wrapper.statistics()["clusters"]
    return sum(int(cluster[name]) for cluster in clusters)


def engine_threads() -> int:
    """How many threads of the engine this process has, without those that look names up."""
    return _threads_named("aws_wrapper")


def look_up_threads() -> int:
    """On how many threads the engine looks names up in this process."""
    return _threads_named("aws_wrapper_dns")


def _threads_named(name: str) -> int:
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        try:
            names.append(path.read_text().strip())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended since it was listed: a joined thread leaves the list a little later
    return names.count(name)


class SilentNames:
    """A hosts file of the lab whose readers wait: no look-up of a name ends until ``end()``."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "silent-hosts"
        os.mkfifo(self.path)

    def end(self) -> None:
        """Let all that wait go on; the file says nothing."""
        with contextlib.suppress(OSError):  # nobody waits
            os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))


class Background:
    """Runs a function in a thread; tells what it returned or raised, and when."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.ended_at = 0.0
        self._function = function
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.value = self._function()
        except BaseException as error:  # handed to the test, by outcome()
            self.error = error
        self.ended_at = time.monotonic()

    def join(self, within: float = 30.0) -> None:
        self._thread.join(within)
        assert not self._thread.is_alive(), f"the call did not end within {within} s"

    def raised(self, within: float = 30.0) -> BaseException:
        self.join(within)
        assert self.error is not None, f"the call returned {self.value!r}"
        return self.error


def busy(cluster: Cluster, text: str) -> Callable[[], bool]:
    """A condition: some server of the cluster runs a statement that contains ``text``."""

    def check() -> bool:
        for instance in cluster.instances.values():
            if instance.state != "up":
                continue
            with cluster.connect(instance.id) as observer:
                row = observer.execute(
                    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
                    "AND query LIKE %s AND pid <> pg_backend_pid()",
                    [f"%{text}%"],
                ).fetchone()
                if row is not None and row[0] > 0:
                    return True
        return False

    return check
