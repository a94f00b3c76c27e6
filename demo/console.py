# SPDX-License-Identifier: Apache-2.0
"""Progress for the user: lines that stay, and on a terminal one that lives."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import final

from recorder import Client

_REFRESH_EVERY = 0.25
_PLAIN_EVERY = 5.0


@final
class Console:
    """Writes to standard output; each line begins with the seconds since the start."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._tty = sys.stdout.isatty()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Write a line that stays."""
        with self._lock:
            clear = "\r\x1b[K" if self._tty else ""
            print(f"{clear}{self._stamp()}  {text}", flush=True)

    @contextlib.contextmanager
    def live(self, clients: Sequence[Client]) -> Iterator[None]:
        """Show how many commits the clients make: on a terminal in place, else now and then."""
        ended = threading.Event()

        def show() -> None:
            while not ended.wait(_REFRESH_EVERY if self._tty else _PLAIN_EVERY):
                rates = "   ".join(f"{c.title} {c.rate():4.0f} commits/s" for c in clients)
                if self._tty:
                    with self._lock:
                        print(f"\r\x1b[K{self._stamp()}  {rates}", end="", flush=True)
                else:
                    self.say(rates)

        thread = threading.Thread(target=show, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            if self._tty:
                print("\r\x1b[K", end="", flush=True)

    def _stamp(self) -> str:
        return f"{time.monotonic() - self._began:6.1f} s"
