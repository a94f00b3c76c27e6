# SPDX-License-Identifier: Apache-2.0
"""SQLAlchemy's dialect compliance suite, as README.dialects.rst of its repository tells."""

import pytest

pytest.register_assert_rewrite("sqlalchemy.testing.assertions")

from sqlalchemy.dialects.mysql import provision as _  # noqa: E402, F401
from sqlalchemy.testing.plugin.pytestplugin import *  # noqa: E402, F403
from sqlalchemy.testing.provision import generate_driver_url  # noqa: E402


@generate_driver_url.for_db("mysql")
def _as_given(url, driver, query_str):  # noqa: ARG001
    """In place of SQLAlchemy's, which asks for a dialect of MariaDB's if that is the server."""
    return url
