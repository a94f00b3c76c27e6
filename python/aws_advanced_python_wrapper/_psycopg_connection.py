# SPDX-License-Identifier: Apache-2.0
"""psycopg's connection, instrumented at its one door to the network."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from weakref import ref

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import Row

from . import _engine
from ._connection import AwsWrapperConnection
from ._face_errors import make_face_errors
from ._psycopg_link import LinkTimeout, ask, facts, open_pgconn
from ._psycopg_session import put_link, replay_settings
from .errors import FailoverReport

if TYPE_CHECKING:
    from typing_extensions import Self

    from ._engine import Topology

logger = logging.getLogger("aws_advanced_python_wrapper.psycopg")

FACE_ERRORS = make_face_errors(psycopg, "aws_advanced_python_wrapper.psycopg")

_T = TypeVar("_T")
_IDLE = pq.TransactionStatus.IDLE
_BAD = pq.ConnStatus.BAD
# What Connection.connect() takes for itself; everything else describes the server.
_CONNECT_ARGUMENTS = (
    "autocommit",
    "prepare_threshold",
    "context",
    "row_factory",
    "cursor_factory",
)
# A monitor's reasons for ending a call, in words.
_VERDICTS = {
    "writer_moved": "its host is silent and the cluster names another writer",
    "host_unhealthy": "its host did not answer the health monitor",
    "call_timed_out": "socket_timeout passed",
}
_WAIT_SLICE = 0.1  # seconds in which Ctrl-C ends a wait of the engine
_REPLAY_TIMEOUT = 5.0
_CURSORS_BEFORE_PRUNING = 64


class PsycopgFace(AwsWrapperConnection):
    """Makes a subclass of ``psycopg.Connection`` survive its server."""

    pgconn: pq.abc.PGconn
    _session: _engine.Session | None = None
    _begin_call: Callable[[], str | None] | None = None
    _end_call: Callable[[], str | None]
    _driver_wait: Callable[..., Any]
    _driver_cursor: Callable[..., Any]
    _parameters: dict[str, Any]
    _settings: _engine.Settings
    _cursors: list[Any]
    _prune_cursors_at: int = _CURSORS_BEFORE_PRUNING
    _report: FailoverReport | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        driver: Any = super(AwsWrapperConnection, cls)
        cls._driver_wait = driver.wait
        cls._driver_cursor = driver.cursor

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:  # type: ignore[override]
        """Open a connection, as ``psycopg.Connection.connect`` does.

        The wrapper's properties are taken out of ``conninfo`` and ``kwargs``; what remains goes
        to psycopg as it is. A property that is not possible raises the face's ``AwsWrapperError``
        before anything is sent; what psycopg raises leaves unchanged.
        """
        opening = _Opening(cls, conninfo or "", kwargs)
        if opening.session.idle:
            return opening.by_driver()
        return opening.run()

    def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """The driver's door to the network; see ``psycopg.Connection.wait``."""
        # The path of every statement: bound methods are kept, and calls without keywords are
        # told apart, because each saves a tenth of a microsecond.
        begin_call = self._begin_call
        wait = self._driver_wait
        if begin_call is None:
            return wait(gen, *args, **kwargs) if args or kwargs else wait(gen)
        status = self.pgconn.transaction_status
        verdict = begin_call()
        if verdict is not None:
            self._given_up(verdict, status)
        try:
            result = wait(gen, *args, **kwargs) if args or kwargs else wait(gen)
        except psycopg.Error as error:
            self._recover(error, status, self._end_call())
            raise
        except BaseException:
            self._end_call()
            if self.pgconn.status == _BAD:
                self._let_go()
            raise
        self._end_call()
        return result

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        """Return a new cursor; see ``psycopg.Connection.cursor``."""
        cursor = self._driver_cursor(*args, **kwargs) if args or kwargs else self._driver_cursor()
        if self._begin_call is not None:
            # A cursor remembers its link; _adopt() tells the living ones of the new one.
            cursors = self._cursors
            cursors.append(ref(cursor))
            if len(cursors) > self._prune_cursors_at:
                self._cursors = cursors = [known for known in cursors if known() is not None]
                self._prune_cursors_at = max(_CURSORS_BEFORE_PRUNING, 2 * len(cursors))
        return cursor

    def close(self) -> None:
        """Close the connection; see ``psycopg.Connection.close``."""
        super().close()  # type: ignore[misc]
        if self.pgconn.status == _BAD:
            self._let_go()

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
                error.sqlstate, str(error), broken, in_transaction, aborted_by or ""
            )
            _Recovery(self, session).run(operation)
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
        for known in self._cursors:
            cursor = known()
            if cursor is not None:
                cursor._pgconn = pgconn
        old.finish()


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


