# SPDX-License-Identifier: Apache-2.0
"""What the tests of connections for asyncio share."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from aurora_lab import eventually

from aws_advanced_python_wrapper.aio import release_resources_async


async def off_loop(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*args, **kwargs))


async def until(condition: Callable[[], object]) -> None:
    await off_loop(eventually, condition, within=10)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


async def nothing_is_left(before: int = 0) -> None:
    """Once the engine is released, no more sockets than before lead to servers: the lab's own."""
    await release_resources_async()
    await until(lambda: connected_sockets() <= before)


def connected_sockets() -> int:
    """How many connected sockets this process has."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # it is not connected, or gone already
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                with socket.socket(fileno=os.dup(int(name))) as sock:
                    found += sock.family == socket.AF_INET and bool(sock.getpeername())
    return found
