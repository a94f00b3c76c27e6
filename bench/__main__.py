# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks on lab clusters, prints a table and writes bench/report/."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from aurora_lab import Cluster, Resolver

from . import (
    connect,
    counts,
    herd,
    many,
    neighbour,
    process,
    report,
    shapes,
    side_by_side,
    statement,
    trouble,
)
from .figures import Figure


def measure(quick: bool, resolver: Resolver) -> Iterator[Figure]:
    """All figures, one after the other."""
    yield from many.engine_alone(quick)
    yield from many.many(quick)
    with Cluster(readers=2, resolver=resolver) as cluster:
        yield from statement.door(cluster)
        yield from statement.statement(cluster, quick)
        yield from statement.async_statement(cluster, quick)
        yield from counts.counts(cluster, quick)
        yield from shapes.shapes(cluster, quick)
        yield from connect.warm(cluster, quick)
        yield from connect.questions(cluster, quick)
        yield from side_by_side.ratios(cluster, quick)
        yield from process.fresh_process(cluster, quick)
        yield from trouble.faults(cluster, quick)
        yield from neighbour.neighbour(cluster, quick)
        yield from side_by_side.faults(cluster, quick)
        yield from side_by_side.idle(cluster, quick)
        yield from side_by_side.load(cluster, quick)
        yield from herd.herd(cluster, quick)
    domain = "gated.us-east-1.rds.amazonaws.com"
    with Cluster(readers=0, gates=True, resolver=resolver, domain=domain) as gated:
        yield from trouble.detection(gated, quick)
    # Of this kind, since it needs no relay between the driver and the server.
    with Cluster(readers=2, engine="mysql", kind="multi-az", resolver=resolver) as cluster:
        yield from statement.mysql_statement(cluster, quick)
        yield from counts.mysql_counts(cluster, quick)
        yield from shapes.mysql_shapes(cluster, quick)
        yield from side_by_side.mysql_ratios(cluster, quick)
    with Cluster(readers=2, engine="mysql", resolver=resolver) as cluster:
        yield from trouble.mysql_faults(cluster, quick)


def about() -> dict[str, Any]:
    """The machine, the versions and the commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    packages = (
        "psycopg",
        "mysql-connector-python",
        "SQLAlchemy",
        "aws-advanced-python-wrapper-native",
    )
    return {
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def main() -> None:
    """Run; exit with 1 if a figure is beyond its bound."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, within two minutes")
    parser.add_argument(
        "--slack", type=float, help="fail only on ratios beyond so many times their bound"
    )
    options = parser.parse_args()
    many.build()
    side_by_side.install_upstream()
    resolver = Resolver.of_this_process()
    if resolver is None:
        own = Resolver()
        try:
            environment = {**os.environ, **own.environment()}
            command = [sys.executable, "-m", "bench", *sys.argv[1:]]
            sys.exit(subprocess.call(command, env=environment))
        finally:
            own.close()
    figures = []
    for figure in measure(options.quick, resolver):
        print(figure.as_row(), flush=True)
        figures.append(figure)
    print(f"\nreport: {report.write(figures, about())}")
    missed = [figure.name for figure in figures if not figure.holds]
    print(f"{len(missed)} of {len(figures)} figures are beyond their bound")
    if options.slack is not None:
        missed = [figure.name for figure in figures if figure.is_far_beyond(options.slack)]
        print(f"{len(missed)} ratios are beyond {options.slack:g} times theirs: {missed}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
