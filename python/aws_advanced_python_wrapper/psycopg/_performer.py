# SPDX-License-Identifier: Apache-2.0
"""Does, by psycopg, what the engine's operations ask for: opening a connection, recovering it."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from functools import partial
from time import monotonic
from types import MethodType
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from .. import _engine
from .._core.connection import AwsWrapperConnection
from .._core.login_of_now import ask_for_login, pool_source
from .._core.performer import Performer, ToAsk, ToOpen, split_arguments
from .._core.waits import DriverCall, LinkGivenUp, Steps
from ._errors import FACE_ERRORS
from ._link import Notices, ask, facts, link_options, monitor_driver, open_pgconn
from ._private import NAMES, driver_class, pool_of
from ._scram_keys import LoginKeys

if TYPE_CHECKING:
    from ._wrapped_connection import WrappedPsycopgConnection

logger = logging.getLogger("aws_advanced_python_wrapper.psycopg")

# What Connection.connect() takes for itself; everything else describes the server.
_CONNECT_ARGUMENTS = (
    "autocommit",
    "prepare_threshold",
    "context",
    "row_factory",
    "cursor_factory",
)
_LOGIN_NAMES = ("user", "password")


class PsycopgPerformer(Performer):
    """Asks a ``PGconn`` what the engine wants to know."""

    logger = logger
    face_errors = FACE_ERRORS

    def _ask(self, operation: _engine.Operation, wanted: ToAsk) -> Steps[None]:
        try:
            pgconn, text = self.pgconn_of(wanted.link), "; ".join(wanted.statements)
            sets = yield from ask(pgconn, text, wanted.timeout)
        except LinkGivenUp as error:
            self.error = error
            operation.ask_failed(None, 0, str(error))
        except psycopg.Error as error:
            self.error = error
            operation.ask_failed(error.sqlstate, 0, str(error))
        else:
            operation.asked(sets)

    def pgconn_of(self, link: int) -> pq.abc.PGconn:
        """The driver's part of a link."""
        raise NotImplementedError


class Opening(PsycopgPerformer):
    """The opening of a connection, by the driver's own connect."""

    def __init__(
        self,
        connection_class: type[WrappedPsycopgConnection],
        conninfo: str,
        kwargs: dict[str, Any],
    ) -> None:
        self._class = connection_class
        self._arguments = {k: kwargs.pop(k) for k in _CONNECT_ARGUMENTS if k in kwargs}
        try:
            text = _engine.parse_conninfo(conninfo) if conninfo else {}
        except _engine.EngineError as error:
            conninfo_to_dict(conninfo)  # raises the driver's own complaint
            raise FACE_ERRORS["AwsWrapperError"](str(error)) from None
        simple, others = split_arguments(kwargs)
        text |= simple
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("connecting with %s", _engine.masked(text))
        try:
            self._settings = _engine.parse_settings(text)
            self._parameters = {**self._settings.driver_parameters, **others}
            host = str(self._parameters.get("host", ""))
            self.session = _engine.Session(self._settings, host, monitor_driver())
        except _engine.EngineError as error:
            raise FACE_ERRORS["AwsWrapperError"](str(error)) from None
        if not self.session.idle:
            if NAMES.refusal:
                raise FACE_ERRORS["UnsupportedOperationError"](NAMES.refusal)
            NAMES.warn(logger)
        self.links = {}

    def open(self) -> Steps[Any]:
        """Open the connection, and return it."""
        if self.session.idle:
            return (yield from self._connect(self._parameters))
        if (yield from self.first_link(self.session)):
            return self._connection
        if isinstance(self.error, psycopg.Error):
            raise self.error
        raise psycopg.OperationalError(
            f"the server did not tell what it is: {self.error}"
        ) from self.error

    def _connect(self, parameters: dict[str, Any]) -> Steps[Any]:
        made = driver_class(self._class) if NAMES.refusal else self._class
        connect = super(AwsWrapperConnection, self._class).connect  # type: ignore[misc]
        if isinstance(connect, MethodType) and connect.__self__ is not made:
            # What had patched psycopg has put a method back that is bound to psycopg's own class.
            connect = MethodType(connect.__func__, made)
        try:
            return (yield DriverCall(partial(connect, "", **parameters, **self._arguments)))
        except psycopg.ProgrammingError as error:
            _complete_refusal(error)
            raise

    def pgconn_of(self, link: int) -> pq.abc.PGconn:
        pgconn: pq.abc.PGconn = self.links[link].pgconn
        return pgconn

    def close_link(self, link: int) -> None:
        self.links.pop(link)._aws_finish_link()

    def _open(self, operation: _engine.Operation, wanted: ToOpen) -> Steps[None]:
        parameters = {**self._parameters, **wanted.credentials}
        if wanted.host is not None:
            parameters = _to_host(parameters, wanted)
            parameters["connect_timeout"] = max(2, math.ceil(wanted.timeout))
        try:
            self.links[wanted.link] = yield from self._connect(parameters)
        except psycopg.OperationalError as error:
            self.error = error
            operation.open_failed(error.sqlstate, 0, str(error))
        else:
            operation.opened(**facts(self.pgconn_of(wanted.link)))

    def _ask(self, operation: _engine.Operation, wanted: ToAsk) -> Steps[None]:
        started = monotonic()
        yield from super()._ask(operation, wanted)
        logger.debug("asked the server who it is, in %.1f ms", (monotonic() - started) * 1000)

    def _use(self, operation: _engine.Operation, link: int) -> Steps[None]:
        yield from ()
        connection = self._connection = self.links.pop(link)
        connection._aws_settings = self._settings
        connection._aws_parameters = self._parameters
        connection._aws_commits_after_loss = self._settings.commits_after_loss
        if self._settings.transfers_session_state:
            connection._aws_remember()
        _count_notices(connection.pgconn)
        connection._aws_watch(self.session)
        operation.used()


