# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import psycopg

from aurora_lab import Cluster


def test_crash_failover_names_follow(aurora_cluster: Cluster) -> None:
    record = aurora_cluster.failover(how="crash")
    with psycopg.connect(aurora_cluster.dsn()) as connection:
        row = connection.execute("SELECT aurora_db_instance_identifier()").fetchone()
    assert row == (record.new,)
