# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: psycopg's own tests, run with our connection class in place of its own.

``-p psycopg_in_place`` puts the class where the tests look for it. The environment variable
``WRAPPER_PLUGINS`` gives the property ``plugins``; unset, the default plugins are used.
"""

from __future__ import annotations

import os
from typing import Any

import psycopg
from psycopg.rows import Row

from aws_advanced_python_wrapper.psycopg import PsycopgConnection

_STOCK = psycopg.Connection


class Connection(PsycopgConnection[Row]):
    """Our connection class, with the plugins of the run."""

    __module__ = "psycopg"

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
        """Connect as the stock class does."""
        plugins = os.environ.get("WRAPPER_PLUGINS")
        if plugins is not None:
            kwargs["plugins"] = plugins
        return super().connect(conninfo, **kwargs)


psycopg.Connection = Connection  # type: ignore[misc]
psycopg.connect = Connection.connect
