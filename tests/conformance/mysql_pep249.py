# SPDX-License-Identifier: Apache-2.0
"""dbapi20, the PEP 249 suite that psycopg's sources carry, on a module of mysql-connector's kind.

``DBAPI20`` is the suite's path, ``DRIVER_MODULE`` names the module, ``DRIVER_ARGUMENTS`` is JSON
for its ``connect()``.
"""

import importlib
import importlib.util
import json
import os

# By its path, since its folder has names of the standard library beside it.
_spec = importlib.util.spec_from_file_location("dbapi20", os.environ["DBAPI20"])
dbapi20 = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(dbapi20)


class ConnectorTest(dbapi20.DatabaseAPI20Test):
    """The suite, but for what it leaves to each driver."""

    driver = importlib.import_module(os.environ["DRIVER_MODULE"])
    connect_kw_args = json.loads(os.environ["DRIVER_ARGUMENTS"])

    def test_nextset(self):
        """A driver without it may leave it out; the suite has no test of its own."""

    def test_setoutputsize(self):
        """The same."""
