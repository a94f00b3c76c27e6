# SPDX-License-Identifier: Apache-2.0
"""Waits, for callers that block and for callers that await."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any

import pytest
from aurora_lab import eventually

from aws_advanced_python_wrapper._steps import LinkGivenUp, NameLookup, Steps, drive, drive_async


def look_up(name: str, within: float) -> Steps[list[str]]:
    return (yield NameLookup(name, monotonic() + within))


def in_a_loop(steps: Steps[Any]) -> Any:
    return asyncio.run(drive_async(steps))


@pytest.fixture(params=[drive, in_a_loop], ids=["blocking", "awaited"])
def run(request: pytest.FixtureRequest) -> Callable[[Steps[Any]], Any]:
    chosen: Callable[[Steps[Any]], Any] = request.param
    return chosen


def test_name_is_looked_up(run: Callable[[Steps[Any]], Any]) -> None:
    assert run(look_up("127.0.0.1", 10)) == ["127.0.0.1"]
    with pytest.raises(OSError, match=r"\[Errno"):
        run(look_up("nowhere.invalid", 10))


def test_look_up_that_does_not_end_has_a_deadline(
    run: Callable[[Steps[Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = Event()

    def silent(*_: Any, **__: Any) -> list[Any]:
        answered.wait()
        return []

    # No name server that can be had here is silent for certain.
    monkeypatch.setattr(socket, "getaddrinfo", silent)
    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(LinkGivenUp):
            run(look_up("silent.invalid", 0.05))
    assert threading.active_count() == before + 1, "all wait for the same look-up"
    answered.set()
    eventually(lambda: threading.active_count() == before, within=10)
