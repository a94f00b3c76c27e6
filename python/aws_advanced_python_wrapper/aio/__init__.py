# SPDX-License-Identifier: Apache-2.0
"""Connections for asyncio that survive their server.

The engine, the plugins and their properties are those of the blocking connections.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from .._core.connection import AsyncAwsWrapperConnection
from .._core.lifetime import release_resources

__all__ = ["AsyncAwsWrapperConnection", "register_shutdown_hook", "release_resources_async"]

logger = logging.getLogger("aws_advanced_python_wrapper")
_hooks: list[Callable[[], Awaitable[None]]] = []


def register_shutdown_hook(hook: Callable[[], Awaitable[None]]) -> None:
    """Have ``hook()`` awaited by the next :func:`release_resources_async`, once."""
    _hooks.append(hook)


async def release_resources_async() -> None:
    """Await the registered hooks, then stop all monitors and the engine's thread. Repeatable.

    Off the event loop, but for the hooks. A hook that fails is logged as an ERROR and does not keep
    the rest from being done.
    """
    while _hooks:
        hook = _hooks.pop(0)
        try:
            await hook()
        except Exception:
            logger.exception("a shutdown hook failed: %r", hook)
    await asyncio.get_running_loop().run_in_executor(None, release_resources)
