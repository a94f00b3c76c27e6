# SPDX-License-Identifier: Apache-2.0
"""What mysql-connector's connections, blocking and for asyncio, have in common as faces."""

from __future__ import annotations

import logging
import sys
from functools import partial
from typing import Any, ClassVar, NoReturn
from weakref import WeakSet

import mysql.connector

from .. import _engine
from .._core.private_names import PrivateNames
from .._core.waits import Steps
from ..errors import FailoverSuccessError
from ._errors import FACE_ERRORS
from ._link import DRIVER_ERRORS, LOST_WHILE_WAITING, TIMEOUTS, cut_off
from ._performer import Opening, Recovery, error_codes, met_by_ping
from ._private import NAMES, has_timeouts, has_unread_result, is_closed, remember_prepared
from ._session_record import SessionRecord
from ._socket import LinkSocket
from ._transactions import Transactions

logger = logging.getLogger("aws_advanced_python_wrapper.mysql_connector")

NETWORK_METHODS = (
    "cmd_debug",
    "cmd_ping",
    "cmd_process_kill",
    "cmd_refresh",
    "cmd_statistics",
    "cmd_stmt_close",
    "cmd_stmt_execute",
    "cmd_stmt_fetch",
    "cmd_stmt_prepare",
    "cmd_stmt_reset",
    "cmd_stmt_send_long_data",
    "commit",
    "consume_results",
    "get_row",
    "get_rows",
    "info_query",
    "next_result",
    "rollback",
    "start_transaction",
)
"""The methods in which the driver, of any build, waits for its server. Some call others of them:
the outermost is the call that is watched."""
_OF_THE_LINK = (
    "cmd_process_kill",
    "cmd_stmt_close",
    "cmd_stmt_execute",
    "cmd_stmt_fetch",
    "cmd_stmt_reset",
    "cmd_stmt_send_long_data",
    "consume_results",
    "get_row",
    "get_rows",
    "next_result",
)
"""Those that mean something only on the link on which an earlier call was made."""
_RESETS = ("cmd_reset_connection", "reset_session")
CLOSE_WITHIN = 3.0
"""Seconds that closing waits for a server."""
# Within which is_connected() answers, whatever the server does: what upstream grants it, unless
# socket_timeout says otherwise.
_IS_CONNECTED_WITHIN = 3.0


