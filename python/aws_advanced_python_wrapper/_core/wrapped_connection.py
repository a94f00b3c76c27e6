# SPDX-License-Identifier: Apache-2.0
"""What the faces of all drivers have in common: the session, and the way out of a lost link."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from .. import _engine
from ..errors import AwsWrapperError, FailoverError, FailoverReport
from .connection import AwsWrapperConnection
from .face_errors import CLASS_BY_CODE
from .login_of_now import LoginSource
from .waits import Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._engine import Topology
    from .performer import Performer

logger = logging.getLogger("aws_advanced_python_wrapper")

_PREFIX = "_aws_"
_PACKAGE = __name__.partition(".")[0]
_DRIVERS = ("psycopg", "mysql")


def _refuse_clashes(face: type) -> None:
    """Raise AwsWrapperError for names of the application's own classes that ours hide."""
    ours: set[str] = set()
    drivers: set[str] = set()
    theirs: dict[str, str] = {}
    for base in face.__mro__:
        root = base.__module__.partition(".")[0]
        if root == _PACKAGE:
            ours.update(name for name in vars(base) if not name.startswith("_"))
        elif root in _DRIVERS:
            drivers.update(vars(base))
        elif ours:
            theirs.update(dict.fromkeys(vars(base), base.__qualname__))
    hidden = sorted(n for n in theirs if n in ours - drivers or n.startswith(_PREFIX))
    if hidden:
        raise AwsWrapperError(
            f"the class {theirs[hidden[0]]} defines {', '.join(hidden)}, which connections of the "
            f"wrapper have, too: rename it. Theirs are {', '.join(sorted(ours - drivers))}, and "
            f"all that begins with {_PREFIX}"
        )


