# SPDX-License-Identifier: Apache-2.0
"""psycopg's sessions: what they were told by SQL, and telling it to the next one."""

from __future__ import annotations

import logging
from typing import Any, NoReturn
from weakref import ref

import psycopg
from psycopg import pq
from psycopg._preparing import Prepare

from . import _engine
from ._face import Face
from ._psycopg_link import tell
from ._psycopg_record import SessionRecord, told_of
from ._psycopg_session import REPORTED_NAMES
from ._steps import Steps

logger = logging.getLogger("aws_advanced_python_wrapper.psycopg")

_IDLE = pq.TransactionStatus.IDLE
_NOT_PREPARED = (Prepare.NO, b"")


class Memory(Face):
    """The part of psycopg's face that remembers what the session was told.

    It costs nothing where nothing is told: ``_engine.statement_key()`` stands in the place of a
    function of psycopg's, which takes longer.
    """

    pgconn: pq.abc.PGconn
    autocommit: Any
    _prepared: Any
    _num_transactions: int
    _record: SessionRecord | None = None
    _noted: Any = None
    """The last statement that was noted: psycopg asks twice for the key of each."""
    _misses_notifications = False
    """Whether the next to come has to hear that notifications may be lost."""

    def _remember(self) -> None:
        """From now on what the session is told is kept."""
        self._record = SessionRecord()
        self._look_at_statements()

    def _look_at_statements(self) -> None:
        """Look at what goes over the link that the connection has now."""
        if self._record is None:
            return
        weak = ref(self)

        def note(query: Any) -> None:
            connection = weak()
            if connection is not None:
                connection._note_statement(query)

        self._prepared.key = _engine.statement_key(note)
        self._look_at_unprepared()

    @property
    def prepare_threshold(self) -> int | None:
        """After how many runs a statement is prepared; see psycopg."""
        threshold: int | None = self._prepared.prepare_threshold
        return threshold

    @prepare_threshold.setter
    def prepare_threshold(self, value: int | None) -> None:
        self._prepared.prepare_threshold = value
        self._look_at_unprepared()

    def _look_at_unprepared(self) -> None:
        prepared = self._prepared
        prepared.__dict__.pop("get", None)
        if prepared.prepare_threshold is not None or self._record is None:
            return
        key = prepared.key

        def get(query: Any, prepare: bool | None = None) -> tuple[Prepare, bytes]:  # noqa: ARG001
            key(query)
            return _NOT_PREPARED

        prepared.get = get

    def _note_statement(self, query: Any) -> None:
        record = self._record
        if query is self._noted or record is None or self._session is None:
            return
        self._noted = query
        status = self.pgconn.transaction_status
        if status != pq.TransactionStatus.INERROR:
            in_transaction = status != _IDLE or not self.autocommit
            record.note(told_of(query), in_transaction, self._num_transactions)
        if record.is_pending:
            self.__dict__["wait"] = self._wait_observed

    def _wait_observed(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _tell_steps(self, pgconn: pq.abc.PGconn, timeout: float) -> Steps[None]:
        """Tell a new session what the lost one was told; what it refuses is gone."""
        record = self._record
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
        self._misses_notifications = bool(memory.with_prefix("listen "))

    def _take_gone(self) -> list[str]:
        """What the session had that the new one hasn't, in words."""
        if self._record is None:
            return []
        gone = list(self._record.memory.gone)
        self._record.memory.gone.clear()
        return gone

    def _tell_of_notifications(self) -> NoReturn:
        self._misses_notifications = False
        missed: Exception = self._face_errors["FailoverSuccessError"](
            "since the connection was moved to another host, notifications may have been lost. "
            "It listens again to the channels that it did: look for what they would have told"
        )
        missed.failover_report = self._report  # type: ignore[attr-defined]
        missed.outcome_known = True  # type: ignore[attr-defined]
        raise missed
