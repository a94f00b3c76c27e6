# SPDX-License-Identifier: Apache-2.0
"""Many armed connections, on scripted servers: memory, threads, processor time, a loop beside them.

The module is also the program of the process in which each case is measured.
"""

from __future__ import annotations

import ctypes
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from .figures import Figure, median, spread

_LIBRARY = Path("build/bench/bench/engine/libaws_wrapper_many.so")
_PROGRAM = Path("build/bench/bench/engine/aws_wrapper_benchmarks")
_REST = 1.5  # seconds over which processor time is counted


def build() -> None:
    """Build the engine's benchmarks."""
    for command in (["cmake", "--preset", "bench"], ["cmake", "--build", "--preset", "bench"]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def many(quick: bool) -> Iterator[Figure]:
    """Cases of more and more connections on 64 hosts; then 1,000 hosts beside a loop of Python."""
    for count in (1, 10_000) if quick else (1, 100, 1_000, 10_000):
        found = case("connections", count)
        much = count == 10_000
        name = f"{count:,} armed connections"
        yield Figure(f"{name}: threads of the engine", found["threads"], "", 1)
        yield Figure(f"{name}: memory of each", found["bytes"], "B", 200 if much else None)
        yield Figure(f"{name}: processor while idle", found["idle"], "%", 2 if much else None)
        yield Figure(f"{name}: processor while all are in a call", found["busy"], "%")
        yield Figure(f"{name}: links of monitors", found["links"], "", 64)
        if much:
            what = "arming and disarming, 16 threads at once"
            yield Figure(f"{name}: {what}", found["arm"] / 1000, "us")
    ratios = [case("loop", 1_000)["ratio"] for _ in range(1 if quick else 9)]
    slower = [100 * (1 / ratio - 1) for ratio in ratios]
    title = "a loop of Python beside 1,000 monitored hosts, slower by"
    yield Figure(title, median(slower), "%", 1, spread(slower))


def engine_alone(quick: bool) -> Iterator[Figure]:
    """Google Benchmark's figures of the engine's own code."""
    command = [str(_PROGRAM), "--benchmark_format=json"]
    command += ["--benchmark_min_time=0.05" if quick else "--benchmark_min_time=0.5"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    for one in json.loads(done.stdout)["benchmarks"]:
        yield Figure(f"engine: {one['name'].replace('_', ' ')}", one["real_time"], one["time_unit"])


def case(what: str, count: int) -> dict[str, float]:
    """What a process of its own found."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.many", what, str(count)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


class _Engine:
    """The library, with the types of what it returns."""

    def __init__(self) -> None:
        library = ctypes.CDLL(str(_LIBRARY.resolve()))
        self.arm = library.many_arm
        self.arm.restype = ctypes.c_double
        self.arm_from_threads = library.many_arm_from_threads
        self.arm_from_threads.restype = ctypes.c_double
        self.links = library.many_links
        self.links.restype = ctypes.c_uint64
        self.begin_all = library.many_begin_all
        self.end_all = library.many_end_all
        self.disarm = library.many_disarm


def connections(count: int) -> dict[str, float]:
    """The figures of ``count`` connections on 64 hosts."""
    engine = _Engine()
    before = threads()
    used = engine.arm(64, count)
    time.sleep(0.5)  # the monitors look at their new connections
    found = {"bytes": used, "threads": threads() - before, "idle": processor()}
    engine.begin_all()
    found |= {"busy": processor(), "links": engine.links()}
    engine.end_all()
    found["arm"] = engine.arm_from_threads(16, 200)
    engine.disarm()
    return found


def loop(hosts: int) -> dict[str, float]:
    """How fast a loop of Python runs beside ``hosts`` monitored hosts with a call each."""
    engine = _Engine()
    alone: list[float] = []
    beside: list[float] = []
    for _ in range(3):
        alone.append(loops_in(0.5))
        engine.arm(hosts, hosts)
        engine.begin_all()
        loops_in(1.5)  # until each host is under suspicion
        beside.append(loops_in(0.5))
        engine.end_all()
        engine.disarm()
    return {"ratio": median(beside) / median(alone)}


def loops_in(seconds: float) -> float:
    """Rounds of a loop in a second."""
    rounds = 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for _ in range(1000):
            pass
        rounds += 1
    return rounds / seconds


def threads() -> int:
    """Threads of this process."""
    return len(list(Path("/proc/self/task").iterdir()))


def processor() -> float:
    """Percent of one processor that this process takes while it does nothing itself."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    time.sleep(_REST)
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return 100 * used / _REST


if __name__ == "__main__":
    case_of = {"connections": connections, "loop": loop}[sys.argv[1]]
    print(json.dumps(case_of(int(sys.argv[2]))))
