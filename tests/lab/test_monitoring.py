# SPDX-License-Identifier: Apache-2.0
"""Hosts that go silent: who notices, and who is left alone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from aurora_lab import Cluster, eventually

import aws_advanced_python_wrapper
from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.psycopg import PsycopgConnection
from lab_help import Background, Connect, busy, connector, counter

DETECTION = {
    "failure_detection_time_ms": 300,
    "failure_detection_interval_ms": 100,
    "failure_detection_count": 2,
}


@pytest.fixture
def gated(gated_cluster: Cluster) -> Iterator[Connect]:
    yield from connector(gated_cluster)


@pytest.mark.parametrize("fault", ["freeze", "drop"])
def test_call_on_a_silent_host_ends_by_the_detection_rule(
    gated_cluster: Cluster, gated: Connect, fault: str
) -> None:
    connection = gated(plugins="host_monitoring_v2", autocommit=True, **DETECTION)
    call = Background(lambda: connection.execute("SELECT pg_sleep(60)"))
    eventually(busy(gated_cluster, "pg_sleep(60)"), within=10)

    getattr(gated_cluster.gate(gated_cluster.writer.id), fault)()

    assert type(call.raised()) is psycopg.OperationalError
    assert connection.broken
    assert counter("calls_aborted") == 1


def test_call_on_a_silent_plain_server_ends_by_the_detection_rule() -> None:
    with Cluster(readers=0, kind="plain", gates=True, domain="plain.example") as cluster:
        connection = PsycopgConnection.connect(cluster.dsn(), autocommit=True, **DETECTION)
        call = Background(lambda: connection.execute("SELECT pg_sleep(60)"))
        eventually(busy(cluster, "pg_sleep(60)"), within=10)
        cluster.gate(cluster.writer.id).freeze()
        assert type(call.raised()) is psycopg.OperationalError
        connection.close()


def test_frozen_writer_is_left_under_default_settings(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    call = Background(lambda: connection.execute("SELECT pg_sleep(60)"))
    eventually(busy(aurora_cluster, "pg_sleep(60)"), within=10)

    aurora_cluster.failover(how="freeze")

    error = call.raised()
    assert isinstance(error, errors.FailoverSuccessError)
    assert error.failover_report is not None
    assert error.failover_report.trigger == "retired"
    assert connection.current_host == aurora_cluster.truth().writer


def test_slow_query_is_never_killed_while_its_host_answers(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    reader = aurora_cluster.readers[0]
    connection = connect(reader.endpoint, autocommit=True, suspect_after_ms=100)
    slow = Background(lambda: connection.execute("SELECT 7 FROM pg_sleep(3)").fetchone())
    eventually(busy(aurora_cluster, "pg_sleep(3)"), within=10)
    other = next(one for one in aurora_cluster.readers if one.id != reader.id)

    aurora_cluster.failover(to=other.id, how="crash")

    slow.join()
    assert slow.error is None
    assert slow.value == (7,)
    assert counter("calls_aborted") == 0


def test_suspicion_alone_ends_nothing(aurora_cluster: Cluster, connect: Connect) -> None:
    connection = connect(autocommit=True, suspect_after_ms=100)
    call = Background(lambda: connection.execute("SELECT 7 FROM pg_sleep(1)").fetchone())
    eventually(busy(aurora_cluster, "pg_sleep(1)"), within=10)
    writer = aurora_cluster.writer.id

    aurora_cluster.freeze(writer)
    eventually(lambda: counter("probes_failed") >= 3, within=10)
    aurora_cluster.thaw(writer)

    call.join()
    assert call.error is None
    assert call.value == (7,)
    assert counter("calls_aborted") == 0


def test_socket_timeout_ends_the_call_and_moves_on(connect: Connect) -> None:
    connection = connect(autocommit=True, socket_timeout=0.3)
    with pytest.raises(errors.FailoverSuccessError) as caught:
        connection.execute("SELECT pg_sleep(60)")
    assert isinstance(caught.value.__cause__, errors.QueryTimeoutError)
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_socket_timeout_without_plugins_is_a_query_timeout(connect: Connect) -> None:
    connection = connect(plugins="", autocommit=True, socket_timeout=0.3)
    with pytest.raises(errors.QueryTimeoutError) as caught:
        connection.execute("SELECT pg_sleep(60)")
    assert isinstance(caught.value, psycopg.OperationalError)
    assert isinstance(caught.value.driver_error, psycopg.OperationalError)


def test_reader_that_came_back_is_watched_before_the_view_lists_it() -> None:
    with Cluster(2, domain="back.us-east-1.rds.amazonaws.com") as cluster:
        reader = cluster.readers[0]
        cluster.lose_reader(reader.id)
        with PsycopgConnection.connect(cluster.dsn(), autocommit=True) as known:
            known.execute("SELECT 1")
            assert known.topology is not None
            assert reader.id not in {host.id for host in known.topology.hosts}
        cluster.rejoin(reader.id)
        connection = PsycopgConnection.connect(
            cluster.dsn(reader.endpoint),
            autocommit=True,
            plugins="host_monitoring",
            socket_timeout=0.5,
        )
        assert connection.execute("SELECT 1").fetchone() == (1,)
        cluster.freeze(reader.id)
        call = Background(lambda: connection.execute("SELECT 1"))
        assert isinstance(call.raised(), errors.QueryTimeoutError)
        cluster.thaw(reader.id)
        connection.close()


def test_idle_sessions_that_the_server_ends_cost_no_search() -> None:
    with Cluster(2, domain="idle.us-east-1.rds.amazonaws.com") as cluster:
        with cluster.connect(cluster.writer.id) as admin:
            admin.execute(f"ALTER ROLE {cluster.user} SET idle_session_timeout TO 500")
        with PsycopgConnection.connect(cluster.dsn(), autocommit=True) as connection:
            connection.execute("SET idle_session_timeout TO 0")
            connection.execute("SELECT pg_sleep(1.2)")  # a statement that takes a while

            def links_of_monitors() -> int:
                row = connection.execute(
                    "SELECT count(*) FROM pg_stat_activity "
                    "WHERE usename = current_user AND pid <> pg_backend_pid()"
                ).fetchone()
                assert row is not None
                return int(row[0])

            eventually(lambda: links_of_monitors() == 0, within=10)
            before = counter("links_opened"), counter("surveys")
            deadline = time.monotonic() + 1.5
            eventually(lambda: links_of_monitors() == 0 and time.monotonic() > deadline, within=10)
            assert (counter("links_opened"), counter("surveys")) == before


def test_monitors_rest_when_the_application_rests(connect: Connect) -> None:
    connection = connect(autocommit=True, topology_refresh_ms=100)
    connection.execute("SELECT 1")

    def settled() -> bool:
        before = counter("surveys"), counter("probes")
        deadline = time.monotonic() + 0.5
        eventually(lambda: time.monotonic() > deadline, within=5)
        return before == (counter("surveys"), counter("probes"))

    eventually(settled, within=20)
    surveys = counter("surveys")
    connection.execute("SELECT 1")
    eventually(lambda: counter("surveys") > surveys, within=10)


def test_disabled_detection_watches_nothing(connect: Connect) -> None:
    connection = connect(plugins="host_monitoring", failure_detection_enabled=False)
    connection.execute("SELECT 1")
    assert aws_advanced_python_wrapper.statistics()["threads"] == 0


def test_monitoring_parameters_reach_the_monitors_link_only(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True, **{"monitoring-application_name": "the monitor"})

    def names() -> set[str]:
        with aurora_cluster.connect(aurora_cluster.writer.id) as observer:
            rows = observer.execute(
                "SELECT application_name FROM pg_stat_activity WHERE usename = %s",
                [aurora_cluster.user],
            )
            return {name for (name,) in rows}

    eventually(lambda: "the monitor" in names(), within=10)
    assert connection.execute("SHOW application_name").fetchone() != ("the monitor",)
