# SPDX-License-Identifier: Apache-2.0
"""The suite itself."""

import psycopg
from sqlalchemy.testing.suite import *  # noqa: F403
from sqlalchemy.testing.suite import ServerSideCursorsTest as _ServerSideCursorsTest


class ServerSideCursorsTest(_ServerSideCursorsTest):
    """The suite tells server-side cursors by the names of the drivers that it knows."""

    def _is_server_side(self, cursor):
        return isinstance(cursor, psycopg.ServerCursor)
