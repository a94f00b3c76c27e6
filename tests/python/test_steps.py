# SPDX-License-Identifier: Apache-2.0
"""Waits, for callers that block and for callers that await."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from aurora_lab import eventually

from aws_advanced_python_wrapper._core.waits import (
    READ,
    WRITE,
    LinkGivenUp,
    NameLookup,
    SocketWait,
    Steps,
    drive,
    drive_async,
)
from lab_help import SilentNames, look_up_threads


def look_up(name: str, within: float) -> Steps[list[str]]:
    return (yield NameLookup(name, monotonic() + within))


def in_a_loop(steps: Steps[Any]) -> Any:
    return asyncio.run(drive_async(steps))


@pytest.fixture(params=[drive, in_a_loop], ids=["blocking", "awaited"])
def run(request: pytest.FixtureRequest) -> Callable[[Steps[Any]], Any]:
    chosen: Callable[[Steps[Any]], Any] = request.param
    return chosen


@pytest.fixture
def silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SilentNames]:
    names = SilentNames(tmp_path)
    with monkeypatch.context() as patch:
        patch.setenv("NSS_WRAPPER_HOSTS", str(names.path))
        yield names

    def over() -> bool:
        names.end()
        return look_up_threads() == 0

    eventually(over, within=20)


def test_name_is_looked_up(run: Callable[[Steps[Any]], Any]) -> None:
    assert run(look_up("127.0.0.1", 10)) == ["127.0.0.1"]
    assert {"127.0.0.1", "::1"} & set(run(look_up("localhost", 10)))
    with pytest.raises(OSError, match="Name or service not known"):
        run(look_up("nowhere.invalid", 10))
    with pytest.raises(UnicodeError):
        run(look_up("a" * 64, 10))


def test_look_up_that_does_not_end_has_a_deadline(
    run: Callable[[Steps[Any]], Any], silence: SilentNames
) -> None:
    for _ in range(3):
        with pytest.raises(LinkGivenUp):
            run(look_up("silent.invalid", 0.05))
    assert look_up_threads() == 1, "all wait for the same look-up"

    def answered() -> bool:
        silence.end()
        return look_up_threads() == 0

    eventually(answered, within=20)


@pytest.mark.usefixtures("silence")
def test_names_that_hang_hold_no_other_name_up(
    run: Callable[[Steps[Any]], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        with pytest.raises(LinkGivenUp):
            run(look_up(f"silent-{number}.invalid", 0.05))
    eventually(lambda: look_up_threads() == 8, within=5)
    with monkeypatch.context() as patch:
        patch.setenv("NSS_WRAPPER_HOSTS", os.devnull)
        assert run(look_up("localhost", 10))


@pytest.mark.usefixtures("silence")
def test_cancelled_wait_leaves_its_look_up() -> None:
    async def cancelled() -> None:
        tasks = [
            asyncio.create_task(drive_async(look_up(f"silent-{number}.invalid", 60)))
            for number in range(9)
        ]
        await asyncio.wait(tasks, timeout=0)  # each begins
        queued = tasks.pop()
        queued.cancel()
        await asyncio.wait([queued], timeout=5)
        assert queued.cancelled()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks)

    asyncio.run(cancelled())
    assert look_up_threads() == 8, "the ninth was never begun"


@pytest.mark.parametrize("has_poll", [True, False], ids=["poll", "as eventlet leaves it"])
def test_socket_is_waited_for(monkeypatch: pytest.MonkeyPatch, has_poll: bool) -> None:
    def wait(wanted: int, within: float) -> Steps[int]:
        return (yield SocketWait(ours.fileno(), wanted, monotonic() + within))

    if not has_poll:
        monkeypatch.delattr(select, "poll")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert drive(wait(WRITE, 10)) == WRITE
        with pytest.raises(LinkGivenUp):
            drive(wait(READ, 0.01))
        theirs.send(b"x")
        assert drive(wait(READ, 10)) == READ
        assert drive(wait(READ | WRITE, 10)) == READ | WRITE