class WrappedMySqlConnection(Transactions):
    """Makes a connection class of mysql-connector survive its server."""

    _aws_face_errors = FACE_ERRORS
    _aws_lost_error = mysql.connector.OperationalError
    _aws_names: ClassVar[PrivateNames] = NAMES
    _aws_driver_class: ClassVar[type[Any]]
    """The driver's class that is made to survive."""
    _aws_hides_socket: ClassVar[bool] = False
    """Its connections do not tell their socket."""

    _aws_parameters: dict[str, Any]
    _aws_conninfo: str
    _aws_given: dict[str, Any]
    _aws_link_socket: LinkSocket | None = None
    _aws_server_session: int | None = None
    """What the server calls the session on its link."""
    _aws_inner_numbers: tuple[str | None, int] | None = None
    _aws_answer_within: float
    _aws_keepalives: dict[str, Any]
    """The tcp_keepalive properties that were given, by name."""

    def _aws_prepare(self, conninfo: str, given: dict[str, Any]) -> None:
        if self._aws_names.refusal:
            raise FACE_ERRORS["UnsupportedOperationError"](self._aws_names.refusal)
        self._aws_names.warn(logger)
        self._aws_record = SessionRecord()
        self._aws_prepared_cursors: WeakSet[Any] = WeakSet()
        self._aws_conninfo = conninfo
        self._aws_given = given

    def _aws_opening(self) -> Opening:
        opening = Opening(self._aws_conninfo, self._aws_given)
        self._aws_transfers_session_state = opening.settings.transfers_session_state
        self._aws_commits_after_loss = opening.settings.commits_after_loss
        self._aws_keepalives = opening.settings.keepalives
        self._aws_answer_within = opening.settings.socket_timeout or _IS_CONNECTED_WITHIN
        return opening

    @staticmethod
    def _aws_check_mended(moved: FailoverSuccessError) -> None:
        """A ping that was to mend the connection met a failover: raise if something is missing."""
        if moved.gone:
            raise moved

    def _aws_take_gone(self) -> list[str]:
        return self._aws_record.take_gone()

    # What the operations of the engine need, which blocks or is awaited.
    def _aws_open_link(self, parameters: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _aws_new_link(self, parameters: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _aws_ask_link(
        self, link: Any, sock: LinkSocket | None, statements: list[str], timeout: float
    ) -> Any:
        raise NotImplementedError

    def _aws_ping_link(self, timeout: float) -> Any:
        """Tell whether the server answers on the connection's link."""
        raise NotImplementedError

    def _aws_abandon(self, link: Any) -> None:
        """Close a link, whose socket is shut down. Never awaited; any thread may do it."""
        raise NotImplementedError

    def invalidate(self) -> None:
        """Close the connection at once, without telling a server that may not answer."""
        self._aws_finish_link()
        self._aws_let_go()

    @property
    def closed(self) -> bool:
        """True if the connection is closed. Asks no server."""
        return is_closed(self)

    def _aws_answered(self, answer: bool) -> bool:
        """What is_connected() tells; a link whose answer is still to come is of no more use."""
        # With a result unread the pure build asks nobody, and the C build closes what is too slow.
        asked = not self._aws_hides_socket and not has_unread_result(self)
        if asked and not answer and self._aws_link_socket is not None:
            self._aws_link_socket.shut_down()
        return answer

    def _aws_note(self, statement: str | bytes) -> None:
        if self._aws_session is None:
            return
        if statement.lstrip()[:3].lower() in ("sav", b"sav"):
            self._aws_note_savepoint()
        else:
            self._aws_record.note(statement)

    def _aws_tell_in_next_query(self, error: Exception) -> None:
        """Let the next query raise an error of now: the driver's cursors ask for the SQL mode as
        they prepare a statement, and make another error of what that raises.
        """
        names = ("cmd_query", "cmd_query_iter")

        def tell(*_: Any, **__: Any) -> NoReturn:
            for name in names:
                self.__dict__.pop(name, None)
            raise error

        self.__dict__.update(dict.fromkeys(names, tell))

    def _aws_note_prepared(self, cursor: Any) -> Any:
        remember_prepared(cursor, self._aws_prepared_cursors)
        return cursor

    def _aws_note_user(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """The arguments of a cmd_change_user() that the server has accepted."""
        names = ("user", "password", "database")
        given = {**dict(zip(("username", *names[1:]), args, strict=False)), **kwargs}
        self._aws_parameters = {
            **self._aws_parameters,
            **{
                name: given[old]
                for name, old in zip(names, ("username", *names[1:]), strict=True)
                if given.get(old)
            },
        }
        self._aws_record.forget()

    def _aws_finish_link(self) -> None:
        sock, self._aws_link_socket = self._aws_link_socket, None
        cut_off(sock, partial(self._aws_abandon, self))

    def _aws_forget_socket(self) -> None:
        sock, self._aws_link_socket = self._aws_link_socket, None
        if sock is not None:
            sock.close()

    def _aws_recovery(self, session: _engine.Session, in_transaction: bool) -> Recovery:  # noqa: ARG002
        return Recovery(self, session)

    def _aws_attend_steps(self, call: tuple[Any, ...], in_transaction: bool) -> Steps[None]:
        if call[0].__name__ in _RESETS:
            self._aws_record.forget()  # what replaces a lost session now is as good as reset
        yield from super()._aws_attend_steps(call, in_transaction)

    def _aws_stands_alone(self, call: tuple[Any, ...]) -> bool:
        return call[0].__name__ not in _OF_THE_LINK

    def _aws_closed_by_user(self) -> bool:
        return self._aws_session is None

    def _aws_inner_call_failed(self, error: BaseException) -> None:
        # Of a ping that failed, cursor() tells nothing else.
        self._aws_inner_numbers = error_codes(error) if isinstance(error, DRIVER_ERRORS) else None

    def _aws_error_codes(self, error: Any) -> tuple[str | None, int]:
        inner, self._aws_inner_numbers = self._aws_inner_numbers, None
        return inner if inner is not None and met_by_ping(error) else error_codes(error)

    def _aws_link_is_lost(self, error: Any) -> bool | None:
        # A server doesn't say of an error whether it ends the link.
        return True if is_closed(self) or met_by_ping(error) else None

    def _aws_was_sent(self, error: Any) -> bool:
        return not met_by_ping(error)

    def _aws_given_up_by_driver(self, error: Any) -> tuple[bool, str]:
        cancel = f"KILL {self._aws_server_session}" if self._aws_server_session else ""
        return self._aws_is_timeout(error), cancel

    def _aws_is_timeout(self, error: Any) -> bool:
        if isinstance(error, TIMEOUTS):
            return True
        # The C build says the same as of a lost link.
        return (
            self._aws_hides_socket
            and getattr(error, "errno", None) in LOST_WHILE_WAITING
            and has_timeouts(self)
            and self._aws_link_socket is not None
            and self._aws_link_socket.was_ended_by_us()
        )

    def _aws_closed_by_driver(self) -> bool:
        """Whether the driver closes the connection within a call, since it timed out there."""
        session = self._aws_session
        return session is not None and session.in_call and isinstance(sys.exc_info()[1], TIMEOUTS)
