# SPDX-License-Identifier: Apache-2.0
"""Work that has to wait, written once for callers that block and for callers that await.

Such work is a generator of waits: it yields what it waits for and goes on with the answer, or with
the error of the wait. :func:`drive` blocks for each wait, :func:`drive_async` awaits it. Where
gevent or eventlet has patched the process, a wait that blocks lets other greenlets run.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from inspect import isawaitable
from time import monotonic
from typing import Any, Generic, TypeVar

from .. import _engine

Result = TypeVar("Result")

READ, WRITE = 1, 2
"""For what a socket is waited for, or is ready; psycopg's numbers."""
_SLICE = 0.1  # seconds in which Ctrl-C ends a wait of the engine
_LOOK_EVERY = 0.001  # seconds between two looks at a wait of the engine
_THREADS = 2  # for steps of coroutines, in the whole process
_PATCHERS = (
    ("gevent", "gevent.monkey", "is_module_patched"),
    ("eventlet", "eventlet.patcher", "is_monkey_patched"),
)


def _green_sleep() -> Callable[[float], object] | None:
    """What lets other greenlets run for some seconds, where gevent or eventlet drives all waits.

    By the sign of gevent that psycopg goes by as well. None in all other processes.
    """
    for package, patcher, test in _PATCHERS:
        module = sys.modules.get(patcher)
        if module is not None and getattr(module, test)("select"):
            sleep: Callable[[float], object] = sys.modules[package].sleep
            return sleep
    return None


class LinkGivenUp(Exception):
    """A link did not answer before its deadline, or says more than anybody wants to hear."""


class SocketWait:
    """Until a socket is ready, or :class:`LinkGivenUp` at ``deadline`` (``time.monotonic()``).

    Answered by what it is ready for. ``wanted`` is ``READ``, ``WRITE`` or both.
    """

    def __init__(self, fileno: int, wanted: int, deadline: float) -> None:
        self._fileno = fileno
        self._wanted = wanted
        self._deadline = deadline

    def block(self) -> int:
        if not hasattr(select, "poll"):  # eventlet takes it away
            return self._select()
        poll = select.poll()
        reading = select.POLLIN if self._wanted & READ else 0
        poll.register(self._fileno, reading | (select.POLLOUT if self._wanted & WRITE else 0))
        events = poll.poll(self._remaining() * 1000)
        if not events or self._remaining() == 0:  # a peer may never stop sending
            raise LinkGivenUp("no answer before the deadline")
        event = events[0][1]
        # An error is told to whoever reads or writes next.
        return (READ if event & ~select.POLLOUT else 0) | (WRITE if event & ~select.POLLIN else 0)

    def _select(self) -> int:
        reading, writing = ([self._fileno] if self._wanted & what else [] for what in (READ, WRITE))
        readable, writable, _ = select.select(reading, writing, [], self._remaining())
        ready = (READ if readable else 0) | (WRITE if writable else 0)
        if not ready or self._remaining() == 0:
            raise LinkGivenUp("no answer before the deadline")
        return ready

    async def wait(self) -> int:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[int] = loop.create_future()

        def tell(what: int) -> None:
            if not ready.done():
                ready.set_result(what)

        if self._wanted & READ:
            loop.add_reader(self._fileno, tell, READ)
        if self._wanted & WRITE:
            loop.add_writer(self._fileno, tell, WRITE)
        try:
            return await asyncio.wait_for(ready, self._remaining())
        except (asyncio.TimeoutError, TimeoutError):
            raise LinkGivenUp("no answer before the deadline") from None
        finally:
            loop.remove_reader(self._fileno)
            loop.remove_writer(self._fileno)

    def _remaining(self) -> float:
        return max(0.0, self._deadline - monotonic())


class EngineWait:
    """Until the engine has what an operation waits for; its deadline is the operation's own."""

    def __init__(self, operation: _engine.Operation) -> None:
        self._operation = operation

    def block(self) -> None:
        sleep = _green_sleep()
        while not self._operation.wait(_SLICE if sleep is None else 0):
            if sleep is not None:
                sleep(_LOOK_EVERY)

    async def wait(self) -> None:
        while not self._operation.wait(0):
            await asyncio.sleep(_LOOK_EVERY)


