# SPDX-License-Identifier: Apache-2.0
"""A local Aurora made of real PostgreSQL servers on loopback.

    from aurora_lab import Cluster

    with Cluster(readers=2) as cluster:
        cluster.failover(how="crash")
        print(cluster.truth())

Names resolve in processes that run under ``cluster.resolver.environment()``.
"""

from __future__ import annotations

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
