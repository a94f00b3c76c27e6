# SPDX-License-Identifier: Apache-2.0
"""dbapi20, the PEP 249 suite that psycopg's sources carry, on a module of mysql-connector's kind.

``DRIVER_MODULE`` names the module, ``DRIVER_ARGUMENTS`` is JSON for its ``connect()``.
"""

import importlib
import json
import os

import dbapi20


class ConnectorTest(dbapi20.DatabaseAPI20Test):
    """The suite, but for what it leaves to each driver."""

    driver = importlib.import_module(os.environ["DRIVER_MODULE"])
    connect_kw_args = json.loads(os.environ["DRIVER_ARGUMENTS"])

    def test_nextset(self):
        """A driver without it may leave it out; the suite has no test of its own."""

    def test_setoutputsize(self):
        """The same."""