class Recovery(PsycopgPerformer):
    """The recovery of a connection: opens links of its own, and swaps the one that proves good."""

    _login_is_new = False

    def __init__(
        self, connection: WrappedPsycopgConnection, session: _engine.Session, in_transaction: bool
    ) -> None:
        self._connection = connection
        self._session = session
        self._in_transaction = in_transaction
        self.links = {}
        given = dict(connection._aws_parameters)
        password = connection.pgconn.password
        if password:
            # It may have come from a password file that knows only the endpoint.
            given["password"] = password.decode("utf-8", "surrogateescape")
        self._given = given
        self._keys = LoginKeys(given)
        # What the environment or a service file demanded of the old link, the new one has to meet.
        self._parameters = {**link_options(connection.pgconn), **given}
        for name in ("service", "servicefile"):  # what they said stands there already
            self._parameters.pop(name, None)

    def pgconn_of(self, link: int) -> pq.abc.PGconn:
        pgconn: pq.abc.PGconn = self.links.get(link, self._connection.pgconn)
        return pgconn

    def close_link(self, link: int) -> None:
        self.links.pop(link).finish()

    def _open(self, operation: _engine.Operation, wanted: ToOpen) -> Steps[None]:
        deadline = monotonic() + wanted.timeout
        opened = yield from self._try_open(wanted)
        if isinstance(opened, tuple) and self._session.is_refused_login(*opened):
            if (yield from self._renew_login()):
                left = max(deadline - monotonic(), 0.001)
                opened = yield from self._try_open(replace(wanted, timeout=left))
        if isinstance(opened, tuple):
            operation.open_failed(*opened)
        else:
            self.links[wanted.link] = opened
            operation.opened(**facts(opened))

    def _try_open(self, wanted: ToOpen) -> Steps[pq.abc.PGconn | tuple[str | None, int, str]]:
        """Log in; if that fails, the SQLSTATE, no number, and the text of the error."""
        parameters = (
            self._same_way(wanted.address)
            if wanted.host is None
            else _to_host(self._parameters, wanted)
        )
        try:
            return (yield from self._log_in({**parameters, **wanted.credentials}, wanted.timeout))
        except LinkGivenUp as error:
            return None, 0, str(error)
        except psycopg.OperationalError as error:
            return error.sqlstate, 0, str(error)

    def _same_way(self, address: str) -> dict[str, Any]:
        """The parameters of a link by the name that the connection's own came by, or to an address.

        psycopg looks the name up and tells libpq the address, which has grown old since.
        """
        pgconn = self._connection.pgconn
        way = {"host": pgconn.host.decode(), "port": pgconn.port.decode()}
        directed = {**self._parameters, **way}
        for name in ("load_balance_hosts", "target_session_attrs", "hostaddr"):
            directed.pop(name, None)
        address = address or self._given.get("hostaddr", "")
        return {**directed, "hostaddr": address} if address else directed

    def _renew_login(self) -> Steps[bool]:
        """Ask, once, whoever opened the connection for a login that differs from the refused."""
        connection = self._connection
        source = connection._aws_login_source or pool_source(
            pool_of(connection), _engine.parse_conninfo
        )
        if self._login_is_new:
            return False
        self._login_is_new = True
        told = yield from ask_for_login(source, self._given, _LOGIN_NAMES)
        self._given.update(told)
        self._parameters.update(told)
        self._keys = LoginKeys(self._given)
        connection._aws_parameters = {**connection._aws_parameters, **told}
        return bool(told)

    def _log_in(self, parameters: dict[str, Any], timeout: float) -> Steps[pq.abc.PGconn]:
        keys = self._keys.known()
        if not keys:
            return (yield from open_pgconn(parameters, timeout))
        deadline = monotonic() + timeout
        try:
            return (yield from open_pgconn({**parameters, **keys}, timeout))
        except LinkGivenUp as error:
            self._keys.failed(str(error))
            raise
        except psycopg.OperationalError as error:
            reason = str(error)
        logger.debug("a login with SCRAM keys failed, now with the password: %s", reason)
        pgconn = yield from open_pgconn(parameters, deadline - monotonic())
        self._keys.failed(reason)
        return pgconn

    def _use(self, operation: _engine.Operation, link: int) -> Steps[None]:
        pgconn = self.links[link]
        if self._connection._aws_session is not self._session:
            raise psycopg.OperationalError("the connection was closed by another thread")
        try:
            yield from self._connection._aws_adopt(pgconn, self._in_transaction)
        except (LinkGivenUp, psycopg.Error) as error:
            self.close_link(link)
            operation.use_failed(getattr(error, "sqlstate", None), 0, str(error))
            return
        del self.links[link]
        _count_notices(pgconn)
        operation.used(self._connection._aws_take_gone())


def _count_notices(pgconn: pq.abc.PGconn) -> None:
    pgconn.notice_handler = Notices(pgconn.notice_handler)


def _to_host(parameters: dict[str, Any], wanted: ToOpen) -> dict[str, Any]:
    directed = {**parameters, "host": wanted.host.name, "port": wanted.host.port}
    directed.pop("hostaddr", None)
    directed.pop("load_balance_hosts", None)
    if wanted.address:
        directed["hostaddr"] = wanted.address
    return directed


def _complete_refusal(error: psycopg.ProgrammingError) -> None:
    """Add the nearest known name to libpq's refusal of an unknown one."""
    text = str(error)
    _, found, rest = text.partition('invalid connection option "')
    nearest = _engine.nearest_property_name(rest.partition('"')[0]) if found else None
    if nearest is not None:
        error.args = (f'{text.rstrip()} (did you mean "{nearest}"?)',)
