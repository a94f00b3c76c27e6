# SPDX-License-Identifier: Apache-2.0
"""What a fresh process pays: import, first connect, memory, threads, exit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from time import monotonic

from aurora_lab import Cluster

from .connect import endpoints
from .figures import Figure, median, spread

_PROGRAM = """
import json, sys, time
from pathlib import Path

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

started = time.perf_counter()
import psycopg
if sys.argv[1] == "ours":
    from aws_advanced_python_wrapper import psycopg
imported = time.perf_counter()
connection = psycopg.connect(sys.argv[2])
connected = time.perf_counter()
connection.execute("SELECT 1")
threads = len(list(Path("/proc/self/task").iterdir()))
told = {"import": (imported - started) * 1000, "connect": (connected - imported) * 1000}
told |= {"memory": resident(), "threads": threads}
connection.close()
print(json.dumps(told | {"exit": time.monotonic()}))
"""


def fresh_process(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """Import time, memory after the first statement, threads, exit; against the bare driver."""
    rounds = 5 if quick else 15
    seen = _in_turn(cluster.dsn(), rounds)
    imports, memory, exits = (_extra(seen, key) for key in ("import", "memory", "exit"))
    yield Figure("import beyond psycopg's", median(imports), "ms", 40, spread(imports))
    yield Figure("memory beyond bare", median(memory), "MB", 10, spread(memory))
    yield Figure("threads", max(one["threads"] for one in seen["ours"]), "", 3)
    yield Figure("exit beyond bare", median(exits), "ms", None, spread(exits))
    for kind, name in endpoints(cluster).items():
        if kind != "cluster":
            if quick:
                continue
            seen = _in_turn(cluster.dsn(name), rounds)
        first = _extra(seen, "connect")
        title = f"first connect by the {kind} endpoint, beyond bare"
        yield Figure(title, median(first), "ms", None, spread(first))


def _in_turn(dsn: str, rounds: int) -> dict[str, list[dict[str, float]]]:
    seen: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    for _ in range(rounds):
        for which, into in seen.items():
            done = subprocess.run(
                [sys.executable, "-c", _PROGRAM, which, dsn],
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            told = json.loads(done.stdout)
            into.append({**told, "exit": (monotonic() - told["exit"]) * 1000})
    return seen


def _extra(seen: dict[str, list[dict[str, float]]], key: str) -> list[float]:
    return [a[key] - b[key] for a, b in zip(seen["ours"], seen["bare"], strict=True)]
