# SPDX-License-Identifier: Apache-2.0
"""The TCP relay in front of one server, with the ways in which a network goes bad."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

GateState = Literal["pass", "freeze", "drop", "refuse"]

Translate: TypeAlias = Callable[[bytes], tuple[bytes, bytes]]
"""Takes what one side sent; returns what goes on to the other side, and what goes back."""

_CHUNK = 65536
_MOST_CHUNKS = 256
_BACKLOG = 128
_RESET = struct.pack("ii", 1, 0)


class Translator(Protocol):
    """Knows the protocol of one connection, and may change what passes.

    An ``OSError`` (``ssl.SSLError`` is one) ends the connection with a RST on both sides.
    """

    def from_client(self, chunk: bytes) -> tuple[bytes, bytes]:
        """Take what the client sent; return what goes to the server, and back to the client."""

    def from_server(self, chunk: bytes) -> tuple[bytes, bytes]:
        """Take what the server sent; return what goes to the client, and back to the server."""


class Relay:
    """Listens on ``listen`` and passes every connection on to ``target``, both (address, port).

    States: ``pass``; ``freeze`` swallows every byte and accepts new connections in silence;
    ``drop`` reads nothing, closes nothing and leaves new connections unanswered; ``refuse``
    refuses new connections and leaves the open ones alone. ``delay`` is in seconds, each way.
    ``translator`` makes an object for each connection that may change what passes; without it
    every byte does. Runs on one event loop.
    """

    def __init__(
        self,
        listen: tuple[str, int],
        target: tuple[str, int],
        translator: Callable[[], Translator] | None = None,
    ) -> None:
        self.state: GateState = "pass"
        self.delay = 0.0
        self.translator = translator
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
        to_server = _Lane(self, self._relay, self._server)
        to_client = _Lane(self, self._relay, self._client)
        translator = self._relay.translator() if self._relay.translator else None
        from_client = translator.from_client if translator else None
        from_server = translator.from_server if translator else None
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._read(self._client, to_server, to_client, from_client),
                self._read(self._server, to_client, to_server, from_server),
                to_server.write(),
                to_client.write(),
            )
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            # All must have let go of the sockets before their numbers can be used again.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(
        self, source: socket.socket, ahead: _Lane, back: _Lane, translate: Translate | None
    ) -> None:
        ended = False
        while not ended:
            await self._relay.leave("drop")
            ended = await self._read_until_held(source, ahead, back, translate)
            await ahead.room()

    async def _read_until_held(
        self, source: socket.socket, ahead: _Lane, back: _Lane, translate: Translate | None
    ) -> bool:
        """Pass on what comes, until the stream ends (``True``) or nothing shall be read."""
        loop = asyncio.get_running_loop()
        held: asyncio.Future[bool] = loop.create_future()

        def pass_on() -> None:
            if held.done():
                return
            if self._relay.state == "drop":
                held.set_result(False)
                return
            try:
                chunk = source.recv(_CHUNK)
                delay = self._relay.delay
                if translate is None or not chunk:
                    ahead.push(chunk, delay)
                else:
                    forward, answer = translate(chunk)
                    # An answer of ours takes the time of both ways.
                    back.push(answer, 2 * delay, end=False)
                    ahead.push(forward, delay, end=False)
            except BlockingIOError:
                return
            except OSError as error:
                held.set_exception(error)
                return
            if not chunk or ahead.full:
                held.set_result(not chunk)

        # A call-back that stays: a coroutine for each chunk would double the latency.
        loop.add_reader(source, pass_on)
        try:
            return await held
        finally:
            loop.remove_reader(source)


class _Lane:
    """What is on its way to one side, in order."""

    def __init__(self, link: _Link, relay: Relay, sink: socket.socket) -> None:
        self._link = link
        self._relay = relay
        self._sink = sink
        self._queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        self._writing = False

    def push(self, chunk: bytes, delay: float, *, end: bool = True) -> None:
        """Send bytes after ``delay`` seconds; an empty chunk is the end of the stream if ``end``.

        What can go at once does, without a turn of the event loop.
        """
        if not chunk and not end:
            return
        idle = not self._writing and self._queue.empty()
        if chunk and idle and not delay and self._relay.state in ("pass", "refuse"):
            with contextlib.suppress(BlockingIOError):  # full: all of it takes the queue
                chunk = chunk[self._sink.send(chunk) :]
            if not chunk:
                return
        self._queue.put_nowait((time.monotonic() + delay, chunk))

    @property
    def full(self) -> bool:
        """Whether more is on its way than should be."""
        return self._queue.qsize() > _MOST_CHUNKS

    async def room(self) -> None:
        """Wait until all is gone, if the lane is full."""
        if self.full:
            await self._queue.join()

    async def write(self) -> None:
        """Send what can't go at once, until the stream ends."""
        loop = asyncio.get_running_loop()
        chunk = b"?"
        while chunk:
            due, chunk = await self._queue.get()
            self._writing = True
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            await self._relay.leave("drop")
            if self._relay.state == "freeze":
                self._link.lossy = True
                chunk = b"?"
            elif chunk:
                await loop.sock_sendall(self._sink, chunk)
            else:
                self._sink.shutdown(socket.SHUT_WR)
            self._writing = False
            self._queue.task_done()
