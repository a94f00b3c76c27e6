# SPDX-License-Identifier: Apache-2.0
"""mysql-connector's Django backend over our connections."""

from __future__ import annotations

from typing import Any

from ....mysql_connector import connect  # first: it loads the C build before Python's ssl

from django.core.exceptions import ImproperlyConfigured  # isort: skip
from django.utils.functional import cached_property  # isort: skip
from mysql.connector.django import base  # isort: skip


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc]
    """The driver's backend; only what it connects with is ours.

    ``OPTIONS`` hold the driver's arguments and the wrapper's properties, mixed, and ``read_only``
    (False): whether the transactions of each session are read-only.
    """

    def get_connection_params(self) -> dict[str, Any]:
        """The arguments of a new connection; raises ``ImproperlyConfigured`` without a host."""
        if not self.settings_dict["HOST"]:
            raise ImproperlyConfigured("HOST is required: the cluster's or an instance's endpoint")
        params: dict[str, Any] = super().get_connection_params()
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open a connection with these arguments."""
        arguments = {"converter_class": base.DjangoMySQLConverter, **conn_params}
        read_only = arguments.pop("read_only", False)
        connection = connect(**arguments)
        # An atomic() whose server is lost gets nothing done until it ends, as with the driver's.
        connection._aws_refuses_when_lost = True
        if read_only:
            connection.read_only = True
        return connection

    def close_if_unusable_or_obsolete(self) -> None:
        """Close the connection if it is of no more use, or has moved since it was set up.

        Django asks for this around each request; ``connection_created`` is sent for the next one.
        """
        connection = self.connection
        if connection is not None and not self.in_atomic_block:
            session = connection._aws_session
            if connection._aws_moved or (session is not None and session.is_given_up):
                self.close()
        super().close_if_unusable_or_obsolete()

    @cached_property  # type: ignore[untyped-decorator]
    def mysql_version(self) -> tuple[int, ...]:
        """The server's version."""
        with self.temporary_connection():
            version: tuple[int, ...] = self.connection.server_version
            return version