class _Performer:
    """Does what an operation of the engine asks for, until it is over."""

    error: psycopg.Error | LinkTimeout | None = None
    """The last thing that went wrong."""

    def run(self, operation: _engine.Operation) -> None:
        try:
            while (request := operation.request) is not None:
                kind = request[0]
                if kind == "wait":
                    operation.wait(_WAIT_SLICE)
                elif kind == "open":
                    self._open(operation, *request[1:])
                elif kind == "ask":
                    self._ask(operation, *request[1:])
                elif kind == "adopt":
                    self._adopt(operation)
                else:
                    self.drop()
                    operation.dropped()
        except BaseException:
            self.drop()
            raise

    def _ask(self, operation: _engine.Operation, sql: str, timeout: float) -> None:
        try:
            sets = ask(self.candidate, sql, timeout)
        except LinkTimeout as error:
            self.error = error
            operation.ask_failed(None, str(error))
        except psycopg.Error as error:
            self.error = error
            operation.ask_failed(error.sqlstate, str(error))
        else:
            operation.asked(sets)

    @property
    def candidate(self) -> pq.abc.PGconn:
        raise NotImplementedError

    def drop(self) -> None:
        raise NotImplementedError

    def _open(self, operation: _engine.Operation, host: Any, address: str, timeout: float) -> None:
        raise NotImplementedError

    def _adopt(self, operation: _engine.Operation) -> None:
        raise NotImplementedError


class _Opening(_Performer):
    """The opening of a connection, by the driver's own connect."""

    def __init__(
        self, connection_class: type[PsycopgFace], conninfo: str, kwargs: dict[str, Any]
    ) -> None:
        self._class = connection_class
        self._arguments = {k: kwargs.pop(k) for k in _CONNECT_ARGUMENTS if k in kwargs}
        # Values of other types are none of ours; psycopg tells what it thinks of them.
        odd = {k: v for k, v in kwargs.items() if not isinstance(v, _SIMPLE)}
        given = {k: v for k, v in kwargs.items() if k not in odd}
        try:
            text = _engine.parse_conninfo(conninfo) if conninfo else {}
        except _engine.EngineError as error:
            conninfo_to_dict(conninfo)  # raises the driver's own complaint
            raise FACE_ERRORS["AwsWrapperError"](str(error)) from None
        text.update((k, v) for k, v in given.items() if v is not None)
        try:
            self._settings = _engine.parse_settings(text)
            self._parameters = {**self._settings.driver_parameters, **odd}
            host = str(self._parameters.get("host", ""))
            self.session = _engine.Session(self._settings, host)
        except _engine.EngineError as error:
            raise FACE_ERRORS["AwsWrapperError"](str(error)) from None
        self._connection: Any = None

    def by_driver(self) -> Any:
        return self._connect(self._parameters)

    def run(self, operation: _engine.Operation | None = None) -> Any:
        try:
            operation = self.session.open()
            super().run(operation)
            verdict = operation.verdict
        except _engine.EngineError as error:
            self.drop()
            raise FACE_ERRORS["AwsWrapperError"](str(error)) from self.error
        if verdict == "opened":
            if self.session.notice:
                logger.warning("no failover for this connection: %s", self.session.notice)
            return self._connection
        self.session.close()
        if verdict == "failed":
            report = FailoverReport.from_engine(self.session.report)
            tried = "; ".join(f"{attempt.host}: {attempt.result}" for attempt in report.attempts)
            failed = FACE_ERRORS["FailoverFailedError"](
                f"no suitable host was reached ({report.trigger}); tried: {tried or 'none'}"
            )
            failed.failover_report = report
            raise failed from self.error
        if isinstance(self.error, psycopg.Error):
            raise self.error
        raise psycopg.OperationalError(
            f"the server did not tell what it is: {self.error}"
        ) from self.error

    def _connect(self, parameters: dict[str, Any]) -> Any:
        connect = super(AwsWrapperConnection, self._class).connect  # type: ignore[misc]
        try:
            return connect("", **parameters, **self._arguments)
        except psycopg.ProgrammingError as error:
            _complete_refusal(error)
            raise

    @property
    def candidate(self) -> pq.abc.PGconn:
        pgconn: pq.abc.PGconn = self._connection.pgconn
        return pgconn

    def drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self, operation: _engine.Operation, host: Any, address: str, timeout: float) -> None:
        parameters = dict(self._parameters)
        if host is not None:
            parameters = _to_host(parameters, host, address)
            parameters["connect_timeout"] = max(2, math.ceil(timeout))
        try:
            self._connection = self._connect(parameters)
        except psycopg.OperationalError as error:
            self.error = error
            login = "authentication failed" in str(error)
            operation.open_failed(error.sqlstate, str(error), login)
        else:
            operation.opened(**facts(self.candidate, self._parameters))

    def _ask(self, operation: _engine.Operation, sql: str, timeout: float) -> None:
        started = monotonic()
        super()._ask(operation, sql, timeout)
        logger.debug("asked the server who it is, in %.1f ms", (monotonic() - started) * 1000)

    def _adopt(self, operation: _engine.Operation) -> None:
        connection = self._connection
        connection._settings = self._settings
        connection._parameters = self._parameters
        connection._cursors = []
        pgconn = connection.pgconn
        self.session.link_adopted(
            pgconn.host.decode(), pgconn.hostaddr.decode(), int(pgconn.port), pgconn.socket
        )
        connection._watch(self.session)
        operation.adopted()


