# SPDX-License-Identifier: Apache-2.0
"""psycopg's sessions: what they were told by SQL, and telling it to the next one."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NoReturn
from weakref import ref

import psycopg
from psycopg import pq

from .. import _engine
from .._core.waits import Steps
from .._core.wrapped_connection import WrappedConnection
from ._link import tell
from ._private import (
    NAMES,
    NOT_PREPARED,
    TOLD_SETTINGS,
    ExtendedConnection,
    StatementAccount,
    account_of,
    blocks_of,
    set_account,
)
from ._replay import REPORTED_NAMES
from ._session_record import SessionRecord, Told, told_of

logger = logging.getLogger("aws_advanced_python_wrapper.psycopg")

_IDLE = pq.TransactionStatus.IDLE
BUSY = int(pq.TransactionStatus.ACTIVE)
_DONE = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class Prepared(StatementAccount):
    """psycopg's account of the statements that were run, which tells of some of them.

    It is asked to validate each that it doesn't know yet. What may change the session it doesn't
    keep, so that it is asked each time.
    """

    @classmethod
    def in_place_of(cls, other: Any, note: Callable[[Told], bool]) -> Prepared:
        """An account for a link on which nothing was run, with the settings of another one."""
        made = cls()
        made.note = note
        made.noted = {}
        made.prepare_threshold = other.prepare_threshold
        made.prepared_max = other.prepared_max
        return made

    note: Callable[[Told], bool]
    noted: dict[Any, bytes]
    """The names of those that were prepared all the same, as the application asked for."""

    def _aws_ran(self, text: bytes, key: Any, name: bytes, query: Any, results: Any) -> None:
        if not _engine.may_change_session(text) or not _all_done(results):
            return
        told = Told(text) if query is None else told_of(query)
        if self.note(told) and self._aws_forget(key):
            # The server keeps the last one of it, as ever.
            if before := self.noted.pop(key, None):
                self._aws_deallocate(before)
            self.noted[key] = name

    def look_at_unprepared(self) -> None:
        """Without a threshold there is no account; what is to be run is noted before it runs."""
        # Not by __dict__: to ask for that makes each use of an attribute dearer from then on.
        if self.prepare_threshold is None:
            note = self.note
            self._aws_answer_by(
                _engine.note_and_answer(lambda query: note(told_of(query)), NOT_PREPARED)
            )
        else:
            self._aws_answer()


def _all_done(results: Any) -> bool:
    return all(result.status in _DONE for result in results)


class Memory(ExtendedConnection, WrappedConnection):
    """The part of psycopg's face that remembers what the session was told.

    It costs nothing where nothing is told: psycopg asks for the first run of each statement, and
    those that tell the session something are never more than first.
    """

    pgconn: pq.abc.PGconn
    autocommit: Any
    _aws_state: int | None
    _aws_record: SessionRecord | None = None
    _aws_misses_notifications = False
    """Whether the next to come has to hear that notifications may be lost."""

    def _aws_remember(self) -> None:
        """From now on what the session is told is kept."""
        if NAMES.have(TOLD_SETTINGS):
            self._aws_record = SessionRecord()
            self._aws_look_at_statements()

    def _aws_look_at_statements(self) -> None:
        """Look at what goes over the link that the connection has now."""
        if self._aws_record is None:
            return
        weak = ref(self)

        def note(told: Told) -> bool:
            connection = weak()
            return connection is not None and connection._aws_note_statement(told)

        set_account(self, Prepared.in_place_of(account_of(self), note))
        self._aws_look_at_unprepared()

    @property
    def prepare_threshold(self) -> int | None:
        """After how many runs a statement is prepared; see psycopg."""
        threshold: int | None = account_of(self).prepare_threshold
        return threshold

    @prepare_threshold.setter
    def prepare_threshold(self, value: int | None) -> None:
        account_of(self).prepare_threshold = value
        self._aws_look_at_unprepared()

    def _aws_look_at_unprepared(self) -> None:
        account = account_of(self)
        if isinstance(account, Prepared):
            account.look_at_unprepared()

    def _aws_note_statement(self, told: Told) -> bool:
        record = self._aws_record
        if record is None or self._aws_session is None:
            return False
        status = self.pgconn.transaction_status
        if status == BUSY:  # in a pipeline
            in_transaction = not self.autocommit or self._aws_state not in (_IDLE, None)
        else:
            in_transaction = status != _IDLE
        noted = record.note(told, in_transaction, blocks_of(self))
        if record.is_pending:
            self.__dict__["wait"] = self._aws_wait_observed
        return noted

    def _aws_wait_observed(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _aws_tell_steps(self, pgconn: pq.abc.PGconn, timeout: float) -> Steps[None]:
        """Tell a new session what the lost one was told; what it refuses is gone."""
        record = self._aws_record
        if record is None:
            return
        memory = record.memory
        for key, told in list(memory.settings.items()):
            if pgconn.parameter_status(REPORTED_NAMES.get(key, b"")) is not None:
                continue  # that was told by the server
            try:
                yield from tell(pgconn, told, timeout)
            except psycopg.Error as error:
                if pgconn.status == pq.ConnStatus.BAD:
                    raise
                logger.warning("not told to the session again: %s (%s)", key, error)
                memory.settings.pop(key)
                memory.gone[key] = None
        self._aws_misses_notifications = bool(memory.with_prefix("listen "))

    def _aws_take_gone(self) -> list[str]:
        """What the session had that the new one hasn't, in words."""
        if self._aws_record is None:
            return []
        gone = list(self._aws_record.memory.gone)
        self._aws_record.memory.gone.clear()
        return gone

    def _aws_tell_of_notifications(self) -> NoReturn:
        self._aws_misses_notifications = False
        missed: Exception = self._aws_face_errors["FailoverSuccessError"](
            "since the connection was moved to another host, notifications may have been lost. "
            "It listens again to the channels that it did: look for what they would have told"
        )
        missed.failover_report = self._aws_report  # type: ignore[attr-defined]
        missed.outcome_known = True  # type: ignore[attr-defined]
        raise missed
