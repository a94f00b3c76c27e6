# SPDX-License-Identifier: Apache-2.0
"""Runs the benchmarks on lab clusters, prints a table and writes bench/report/."""

from __future__ import annotations

import argparse
import html
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aurora_lab import Cluster, Resolver

from . import many, process, side_by_side, statement, trouble
from .figures import Figure

REPORT = Path("bench/report")


def measure(quick: bool, resolver: Resolver) -> Iterator[Figure]:
    """All figures, one after the other."""
    yield from many.engine_alone(quick)
    yield from many.many(quick)
    with Cluster(readers=2, resolver=resolver) as cluster:
        yield from statement.door(cluster)
        yield from statement.statement(cluster, quick)
        yield from statement.async_statement(cluster, quick)
        yield from side_by_side.shapes(cluster, quick)
        yield from statement.connects(cluster, quick)
        yield from side_by_side.ratios(cluster, quick)
        yield from process.fresh_process(cluster, quick)
        yield from trouble.faults(cluster, quick)
        yield from side_by_side.faults(cluster, quick)
    domain = "gated.us-east-1.rds.amazonaws.com"
    with Cluster(readers=0, gates=True, resolver=resolver, domain=domain) as gated:
        yield from trouble.detection(gated, quick)
    # Of this kind, since it needs no relay between the driver and the server.
    with Cluster(readers=2, engine="mysql", kind="multi-az", resolver=resolver) as cluster:
        yield from statement.mysql_statement(cluster, quick)
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


def write_report(figures: list[Figure], facts: dict[str, Any]) -> None:
    """``report.json`` and ``index.html``."""
    REPORT.mkdir(parents=True, exist_ok=True)
    data = {"about": facts, "figures": [figure.as_json() for figure in figures]}
    (REPORT / "report.json").write_text(json.dumps(data, indent=2) + "\n")
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(str(cell))}</td>"
            for cell in (
                figure.name,
                f"{figure.value:.2f} {figure.unit}",
                "" if figure.bound is None else f"at most {figure.bound:g}",
                "holds" if figure.holds else "MISSED",
                figure.detail,
            )
        )
        + "</tr>"
        for figure in figures
    )
    stamp = html.escape(", ".join(f"{key} {value}" for key, value in facts.items()))
    (REPORT / "index.html").write_text(
        "<!doctype html><meta charset=utf-8><title>Benchmarks</title>"
        "<style>body{font:15px sans-serif;margin:2em}td{padding:.2em 1em;border-top:1px solid #ddd}"
        f"</style><h1>Benchmarks</h1><p>{stamp}</p><table>{rows}</table>\n"
    )


def main() -> None:
    """Run; exit with 1 if a figure is beyond its bound."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
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
    write_report(figures, about())
    missed = [figure.name for figure in figures if not figure.holds]
    print(f"\nreport: {REPORT / 'index.html'}; {len(missed)} of {len(figures)} beyond their bound")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
