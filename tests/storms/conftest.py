# SPDX-License-Identifier: Apache-2.0
"""The storms: the same faults over and over. ``--storm=long`` is what ``make soak`` runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import aws_advanced_python_wrapper

_FIGURES = pytest.StashKey[dict[str, Any]]()
REPORT = Path("soak-report")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--storm", choices=("short", "long"), default="short")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = {}


@pytest.fixture(autouse=True)
def released() -> Iterator[None]:
    yield
    aws_advanced_python_wrapper.release_resources()


@pytest.fixture
def times(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """How often: ``times(short, long)``."""
    long = request.config.getoption("--storm") == "long"
    return lambda few, many: many if long else few


@pytest.fixture
def progress(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tells a person at the terminal how far a long storm is."""
    reporter: Any = request.config.pluginmanager.getplugin("terminalreporter")
    last = time.monotonic()

    def tell(text: str) -> None:
        nonlocal last
        if reporter is not None and time.monotonic() - last > 5:
            last = time.monotonic()
            reporter.write_line(f"  {request.node.name}: {text}")

    return tell


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keeps figures for the report."""

    def keep(**figures: Any) -> None:
        request.config.stash[_FIGURES][request.node.name] = figures

    return keep


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    figures = config.stash.get(_FIGURES, {})
    if not figures:
        return
    terminalreporter.section("storms")
    for name, values in figures.items():
        text = ", ".join(f"{key} {value}" for key, value in values.items())
        terminalreporter.write_line(f"{name}: {text}")
    if config.getoption("--storm") == "long":
        REPORT.mkdir(exist_ok=True)
        (REPORT / "storms.json").write_text(json.dumps(figures, indent=2) + "\n")
        terminalreporter.write_line(f"written to {REPORT / 'storms.json'}")