class _Recovery(_Performer):
    """The recovery of a connection: opens links of its own, and swaps the one that proves good."""

    def __init__(self, connection: PsycopgFace, session: _engine.Session) -> None:
        self._connection = connection
        self._session = session
        self._pgconn: pq.abc.PGconn | None = None
        password = connection.pgconn.password
        self._parameters = dict(connection._parameters)
        if password:
            # It may have come from a password file that knows only the endpoint.
            self._parameters["password"] = password.decode()

    @property
    def candidate(self) -> pq.abc.PGconn:
        assert self._pgconn is not None
        return self._pgconn

    def drop(self) -> None:
        if self._pgconn is not None:
            self._pgconn.finish()
            self._pgconn = None

    def _open(self, operation: _engine.Operation, host: Any, address: str, timeout: float) -> None:
        parameters = _to_host(self._parameters, host, address)
        try:
            self._pgconn = open_pgconn(parameters, timeout)
        except LinkTimeout as error:
            operation.open_failed(None, str(error), False)
        except psycopg.OperationalError as error:
            operation.open_failed(error.sqlstate, str(error), False)
        else:
            operation.opened(**facts(self._pgconn, self._parameters))

    def _adopt(self, operation: _engine.Operation) -> None:
        pgconn = self.candidate
        if self._connection._session is not self._session:
            raise psycopg.OperationalError("the connection was closed by another thread")
        try:
            self._connection._adopt(pgconn)
        except (LinkTimeout, psycopg.Error) as error:
            self.drop()
            operation.adopt_failed(getattr(error, "sqlstate", None), str(error))
            return
        self._pgconn = None
        self._session.link_adopted(
            pgconn.host.decode(), pgconn.hostaddr.decode(), int(pgconn.port), pgconn.socket
        )
        operation.adopted()


_SIMPLE = (str, int, float, bool, type(None))


def _to_host(parameters: dict[str, Any], host: Any, address: str) -> dict[str, Any]:
    directed = {**parameters, "host": host.name, "port": host.port}
    directed.pop("hostaddr", None)
    directed.pop("load_balance_hosts", None)
    if address:
        directed["hostaddr"] = address
    return directed


def _complete_refusal(error: psycopg.ProgrammingError) -> None:
    """Add the nearest known name to libpq's refusal of an unknown one."""
    text = str(error)
    _, found, rest = text.partition('invalid connection option "')
    nearest = _engine.nearest_property_name(rest.partition('"')[0]) if found else None
    if nearest is not None:
        error.args = (f'{text.rstrip()} (did you mean "{nearest}"?)',)
