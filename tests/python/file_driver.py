# SPDX-License-Identifier: Apache-2.0
"""A driver without a server, for tests of what all faces are made of: its links are SQLite's.

The storage of its cluster is a file. What a link has not committed is rolled back when it is lost,
and the next one sees what was committed, as with Aurora; a setting of a session is a pragma of
SQLite's that holds for one link. The engine is the real one; its monitors are answered by a driver
that asks nobody. Nothing is sent, and no name is looked up.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import signal
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from aws_advanced_python_wrapper import _engine
from aws_advanced_python_wrapper._core.face_errors import make_face_errors
from aws_advanced_python_wrapper._core.performer import Performer, ToAsk, ToOpen
from aws_advanced_python_wrapper._core.waits import DriverCall, Steps
from aws_advanced_python_wrapper._core.wrapped_connection import WrappedConnection

ENDPOINT = "database.cluster-xyz.us-east-1.rds.amazonaws.com"
FACE_ERRORS = make_face_errors(sqlite3, __name__)
_NOBODY = sqlite3.OperationalError("nobody there")


class Link(sqlite3.Connection):
    """A link to a host of the cluster."""

    is_open = True
    is_lost = False
    was_in_transaction = False
    """Whether a transaction was open when it was lost."""
    host = "instance-1"

    def run(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if self.is_lost:
            raise sqlite3.OperationalError("the connection was lost")
        return self.execute(sql, parameters)

    def lose(self) -> None:
        """Let the server end the session."""
        self.is_lost, self.was_in_transaction = True, self.in_transaction
        self.rollback()

    def close(self) -> None:
        self.is_open = False
        super().close()


class Cluster:
    """Two hosts over one storage. ``failing`` tells what goes wrong from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.writer = "instance-1"
        self.links: list[Link] = []
        self.failing: set[str] = set()
        self._asked = _engine.LinkRecorder()
        with self.connect(self.writer) as link:
            link.run("CREATE TABLE marks (n INTEGER)")
        link.close()

    def connect(self, host: str) -> Link:
        if "open" in self.failing:
            raise _NOBODY
        link = sqlite3.connect(self._path, isolation_level=None, factory=Link)
        link.host = host
        self.links.append(link)
        return link

    @property
    def open_links(self) -> list[Link]:
        return [link for link in self.links if link.is_open]

    def marks(self) -> list[int]:
        """What is in the storage."""
        reader = sqlite3.connect(self._path)
        found = [n for (n,) in reader.execute("SELECT n FROM marks ORDER BY n")]
        reader.close()
        return found

    def fail_over(self, link: Link) -> None:
        """Lose the writer, by which a link is; the other host is it now."""
        self.writer = "instance-2"
        self._asked.set_answer(_survey(self.writer, self.writer))
        link.lose()

    def survey(self, host: str) -> list[list[Any]]:
        """What a host answers a survey."""
        return _survey(host, self.writer)

    def monitors(self) -> _engine.MonitorDriver:
        """What asks the writer of now who it is."""
        return _engine.recording_driver(_survey(self.writer, self.writer), self._asked)


def _survey(host: str, writer: str) -> list[list[Any]]:
    hosts = ("instance-1", "instance-2")
    rows = [(name, "t" if name == writer else "f", "1", "0", None) for name in hosts]
    return [rows, [(host,)], [("f" if host == writer else "t",)]]


class _FilePerformer(Performer):
    logger = logging.getLogger("aws_advanced_python_wrapper.file_driver")
    face_errors = FACE_ERRORS

    def __init__(self, connection: FileConnection) -> None:
        self.links = {}
        self._connection = connection
        self._cluster = connection.cluster

    def close_link(self, link: int) -> None:
        self.links.pop(link).close()

    def _open(self, operation: _engine.Operation, wanted: ToOpen) -> Steps[None]:
        host = wanted.host
        name = self._cluster.writer if host is None else host.name.partition(".")[0]
        try:
            self.links[wanted.link] = yield DriverCall(partial(self._cluster.connect, name))
        except sqlite3.OperationalError as error:
            self.error = error
            operation.open_failed(None, 0, str(error))
            return
        reached = ENDPOINT if host is None else host.name
        operation.opened(reached, "10.0.0.1", 5432, -1, None, {"user": "john"})

    def _ask(self, operation: _engine.Operation, wanted: ToAsk) -> Steps[None]:
        asked = self.links[wanted.link]
        try:
            yield DriverCall(partial(asked.run, "SELECT 1"))
        except sqlite3.Error as error:
            self.error = error
            operation.ask_failed("08006", 0, str(error))
        else:
            survey = self._cluster.survey(asked.host)
            operation.asked(survey if len(wanted.statements) > 1 else survey[-1:])  # its role alone

    def _use(self, operation: _engine.Operation, link: int) -> Steps[None]:
        new = self.links[link]
        try:
            for setting in self._connection.settings:
                if "replay" in self._cluster.failing:
                    new.lose()
                yield DriverCall(partial(new.run, setting))
        except sqlite3.Error as error:
            self.close_link(link)
            operation.use_failed("08006", 0, str(error))
            return
        del self.links[link]
        self._connection.adopt(new)
        operation.used()


