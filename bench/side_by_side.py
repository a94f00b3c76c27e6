# SPDX-License-Identifier: Apache-2.0
"""Ours and upstream's published release, each beside the bare driver, in processes in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from aurora_lab import Cluster, eventually

from .figures import Figure, median, percentile, spread
from .herd import counted, wait_for_statistics

UPSTREAM = "3.1.0"
"""The release of upstream that is measured; its environment is made by tools/install-upstream."""
_PROGRAM = Path(__file__).with_name("contender.py")
_WITHIN = 10.0  # seconds in which a contender may hear of a fault and go on
_UPSTREAM_PYTHON = Path(f".venvs/upstream-{UPSTREAM}/bin/python")

# What is compared: measure, name, the samples of one process, unit, and what our ratio to the bare
# driver may be at most.
_RATIOS = (
    ("statement", "psycopg statement", ("bare", "contender"), 1.02),
    ("sqlalchemy", "SQLAlchemy execute", ("execute bare", "execute contender"), 1.02),
    (
        "sqlalchemy",
        "SQLAlchemy checkout",
        ("checkout bare", "checkout contender"),
        None,
    ),
    (
        "sqlalchemy",
        "SQLAlchemy checkout with pre-ping",
        ("checkout with pre-ping bare", "checkout with pre-ping contender"),
        0.85,
    ),
    ("orm", "SQLAlchemy ORM get", ("bare", "contender"), None),
    ("connect", "warm connect", ("bare", "contender"), None),
)
_MYSQL_RATIOS = tuple(
    ("mysql", f"mysql-connector {build} statement", (f"{build} bare", f"{build} contender"), None)
    for build in ("pure", "c")
)


def install_upstream() -> None:
    """Make the environment of upstream, if it isn't there."""
    subprocess.run(["tools/install-upstream", UPSTREAM], check=True)


def contenders() -> dict[str, str]:
    """The interpreter of each contender."""
    return {"ours": sys.executable, "upstream": str(_UPSTREAM_PYTHON)}


