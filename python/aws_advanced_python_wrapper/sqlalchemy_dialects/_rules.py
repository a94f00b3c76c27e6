# SPDX-License-Identifier: Apache-2.0
"""What our dialects have in common; everything else is the stock dialect's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.engine import URL

from ..errors import FailoverError, FailoverFailedError


class WrapperRules:
    """Stands before the stock dialect among the base classes.

    A connection that failed over goes on, on a new link: SQLAlchemy keeps it in its pool. Only
    after ``FailoverFailedError`` it is closed, and so a disconnect.
    """

    supports_statement_cache = True
    get_driver_connection: Callable[[Any], Any]

    def create_connect_args(self, url: URL) -> Any:
        """Translate ``wrapper_plugins``, since ``plugins`` in an URL is SQLAlchemy's own."""
        args, kwargs = super().create_connect_args(url)  # type: ignore[misc]
        if "wrapper_plugins" in kwargs:
            kwargs["plugins"] = kwargs.pop("wrapper_plugins")
        return args, kwargs

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        """Tell whether the connection is of no more use."""
        if isinstance(e, FailoverError):
            return isinstance(e, FailoverFailedError)
        return bool(super().is_disconnect(e, connection, cursor))  # type: ignore[misc]

    def do_ping(self, dbapi_connection: Any) -> bool:
        """Tell whether the connection is usable; a failover that succeeds makes it so.

        The server is asked only if the connection was not used in the last 5 s, or something has
        arrived on its socket: its end would have.
        """
        session = getattr(self.get_driver_connection(dbapi_connection), "_session", None)
        if session is not None and session.is_fresh():
            return True
        try:
            return bool(super().do_ping(dbapi_connection))  # type: ignore[misc]
        except FailoverFailedError:
            return False
        except FailoverError:
            return True
