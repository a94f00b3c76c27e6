# SPDX-License-Identifier: Apache-2.0
"""psycopg's connection, instrumented at its one door to the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq
from psycopg.rows import Row

from .. import _engine
from .._core.connection import AwsWrapperConnection
from .._core.waits import Steps, drive
from ..errors import FailoverError
from ._errors import FACE_ERRORS
from ._link import last_state, reported_recovery
from ._memory import BUSY
from ._performer import Opening, Recovery
from ._replay import OldLinks, put_link, replay_settings
from ._scram_keys import ConnectionInfo, connect_and_learn
from ._transactions import Transactions

if TYPE_CHECKING:
    from typing_extensions import Self

_BAD = pq.ConnStatus.BAD
_IDLE = pq.TransactionStatus.IDLE
_REPLAY_TIMEOUT = 5.0
_ENDING = ("FATAL", "PANIC")  # the severities of errors with which a server ends the session


class PsycopgFace(Transactions):
    """What a blocking and an awaited connection of psycopg have in common."""

    _aws_face_errors = FACE_ERRORS
    _aws_lost_error = psycopg.OperationalError

    pgconn: pq.abc.PGconn = (
        _engine.WatchedConnection._aws_link
    )  # what watched() reads, by its own name
    _aws_parameters: dict[str, Any]
    _aws_settings: _engine.Settings
    _aws_old_links: OldLinks | None = None
    _expire_at: float

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
    def _connect_gen(cls, conninfo: str = "", **kwargs: Any) -> Any:
        connect: Any = super()._connect_gen  # type: ignore[misc]
        # Older releases of psycopg give a timeout, which is theirs to keep; a subclass may have a
        # way of its own.
        is_stock = connect.__func__ is psycopg.Connection._connect_gen.__func__  # type: ignore[attr-defined]
        learning = connect_and_learn(conninfo) if is_stock and not kwargs else None
        if learning is None:
            return (yield from connect(conninfo, **kwargs))
        return cls((yield from learning))  # type: ignore[call-arg]

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
        return self.is_closed and bool(self._closed)  # type: ignore[attr-defined]

    def _aws_numbers(self, error: Any) -> tuple[str | None, int]:
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
        self._expire_at = 0.0  # to a pool of psycopg's: a new one is set up by its configure()
        if self._aws_old_links is None:
            self._aws_old_links = OldLinks()
        self._aws_old_links.retire(old)
        self.__dict__["wait"] = self._aws_wait_observed


class BlockingPsycopgFace(PsycopgFace):
    """Makes a subclass of ``psycopg.Connection`` survive its server.

    ``wait``, the driver's door to the network, is a watched call.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if BlockingPsycopgFace in cls.__bases__:
            driver: Any = super(AwsWrapperConnection, cls)
            # libpq forgets with a link whether a transaction was open.
            cls.wait = _engine.watched(  # type: ignore[attr-defined]
                driver.wait, state="transaction_status", busy=BUSY
            )

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
        """Open a connection, as ``psycopg.Connection.connect`` does.

        The wrapper's properties are taken out of ``conninfo`` and ``kwargs``; what remains goes
        to psycopg as it is. A property that is not possible raises the face's ``AwsWrapperError``
        before anything is sent; what psycopg raises leaves unchanged.
        """
        return drive(Opening(cls, conninfo or "", kwargs).open())

    def _aws_attend(self, call: tuple[Any, ...]) -> None:
        status = self.pgconn.transaction_status
        drive(self._aws_attend_steps(self._aws_was_in_transaction(status, call[1], None)))

    def _aws_call_failed(self, error: BaseException, call: tuple[Any, ...], status: int) -> None:
        drive(self._aws_failure_steps(error, call[1], status))

    @contextmanager
    def transaction(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Begin a transaction or a savepoint; see ``psycopg.Connection.transaction``.

        A block whose work a failover lost can't go on: after the failover's error each query within
        it raises one, too, and so does its end, even if these errors are caught.
        """
        block = None
        with self._aws_in_block():
            try:
                with super().transaction(*args, **kwargs) as block:  # type: ignore[misc]
                    yield self._aws_has_begun(block)
            except BaseException as error:
                if isinstance(error, Exception):
                    self._aws_end_rollback()
                if not self._aws_is_rolled_back(error, block):
                    raise
            else:
                self._aws_end_rollback()
                self._aws_check_end_of(block)

    def _aws_end_rollback(self) -> None:
        if self._aws_lost_its_link:
            with self.lock:
                if self._aws_lost_its_link:
                    drive(self._aws_rollback_steps())

    def __exit__(self, *error: Any) -> None:
        """Leave the ``with`` block; see ``psycopg.Connection``.

        A connection whose commit met a failover is closed, as by psycopg.
        """
        try:
            super().__exit__(*error)  # type: ignore[misc]
        except FailoverError:
            if not getattr(self, "_pool", None):
                self.close()
            raise

    def set_read_only(self, value: bool | None) -> None:
        """Set :attr:`read_only`; see ``psycopg.Connection.set_read_only``."""
        with self.lock:
            drive(self._aws_set_read_only_steps(bool(value)))
        super().set_read_only(value)  # type: ignore[misc]

    def close(self) -> None:
        """Close the connection; see ``psycopg.Connection.close``."""
        self._aws_warn_of_uncommitted()
        super().close()  # type: ignore[misc]
        self._aws_let_go_if_closed()

    def invalidate(self) -> None:
        """Close the connection, without telling a server that may not answer."""
        self.close()


class PsycopgConnection(BlockingPsycopgFace, psycopg.Connection[Row]):
    """A ``psycopg.Connection`` that survives its server.

    Its class, cursors, COPY, pipelines, transactions, notifications and pools
    (``connection_class=``) are psycopg's own code. When the server is lost during a call, the
    connection moves to a working host of the cluster and the call raises
    ``FailoverSuccessError``, ``TransactionResolutionUnknownError`` or ``FailoverFailedError``.

    Threads: as psycopg's; one call at a time. No wait holds the interpreter lock, Ctrl-C ends each
    of them. After a fork a connection must not be used by both processes, as with psycopg.
    """

    __module__ = "aws_advanced_python_wrapper.psycopg"

    if TYPE_CHECKING:

        @classmethod
        def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
            """Open a connection."""