def ratios(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """Each measure as a ratio to the bare driver in the same process, by contender."""
    table = [row for row in _RATIOS if not quick or row[0] != "orm"]
    yield from _compare(table, cluster, quick)


def mysql_ratios(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """The same of mysql-connector's statement, in both builds; not in the quick form."""
    if not quick:
        yield from _compare(_MYSQL_RATIOS, cluster, quick)


def _compare(
    table: Sequence[tuple[str, str, tuple[str, str], float | None]], cluster: Cluster, quick: bool
) -> Iterator[Figure]:
    seen: dict[tuple[str, str], list[dict[str, float]]] = {}
    measures = list(dict.fromkeys(measure for measure, *_ in table))
    for number in range(1 if quick else 9):
        names = list(contenders())
        for name in names if number % 2 else reversed(names):
            for measure in measures:
                samples = run(contenders()[name], measure, cluster.dsn())
                one = {part: median(values) for part, values in samples.items()}
                seen.setdefault((name, measure), []).append(one)
    for measure, what, (bare, contender), bound in table:
        for name in contenders():
            runs = [one[contender] / one[bare] for one in seen[name, measure]]
            limit = bound if name == "ours" else None
            extra = median([one[contender] - one[bare] for one in seen[name, measure]])
            unit = "ms" if measure == "connect" else "us"
            detail = f"{extra:+.2f} {unit}; {spread(runs)}"
            yield Figure(f"{what}, {name} / bare", median(runs), "", limit, detail, samples=runs)


def run(python: str, measure: str, dsn: str) -> dict[str, list[float]]:
    """The samples of one process of one contender."""
    # mysql-connector's C build has to be loaded before the interpreter's own OpenSSL.
    first = {"PYTHONPATH": "tests/first"} if measure == "mysql" else {}
    done = subprocess.run(
        [python, str(_PROGRAM), measure, dsn],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **first},
    )
    if done.returncode != 0:
        raise RuntimeError(f"{python} {measure}: {done.stderr[-2000:]}")
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def faults(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """Crash and freeze: heard after the truth, and the next statement after the fault.

    All contenders live through the same faults, each in a process of its own.
    """
    programs = _programs("hear")
    for how, stamp in (("crash", "topology_published"), ("freeze", "fault")):
        if quick and how == "freeze":
            continue  # upstream never hears it in time
        heard: dict[str, list[float]] = {name: [] for name in programs}
        resumed: dict[str, list[float]] = {name: [] for name in programs}
        missed = dict.fromkeys(programs, 0)
        for _ in range(1 if quick else 50):
            children = {name: _Waiting(*one, cluster.dsn()) for name, one in programs.items()}
            failover = cluster.failover(how=how)
            until = time.monotonic() + _WITHIN
            for name, child in children.items():
                told = child.told(until)
                if told is None:
                    missed[name] += 1
                    heard[name].append(_WITHIN * 1000)
                    resumed[name].append(_WITHIN * 1000)
                else:
                    heard[name].append((told["heard"][0] - getattr(failover, stamp)) * 1000)
                    resumed[name].append((told["next"][0] - failover.fault) * 1000)
            cluster.heal()
        what = "topology told" if how == "crash" else "fault"
        for name in programs:
            late = f"; {missed[name]} times not within {_WITHIN:.0f} s" if missed[name] else ""
            for told_of, values in (
                (f"heard after the {what}", heard),
                ("next statement after the fault", resumed),
            ):
                found = values[name]
                detail = f"95th percentile {percentile(found, 0.95):.0f}{late}"
                title = f"{how}: {told_of}, {name}"
                yield Figure(title, median(found), "ms", None, detail, samples=found)


def idle(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """Connections that lie idle in a pool as the writer crashes: the next use of each.

    They are used two seconds after the topology told of the new writer.
    """
    programs = _programs("idle")
    seen: dict[str, list[dict[str, list[float]]]] = {name: [] for name in programs}
    for _ in range(1 if quick else 5):
        children = {name: _Waiting(*one, cluster.dsn()) for name, one in programs.items()}
        failover = cluster.failover(how="crash")
        used_at = failover.topology_published + 2
        eventually(lambda at=used_at: time.monotonic() > at, within=10)
        for name, child in children.items():
            told = child.told(time.monotonic() + 60, "now\n")
            if told is None:
                raise RuntimeError(f"{name}: the connections were not there within a minute")
            seen[name].append(told)
        cluster.heal()
    for name, rounds in seen.items():
        ours = name == "ours"
        errors = [told["errors"][0] for told in rounds]
        title = "crash: errors at the next use of 50 idle connections"
        yield Figure(f"{title}, {name}", max(errors), "", 0 if ours else None, spread(errors))
        took = [one for told in rounds for one in told["took"]]
        connects = [told["connect"][0] for told in rounds]
        title = "crash: next use of an idle connection"
        detail = f"longest {max(took):.1f}; a connect {median(connects):.1f}"
        yield Figure(f"{title}, {name}", median(took), "ms", None, detail, samples=took)
        if ours:
            ratio = median(took) / median(connects)
            # One round tells too little of it: 0.65 and 1.36 were seen within minutes.
            yield Figure(f"{title}, {name} / a connect", ratio, "", None if quick else 1.5)


def load(cluster: Cluster, quick: bool) -> Iterator[Figure]:
    """What a crash makes one process ask of the new writer; not in the quick form.

    The servers count what the lab asks, too: the bare driver's figures tell how much that is.
    """
    for name, (python, measure) in {} if quick else _programs("hear").items():
        seen = []
        for _ in range(5):
            target = cluster.readers[0].id
            child = _Waiting(python, measure, cluster.dsn())
            before = counted(cluster, target)
            cluster.failover(to=target, how="crash")
            child.told(time.monotonic() + _WITHIN)
            wait_for_statistics()
            after = counted(cluster, target)
            seen.append([b - a for a, b in zip(before, after, strict=True)])
            cluster.heal()
        for number, what in enumerate(("connections", "questions")):
            found = [one[number] for one in seen]
            title = f"crash: {what} to the new writer, {name}"
            yield Figure(title, median(found), "", None, spread(found))


def _programs(measure: str) -> dict[str, tuple[str, str]]:
    """The interpreter of each contender, and the bare driver's; and what each runs in a fault."""
    programs = {name: (python, measure) for name, python in contenders().items()}
    return {**programs, "bare": (sys.executable, f"{measure}_bare")}


class _Waiting:
    """A contender's process that has done what comes before the fault."""

    def __init__(self, python: str, measure: str, dsn: str) -> None:
        self._child = subprocess.Popen(
            [python, str(_PROGRAM), measure, dsn],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        assert self._child.stderr is not None
        if self._child.stderr.readline() != "ready\n":
            raise RuntimeError(self._child.communicate()[1])
        ready = time.monotonic()
        eventually(lambda: time.monotonic() > ready + 0.3, within=5)

    def told(self, until: float, said: str = "") -> dict[str, list[float]] | None:
        """What it tells after it was ``said`` that; None if nothing until then."""
        try:
            out, _ = self._child.communicate(said, timeout=max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
            return None
        found: dict[str, list[float]] | None = json.loads(out) if out else None
        return found
