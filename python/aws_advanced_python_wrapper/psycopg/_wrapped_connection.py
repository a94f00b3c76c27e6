# SPDX-License-Identifier: Apache-2.0
"""What psycopg's blocking and awaited connections have in common."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import pq

from .. import _engine
from .._core.waits import Steps
from ..errors import FailoverError
from ._errors import FACE_ERRORS
from ._link import last_state, reported_recovery
from ._performer import Recovery
from ._private import closed_by_user, end_of_block, expire, put_link, sends_nothing
from ._replay import OldLinks, replay_settings
from ._scram_keys import ConnectionInfo, connect_and_learn
from ._transactions import Transactions

_BAD = pq.ConnStatus.BAD
_IDLE = pq.TransactionStatus.IDLE
_REPLAY_TIMEOUT = 5.0
_ENDING = ("FATAL", "PANIC")  # the severities of errors with which a server ends the session


class WrappedPsycopgConnection(Transactions):
    """What a blocking and an awaited connection of psycopg have in common."""

    _aws_face_errors = FACE_ERRORS
    _aws_lost_error = psycopg.OperationalError

    pgconn: pq.abc.PGconn = (
        _engine.WatchedConnection._aws_link
    )  # what watched() reads, by its own name
    _aws_parameters: dict[str, Any]
    _aws_settings: _engine.Settings
    _aws_old_links: OldLinks | None = None

    @property
    def is_closed(self) -> bool:
        """True if the connection is closed. Asks no server."""
        return self.pgconn.status == _BAD

    @property
    def info(self) -> psycopg.ConnectionInfo:
        """What is known of the link; see ``psycopg.Connection.info``."""
        told: psycopg.ConnectionInfo = super().info  # type: ignore[misc]
        return ConnectionInfo(self.pgconn) if type(told) is psycopg.ConnectionInfo else told

    @classmethod
    def _aws_connect_gen(cls, conninfo: str) -> Any:
        return connect_and_learn(conninfo)

    def _aws_handed_out(self) -> None:
        if self._aws_session is not None:
            self._aws_session.hand_out()

    def _aws_before_wait_steps(self, gen: Any, status: int) -> Steps[None]:
        in_transaction = self._aws_was_in_transaction(status, gen, None)
        session = self._aws_session
        if session is not None and session.is_given_up:
            block = end_of_block(gen)
            if block and block.undone:
                return  # psycopg keeps to itself what goes wrong in a block's ROLLBACK
            if sends_nothing(gen, self):
                return
        yield from self._aws_attend_steps(gen, in_transaction)

    def _aws_failure_steps(self, error: BaseException, gen: Any, status: int) -> Steps[None]:
        if isinstance(error, FailoverError) or not isinstance(error, Exception):
            self._aws_let_go_if_closed()
            return
        if not isinstance(error, psycopg.Error) and self.pgconn.status != _BAD:
            return
        in_transaction = self._aws_was_in_transaction(status, gen, error)
        if not isinstance(error, psycopg.Error):
            # In a pipeline psycopg may stumble over a server's last words, which answer nothing.
            error = self._aws_lost_error(f"the connection was lost: {error!r}")
        yield from self._aws_recovery_steps(error, in_transaction)

    def _aws_recovery(self, session: _engine.Session, in_transaction: bool) -> Recovery:
        return Recovery(self, session, in_transaction)

    def _aws_finish_link(self) -> None:
        self.pgconn.finish()
        self._aws_refuse_in_blocks()

    def _aws_closed_by_user(self) -> bool:
        return self.is_closed and closed_by_user(self)

    def _aws_error_codes(self, error: Any) -> tuple[str | None, int]:
        return error.sqlstate or last_state(self.pgconn), 0

    def _aws_told_of_role(self, error: Any) -> tuple[bool | None, bool]:
        if not isinstance(error, psycopg.errors.ReadOnlySqlTransaction) or self.is_closed:
            return None, False
        between_transactions = (
            self.pgconn.transaction_status == _IDLE
            and self.pgconn.pipeline_status == pq.PipelineStatus.OFF
        )
        return reported_recovery(self.pgconn), between_transactions

    def _aws_link_is_lost(self, error: Any) -> bool:
        return self.is_closed or error.diag.severity_nonlocalized in _ENDING

    def _aws_adopt(self, pgconn: pq.abc.PGconn, in_transaction: bool) -> Steps[None]:
        old = self.pgconn
        if self._aws_settings.transfers_session_state:
            settings = self._aws_settings_to_keep(in_transaction)
            yield from replay_settings(settings, pgconn, _REPLAY_TIMEOUT)
            if in_transaction and self._aws_record is not None:
                self._aws_record.rolled_back()
            yield from self._aws_tell_steps(pgconn, _REPLAY_TIMEOUT)
        yield from self._aws_reopen_steps(pgconn, _REPLAY_TIMEOUT)
        put_link(self, pgconn)  # type: ignore[arg-type]
        self._aws_look_at_statements()
        self._aws_transaction_has_moved()
        self._aws_has_moved()
        expire(self)  # in a pool of psycopg's: a new one is set up by its configure()
        if self._aws_old_links is None:
            self._aws_old_links = OldLinks()
        self._aws_old_links.retire(old)
        self.__dict__["wait"] = self._aws_wait_observed
