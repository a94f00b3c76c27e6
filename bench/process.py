# SPDX-License-Identifier: Apache-2.0
"""What a fresh process pays: import, memory, threads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from aurora_lab import Cluster

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
imported = (time.perf_counter() - started) * 1000
connection = psycopg.connect(sys.argv[2])
connection.execute("SELECT 1")
threads = len(list(Path("/proc/self/task").iterdir()))
print(json.dumps({"import": imported, "memory": resident(), "threads": threads}))
connection.close()
"""


def fresh_process(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """Import time, memory after the first statement, threads; against the bare driver."""
    seen: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    for _ in range(5 if quick else 15):
        for which, into in seen.items():
            done = subprocess.run(
                [sys.executable, "-c", _PROGRAM, which, cluster.dsn()],
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            into.append(json.loads(done.stdout))

    def extra(key: str) -> list[float]:
        return [a[key] - b[key] for a, b in zip(seen["ours"], seen["bare"], strict=True)]

    imports, memory = extra("import"), extra("memory")
    yield Figure("import beyond psycopg's", median(imports), "ms", 40, spread(imports))
    yield Figure("memory beyond bare", median(memory), "MB", 10, spread(memory))
    yield Figure("threads", max(one["threads"] for one in seen["ours"]), "", 3)
