# SPDX-License-Identifier: Apache-2.0
"""MySQL's transactions, when their link is lost: what has lost a part can't commit the rest."""

from __future__ import annotations

import logging
from enum import Enum
from functools import partial
from typing import Any

from .._core.transaction_steps import Step, step_of_sql
from .._core.waits import DriverCall, Steps
from .._core.wrapped_connection import WrappedConnection
from ..errors import FailoverError

logger = logging.getLogger("aws_advanced_python_wrapper.mysql_connector")

_OF_TEXTS = ("cmd_query", "cmd_query_iter", "cmd_stmt_prepare")
# What the driver's other methods do to a transaction.
_OF_METHODS = {
    "commit": Step.COMMITS,
    "rollback": Step.ENDS,
    "start_transaction": Step.BEGINS,
    "cmd_change_user": Step.ENDS,
    "cmd_reset_connection": Step.ENDS,
    "reset_session": Step.ENDS,
}


class Gate(Enum):
    """Why calls of the driver are looked at, before they are made."""

    LOST = "the open transaction has lost a part"
    SAVEPOINT = "the transaction has a savepoint, of which the server says nothing yet"


class Transactions(WrappedConnection):
    """The part of mysql-connector's faces that knows what becomes of a lost transaction.

    It is open still on the next link, where it has done nothing: it can be rolled back, but not
    committed. The commit, and what commits without a word, rolls back and raises, after which all
    is well again.

    A savepoint without work before it is no open transaction to the server, but to lose it is to
    lose a part: the call that follows it is looked at.
    """

    in_transaction: bool
    _aws_gate: Gate | None = None
    _aws_has_savepoint = False
    """Whether the transaction of the running call has a savepoint before all work."""
    _aws_loses_work = False
    """Whether the call that failed leaves a transaction half lost."""
    _aws_went_on = False
    """Whether statements have run in a transaction that was lost."""
    _aws_refuses_when_lost = False
    """Whether a lost transaction refuses statements, too, as a closed connection does."""

    def _aws_was_in_transaction(self, call: tuple[Any, ...]) -> bool:
        """Whether a transaction was open when a call failed, as the server told last."""
        ends = step_of_call(call[0].__name__, call[1:], {}) in (Step.COMMITS, Step.ENDS)
        in_transaction = bool(self.in_transaction) or self._aws_has_savepoint
        self._aws_loses_work = in_transaction and not ends and not self._aws_commits_after_loss
        return in_transaction

    def _aws_to_reopen(self) -> list[str]:
        """The statements that begin on a new link what was open on the old one."""
        return ["START TRANSACTION"] if self._aws_loses_work else []

    def _aws_transaction_has_moved(self) -> None:
        """A new link is in the place of the lost one: let the transaction do what it may."""
        if self._aws_loses_work:
            self._aws_went_on = False
            self._aws_refuse_commit()

    def _aws_refuse_commit(self) -> None:
        self._aws_look_at_calls(Gate.LOST)

    def _aws_note_savepoint(self) -> None:
        """A savepoint was set."""
        if self._aws_gate is None and not self.in_transaction:
            self._aws_look_at_calls(Gate.SAVEPOINT)

    def _aws_look_at_calls(self, gate: Gate) -> None:
        # In the place of the methods, so that a connection pays nothing otherwise.
        self._aws_gate = gate
        # cursor() asks the server, too; but what rolls back by SQL needs one.
        others = ("cursor",) if gate is Gate.SAVEPOINT else ()
        for name in (*_OF_TEXTS, *_OF_METHODS, *others):
            self.__dict__[name] = partial(self._aws_call_looked_at, name)

    def _aws_allow(self) -> None:
        self._aws_gate = None
        for name in (*_OF_TEXTS, *_OF_METHODS, "cursor"):
            self.__dict__.pop(name, None)

    def _aws_call_looked_at(self, name: str, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def _aws_before_call_steps(self, step: Step) -> Steps[None]:
        """What has to be done before a call that is looked at; raises if it isn't to be made."""
        if self._aws_gate is not Gate.LOST or step is Step.ENDS:
            self._aws_has_savepoint = self._aws_gate is Gate.SAVEPOINT
            self._aws_allow()
            return
        if self._aws_refuses_when_lost and step in (Step.GOES_ON, Step.BEGINS):
            raise self._aws_lost_transaction()
        if step is Step.GOES_ON:
            self._aws_went_on = True
            return
        self._aws_allow()
        try:
            yield DriverCall(partial(type(self).rollback, self))  # type: ignore[attr-defined]
        except FailoverError:
            raise
        except BaseException:
            self._aws_refuse_commit()
            raise
        if step is not Step.BEGINS:
            raise self._aws_lost_transaction()

    def _aws_after_call(self, step: Step) -> None:
        """The call was made."""
        if not self._aws_has_savepoint:
            if step is Step.BEGINS:
                self._aws_refuse_commit()
            return
        self._aws_has_savepoint = False
        if step is Step.GOES_ON:
            self._aws_note_savepoint()

    def _aws_let_go(self) -> None:
        self._aws_allow()
        super()._aws_let_go()

    def _aws_warn_of_uncommitted(self) -> None:
        if self._aws_gate is Gate.LOST and self._aws_went_on and not self.is_closed:
            logger.warning(
                "closed within a transaction that a failover had cut in two: what followed the "
                "failover is not committed, since the application neither rolled back nor committed"
            )


def step_of_call(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Step:
    """What a method of the driver does to the transaction."""
    if name in _OF_TEXTS:
        text = next(iter((*args, *kwargs.values())), b"")
        text = text.encode("utf-8", "replace") if isinstance(text, str) else bytes(text)
        return step_of_sql(text, "mysql")
    return _OF_METHODS.get(name, Step.GOES_ON)
