# SPDX-License-Identifier: Apache-2.0
"""Under gevent a failover that waits lets other greenlets run."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from aurora_lab import Cluster

from lab_help import user_environment

PROGRAM = Path(__file__).with_name("gevent_program.py")
_BEATS = 50
_WITHIN = 30.0  # after which a program that stands still is given up


class Program:
    """A running program, and the lines that it has written."""

    def __init__(self, driver: str, cluster: Cluster) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(PROGRAM), driver, cluster.dsn()],
            stdout=subprocess.PIPE,
            text=True,
            env=user_environment(),
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.strip())

    def next_line(self) -> str:
        return self._lines.get(timeout=_WITHIN)

    def next_that_is_no_beat(self) -> str:
        while (line := self.next_line()).startswith("beat"):
            pass
        return line

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


def beats_in_a_search(program: Program) -> None:
    """Its heart has beaten many times since a monitor was refused."""
    beats = 0
    while beats < _BEATS:
        line = program.next_line()
        assert line.startswith("beat"), line
        beats += line != "beat 0"


@pytest.mark.parametrize("driver", ["psycopg", "pure"])
def test_other_greenlets_run_while_a_failover_waits(
    driver: str, aurora_cluster: Cluster, mysql_cluster: Cluster
) -> None:
    cluster = aurora_cluster if driver == "psycopg" else mysql_cluster
    program = Program(driver, cluster)
    try:
        assert program.next_line() == "connected"
        assert program.next_line() == "beat 0"
        cluster.crash(cluster.writer.id)  # nobody is promoted yet
        beats_in_a_search(program)
        cluster.heal()
        assert program.next_that_is_no_beat() == "FailoverSuccessError"
        assert program.next_that_is_no_beat() == f"on {cluster.truth().writer}"
    finally:
        program.end()


def test_c_build_fails_over_under_gevent_and_its_waits_yield(mysql_cluster: Cluster) -> None:
    """A query of the C build holds the hub, as the driver's; what the engine waits for doesn't."""
    program = Program("c", mysql_cluster)
    try:
        assert program.next_line() == "connected"
        mysql_cluster.crash(mysql_cluster.writer.id)
        beats_in_a_search(program)
        mysql_cluster.heal()
        assert program.next_that_is_no_beat() == "FailoverSuccessError"
        assert program.next_that_is_no_beat() == f"on {mysql_cluster.truth().writer}"
    finally:
        program.end()
