# SPDX-License-Identifier: Apache-2.0
"""Waiting for a condition, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(
    check: Callable[[], T],
    within: float = 10.0,
    *,
    every: float = 0.01,
    ignore: tuple[type[Exception], ...] = (AssertionError,),
) -> T:
    """Call ``check`` until it returns something true, and return that.

    ``within`` and ``every`` are seconds on the monotonic clock. Exceptions of the types in
    ``ignore`` count as "not yet". Raises ``TimeoutError`` at the deadline, with the last such
    exception as its cause.
    """
    deadline = time.monotonic() + within
    while True:
        last: Exception | None = None
        answer: T | None = None
        try:
            answer = check()
        except ignore as error:
            last = error
        if answer:
            return answer
        if time.monotonic() >= deadline:
            seen = last if last is not None else answer
            raise TimeoutError(f"not within {within:g} s; last seen: {seen!r}") from last
        time.sleep(every)
