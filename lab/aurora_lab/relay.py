# SPDX-License-Identifier: Apache-2.0
"""The TCP relay in front of one server, with the ways in which a network goes bad."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from typing import Literal

GateState = Literal["pass", "freeze", "drop", "refuse"]

_CHUNK = 65536
_BACKLOG = 128
_RESET = struct.pack("ii", 1, 0)


class Relay:
    """Listens on ``listen`` and passes every connection on to ``target``, both (address, port).

    States: ``pass``; ``freeze`` swallows every byte and accepts new connections in silence;
    ``drop`` reads nothing, closes nothing and leaves new connections unanswered; ``refuse``
    refuses new connections and leaves the open ones alone. ``delay`` is in seconds, each way.
    Runs on one event loop.
    """

    def __init__(self, listen: tuple[str, int], target: tuple[str, int]) -> None:
        self.state: GateState = "pass"
        self.delay = 0.0
        self._listen = listen
        self._target = target
        self._listener: socket.socket | None = None
        self._acceptor: asyncio.Task[None] | None = None
        self._links: set[_Link] = set()
        self._fillers: list[socket.socket] = []
        self._changed = asyncio.Event()

    async def open(self) -> None:
        """Start to listen. Raises ``OSError`` if the address is taken."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        listener.bind(self._listen)
        listener.listen(_BACKLOG)
        self._listener = listener
        self._acceptor = asyncio.create_task(self._accept(listener))

    async def set(self, state: GateState, delay: float) -> None:
        """Change the state for open and new connections alike."""
        before, self.state, self.delay = self.state, state, delay
        if before != state:
            if before == "drop":
                self._empty_backlog()
            if state == "refuse":
                await self._close_listener()
            elif self._listener is None:
                await self.open()
            if state == "drop":
                await self._fill_backlog()
            if before == "freeze":
                # What lost bytes can't go on: its peer would wait for them, or misread the rest.
                for link in [link for link in self._links if link.lossy]:
                    link.reset()
        self._changed.set()
        self._changed = asyncio.Event()

    def reset(self) -> None:
        """Send a RST on every open connection, to both sides."""
        for link in list(self._links):
            link.reset()

    async def leave(self, *states: GateState) -> None:
        """Wait until the state is none of these."""
        while self.state in states:
            await self._changed.wait()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.leave("drop")
            try:
                client, peer = await loop.sock_accept(listener)
            except OSError:
                await asyncio.sleep(0.05)  # out of file descriptors, or the client is gone again
                continue
            if peer in [filler.getsockname() for filler in self._fillers]:
                client.close()
                continue
            link = _Link(self, client, self._target)
            self._links.add(link)
            link.task.add_done_callback(lambda _: self._forget())

    def _forget(self) -> None:
        self._links = {link for link in self._links if not link.task.done()}

    async def _close_listener(self) -> None:
        if self._acceptor is not None and self._listener is not None:
            self._acceptor.cancel()
            with contextlib.suppress(asyncio.CancelledError):  # it is what was asked for
                await self._acceptor
            self._listener.close()
        self._listener = self._acceptor = None

    async def _fill_backlog(self) -> None:
        # Linux drops a SYN without an answer when the accept queue is full: make it short and
        # fill it. The accept task may still take one connection, so stop it first.
        assert self._listener is not None and self._acceptor is not None
        self._acceptor.cancel()
        with contextlib.suppress(asyncio.CancelledError):  # it is what was asked for
            await self._acceptor
        self._listener.listen(0)
        for _ in range(_BACKLOG):
            filler = socket.socket()
            filler.setblocking(False)
            self._fillers.append(filler)
            connecting = asyncio.ensure_future(
                asyncio.get_running_loop().sock_connect(filler, self._listen)
            )
            done, _ = await asyncio.wait({connecting}, timeout=0.03)
            if not done:
                connecting.cancel()
                return

    def _empty_backlog(self) -> None:
        assert self._listener is not None
        for filler in self._fillers:
            filler.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            filler.close()
        self._fillers.clear()
        self._listener.listen(_BACKLOG)
        self._acceptor = asyncio.create_task(self._accept(self._listener))


class _Link:
    """One client's connection and its counterpart at the server."""

    def __init__(self, relay: Relay, client: socket.socket, target: tuple[str, int]) -> None:
        self.lossy = False
        self._relay = relay
        self._client = client
        self._server = socket.socket()
        for side in (self._client, self._server):
            side.setblocking(False)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.task = asyncio.create_task(self._run(target))

    def reset(self) -> None:
        """End both sides with a RST."""
        self.task.cancel("reset")

    async def _run(self, target: tuple[str, int]) -> None:
        try:
            # Accepted while frozen: the server never hears of it.
            if self._relay.state == "freeze":
                self.lossy = True
                await self._relay.leave("freeze")
                raise ConnectionResetError
            await asyncio.get_running_loop().sock_connect(self._server, target)
            up = asyncio.create_task(self._pump(self._client, self._server))
            down = asyncio.create_task(self._pump(self._server, self._client))
            try:
                await asyncio.gather(up, down)
            finally:
                up.cancel()
                down.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            # One side ended badly, or we were told to reset: the other side shall notice.
            for side in (self._client, self._server):
                with contextlib.suppress(OSError):  # not connected any more: no one to tell
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        finally:
            self._client.close()
            self._server.close()

    async def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        """Carry bytes one way until the source ends, then tell the sink."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)
        writer = asyncio.create_task(self._write(queue, sink))
        try:
            while True:
                await self._relay.leave("drop")
                reading = asyncio.ensure_future(loop.sock_recv(source, _CHUNK))
                await asyncio.wait({reading, writer}, return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    reading.cancel()
                    await writer  # it ended first, so by an error: raise that
                    return
                chunk = reading.result()
                await queue.put((time.monotonic() + self._relay.delay, chunk))
                if not chunk:
                    await writer
                    return
        finally:
            writer.cancel()

    async def _write(self, queue: asyncio.Queue[tuple[float, bytes]], sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due, chunk = await queue.get()
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            await self._relay.leave("drop")
            if self._relay.state == "freeze":
                self.lossy = True
                continue
            if not chunk:
                sink.shutdown(socket.SHUT_WR)
                return
            await loop.sock_sendall(sink, chunk)
