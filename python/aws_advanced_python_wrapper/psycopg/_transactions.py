# SPDX-License-Identifier: Apache-2.0
"""psycopg's transactions, when their link is lost: what has lost a part can't commit the rest."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
from psycopg import pq, sql

from .._core.transaction_steps import Step, step_of_sql
from .._core.waits import Steps
from ..errors import FailoverFailedError
from ._link import ask
from ._memory import BUSY, Memory
from ._private import (
    COMMIT,
    END_PREPARED,
    ENDS,
    QUERY,
    REFUSED_AT_ONCE,
    ROLLBACK,
    begins_block,
    blocks_of,
    commits_prepared,
    end_of_block,
    in_two_phase,
    is_outermost,
    is_prepared,
    name_of,
    pipeline_of,
    rolls_back,
    run,
    stands_alone,
    statement_of,
)
from ._replay import OldLinks, reported_settings
from ._session_record import SessionRecord

logger = logging.getLogger("aws_advanced_python_wrapper.psycopg")

_IDLE = pq.TransactionStatus.IDLE
_BAD = pq.ConnStatus.BAD

_IN_TRANSACTION = (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

_ROLLBACK_TO = re.compile(
    rb"\s*ROLLBACK\s+(?:WORK\s+|TRANSACTION\s+)?TO\s+(?:SAVEPOINT\s+)?(\S+)", re.IGNORECASE
)


class Transactions(Memory):
    """The part of psycopg's face that knows its transactions, and what becomes of a lost one.

    A transaction whose link is lost is open still on the next one, where it has done nothing: it
    can be rolled back, but not committed. The commit rolls back and raises, after which all is
    well again.

    While the blocks of a lost transaction are open, queries are refused. If the outermost is a
    savepoint of a transaction that had begun before it, they are refused until that one ends, too.
    """

    _aws_old_links: OldLinks | None
    _aws_open_blocks = 0
    _aws_block_is_savepoint = False
    _aws_loses_work = False
    """Whether the call that failed leaves a transaction half lost."""
    _aws_went_on = False
    """Whether statements have run in a transaction that was lost."""
    _aws_lost_pipeline: Any = None
    """The pipeline, within which nothing goes on."""
    _aws_ends_with_pipeline = False
    """Whether what the call that failed is part of is a transaction for no longer than its
    pipeline, since nothing has begun one."""
    _aws_before_transaction: dict[bytes, bytes | None] | None = None
    """The settings at the last BEGIN that psycopg sent, which a lost transaction goes back to."""

    def _aws_before_begin(self) -> None:
        if self._aws_session is not None:
            self._aws_before_transaction = reported_settings(self.pgconn)

    def _aws_was_in_transaction(self, status: int, gen: Any, error: BaseException | None) -> bool:
        """Whether a transaction was open, by the link's status as a call began that failed.

        What failed is ``gen``; or ``error``, after it had begun.
        """
        in_transaction = status != _IDLE or in_two_phase(self)
        # With rows, COPY or a pipeline under way it tells nothing.
        begun = (
            not self.autocommit
            or (self._aws_state if status == BUSY else status) in _IN_TRANSACTION
        )
        self._aws_ends_with_pipeline = pipeline_of(self) is not None and not begun
        open_work = (
            in_transaction and not is_prepared(self) and (begun or self._aws_ends_with_pipeline)
        )
        goes_on = open_work and not self._aws_commits_after_loss
        self._aws_loses_work = goes_on and not _ends_transaction(gen, error)
        return in_transaction

    def _aws_settings_to_keep(self, in_transaction: bool) -> dict[bytes, bytes | None]:
        # In autocommit mode psycopg sends a BEGIN for a block only. What was set before one of the
        # application's own is not known.
        in_block = self._aws_open_blocks > 0 and not self._aws_block_is_savepoint
        begun_by_psycopg = in_block or not self.autocommit
        before = self._aws_before_transaction
        if in_transaction and begun_by_psycopg and not is_prepared(self) and before:
            return before
        return reported_settings(self.pgconn)

    @contextmanager
    def _aws_in_block(self) -> Iterator[None]:
        """The time from a transaction block's begin to its end."""
        if self._aws_refuses:
            raise self._aws_lost_transaction()
        if not self._aws_open_blocks:
            self._aws_block_is_savepoint = self.pgconn.transaction_status in _IN_TRANSACTION
        self._aws_open_blocks += 1
        try:
            yield
        finally:
            self._aws_open_blocks -= 1
            if not self._aws_open_blocks and self._aws_refuses and not self._aws_block_is_savepoint:
                self._aws_allow()

    def _aws_has_begun(self, block: Any) -> Any:
        if self._aws_open_blocks == 1:
            self._aws_block_is_savepoint = not is_outermost(block)
        return block

    @property
    def _aws_lost_its_link(self) -> bool:
        """Whether the link is lost, and nobody has been told: psycopg keeps to itself what goes
        wrong in a block's ROLLBACK."""
        session = self._aws_session
        return self.pgconn.status == _BAD and session is not None and not self._aws_closed_by_user()

    def _aws_rollback_steps(self) -> Steps[None]:
        """Move the connection. The application needs no error of ours: the block is rolled back."""
        lost = self._aws_lost_error(
            "the connection was lost in the rollback of a transaction block"
        )
        try:
            yield from self._aws_recovery_steps(lost, True)
        except FailoverFailedError as error:
            logger.warning("the connection is closed after a rollback: %s", error)
        except psycopg.OperationalError as error:
            logger.debug("a rollback met a failover: %s", error)

    def _aws_let_go_if_closed(self) -> None:
        if self.pgconn.status == _BAD:
            self._aws_let_go()
            self._aws_forget_old_links()

    def _aws_is_rolled_back(self, error: BaseException, block: Any) -> bool:
        """Whether an error is the block's own ``psycopg.Rollback``, fulfilled by a failover."""
        if not isinstance(error, Exception):
            self._aws_let_go_if_closed()  # Ctrl-C, or a cancellation, has cut the call off
        return (
            isinstance(error, psycopg.Rollback)
            and error.transaction in (None, block)
            and self.pgconn.status != _BAD
        )

    def _aws_check_end_of(self, block: Any) -> None:
        """A transaction block ends without an error."""
        if self._aws_refuses and not rolls_back(block):
            raise self._aws_lost_transaction()

    @property
    def _aws_is_lost(self) -> bool:
        """Whether the open transaction has lost a part."""
        return COMMIT in self.__dict__

    @property
    def _aws_refuses(self) -> bool:
        """Whether the lost transaction refuses queries, too."""
        if QUERY not in self.__dict__:
            return False
        if self._aws_lost_pipeline is not None and pipeline_of(self) is not self._aws_lost_pipeline:
            self._aws_allow()
            return False
        return True

    def _aws_reopen_steps(self, pgconn: pq.abc.PGconn, timeout: float) -> Steps[None]:
        """Begin on a new link what was open on the old one."""
        if self._aws_stays_open:
            yield from ask(pgconn, "BEGIN", timeout)

    @property
    def _aws_stays_open(self) -> bool:
        return (
            self._aws_loses_work and not self._aws_open_blocks and not self._aws_ends_with_pipeline
        )

    def _aws_transaction_has_moved(self) -> None:
        """A new link is in the place of the lost one: let the transaction do what it may."""
        if self._aws_stays_open:
            self._aws_went_on = False
            self._aws_refuse_commit()
        elif self._aws_open_blocks:
            self._aws_refuse_in_blocks()
        elif self._aws_loses_work and self._aws_ends_with_pipeline:
            self._aws_lost_pipeline = pipeline_of(self)
            self._aws_refuse_queries()

    def _aws_refuse_in_blocks(self) -> None:
        """The link is lost: let open blocks do no more."""
        if not self._aws_open_blocks:
            return
        self._aws_refuse_queries()
        if not self._aws_open_blocks:  # another thread has left the last one meanwhile
            self._aws_allow()

    def _aws_refuse_queries(self) -> None:
        for name in REFUSED_AT_ONCE:
            self.__dict__[name] = partial(self._aws_begin_refused, name)
        self._aws_refuse_commit()

    def _aws_refuse_commit(self) -> None:
        self.__dict__[COMMIT] = self._aws_commit_lost
        self.__dict__[ROLLBACK] = self._aws_rollback_lost
        self.__dict__[END_PREPARED] = self._aws_finish_lost
        self.__dict__["wait"] = self._aws_wait_observed

    def _aws_allow(self) -> None:
        for name in (*REFUSED_AT_ONCE, *ENDS):
            self.__dict__.pop(name, None)
        self._aws_lost_pipeline = None
        self._aws_observe_no_longer()

    def _aws_wait_observed(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        # In the place of the method, so that a connection that never moved pays nothing.
        self._aws_let_use_link(gen)
        if self._aws_is_lost:
            gen = self._aws_in_lost_transaction(gen)
        elif self._aws_record is not None and self._aws_record.is_pending:
            self._aws_note_end(gen, self._aws_record)
        return type(self).wait(self, gen, *args, **kwargs)  # type: ignore[attr-defined]

    def _aws_stands_alone(self, gen: Any) -> bool:
        return stands_alone(gen)

    def _aws_bring_over(self, gen: Any) -> None:
        if begins_block(gen):
            self._aws_allow()  # no work was lost with a block that only begins
        self._aws_let_use_link(gen)

    def _aws_let_use_link(self, gen: Any) -> None:
        if self._aws_old_links is not None and not self._aws_old_links.bring_over(gen, self.pgconn):
            self._aws_forget_old_links()
        if self._aws_misses_notifications and name_of(gen) not in ENDS:
            gen.close()
            self._aws_tell_of_notifications()

    def _aws_forget_old_links(self) -> None:
        self._aws_old_links = None
        self._aws_observe_no_longer()

    def _aws_observe_no_longer(self) -> None:
        record = self._aws_record
        waits = record is not None and (record.is_pending or self._aws_misses_notifications)
        if self._aws_old_links is None and not self._aws_is_lost and not waits:
            self.__dict__.pop("wait", None)

    def _aws_in_lost_transaction(self, gen: Any) -> Any:
        if self._aws_open_blocks and self._aws_refuses:
            return gen
        step = _step_of(gen)
        if step is Step.COMMITS:
            return self._aws_commit_lost()
        if step is Step.ENDS:
            self._aws_allow()
        elif step is Step.GOES_ON:
            self._aws_went_on = True
        return gen

    def _aws_warn_of_uncommitted(self) -> None:
        if self._aws_is_lost and self._aws_went_on and self.pgconn.status != _BAD:
            logger.warning(
                "closed within a transaction that a failover had cut in two: what followed the "
                "failover is not committed, since the application neither rolled back nor committed"
            )

    def _aws_begin_refused(self, name: str, *args: Any) -> Any:
        if self._aws_refuses:
            raise self._aws_lost_transaction()
        return run(self, name, *args)

    def _aws_note_end(self, gen: Any, record: SessionRecord) -> None:
        """What the transaction told its session holds, or not, once ``gen`` has ended it."""
        name, step = name_of(gen), _step_of(gen)
        if block := end_of_block(gen):
            if block.undone:
                record.rolled_back(0 if block.outermost else block.depth)
            elif block.outermost:
                record.committed()
        elif name == COMMIT or step is Step.COMMITS:
            record.committed()
        elif name == ROLLBACK or step is Step.ENDS:
            record.rolled_back()
        elif name == END_PREPARED:
            record.committed() if commits_prepared(gen) else record.rolled_back()
        elif savepoint := _savepoint_of(gen):
            record.rolled_back_to(savepoint)
        self._aws_observe_no_longer()

    def _aws_commit_lost(self) -> Any:
        refuses = self._aws_refuses
        if not self._aws_is_lost:
            return (yield from run(self, COMMIT))
        if not blocks_of(self) and not (refuses and self._aws_open_blocks):
            self._aws_allow()
            yield from run(self, ROLLBACK)
        raise self._aws_lost_transaction()

    def _aws_rollback_lost(self) -> Any:
        if not self._aws_open_blocks:
            self._aws_allow()
        return run(self, ROLLBACK)

    def _aws_finish_lost(self, action: str, xid: Any) -> Any:
        if xid is not None and not self._aws_refuses:
            return run(self, END_PREPARED, action, xid)
        return self._aws_commit_lost() if action == "COMMIT" else self._aws_rollback_lost()


def _step_of(gen: Any, error: BaseException | None = None) -> Step | None:
    """What a generator of psycopg's does to the transaction, if it is one that runs a statement.

    It has not begun; or ``error`` has ended it.
    """
    text = _text_of(gen, error)
    return None if text is None else step_of_sql(text, "postgresql")


def _savepoint_of(gen: Any) -> bytes:
    """The savepoint to which a generator rolls back; empty if it doesn't."""
    found = _ROLLBACK_TO.match(_text_of(gen, None) or b"")
    return found.group(1) if found else b""


def _text_of(gen: Any, error: BaseException | None) -> bytes | None:
    """The text that a generator of psycopg's runs, if it runs one."""
    found = statement_of(gen, error)
    return None if found is None else _bytes_of(*found)


def _ends_transaction(gen: Any, error: BaseException | None) -> bool:
    """Whether what failed was to end the transaction, well or not."""
    step = _step_of(gen, error)
    return name_of(gen) in ENDS or step in (Step.COMMITS, Step.ENDS)


def _bytes_of(query: Any, cursor: Any) -> bytes:
    if isinstance(query, bytes):
        return query
    if isinstance(query, sql.Composable):
        return query.as_bytes(cursor)
    return str(query).encode("utf-8", "replace")
