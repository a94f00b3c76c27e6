# SPDX-License-Identifier: Apache-2.0
"""What a failover of MySQL looks like from outside: stamps, names, lags, states."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator

import mysql.connector
import pytest
from aurora_lab import Cluster, LabError, eventually

from mysql_help import connect, run

IDENTITY = "SELECT @@aurora_server_id"
MEMBERS = "SELECT server_id FROM information_schema.replica_host_status"
WRITER_ROW = MEMBERS + " WHERE session_id = 'MASTER_SESSION_ID'"
LAG = 0.7


@pytest.fixture(scope="module")
def lagging() -> Iterator[Cluster]:
    domain = "lagging.us-east-1.rds.amazonaws.com"
    with Cluster(1, engine="mysql", dns_lag=2 * LAG, topology_lag=LAG, domain=domain) as cluster:
        yield cluster


@pytest.mark.parametrize("how", ["planned", "crash", "freeze"])
def test_failover_stamps_are_in_order_and_quick(mysql_cluster: Cluster, how: str) -> None:
    before = time.monotonic()
    record = mysql_cluster.failover(how=how)
    assert record.old != record.new == mysql_cluster.truth().writer
    if how == "freeze":
        assert mysql_cluster.instances[record.old].state == "frozen"
        mysql_cluster.rejoin(record.old)
    mysql_cluster.heal()
    done = mysql_cluster.truth().failovers[-1]
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


def test_failover_every_name_and_statement_tells_the_new_writer(mysql_cluster: Cluster) -> None:
    record = mysql_cluster.failover(how="crash")
    with connect(mysql_cluster) as connection:
        assert run(connection, IDENTITY) == [(record.new,)]
        assert run(connection, WRITER_ROW) == [(record.new,)]
    mysql_cluster.heal()
    for instance in mysql_cluster.instances.values():
        with connect(mysql_cluster, instance.endpoint) as connection:
            assert run(connection, IDENTITY) == [(instance.id,)]
            assert run(connection, WRITER_ROW) == [(record.new,)]
            read_only = int(instance.id != record.new)
            assert run(connection, "SELECT @@innodb_read_only") == [(read_only,)]


def test_starting_a_server_leaves_the_temporary_tables_of_others(mysql_cluster: Cluster) -> None:
    with connect(mysql_cluster) as connection:
        run(connection, "CREATE TEMPORARY TABLE kept (n INT) ENGINE=Aria")
        mysql_cluster.lose_reader(mysql_cluster.readers[0].id)
        mysql_cluster.heal()
        run(connection, "DROP TEMPORARY TABLE kept")


def test_reader_endpoint_rotates_over_the_readers_only(mysql_cluster: Cluster) -> None:
    readers = {reader.public_address for reader in mysql_cluster.readers}
    seen = set()

    def all_seen() -> bool:
        seen.add(socket.gethostbyname(mysql_cluster.reader_endpoint))
        return seen == readers

    eventually(all_seen, within=5)
    custom = mysql_cluster.custom_endpoint("analytics", ["instance-2"])
    assert custom == "analytics.cluster-custom-mysql.us-east-1.rds.amazonaws.com"
    address = mysql_cluster.instances["instance-2"].public_address
    assert socket.gethostbyname(custom) == address


def test_lags_dns_and_statements_stay_behind(lagging: Cluster) -> None:
    old = lagging.writer
    record = lagging.failover(how="freeze")
    assert record.new is not None
    assert record.promoted is not None
    new = lagging.instances[record.new]
    assert socket.gethostbyname(lagging.writer_endpoint) == old.public_address
    assert socket.gethostbyname(new.endpoint) == new.public_address
    with connect(lagging, new.endpoint) as connection:
        assert run(connection, WRITER_ROW) == [(old.id,)]
        assert lagging.truth().topology_writer == old.id
        eventually(lambda: run(connection, WRITER_ROW) == [(new.id,)], within=5)
    assert socket.gethostbyname(lagging.writer_endpoint) == old.public_address
    eventually(
        lambda: socket.gethostbyname(lagging.writer_endpoint) == new.public_address, within=5
    )
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


def test_freeze_and_thaw_a_writer_goes_on_as_before(mysql_cluster: Cluster) -> None:
    writer = mysql_cluster.truth().writer
    with connect(mysql_cluster) as connection:
        run(connection, "CREATE TABLE IF NOT EXISTS kept (a int)")
        mysql_cluster.freeze(writer)
        assert mysql_cluster.truth().instances[writer] == "frozen"
        with pytest.raises(mysql.connector.Error):
            connect(mysql_cluster, connection_timeout=2)
        mysql_cluster.thaw(writer)
        run(connection, "INSERT INTO kept VALUES (1)")
        assert run(connection, "SELECT 1") == [(1,)]


def test_lose_reader_leaves_topology_and_comes_back(mysql_cluster: Cluster) -> None:
    reader = mysql_cluster.readers[0]
    mysql_cluster.lose_reader(reader.id)
    with connect(mysql_cluster) as connection:
        assert (reader.id,) not in run(connection, MEMBERS)
        mysql_cluster.rejoin(reader.id)
        assert (reader.id,) in run(connection, MEMBERS)


def test_a_reader_shut_down_by_other_hands_is_noticed(mysql_cluster: Cluster) -> None:
    reader = mysql_cluster.readers[0]
    assert reader.pid is not None
    with connect(mysql_cluster) as connection:
        os.kill(reader.pid, signal.SIGTERM)
        run(connection, "CREATE TABLE IF NOT EXISTS t (a int)")
    eventually(lambda: mysql_cluster.truth().instances[reader.id] == "down", within=5)


def test_failover_without_a_reader_is_refused(mysql_cluster: Cluster) -> None:
    for reader in mysql_cluster.readers:
        mysql_cluster.crash(reader.id)
    with pytest.raises(LabError, match="no running reader"):
        mysql_cluster.failover()
    with pytest.raises(LabError, match="instance-9"):
        mysql_cluster.crash("instance-9")


def test_a_copied_writer_keeps_serving(mysql_cluster: Cluster) -> None:
    """A reader is copied from the running writer, whose clients see no error."""
    with connect(mysql_cluster) as connection:
        run(connection, "CREATE TABLE IF NOT EXISTS served (a int)")
        for _ in range(3):
            mysql_cluster.rejoin(mysql_cluster.readers[0].id)
            run(connection, "INSERT INTO served VALUES (1)")
        for rows in mysql_cluster.committed("SELECT count(*) FROM served").values():
            assert rows == [(3,)]


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(LabError, match="pg or mysql"):
        Cluster(engine="oracle")  # type: ignore[arg-type]
