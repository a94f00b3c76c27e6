# SPDX-License-Identifier: Apache-2.0
"""Connections for asyncio that survive their server.

The engine, the plugins and their properties are those of the blocking connections.
"""

from __future__ import annotations

import asyncio

from .. import release_resources
from .._connection import AsyncAwsWrapperConnection

__all__ = ["AsyncAwsWrapperConnection", "release_resources_async"]


async def release_resources_async() -> None:
    """Stop all monitors and the engine's thread, off the event loop. Repeatable."""
    await asyncio.get_running_loop().run_in_executor(None, release_resources)
