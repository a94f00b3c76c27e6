# SPDX-License-Identifier: Apache-2.0
"""Runs the ledger application as a child process and keeps what it tells."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, final

from events import ACKNOWLEDGED, SUCCESSES, TASKS, THREADS, Event, Role

Mode = Literal["threads", "async"]
_PROGRAMS: dict[Mode, Path] = {
    "threads": Path(__file__).with_name("ledger.py"),
    "async": Path(__file__).with_name("async_ledger.py"),
}
_END_WITHIN = 8.0


@final
class Client:
    """One ledger application: its process, and its events so far, oldest first.

    ``schema`` is both its name and where its tables are; ``log`` takes its standard error;
    ``workers`` says how many threads or tasks of each role it has. A process that is stuck may be
    replaced by a new one: the events go on.
    """

    def __init__(
        self,
        schema: str,
        title: str,
        urls: tuple[str, str],
        environment: Mapping[str, str],
        log: Path,
        mode: Mode = "threads",
    ) -> None:
        self.schema = schema
        self.title = title
        self.workers = TASKS if mode == "async" else THREADS
        self.events: list[Event] = []
        self.restarts: list[float] = []
        """When a stuck process was replaced (``time.monotonic()`` seconds)."""
        self._command = [sys.executable, str(_PROGRAMS[mode]), *urls]
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[str] | None = None
        self._listener: threading.Thread | None = None

    def start(self) -> None:
        """Start the process."""
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for the demo, which ends it in good order
            )
        self._listener = threading.Thread(target=self._listen, args=(self._process,), daemon=True)
        self._listener.start()

    def stop(self) -> None:
        """Let the process end; kill it if it doesn't."""
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(_END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._listener is not None:
            self._listener.join()

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
        self.stop()

    def restart(self) -> None:
        """Replace the process, as an operator would."""
        self.restarts.append(time.monotonic())
        self.kill()
        self.start()

    def check(self) -> None:
        """Raise ``RuntimeError`` if the process ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            tail = self._log.read_text(errors="replace").strip()[-2000:]
            raise RuntimeError(f"the application ({self.title}) ended by itself:\n{tail}")

    def rate(self, seconds: float = 1.0) -> float:
        """Return the commits per second of late."""
        since = time.monotonic() - seconds
        found = 0
        for event in reversed(self.events):
            if event.at < since:
                break
            found += event.kind in ACKNOWLEDGED
        return found / seconds

    def active(self, role: Role, since: float, without: str = "") -> set[str]:
        """Return the threads that succeeded since then, on another server than ``without``."""
        return {event.thread for event in self._good(role, since) if event.server != without}

    def servers(self, role: Role, since: float) -> set[str]:
        """Return the servers that did something for us since then."""
        return {event.server for event in self._good(role, since)}

    def _good(self, role: Role, since: float) -> Iterator[Event]:
        for event in reversed(self.events):
            if event.at < since:
                break
            if event.kind in SUCCESSES and event.role == role:
                yield event

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):  # else it was killed while it wrote
                    self.events.append(Event.parse(line))