class FileConnection(WrappedConnection):
    """A connection that survives the loss of its link; each statement goes over the link."""

    _aws_face_errors = FACE_ERRORS
    _aws_lost_error = sqlite3.OperationalError
    cut_off_at: int | None = None
    """At which wait of the next operation it is cut off, by Ctrl-C or a cancellation."""
    link: Link

    def __init__(self, cluster: Cluster, **properties: Any) -> None:
        self.cluster = cluster
        self.settings: list[str] = []
        chosen = {"plugins": "failover", "wrapper_dialect": "aurora-pg", **properties}
        self._settings = _engine.parse_settings(chosen)
        self.was_opened = False

    def opening_steps(self) -> Steps[bool]:
        session = _engine.Session(self._settings, ENDPOINT, self.cluster.monitors())
        performer = _FilePerformer(self)
        opened: bool = yield from self.cut_off(performer.first_link(session))
        if not opened:
            assert performer.error is not None
            raise performer.error
        self._aws_watch(session)
        self.was_opened = True
        return True

    def run(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        if self.is_closed:
            raise sqlite3.ProgrammingError("the connection is closed")
        begins = not sql.startswith(("COMMIT", "ROLLBACK"))
        if begins and not self.link.is_lost and not self.link.in_transaction:
            self.link.run("BEGIN")
        found = self.link.run(sql, parameters)
        if sql.startswith("PRAGMA"):
            self.settings.append(sql)
        return found

    @property
    def in_transaction(self) -> bool:
        if self.is_closed:
            return False
        return self.link.was_in_transaction if self.link.is_lost else self.link.in_transaction

    def attend_steps(self) -> Steps[None]:
        if self._aws_session is not None and self._aws_session.begin_call():
            yield from self.cut_off(self._aws_attend_steps(None, self.in_transaction))

    def failure_steps(self, error: Exception) -> Steps[None]:
        if self._aws_session is not None:
            self._aws_session.end_call()
            yield from self.cut_off(self._aws_recovery_steps(error, self.in_transaction))

    def end_call(self) -> None:
        if self._aws_session is not None:
            self._aws_session.end_call()

    def adopt(self, link: Link) -> None:
        """Swap the link, all at once."""
        if self.was_opened:
            self.link.close()
            self._aws_has_moved()
        self.link = link

    def close(self) -> None:
        if not self.is_closed:
            self.link.close()
        self._aws_let_go()

    @property
    def is_closed(self) -> bool:
        return not self.link.is_open

    def cut_off(self, steps: Steps[Any]) -> Steps[Any]:
        """The steps, in which an interruption comes instead of one of their waits."""
        number = 0
        try:
            wait = next(steps)
            while True:
                if number == self.cut_off_at:
                    wait = Interruption()  # type: ignore[assignment]
                number += 1
                try:
                    answer = yield wait
                except BaseException as error:
                    wait = steps.throw(error)
                else:
                    wait = steps.send(answer)
        except StopIteration as done:
            return done.value

    def _aws_recovery(self, session: _engine.Session, in_transaction: bool) -> Performer:  # noqa: ARG002
        return _FilePerformer(self)

    def _aws_finish_link(self) -> None:
        self.link.close()

    def _aws_closed_by_user(self) -> bool:
        return self.is_closed

    def _aws_error_codes(self, error: Any) -> tuple[str | None, int]:  # noqa: ARG002
        return "08006", 0

    def _aws_link_is_lost(self, error: Any) -> bool:  # noqa: ARG002
        return self.link.is_lost


class Interruption:
    """Ctrl-C in a wait that blocks, a cancellation in one that is awaited."""

    def block(self) -> None:
        signal.raise_signal(signal.SIGINT)

    async def wait(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.Event().wait()  # which the cancellation ends


def expect_interruption(call: Callable[[], Any]) -> bool:
    """Make a call; tell whether Ctrl-C ended it."""
    try:
        call()
    except KeyboardInterrupt:
        return True
    except sqlite3.Error:
        return False
    return False


async def expect_cancellation(call: Callable[[], Awaitable[Any]]) -> bool:
    """Make a call in a task; tell whether it was cancelled."""
    task = asyncio.ensure_future(call())
    await asyncio.wait([task], timeout=30)
    assert task.done()
    if not task.cancelled():
        error = task.exception()
        assert error is None or isinstance(error, sqlite3.Error)
    return task.cancelled()


def in_a_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """A test that awaits, in a loop of its own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 60))

    return run


def called(test: Callable[..., None]) -> Callable[..., None]:
    """A test that blocks."""
    return test
