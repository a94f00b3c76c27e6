# SPDX-License-Identifier: Apache-2.0
"""The TCP relay in front of one server, with the ways in which a network goes bad."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from typing import Literal, TypeAlias

GateState = Literal["pass", "freeze", "drop", "refuse"]

_Queue: TypeAlias = "asyncio.Queue[tuple[float, bytes]]"
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
        self._own: set[tuple[str, int]] = set()
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
            if peer in self._own:
                self._own.discard(peer)
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
        assert self._listener is not None
        assert self._acceptor is not None
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
            self._own.add(filler.getsockname())

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
            await self._carry()
        except (OSError, asyncio.CancelledError):
            # One side ended badly, or we were told to reset: the other side shall notice.
            for side in (self._client, self._server):
                with contextlib.suppress(OSError):  # not connected any more: no one to tell
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        finally:
            self._client.close()
            self._server.close()

    async def _carry(self) -> None:
        tasks = []
        for source, sink in ((self._client, self._server), (self._server, self._client)):
            queue: _Queue = asyncio.Queue(maxsize=256)
            tasks.append(asyncio.create_task(self._read(source, queue)))
            tasks.append(asyncio.create_task(self._write(queue, sink)))
        try:
            await asyncio.gather(*tasks)
        finally:
            # All must have let go of the sockets before their numbers can be used again.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, source: socket.socket, queue: _Queue) -> None:
        loop = asyncio.get_running_loop()
        chunk = b"?"
        while chunk:
            await self._relay.leave("drop")
            chunk = await loop.sock_recv(source, _CHUNK)
            await queue.put((time.monotonic() + self._relay.delay, chunk))

    async def _write(self, queue: _Queue, sink: socket.socket) -> None:
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
