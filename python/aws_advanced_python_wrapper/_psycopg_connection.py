# SPDX-License-Identifier: Apache-2.0
"""psycopg's connection, instrumented at its one door to the network."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
from psycopg import pq
from psycopg.rows import Row

from . import _engine
from ._connection import AwsWrapperConnection
from ._psycopg_errors import FACE_ERRORS
from ._psycopg_operations import Opening, Recovery
from ._psycopg_session import OldLinks, put_link, replay_settings
from .errors import FailoverReport

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._engine import Topology

logger = logging.getLogger("aws_advanced_python_wrapper.psycopg")

_IDLE = pq.TransactionStatus.IDLE
_BAD = pq.ConnStatus.BAD
# A monitor's reasons for ending a call, in words.
_VERDICTS = {
    "writer_moved": "its host is silent and the cluster names another writer",
    "host_unhealthy": "its host did not answer the health monitor",
    "call_timed_out": "socket_timeout passed",
}
_INTERVAL: float = inspect.signature(psycopg.Connection.wait).parameters["interval"].default
_REPLAY_TIMEOUT = 5.0


class PsycopgFace(AwsWrapperConnection):
    """Makes a subclass of ``psycopg.Connection`` survive its server."""

    pgconn: pq.abc.PGconn
    _session: _engine.Session | None = None
    _begin_call: Callable[[], str | None] | None = None
    _end_call: Callable[[], str | None]
    _driver_wait: Callable[..., Any]
    _parameters: dict[str, Any]
    _settings: _engine.Settings
    _old_links: OldLinks | None = None
    _report: FailoverReport | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        driver: Any = super(AwsWrapperConnection, cls)
        cls._driver_wait = driver.wait

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:  # type: ignore[override]
        """Open a connection, as ``psycopg.Connection.connect`` does.

        The wrapper's properties are taken out of ``conninfo`` and ``kwargs``; what remains goes
        to psycopg as it is. A property that is not possible raises the face's ``AwsWrapperError``
        before anything is sent; what psycopg raises leaves unchanged.
        """
        opening = Opening(cls, conninfo or "", kwargs)
        if opening.session.idle:
            return opening.by_driver()
        return opening.run()

    def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        """The driver's door to the network; see ``psycopg.Connection.wait``.

        ``timeout`` needs psycopg 3.3.
        """
        # The path of every statement: what is not done here saves a tenth of a microsecond each.
        begin_call = self._begin_call
        if begin_call is not None:
            status = self.pgconn.transaction_status
            verdict = begin_call()
            if verdict is not None:
                self._given_up(verdict, status)
        try:
            if timeout is None:
                result = self._driver_wait(gen, interval)
            else:
                result = self._driver_wait(gen, interval, timeout)
        except BaseException as error:
            if begin_call is not None:
                self._failed(error, status)
            raise
        if begin_call is not None:
            self._end_call()
        return result

    def _failed(self, error: BaseException, status: int) -> None:
        aborted_by = self._end_call()
        if isinstance(error, psycopg.Error):
            self._recover(error, status, aborted_by)
        elif self.pgconn.status == _BAD:
            self._let_go()

    def close(self) -> None:
        """Close the connection; see ``psycopg.Connection.close``."""
        super().close()  # type: ignore[misc]
        if self.pgconn.status == _BAD:
            self._let_go()
            self._forget_old_links()

    def invalidate(self) -> None:
        """Close the connection, without telling a server that may not answer."""
        self.close()

    @property
    def is_closed(self) -> bool:
        """True if the connection is closed. Asks no server."""
        return self.pgconn.status == _BAD

    @property
    def current_host(self) -> str | None:
        """Id of the host that the connection is on, or None if it is not known."""
        return None if self._session is None else self._session.host_id or None

    @property
    def topology(self) -> Topology | None:
        """The last known view of the cluster, or None if there is none. Asks no server."""
        if self._session is None:
            return None
        topology = self._session.topology
        return topology if topology.version else None

    @property
    def failover_report(self) -> FailoverReport | None:
        """The report of the connection's last failover, or None."""
        return self._report

    def _watch(self, session: _engine.Session) -> None:
        self._session = session
        self._end_call = session.end_call
        self._begin_call = session.begin_call

    def _let_go(self) -> None:
        session, self._session, self._begin_call = self._session, None, None
        if session is not None:
            session.close()

    def _given_up(self, verdict: str, status: int) -> NoReturn:
        # A monitor gave the server up as the last call ended: nothing is sent to it.
        self._end_call()
        lost = psycopg.OperationalError("the connection was given up by a monitor")
        self._recover(lost, status, verdict, sent=False)
        raise lost

    def _recover(
        self, error: psycopg.Error, status: int, aborted_by: str | None, *, sent: bool = True
    ) -> None:
        """Let the engine deal with a failed call; returns if the driver's error stands.

        ``status`` is the transaction's before the call.
        """
        session = self._session
        if session is None or (self.is_closed and self._closed):  # type: ignore[attr-defined]
            return
        in_transaction = status != _IDLE
        broken = self.is_closed or aborted_by is not None
        try:
            operation = session.recover(
                error.sqlstate, 0, str(error), broken, in_transaction, aborted_by or ""
            )
            Recovery(self, session).run(operation)
            verdict = operation.verdict
        except _engine.EngineError as refusal:
            logger.debug("no failover: %s", refusal)  # the process exits
            return
        if aborted_by == "call_timed_out":
            timed_out = FACE_ERRORS["QueryTimeoutError"](
                "the call took longer than socket_timeout and was given up", original_error=error
            )
            timed_out.__cause__ = error
            error = timed_out
        if verdict == "pass":
            if aborted_by == "call_timed_out":
                raise error
            return
        self._report = FailoverReport.from_engine(session.report)
        logger.info("failover %s: %s", verdict, self._report)
        if verdict == "failed":
            self.pgconn.finish()
            self._let_go()
        self._raise_outcome(verdict, error, sent)

    def _raise_outcome(self, verdict: str, cause: psycopg.Error, sent: bool) -> NoReturn:
        report = self._report
        assert report is not None
        why = _VERDICTS.get(report.trigger, report.trigger)
        if verdict == "moved":
            raised = FACE_ERRORS["FailoverSuccessError"](
                f"the connection to {report.from_host} was lost ({why}) and is now "
                f"to {report.to_host}; no transaction was open. Run the statement again, and set "
                "up again what the session held beyond its settings"
            )
        elif verdict == "moved_in_transaction":
            raised = FACE_ERRORS["TransactionResolutionUnknownError"](
                f"the connection to {report.from_host} was lost ({why}) within a "
                f"transaction and is now to {report.to_host}. Whether a COMMIT that was sent took "
                "effect is not known: look, then run the transaction again"
            )
        else:
            tried = "; ".join(f"{attempt.host}: {attempt.result}" for attempt in report.attempts)
            raised = FACE_ERRORS["FailoverFailedError"](
                f"the connection to {report.from_host} was lost ({why}) and no "
                f"suitable host was reached within failover_timeout_sec; tried: "
                f"{tried or 'none'}. The connection is closed"
            )
        raised.failover_report = report
        raised.outcome_known = not sent
        raise raised from cause

    def _adopt(self, pgconn: pq.abc.PGconn) -> None:
        old = self.pgconn
        if self._settings.transfers_session_state:
            replay_settings(old, pgconn, _REPLAY_TIMEOUT)
        put_link(self, pgconn)  # type: ignore[arg-type]
        if self._old_links is None:
            self._old_links = OldLinks()
        if self._old_links.retire(old):
            # In the place of the method, so that a connection that never moved pays nothing.
            self.__dict__["wait"] = self._wait_for_old_cursors

    def _wait_for_old_cursors(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        assert self._old_links is not None
        if not self._old_links.bring_over(gen, self.pgconn):
            self._forget_old_links()
        return type(self).wait(self, gen, *args, **kwargs)

    def _forget_old_links(self) -> None:
        self._old_links = None
        self.__dict__.pop("wait", None)


class PsycopgConnection(PsycopgFace, psycopg.Connection[Row]):
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
        def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:  # type: ignore[override]
            """Open a connection."""
