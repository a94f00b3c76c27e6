# SPDX-License-Identifier: Apache-2.0
"""What the faces of all drivers have in common: the session, and the way out of a lost link."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from .. import _engine
from ..errors import AwsWrapperError, FailoverReport
from .connection import AwsWrapperConnection
from .login_of_now import LoginSource
from .waits import Steps

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._engine import Topology
    from .performer import Performer

logger = logging.getLogger("aws_advanced_python_wrapper")

# A monitor's reasons for ending a call, in words.
_VERDICTS = {
    "writer_moved": "its host is silent and the cluster names another writer",
    "host_unhealthy": "its host did not answer the health monitor",
    "call_timed_out": "socket_timeout passed",
}


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


class Face(_engine.WatchedConnection, AwsWrapperConnection):
    """The part of a connection class that does not depend on its driver.

    A driver's face brackets each call that may wait for the server with the session's
    ``begin_call()`` and ``end_call()``, and gives the driver's errors to ``_aws_recovery_steps()``.
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

    def _aws_numbers(self, error: Any) -> tuple[str | None, int]:
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

    def _aws_given_up_steps(self, verdict: str, in_transaction: bool) -> Steps[NoReturn]:
        # A monitor gave the server up as the last call ended: nothing is sent to it.
        if self._aws_session is not None:
            self._aws_session.end_call()
        lost = self._aws_lost_error("the connection was given up by a monitor")
        yield from self._aws_recovery_steps(lost, in_transaction, verdict, sent=False)
        raise lost

    def _aws_recovery_steps(
        self, error: Exception, in_transaction: bool, aborted_by: str | None, *, sent: bool = True
    ) -> Steps[None]:
        """Let the engine deal with a failed call; returns if the driver's error stands.

        A link that is being left is closed if the work is cut off, by Ctrl-C or a cancellation.
        """
        session = self._aws_session
        if session is None or self._aws_closed_by_user():
            return
        try:
            operation = session.recover(
                *self._aws_numbers(error),
                str(error),
                True if aborted_by is not None else self._aws_link_is_lost(error),
                in_transaction,
                aborted_by or "",
                *self._aws_given_up_by_driver(error),
                *self._aws_told_of_role(error),
            )
            yield from self._aws_recovery(session, in_transaction).steps(operation)
            verdict = operation.verdict
        except _engine.EngineError as refusal:
            level = logging.DEBUG if refusal.engine_stopped else logging.WARNING
            logger.log(level, "no failover: %s", refusal)
            return
        except (KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit):
            self._aws_finish_link()
            self._aws_let_go()
            raise
        if verdict == "timed_out":
            self._aws_finish_link()
            self._aws_let_go()
            raise self._aws_timed_out("the read_timeout or write_timeout of its driver", error)
        if aborted_by == "call_timed_out":
            error = self._aws_timed_out("socket_timeout", error)
        if verdict == "pass":
            if not sent:
                # The driver has not noticed that its link is shut down.
                self._aws_finish_link()
                self._aws_let_go()
            if aborted_by == "call_timed_out":
                raise error
            return
        self._aws_report = FailoverReport.from_engine(session.report)
        logger.info("failover %s: %s", verdict, self._aws_report)
        if verdict in ("failed", "not_replaced"):
            self._aws_finish_link()
            self._aws_let_go()
        if verdict in ("replaced", "not_replaced"):
            error.failover_report = self._aws_report  # type: ignore[attr-defined]
            for what in self._aws_take_gone():
                logger.warning("the session is a new one: the %s is gone", what)
            return
        self._aws_raise_outcome(verdict, error, sent and self._aws_was_sent(error))

    def _aws_timed_out(self, limit: str, cause: Exception) -> Exception:
        error: Exception = self._aws_face_errors["QueryTimeoutError"](
            f"the call took longer than {limit} and was given up", original_error=cause
        )
        error.__cause__ = cause
        return error

    def _aws_raise_outcome(self, verdict: str, cause: Exception, sent: bool) -> NoReturn:
        report = self._aws_report
        assert report is not None
        why = _VERDICTS.get(report.trigger, report.trigger)
        told = self._aws_take_gone()
        gone = "".join(f"; the {what} is gone" for what in told)
        if verdict == "moved":
            raised = self._aws_face_errors["FailoverSuccessError"](
                f"the connection to {report.from_host} was lost ({why}) and is now "
                f"to {report.to_host}; no transaction was open. Run the statement again{gone}"
            )
        elif verdict == "moved_in_transaction":
            raised = self._aws_face_errors["TransactionResolutionUnknownError"](
                f"the connection to {report.from_host} was lost ({why}) within a "
                f"transaction and is now to {report.to_host}. Whether a COMMIT that was sent took "
                f"effect is not known: look, roll back, and run the transaction again{gone}"
            )
        else:
            raised = self._aws_face_errors["FailoverFailedError"](
                f"the connection to {report.from_host} was lost ({why}) and no "
                f"suitable host was reached: {report.failed_because}; "
                f"tried: {report.tried()}. The connection is closed"
            )
        # mysql-connector's errors set it anew on each object.
        raised.sqlstate = type(raised).sqlstate
        raised.failover_report = report
        raised.outcome_known = not sent
        raised.gone = tuple(told)
        raise raised from cause
