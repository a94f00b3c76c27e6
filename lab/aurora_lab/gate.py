# SPDX-License-Identifier: Apache-2.0
"""The handles on a cluster's gates, and on the keeper process in which they run."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .engine import Rewriting
from .errors import LabError
from .relay import GateState

_ANSWER_WITHIN = 10.0


@dataclass(frozen=True)
class RelayOrder:
    """One relay: where it listens and passes on to, and what it changes on the way, if anything."""

    listen: str
    target: str
    port: int
    rewriting: Rewriting | None


class Keeper:
    """The background process that relays, and that cleans up when we are gone.

    ``gates`` maps an instance's id to its relay. ``lock`` is the socket that marks the cluster's
    loopback network as taken; the keeper holds it to the end.
    """

    def __init__(self, folder: Path, lock: socket.socket, gates: Mapping[str, RelayOrder]) -> None:
        package = str(Path(__file__).resolve().parent.parent)
        environment = {k: v for k, v in os.environ.items() if k != "LD_PRELOAD"}
        inherited = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = package + (os.pathsep + inherited if inherited else "")
        relays = {name: asdict(relay) for name, relay in gates.items()}
        order = {"folder": str(folder), "owner": os.getpid(), "gates": relays}
        self._exchange = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "aurora_lab.keeper", json.dumps(order)],
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[lock.fileno()],
            start_new_session=True,
            env=environment,
        )

    @property
    def pid(self) -> int:
        """The keeper's process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait until every gate listens. Raises ``LabError`` if one can't."""
        self._answer()

    def ask(self, **order: Any) -> None:
        """Give an order and wait until it is done. Raises ``LabError`` if it can't be."""
        assert self._process.stdin is not None
        with self._exchange:
            try:
                self._process.stdin.write(json.dumps(order).encode() + b"\n")
                self._process.stdin.flush()
            except OSError as error:
                raise LabError(f"the keeper process is gone: {error}") from error
            self._answer()

    def finish(self, within: float = 15.0) -> bool:
        """Let it remove the cluster and end; tell whether it did within that many seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._exchange:
            with contextlib.suppress(OSError):  # it ended before: the caller cleans up instead
                self._process.stdin.close()
            try:
                done = self._process.wait(within) == 0
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                done = False
            self._process.stdout.close()
            return done

    def _answer(self) -> None:
        assert self._process.stdout is not None
        file = self._process.stdout.fileno()
        deadline = time.monotonic() + _ANSWER_WITHIN
        text = b""
        while not text.endswith(b"\n"):
            left = max(0.0, deadline - time.monotonic())
            if not select.select([file], [], [], left)[0]:
                raise LabError(f"the keeper process didn't answer within {_ANSWER_WITHIN:g} s")
            chunk = os.read(file, 4096)
            if not chunk:
                raise LabError("the keeper process ended unexpectedly")
            text += chunk
        error = json.loads(text).get("error")
        if error:
            raise LabError(error)


class Gate:
    """The relay in front of one instance. Every method takes effect before it returns.

    A change applies to open and to new connections. Raises ``LabError`` if the keeper is gone.
    """

    def __init__(self, keeper: Keeper, instance_id: str) -> None:
        self.instance_id = instance_id
        self.state: GateState = "pass"
        self.delay_ms = 0.0
        self._keeper = keeper

    def pass_(self) -> None:
        """Relay everything, without delay."""
        self._set("pass")

    def freeze(self) -> None:
        """Accept connections and bytes, and answer nothing: a dead host behind a middlebox.

        Bytes are lost, so a connection that sent or should have got some is reset afterwards.
        """
        self._set("freeze")

    def drop(self) -> None:
        """Read nothing, send nothing, close nothing; a new connection gets no answer at all.

        Nothing is lost: connections go on afterwards. The kernel still acknowledges what fits
        into its buffers, which a real silent network would not.
        """
        self._set("drop")

    def refuse(self) -> None:
        """Refuse new connections; open ones go on."""
        self._set("refuse")

    def reset(self) -> None:
        """Send a RST on every open connection now; new ones pass."""
        self._set("pass")
        self._keeper.ask(gate=self.instance_id, reset=True)

    def delay(self, ms: float) -> None:
        """Relay everything ``ms`` milliseconds later, each way."""
        self._set("pass", ms)

    def heal(self) -> None:
        """Relay again; nothing happens if it already does."""
        if self.state != "pass" or self.delay_ms:
            self.pass_()

    def _set(self, state: GateState, delay_ms: float = 0.0) -> None:
        self._keeper.ask(gate=self.instance_id, state=state, delay=delay_ms / 1000)
        self.state, self.delay_ms = state, delay_ms
