# SPDX-License-Identifier: Apache-2.0
"""A pytest plugin: psycopg's own tests, run with our connection classes in place of its own.

``-p psycopg_in_place`` puts the classes where the tests look for it. The environment variable
``WRAPPER_PLUGINS`` gives the property ``plugins``; unset, the default plugins are used. The number
of connections that were opened goes into the file that ``WRAPPER_COUNT`` names.
"""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import Row

from aws_advanced_python_wrapper.aio.psycopg import AsyncPsycopgConnection
from aws_advanced_python_wrapper.psycopg import PsycopgConnection

_PLUGINS = {"plugins": os.environ["WRAPPER_PLUGINS"]} if "WRAPPER_PLUGINS" in os.environ else {}


_opened = itertools.count()


class Connection(PsycopgConnection[Row]):
    """Our connection class, with the plugins of the run."""

    __module__ = "psycopg"

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
        """Connect as the stock class does."""
        connection = super().connect(conninfo, **kwargs, **_PLUGINS)
        next(_opened)
        return connection


class AsyncConnection(AsyncPsycopgConnection[Row]):
    """The same for asyncio."""

    __module__ = "psycopg"

    @classmethod
    async def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
        """Connect as the stock class does."""
        connection = await super().connect(conninfo, **kwargs, **_PLUGINS)
        next(_opened)
        return connection


def pytest_sessionfinish() -> None:
    """Tell how many there were."""
    if "WRAPPER_COUNT" in os.environ:
        Path(os.environ["WRAPPER_COUNT"]).write_text(str(next(_opened)))


psycopg.AsyncConnection = AsyncConnection  # type: ignore[misc]
psycopg.Connection = Connection  # type: ignore[misc]
psycopg.connect = Connection.connect
