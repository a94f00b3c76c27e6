# SPDX-License-Identifier: Apache-2.0
"""What the tests of connections for asyncio share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aurora_lab import eventually


async def off_loop(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*args, **kwargs))


async def until(condition: Callable[[], object]) -> None:
    await off_loop(eventually, condition, within=10)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))