class WrappedConnection(_engine.WatchedConnection, AwsWrapperConnection):
    """The part of a connection class that does not depend on its driver.

    A driver's face brackets each call that may wait for the server with the session's
    ``begin_call()`` and ``end_call()``, carries out ``_aws_attend_steps()`` where the former says
    so, and gives the driver's errors to ``_aws_recovery_steps()``.
    """

    _aws_face_errors: ClassVar[dict[str, type[Any]]]
    """The error classes of the face, by name."""
    _aws_lost_error: ClassVar[type[Exception]]
    """What the driver raises when a link is lost."""

    _aws_report: FailoverReport | None = None
    _aws_moved = False
    """Whether the connection is on another link than the one that was set up."""
    _aws_on_move: Callable[[Any], None] | None = None
    """Told of the connection, whenever it has moved to another link. Raises nothing."""
    _aws_login_source: LoginSource | None = None
    """Whom a failover asks for another login; a pool of psycopg_pool is asked, too."""
    _aws_commits_after_loss = False
    """The value of commit_after_lost_transaction."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _refuse_clashes(cls)

    @property
    def current_host(self) -> str | None:
        """Id of the host that the connection is on, or None if it is not known."""
        return None if self._aws_session is None else self._aws_session.host_id or None

    @property
    def topology(self) -> Topology | None:
        """The last known view of the cluster, or None if there is none. Asks no server."""
        if self._aws_session is None:
            return None
        topology = self._aws_session.topology
        return topology if topology.version else None

    @property
    def failover_report(self) -> FailoverReport | None:
        """The report of the connection's last failover, or None."""
        return self._aws_report

    def _aws_has_moved(self) -> None:
        self._aws_moved = True
        if self._aws_on_move is not None:
            self._aws_on_move(self)

    def _aws_take_gone(self) -> list[str]:
        """What the lost session had that its successor hasn't, in words; for one error."""
        return []

    def _aws_recovery(self, session: _engine.Session, in_transaction: bool) -> Performer:
        """What carries out a recovery by the driver."""
        raise NotImplementedError

    def _aws_finish_link(self) -> None:
        """Close the link, without telling a server that may not answer."""
        raise NotImplementedError

    def _aws_closed_by_user(self) -> bool:
        raise NotImplementedError

    def _aws_error_codes(self, error: Any) -> tuple[str | None, int]:
        """The SQLSTATE and the vendor's number (0: none) of a driver's error."""
        raise NotImplementedError

    def _aws_link_is_lost(self, error: Any) -> bool | None:
        """Whether the link is gone, or about to end, after an error; None if only asking tells."""
        raise NotImplementedError

    def _aws_was_sent(self, error: Any) -> bool:  # noqa: ARG002
        """Whether anything of the call that met an error may have reached the server."""
        return True

    def _aws_given_up_by_driver(self, error: Any) -> tuple[bool, str]:  # noqa: ARG002
        """Whether the driver gave the call up by a limit of its own, and what cancels it."""
        return False, ""

    def _aws_told_of_role(self, error: Any) -> tuple[bool | None, bool]:  # noqa: ARG002
        """Whether the server last reported to be in recovery, and whether it can be asked now."""
        return None, False

    def _aws_inner_call_failed(self, error: BaseException) -> None:
        """A call within a watched one met an error, which need not come out of the latter."""

    def _aws_stands_alone(self, call: Any) -> bool:  # noqa: ARG002
        """Whether a call is known to refer to nothing that an earlier one has left on the link."""
        return False

    def _aws_bring_over(self, call: Any) -> None:
        """The connection moved before a call, which goes on: let it use the link of now."""

    def _aws_watch(self, session: _engine.Session) -> None:
        self._aws_session = session

    def _aws_let_go(self) -> None:
        session, self._aws_session = self._aws_session, None
        if session is not None:
            session.close()

    def _aws_lost_transaction(self) -> Exception:
        """What answers the commit of a transaction that has lost a part."""
        lost: Exception = self._aws_face_errors["TransactionResolutionUnknownError"](
            "the connection to the server was lost within this transaction: what it had done "
            "before is lost, so the rest is not committed, but rolled back. Run it again as a whole"
        )
        lost.sqlstate = type(lost).sqlstate  # type: ignore[attr-defined]  # see _aws_raise_outcome()
        lost.failover_report = self._aws_report  # type: ignore[attr-defined]
        lost.outcome_known = True  # type: ignore[attr-defined]
        return lost

    def _aws_attend_steps(self, call: Any, in_transaction: bool) -> Steps[None]:
        """Do what a call has to wait for; returns if it may be sent, and has begun.

        A link that was given up while it lay in a pool is replaced without an error, if nothing of
        the session went with it.
        """
        session = self._aws_session
        if session is None:
            return
        lost = self._aws_lost_error("the connection was given up by a monitor")
        attend = partial(session.attend, in_transaction, self._aws_stands_alone(call))
        outcome = yield from self._aws_operation_steps(session, in_transaction, attend)
        if outcome is None or outcome.link == "lost":
            self._aws_finish_link()
            self._aws_let_go()
        if outcome is None:
            raise lost
        if outcome.code != "none" or outcome.link == "lost":
            self._aws_raise_outcome(session, outcome, lost, sent=False)
            raise lost
        if outcome.link == "replaced":
            self._aws_report = FailoverReport.from_engine(session.report)
            logger.info("moved before a call, which has lost nothing: %s", self._aws_report)
            try:
                self._aws_bring_over(call)
            except BaseException:
                session.end_call()
                raise

    def _aws_recovery_steps(
        self, error: Exception, in_transaction: bool, *, sent: bool = True
    ) -> Steps[None]:
        """Let the engine deal with a failed call; returns if the driver's error stands.

        A link that is being left is closed if the work is cut off, by Ctrl-C or a cancellation.
        """
        session = self._aws_session
        if session is None or self._aws_closed_by_user():
            return
        sent = sent and self._aws_was_sent(error)
        recover = partial(
            session.recover,
            *self._aws_error_codes(error),
            str(error),
            self._aws_link_is_lost(error),
            in_transaction,
            *self._aws_given_up_by_driver(error),
            *self._aws_told_of_role(error),
        )
        outcome = yield from self._aws_operation_steps(session, in_transaction, recover)
        if outcome is None or outcome.passed:
            return
        if outcome.link == "lost":
            self._aws_finish_link()
            self._aws_let_go()
        self._aws_raise_outcome(session, outcome, error, sent=sent)

    def _aws_set_read_only_steps(self, value: bool) -> Steps[None]:
        """Let the plugins know, before the driver sets it."""
        session = self._aws_session
        if session is None or not session.observes_properties:
            return
        set_read_only = partial(session.set_read_only, value)
        outcome = yield from self._aws_operation_steps(session, False, set_read_only)
        if outcome is not None and outcome.code != "none":
            self._aws_raise_outcome(session, outcome, None, sent=False)

    def _aws_operation_steps(
        self,
        session: _engine.Session,
        in_transaction: bool,
        start: Callable[[], _engine.Operation],
    ) -> Steps[_engine.Outcome | None]:
        """Carry out an operation; its outcome, or None if the engine could do nothing."""
        try:
            operation = start()
            yield from self._aws_recovery(session, in_transaction).steps(operation)
            return operation.outcome
        except _engine.EngineError as refusal:
            level = logging.DEBUG if refusal.engine_stopped else logging.WARNING
            logger.log(level, "no failover: %s", refusal)
            return None
        except (KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit):
            self._aws_finish_link()
            self._aws_let_go()
            raise

    def _aws_raise_outcome(
        self,
        session: _engine.Session,
        outcome: _engine.Outcome,
        cause: Exception | None,
        *,
        sent: bool,
    ) -> None:
        """Raise what the application is told; returns if the driver's error stands."""
        if outcome.code == "timed_out":
            raise self._aws_timed_out(outcome.message, cause)
        if outcome.limit:
            cause = self._aws_timed_out(outcome.limit, cause)
        name = CLASS_BY_CODE.get(outcome.code)
        raised = None if name is None else self._aws_face_errors[name](outcome.message)
        if raised is None or isinstance(raised, FailoverError):
            self._aws_report = FailoverReport.from_engine(session.report)
            logger.info("failover, %s, link %s: %s", outcome.code, outcome.link, self._aws_report)
        if raised is None:
            assert cause is not None
            cause.failover_report = self._aws_report  # type: ignore[attr-defined]
            for what in outcome.gone:
                logger.warning("the session is a new one: the %s is gone", what)
            return
        if isinstance(raised, FailoverError):
            # mysql-connector's errors set it anew on each object.
            raised.sqlstate = type(raised).sqlstate
            raised.failover_report = self._aws_report
            raised.outcome_known = not sent
            raised.gone = tuple(outcome.gone)
        raise raised from cause

    def _aws_timed_out(self, message: str, cause: Exception | None) -> Exception:
        error: Exception = self._aws_face_errors["QueryTimeoutError"](message, original_error=cause)
        error.__cause__ = cause
        return error
