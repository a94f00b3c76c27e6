# SPDX-License-Identifier: Apache-2.0
"""Asking whoever opened a connection for the user and password of now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .waits import DriverCall, Steps

logger = logging.getLogger("aws_advanced_python_wrapper")

LoginSource = Callable[[], Steps[Mapping[str, Any]]]
"""Tells the parameters with which a connection would be opened now."""


def ask_for_login(
    source: LoginSource | None, had: Mapping[str, Any], names: Collection[str]
) -> Steps[dict[str, Any]]:
    """What of a login, under these names, is not what it was; empty if there is nobody to ask.

    An error of whoever is asked is told as a warning: the server's refusal is the answer then.
    """
    if source is None:
        return {}
    try:
        told = yield from source()
    except Exception as error:
        logger.warning("no new login was told for a failover: %r", error)
        return {}
    changed = {name: told[name] for name in names if name in told}
    return changed if any(had.get(name) != value for name, value in changed.items()) else {}


def pool_source(pool: Any, parse: Callable[[str], Mapping[str, Any]]) -> LoginSource | None:
    """What a pool of psycopg_pool asks for each connection, if it asks."""
    conninfo, kwargs = getattr(pool, "conninfo", None), getattr(pool, "kwargs", None)
    if not (callable(conninfo) or callable(kwargs)):
        return None

    def source() -> Steps[Mapping[str, Any]]:
        text = (yield DriverCall(conninfo)) if callable(conninfo) else conninfo
        given = (yield DriverCall(kwargs)) if callable(kwargs) else kwargs
        return {**(parse(text) if text else {}), **(given or {})}

    return source
