# SPDX-License-Identifier: Apache-2.0
"""What all comparisons by the tests of others need: runs of pytest, and how two of them differ."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from aurora_lab import Resolver

REPEATS = 10
_HERE = Path(__file__).parent


def outcomes(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    within: float = 900.0,
    title: str = "  ",
) -> dict[str, str]:
    """Run pytest in a folder, by this Python; return the outcome of each test by its name.

    ``environment`` is that of this process by default. ``title`` goes before the summary that is
    printed. The program ends if pytest could not run, or runs longer than ``within`` seconds.
    """
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={scratch}/cache"]
        done = subprocess.run(
            [*command, f"--junit-xml={report}", *arguments],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=within,
        )
        if not report.exists():
            sys.exit(done.stdout + done.stderr)
        print(title + done.stdout.strip().splitlines()[-1], flush=True)
        return _read(report)


def _read(report: Path) -> dict[str, str]:
    result = {}
    for case in ElementTree.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        outcome = next((k for k in ("failure", "error", "skipped") if k in kinds), "passed")
        result[f"{case.get('classname')}::{case.get('name')}"] = outcome
    return result


def psycopg_in_place(plugins: str) -> tuple[list[str], dict[str, str]]:
    """Return what puts our classes in psycopg's place: pytest's arguments, and the environment.

    ``plugins`` is the property, or "default" to leave it out.
    """
    environment = dict(os.environ)
    paths = [str(_HERE), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment.pop("WRAPPER_PLUGINS", None)
    if plugins != "default":
        environment["WRAPPER_PLUGINS"] = plugins
    return ["-p", "psycopg_in_place"], environment


def unexpected(stock: dict[str, str], ours: dict[str, str], expected: Collection[str]) -> list[str]:
    """Return the tests that differ and should not, or should differ and don't."""
    return [
        name
        for name in sorted(stock.keys() | ours.keys())
        if (stock.get(name) != ours.get(name)) != (name.partition("[")[0] in expected)
    ]


def explain(name: str, stock: dict[str, str], ours: dict[str, str]) -> str:
    """Say what is unexpected about a test."""
    if stock.get(name) == ours.get(name):
        return f"{name}: no longer differs; take it off the list"
    return f"{name}: stock {stock.get(name)}, ours {ours.get(name)}"


Run = Callable[[Sequence[str]], dict[str, str]]
"""Runs these tests, and returns the outcome of each."""


def steady_differences(
    stock: dict[str, str],
    ours: dict[str, str],
    expected: Collection[str],
    folder: Path,
    run_stock: Run,
    run_ours: Run,
) -> list[str]:
    """Return what is unexpected, less what repeats show to be no difference.

    A test in ``folder`` that differs is repeated alone, on both sides. The difference stands
    unless stock, too, ends as ours did each time.
    """
    return [
        explain(name, stock, ours)
        for name in unexpected(stock, ours, expected)
        if stock.get(name) == ours.get(name)
        or not _is_unsteady(name, ours.get(name, "missing"), folder, run_stock, run_ours)
    ]


def _is_unsteady(name: str, outcome: str, folder: Path, run_stock: Run, run_ours: Run) -> bool:
    print(f"  {name} is repeated", flush=True)
    only = [_address(name, folder)]
    seen_of_stock: set[str] = set()
    seen_of_ours = {outcome}
    for _ in range(REPEATS):
        seen_of_stock.update(run_stock(only).values())
        seen_of_ours.update(run_ours(only).values())
    return seen_of_ours <= seen_of_stock


def _address(name: str, folder: Path) -> str:
    # A report has dots alone, before a module and before a class in it.
    module, _, test = name.partition("::")
    parts = module.split(".")
    for count in range(len(parts), 0, -1):
        file = "/".join(parts[:count]) + ".py"
        if (folder / file).is_file():
            return "::".join([file, *parts[count:], test])
    sys.exit(f"{name} is in no file of {folder}")


def own_resolver() -> Resolver:
    """Return this process's resolver view; without one, run the program anew in one, and exit."""
    resolver = Resolver.of_this_process()
    if resolver is not None:
        return resolver
    own = Resolver()
    try:
        environment = {**os.environ, **own.environment()}
        sys.exit(subprocess.call([sys.executable, *sys.argv], env=environment))
    finally:
        own.close()
