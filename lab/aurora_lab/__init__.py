# SPDX-License-Identifier: Apache-2.0
"""A local Aurora made of real PostgreSQL servers on loopback.

    from aurora_lab import Cluster

    with Cluster(readers=2) as cluster:
        cluster.failover(how="crash")
        print(cluster.truth())

Names resolve in processes that run under ``cluster.resolver.environment()``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cluster import Cluster
    from .errors import LabError
    from .gate import Gate
    from .instance import Instance
    from .resolver import Resolver
    from .truth import Failover, Truth
    from .waiting import eventually

__all__ = [
    "Cluster",
    "Failover",
    "Gate",
    "Instance",
    "LabError",
    "Resolver",
    "Truth",
    "eventually",
]

_MODULES = {
    "Cluster": "cluster",
    "Failover": "truth",
    "Gate": "gate",
    "Instance": "instance",
    "LabError": "errors",
    "Resolver": "resolver",
    "Truth": "truth",
    "eventually": "waiting",
}


def __getattr__(name: str) -> Any:
    """Import at the first use: pytest imports the package wherever it is installed."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_MODULES[name]}", __name__), name)
    globals()[name] = value
    return value
