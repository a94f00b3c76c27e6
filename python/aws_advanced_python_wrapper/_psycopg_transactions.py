# SPDX-License-Identifier: Apache-2.0
"""psycopg's transactions, when their link is lost: what has lost a part can't commit the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import psycopg
from psycopg import pq

from ._face import Face
from ._psycopg_session import reported_settings
from ._steps import Steps
from .errors import FailoverFailedError

logger = logging.getLogger("aws_advanced_python_wrapper.psycopg")

_IDLE = pq.TransactionStatus.IDLE
_BAD = pq.ConnStatus.BAD

_IN_TRANSACTION = (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

# What psycopg begins its work with, by names in the connection, so that it costs nothing while
# nothing is lost: queries, by _start_query(), and what a block refuses, or ends the transaction.
# What ends work (of cursors, COPY, pipelines) goes on.
_REFUSED_AT_ONCE = ("_commit_gen", "_check_intrans_gen", "_tpc_begin_gen", "_tpc_finish_gen")


class TransactionBlocks(Face):
    """The part of psycopg's face that knows its transactions.

    While the blocks of a lost transaction are open, queries are refused. If the outermost is a
    savepoint of a transaction that psycopg had begun before it, they are refused until that one
    ends, too: by ``rollback()``, or by ``commit()``, which raises.
    """

    pgconn: pq.abc.PGconn
    autocommit: Any
    lock: Any
    _tpc: Any
    _open_blocks = 0
    _block_is_savepoint = False
    _before_transaction: dict[bytes, bytes | None] | None = None
    """The settings at the last BEGIN that psycopg sent, which a lost transaction goes back to."""

    def _get_tx_start_command(self) -> bytes:
        if self._session is not None:
            self._before_transaction = reported_settings(self.pgconn)
        command: bytes = super()._get_tx_start_command()  # type: ignore[misc]
        return command

    def _is_in_transaction(self, status: int) -> bool:
        return status != _IDLE or self._tpc is not None

    def _settings_to_keep(self, in_transaction: bool) -> dict[bytes, bytes | None]:
        # In autocommit mode psycopg sends a BEGIN for a block only. What was set before one of the
        # application's own is not known.
        in_block = self._open_blocks > 0 and not self._block_is_savepoint
        begun_by_psycopg = in_block or not self.autocommit
        prepared = self._tpc is not None and self._tpc[1]
        if in_transaction and begun_by_psycopg and not prepared and self._before_transaction:
            return self._before_transaction
        return reported_settings(self.pgconn)

    @contextmanager
    def _in_block(self) -> Iterator[None]:
        """The time from a transaction block's begin to its end."""
        if self._refuses:
            raise self._lost_transaction()
        if not self._open_blocks:
            self._block_is_savepoint = self.pgconn.transaction_status in _IN_TRANSACTION
        self._open_blocks += 1
        try:
            yield
        finally:
            self._open_blocks -= 1
            # What the application begins by SQL in autocommit mode, it ends by SQL.
            if not self._open_blocks and (self.autocommit or not self._block_is_savepoint):
                self._allow()

    def _has_begun(self, block: Any) -> Any:
        if self._open_blocks == 1:
            self._block_is_savepoint = not block._outer_transaction
        return block

    @property
    def _lost_its_link(self) -> bool:
        """Whether the link is lost, and nobody has been told: psycopg keeps to itself what goes
        wrong in a block's ROLLBACK."""
        session = self._session
        return self.pgconn.status == _BAD and session is not None and not self._closed_by_user()

    def _rollback_steps(self) -> Steps[None]:
        """Move the connection. The application needs no error of ours: the block is rolled back."""
        lost = self._lost_error("the connection was lost in the rollback of a transaction block")
        try:
            yield from self._recovery_steps(lost, True, None)
        except FailoverFailedError as error:
            logger.warning("the connection is closed after a rollback: %s", error)
        except psycopg.OperationalError as error:
            logger.debug("a rollback met a failover: %s", error)

    def _is_rolled_back(self, error: Exception, block: Any) -> bool:
        """Whether an error is the block's own ``psycopg.Rollback``, fulfilled by a failover."""
        return (
            isinstance(error, psycopg.Rollback)
            and error.transaction in (None, block)
            and self.pgconn.status != _BAD
        )

    def _check_end_of(self, block: Any) -> None:
        """A transaction block ends without an error."""
        if self._refuses and not block.force_rollback:
            raise self._lost_transaction()

    @property
    def _refuses(self) -> bool:
        return "_start_query" in self.__dict__

    def _refuse_in_blocks(self) -> None:
        """The link is lost: let open blocks do no more."""
        if not self._open_blocks:
            return
        self.__dict__.update(dict.fromkeys(_REFUSED_AT_ONCE, self._refuse_at_once))
        self.__dict__["_rollback_gen"] = self._rollback_lost
        self.__dict__["_start_query"] = self._refuse
        if not self._open_blocks:  # another thread has left the last one meanwhile
            self._allow()

    def _allow(self) -> None:
        for name in (*_REFUSED_AT_ONCE, "_rollback_gen", "_start_query"):
            self.__dict__.pop(name, None)

    def _refuse(self) -> NoReturn:
        raise self._lost_transaction()

    def _refuse_at_once(self, *_: Any) -> NoReturn:
        if not self._open_blocks:
            self._allow()
        raise self._lost_transaction()

    def _rollback_lost(self) -> Any:
        if not self._open_blocks:
            self._allow()
        return type(self)._rollback_gen(self)  # type: ignore[attr-defined]

    def _lost_transaction(self) -> Exception:
        lost: Exception = self._face_errors["TransactionResolutionUnknownError"](
            "the connection to the server was lost within this transaction block: what the "
            "transaction had done before is lost, and it can do no more. Run it again as a whole"
        )
        lost.failover_report = self._report  # type: ignore[attr-defined]
        return lost