class NameLookup:
    """Until the numeric addresses of a host name are known, in the system's order.

    Raises :class:`LinkGivenUp` at ``deadline`` (``time.monotonic()``), and ``OSError`` or
    ``UnicodeError`` for a name that isn't found. Nothing outlasts the wait unless it has begun: see
    the engine's NameLookups.
    """

    def __init__(self, name: str, deadline: float) -> None:
        self._name = name
        self._deadline = deadline

    def block(self) -> list[str]:
        sleep = _green_sleep()
        look_up = self._begin()
        try:
            while not look_up.wait(min(_SLICE, self._remaining()) if sleep is None else 0):
                self._check_deadline()
                if sleep is not None:
                    sleep(_LOOK_EVERY)
            return self._found(look_up)
        finally:
            look_up.close()

    async def wait(self) -> list[str]:
        look_up = self._begin()
        try:
            while not look_up.wait(0):
                self._check_deadline()
                await asyncio.sleep(_LOOK_EVERY)
            return self._found(look_up)
        finally:
            look_up.close()

    def _begin(self) -> _engine.NameLookup:
        # What the module socket does with a name.
        return _engine.NameLookup(self._name.encode("idna").decode("ascii"))

    @staticmethod
    def _found(look_up: _engine.NameLookup) -> list[str]:
        if look_up.error is not None:
            raise OSError(look_up.error)
        return look_up.addresses

    def _remaining(self) -> float:
        return max(0.0, self._deadline - monotonic())

    def _check_deadline(self) -> None:
        if self._remaining() == 0:
            raise LinkGivenUp(f"the name {self._name} was not found before the deadline")


class DriverCall:
    """Until a function of the driver, or of the application, has returned.

    It blocks, or may be awaited, as its caller.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    def block(self) -> Any:
        return self._function()

    async def wait(self) -> Any:
        result = self._function()
        return await result if isawaitable(result) else result


class Computation:
    """Until a function has returned that computes for milliseconds, without the interpreter lock.

    A caller that awaits has it run in a thread. If the caller is cancelled meanwhile, it is waited
    for all the same: nothing else may touch what it works on.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function

    def block(self) -> Any:
        return self._function()

    async def wait(self) -> Any:
        future = asyncio.wrap_future(_threads().submit(self._function))
        cancelled = None
        try:
            while not future.done():
                try:
                    await asyncio.wait([future])
                except asyncio.CancelledError as error:
                    cancelled = error
            if cancelled is not None:
                raise cancelled from future.exception()
            return future.result()
        finally:
            del future, cancelled  # see _Run


Wait = SocketWait | NameLookup | EngineWait | DriverCall | Computation
Steps = Generator["Wait", Any, Result]


class _Run(Generic[Result]):
    """Steps on their way from one wait to the next."""

    def __init__(self, steps: Steps[Result]) -> None:
        self._steps = steps
        self._go_on: Callable[[], Wait] | None = steps.__next__
        self.result: Result

    def __enter__(self) -> _Run[Result]:
        return self

    def __exit__(self, *_: object) -> None:
        # It may hold an error whose traceback holds the driver's frame: a circle that would keep
        # links open until the next collection of garbage.
        self._go_on = None

    def next_wait(self) -> Wait | None:
        """The next wait; None at the end, which has set the result."""
        assert self._go_on is not None
        try:
            return self._go_on()
        except StopIteration as done:
            self.result = done.value
            return None

    def answer(self, answer: Any) -> None:
        self._go_on = partial(self._steps.send, answer)

    def fail(self, error: BaseException) -> None:
        self._go_on = partial(self._steps.throw, error)


def drive(steps: Steps[Result]) -> Result:
    """Do the work; block for each wait, without the interpreter lock."""
    with _Run(steps) as run:
        while (wait := run.next_wait()) is not None:
            try:
                run.answer(wait.block())
            except BaseException as error:
                run.fail(error)
        return run.result


async def drive_async(steps: Steps[Result]) -> Result:
    """Do the work; await each wait. A cancellation is an error of the wait that it meets."""
    with _Run(steps) as run:
        while (wait := run.next_wait()) is not None:
            try:
                run.answer(await wait.wait())
            except BaseException as error:
                run.fail(error)
        return run.result


_pool: ThreadPoolExecutor | None = None


def _threads() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="aws_wrapper_steps")
    return _pool


def _forget_threads() -> None:
    global _pool
    _pool = None  # threads do not survive a fork


os.register_at_fork(after_in_child=_forget_threads)
