# SPDX-License-Identifier: Apache-2.0
"""The classes that all connections of the wrapper share, whatever their driver."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from .._engine import Topology
from ..errors import FailoverReport


class AwsWrapperConnection:
    """A driver's connection that survives its server.

    Never made by itself: what :meth:`connect` returns is an instance of the driver's own
    connection class *and* of this one.
    """

    connect: ClassVar[Callable[..., Any]]
    """Open a connection by a driver's connect function; see :func:`._connect.connect`."""

    @property
    def target_connection(self) -> Any:
        """The driver's connection: this object itself."""
        return self

    @property
    def is_closed(self) -> bool:
        """True if the connection is closed. Asks no server."""
        raise NotImplementedError

    @property
    def current_host(self) -> str | None:
        """Id of the host that the connection is on, or None if it is not known."""
        raise NotImplementedError

    @property
    def topology(self) -> Topology | None:
        """The last known view of the cluster, or None if there is none. Asks no server."""
        raise NotImplementedError

    @property
    def failover_report(self) -> FailoverReport | None:
        """The report of the connection's last failover, or None."""
        raise NotImplementedError

    def invalidate(self) -> None:
        """Close the connection, without telling a server that may not answer."""
        raise NotImplementedError

    def release_resources(self) -> None:
        """Nothing to do: a connection holds nothing that its ``close()`` does not release."""


class AsyncAwsWrapperConnection(AwsWrapperConnection):
    """A driver's connection for asyncio that survives its server.

    Never made by itself: what :meth:`connect` returns is an instance of the driver's own
    connection class *and* of this one.
    """

    connect: ClassVar[Callable[..., Awaitable[Any]]]
    """Open a connection by a driver's connect function; see :func:`._connect.connect_async`."""
