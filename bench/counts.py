# SPDX-License-Identifier: Apache-2.0
"""What a statement takes that can be counted: allocations, and instructions where valgrind is.

The module is also the program of the process that is counted.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aurora_lab import Cluster

from .figures import Figure
from .statement import ask_mysql, ask_psycopg, mysql_pair, psycopg_pair

_COUNTER = Path("build/bench/bench/engine/libaws_wrapper_count_allocations.so")
_SETTLE = 300
_STATEMENTS = 1000


def counts(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """Of a statement of psycopg, beyond the bare driver's."""
    yield from _counts("psycopg", "psycopg", cluster, quick)


def mysql_counts(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """The same of mysql-connector, in both builds; not in the quick form."""
    for build in () if quick else ("pure", "c"):
        yield from _counts(f"mysql-connector {build}", build, cluster, quick)


def _counts(name: str, driver: str, cluster: Cluster, quick: bool) -> Iterator[Figure]:
    allocations = [_allocations(driver, which, cluster.dsn()) for which in ("ours", "bare")]
    title = f"{name}: allocations of a statement, beyond bare"
    # Less than one: how often a dictionary grows differs between two processes.
    yield Figure(title, allocations[0] - allocations[1], "", 0.5, f"of {allocations[1]:.1f}")
    if quick:
        return
    if shutil.which("valgrind") is None:
        print("no valgrind: the instructions of a statement are not counted", file=sys.stderr)
        return
    instructions = [_instructions(driver, which, cluster.dsn()) for which in ("ours", "bare")]
    title = f"{name}: instructions of a statement, beyond bare"
    extra = instructions[0] - instructions[1]
    yield Figure(title, extra, "", None, f"of {instructions[1]:.0f}")


def _allocations(driver: str, which: str, dsn: str) -> float:
    # All objects of Python from malloc(): its own pools would hide them.
    preloaded = f"{_COUNTER.resolve()}:{os.environ.get('LD_PRELOAD', '')}"
    given = {"LD_PRELOAD": preloaded, "PYTHONMALLOC": "malloc"}
    counted = int(_run([], driver, which, dsn, _STATEMENTS, given).stdout)
    if not counted:
        raise RuntimeError("no allocation was counted")
    return counted / _STATEMENTS


def _instructions(driver: str, which: str, dsn: str) -> float:
    totals = []
    for statements in (0, _STATEMENTS):
        with tempfile.TemporaryDirectory() as folder:
            # By thread: monitors come and go at their own times.
            command = ["valgrind", "--tool=callgrind", "--separate-threads=yes"]
            command.append(f"--callgrind-out-file={folder}/out")
            _run(command, driver, which, dsn, statements, {"PYTHONHASHSEED": "0"})
            told = Path(folder, "out-01").read_text()
            totals.append(int(re.findall(r"^totals: (\d+)", told, re.MULTILINE)[0]))
    return (totals[1] - totals[0]) / _STATEMENTS


def _run(
    prefix: list[str], driver: str, which: str, dsn: str, statements: int, given: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "bench.counts", driver, which, dsn, str(statements)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **given},
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return done


def _main(driver: str, which: str, dsn: str, statements: int) -> None:
    """Run the statements, and print how many allocations they took."""
    ask: Callable[[Any], None]
    if driver == "psycopg":
        pair, ask = psycopg_pair(dsn), ask_psycopg
    else:
        connections = mysql_pair(driver, dsn)
        pair, ask = (connections[0].cursor(), connections[1].cursor()), ask_mysql
    chosen = pair[0] if which == "ours" else pair[1]
    for _ in range(_SETTLE):
        ask(chosen)
    library = ctypes.CDLL(None)
    count = library.allocations if hasattr(library, "allocations") else lambda: 0  # valgrind
    before = count()
    for _ in range(statements):
        ask(chosen)
    print(count() - before)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
