# SPDX-License-Identifier: Apache-2.0
"""The socket of a link of mysql-connector: a duplicate that we own, and how it is found."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from typing import Any, ClassVar

from .. import _engine
from ._private import hidden_link, is_pure, socket_of

# States of TCP (Linux, net/tcp_states.h) after an end that this side has sent, and not the other
# before it: FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSING.
_WE_WERE_FIRST = (4, 5, 6, 11)

_AT_ONCE = 65536

_KEEP_ALIVE_NUMBERS = {
    "tcp_keepalive_time": socket.TCP_KEEPIDLE,
    "tcp_keepalive_interval": socket.TCP_KEEPINTVL,
    "tcp_keepalive_probes": socket.TCP_KEEPCNT,
}


class LinkSocket:
    """A duplicate of a link's socket, which the driver may close at any failure of its own.

    Its number would be another's then; ours is closed by us alone.
    """

    def __init__(self, number: int) -> None:
        self._number = os.dup(number)

    def fileno(self) -> int:
        """Its descriptor; -1 when closed."""
        return self._number

    def peer_address(self) -> str:
        """The numeric address of the server; empty for a Unix socket, or if it is gone already."""
        with socket.socket(fileno=os.dup(self._number)) as sock, suppress(OSError):
            return "" if sock.family == socket.AF_UNIX else str(sock.getpeername()[0])
        return ""

    def keep_alive(self, wanted: dict[str, Any]) -> None:
        """Set TCP keep-alive as the ``tcp_keepalive`` properties that were given, by name, say.

        As libpq does: probes are sent unless they are switched off, and 0 is the system's default.
        Without any of them, and for a Unix socket, nothing is set.
        """
        if not wanted:
            return
        with socket.socket(fileno=os.dup(self._number)) as sock:
            if sock.family == socket.AF_UNIX:
                return
            on = bool(wanted.get("tcp_keepalive", True))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, on)
            for name, option in _KEEP_ALIVE_NUMBERS.items():
                if on and wanted.get(name):
                    sock.setsockopt(socket.IPPROTO_TCP, option, wanted[name])

    def shut_down(self) -> None:
        """End both directions: whoever is blocked on the link wakes."""
        with socket.socket(fileno=os.dup(self._number)) as sock, suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)  # an error means that the peer was faster

    def unread(self) -> bytes:
        """What has arrived and nobody has read, as it is on the wire."""
        with socket.socket(fileno=os.dup(self._number)) as sock, suppress(OSError):
            return sock.recv(_AT_ONCE, socket.MSG_DONTWAIT)
        return b""

    def was_ended_by_us(self) -> bool:
        """Tell whether the driver ended the link, and not its server; no for a Unix socket."""
        with socket.socket(fileno=os.dup(self._number)) as sock, suppress(OSError):
            return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _WE_WERE_FIRST
        return False

    def close(self) -> None:
        """Let go of it. Repeatable."""
        number, self._number = self._number, -1
        if number >= 0:
            os.close(number)

    __del__ = close


class SocketSearch:
    """The search for the socket of a link. Made before the link is opened.

    The pure builds have their socket as an attribute; the C build hides it (``hidden``), and only
    the layout of an object that is no part of any promise tells it. The layout counts as proved in
    this process once it has told a socket that was not there before the link was opened and is
    connected to the link's port. Until then the process's sockets are compared: one new socket
    alone, so connected, is the link's. Where neither tells for certain, there is no answer.
    """

    _layout_is_proved: ClassVar[bool] = False

    def __init__(self, *, hidden: bool) -> None:
        known = not hidden or SocketSearch._layout_is_proved
        self._before = None if known else frozenset(_open_sockets())

    def socket_of(self, link: Any) -> LinkSocket | None:
        """The socket of ``link``, which was opened since; None if it can't be told."""
        if is_pure(link):
            sock = socket_of(link)
            number = None if sock is None or sock.fileno() < 0 else sock.fileno()
        else:
            number = self._hidden_socket(link, 0 if link.unix_socket else int(link.server_port))
        return None if number is None else LinkSocket(number)

    def _hidden_socket(self, link: Any, port: int) -> int | None:
        number = _engine.connector_socket(hidden_link(link), port)
        if self._before is None:
            return number
        new = {
            identity: found
            for identity, found in _open_sockets().items()
            if identity not in self._before
        }
        if number is not None and _identity(number) in new:
            SocketSearch._layout_is_proved = True
            return number
        if len(new) == 1:
            (alone,) = new.values()
            return alone if _engine.is_connected_to(alone, port) else None
        return None


def _open_sockets() -> dict[tuple[int, int], int]:
    """The sockets of this process, by what does not change with their numbers."""
    found = {}
    for name in os.listdir("/dev/fd"):
        identity = _identity(int(name))
        if identity is not None:
            found[identity] = int(name)
    return found


def _identity(number: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(number)
    except OSError:
        return None  # closed since it was listed
    return (status.st_dev, status.st_ino) if stat.S_ISSOCK(status.st_mode) else None
