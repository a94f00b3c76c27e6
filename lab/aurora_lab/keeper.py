# SPDX-License-Identifier: Apache-2.0
"""The keeper process: it carries the gates, and removes the cluster when its owner is gone.

Started by ``gate.Keeper`` with one JSON argument. Orders come as JSON lines on standard input,
each is answered by a line on standard output. The end of the input, or of the owner, is the
order to kill every server, remove the cluster's folder and end.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from . import processes
from .relay import Relay


async def keep(order: dict[str, Any]) -> None:
    """Serve until the owner is gone."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, gone.set)
    relays = {name: _relay(**gate) for name, gate in order["gates"].items()}
    error = ""
    for relay in relays.values():
        try:
            await relay.open()
        except OSError as problem:
            error = f"a gate can't listen: {problem}"
    _reply(error)
    tasks = [
        asyncio.create_task(_obey(relays, gone)),
        asyncio.create_task(_watch(order["owner"], gone)),
    ]
    await gone.wait()
    for task in tasks:
        task.cancel()


def _relay(listen: str, target: str, port: int, rewriting: dict[str, Any] | None) -> Relay:
    translator = None
    if rewriting is not None:
        module = importlib.import_module(rewriting["module"])
        translator = module.translator(**rewriting["options"])
    return Relay((listen, port), (target, port), translator)


async def _watch(owner: int, gone: asyncio.Event) -> None:
    # A forked child of the owner may keep our input open, so its end alone is no proof.
    while os.getppid() == owner:
        await asyncio.sleep(0.25)
    gone.set()


async def _obey(relays: dict[str, Relay], gone: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        relay = relays[order["gate"]]
        try:
            if order.get("reset"):
                relay.reset()
            else:
                await relay.set(order["state"], order["delay"])
            _reply("")
        except OSError as problem:
            _reply(f"the gate of {order['gate']} can't {order.get('state')}: {problem}")
    gone.set()


def _reply(error: str) -> None:
    with contextlib.suppress(OSError):  # the owner is gone, which the input tells as well
        os.write(1, json.dumps({"error": error}).encode() + b"\n")


def main() -> None:
    """Keep the cluster that the first argument describes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = json.loads(sys.argv[1])
    try:
        asyncio.run(keep(order))
    finally:
        processes.sweep(Path(order["folder"]))


if __name__ == "__main__":
    main()
