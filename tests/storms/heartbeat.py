# SPDX-License-Identifier: Apache-2.0
"""A task that wants to be called each millisecond: ``heartbeat.py`` for a process with no other.

Prints the longest gap in milliseconds when its standard input ends.
"""

from __future__ import annotations

import asyncio
import sys
import time


class Heartbeat:
    """Beats from its creation, in a running event loop, until that ends."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._longest = 0.0
        self._beat(time.monotonic())

    @property
    def longest_gap_ms(self) -> float:
        return round(self._longest * 1000, 1)

    def _beat(self, last: float) -> None:
        now = time.monotonic()
        self._longest = max(self._longest, now - last)
        self._loop.call_later(0.001, self._beat, now)


async def main() -> None:
    heartbeat = Heartbeat()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(heartbeat.longest_gap_ms)


if __name__ == "__main__":
    asyncio.run(main())
