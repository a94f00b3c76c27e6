# SPDX-License-Identifier: Apache-2.0
"""What a failover looks like from outside: stamps, names, lags, states."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator

import psycopg
import pytest
from aurora_lab import Cluster, LabError, eventually

WRITER_ROW = "SELECT server_id FROM aurora_replica_status() WHERE session_id = 'MASTER_SESSION_ID'"
LAG = 0.7


@pytest.fixture(scope="module")
def lagging() -> Iterator[Cluster]:
    domain = "lagging.us-east-1.rds.amazonaws.com"
    with Cluster(1, dns_lag=2 * LAG, topology_lag=LAG, domain=domain) as cluster:
        yield cluster


@pytest.mark.parametrize("how", ["planned", "crash", "freeze"])
def test_failover_stamps_are_in_order_and_quick(aurora_cluster: Cluster, how: str) -> None:
    before = time.monotonic()
    record = aurora_cluster.failover(how=how)
    assert record.old != record.new == aurora_cluster.truth().writer
    if how == "freeze":
        assert aurora_cluster.instances[record.old].state == "frozen"
        aurora_cluster.rejoin(record.old)
    aurora_cluster.heal()
    done = aurora_cluster.truth().failovers[-1]
    stamps = [
        before,
        done.fault,
        done.requested,
        done.promoted,
        done.topology_published,
        done.dns_published,
        done.rejoined,
        time.monotonic(),
    ]
    assert stamps == sorted(s for s in stamps if s is not None)
    assert done.topology_published is not None
    assert done.topology_published - done.fault < 2.0


def test_failover_every_name_and_function_tells_the_new_writer(aurora_cluster: Cluster) -> None:
    record = aurora_cluster.failover(how="crash")
    identity = "SELECT aurora_db_instance_identifier()"
    with psycopg.connect(aurora_cluster.dsn()) as connection:
        assert connection.execute(identity).fetchone() == (record.new,)
        assert connection.execute(WRITER_ROW).fetchone() == (record.new,)
    aurora_cluster.heal()
    for instance in aurora_cluster.instances.values():
        with psycopg.connect(aurora_cluster.dsn(instance.endpoint)) as connection:
            assert connection.execute(identity).fetchone() == (instance.id,)
            assert connection.execute(WRITER_ROW).fetchone() == (record.new,)
            row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
            assert row == (instance.id != record.new,)


def test_reader_endpoint_rotates_over_the_readers_only(aurora_cluster: Cluster) -> None:
    readers = {reader.address for reader in aurora_cluster.readers}
    seen = set()

    def all_seen() -> bool:
        seen.add(socket.gethostbyname(aurora_cluster.reader_endpoint))
        return seen == readers

    eventually(all_seen, within=5)
    custom = aurora_cluster.custom_endpoint("analytics", ["instance-2"])
    assert custom == "analytics.cluster-custom-xyz.us-east-1.rds.amazonaws.com"
    assert socket.gethostbyname(custom) == aurora_cluster.instances["instance-2"].address


def test_lags_dns_and_functions_stay_behind(lagging: Cluster) -> None:
    old = lagging.writer
    record = lagging.failover(how="freeze")
    assert record.new is not None
    assert record.promoted is not None
    new = lagging.instances[record.new]
    assert socket.gethostbyname(lagging.writer_endpoint) == old.address
    assert socket.gethostbyname(new.endpoint) == new.address
    with lagging.connect(new.id) as connection:
        assert connection.execute(WRITER_ROW).fetchone() == (old.id,)
        assert lagging.truth().topology_writer == old.id
        eventually(lambda: connection.execute(WRITER_ROW).fetchone() == (new.id,), within=5)
    assert socket.gethostbyname(lagging.writer_endpoint) == old.address
    eventually(lambda: socket.gethostbyname(lagging.writer_endpoint) == new.address, within=5)
    done = eventually(
        lambda: [f for f in lagging.truth().failovers if f.dns_published is not None], within=5
    )[-1]
    assert done.topology_published is not None
    assert done.dns_published is not None
    assert LAG <= done.topology_published - record.promoted < LAG + 0.5
    assert 2 * LAG <= done.dns_published - record.promoted < 2 * LAG + 0.5
    lagging.heal()


def test_heal_publishes_the_truth_without_lag(lagging: Cluster) -> None:
    record = lagging.failover(how="crash")
    lagging.heal()
    truth = lagging.truth()
    assert truth.writer == truth.topology_writer == truth.dns_writer == record.new
    assert truth.failovers[-1].dns_published is not None


def test_freeze_and_thaw_a_writer_goes_on_as_before(aurora_cluster: Cluster) -> None:
    writer = aurora_cluster.truth().writer
    with psycopg.connect(aurora_cluster.dsn()) as connection:
        aurora_cluster.freeze(writer)
        assert aurora_cluster.truth().instances[writer] == "frozen"
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(aurora_cluster.dsn(connect_timeout=2))
        aurora_cluster.thaw(writer)
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_lose_reader_leaves_topology_and_comes_back(aurora_cluster: Cluster) -> None:
    reader = aurora_cluster.readers[0]
    members = "SELECT server_id FROM aurora_replica_status()"
    aurora_cluster.lose_reader(reader.id)
    with psycopg.connect(aurora_cluster.dsn()) as connection:
        assert (reader.id,) not in connection.execute(members).fetchall()
        aurora_cluster.rejoin(reader.id)
        assert (reader.id,) in connection.execute(members).fetchall()


def test_a_reader_killed_by_other_hands_is_noticed(aurora_cluster: Cluster) -> None:
    reader = aurora_cluster.readers[0]
    assert reader.pid is not None
    with psycopg.connect(aurora_cluster.dsn()) as connection:
        # An immediate shutdown, not through the lab.
        os.kill(reader.pid, signal.SIGQUIT)
        connection.execute("CREATE TABLE IF NOT EXISTS t (a int)")
        connection.commit()
    eventually(lambda: aurora_cluster.truth().instances[reader.id] == "down", within=5)


def test_failover_without_a_reader_is_refused(aurora_cluster: Cluster) -> None:
    for reader in aurora_cluster.readers:
        aurora_cluster.crash(reader.id)
    with pytest.raises(LabError, match="no running reader"):
        aurora_cluster.failover()
    with pytest.raises(LabError, match="instance-9"):
        aurora_cluster.crash("instance-9")
