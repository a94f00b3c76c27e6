# SPDX-License-Identifier: Apache-2.0
"""Kinds of clusters, ways of connecting, and names that lag behind."""

from __future__ import annotations

import psycopg
import pytest
from aurora_lab import Cluster, Resolver, eventually
from psycopg_pool import ConnectionPool

import aws_advanced_python_wrapper
from aws_advanced_python_wrapper import AwsWrapperConnection, errors
from aws_advanced_python_wrapper.psycopg import PsycopgConnection
from lab_help import Connect


def in_recovery(connection: psycopg.Connection[tuple[bool]]) -> bool:
    row = connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone()
    assert row is not None
    return row[0]


def move_the_writer(cluster: Cluster) -> None:
    """The old writer comes back as a reader, and the cluster's name still leads to it."""
    cluster.failover(how="planned")
    eventually(lambda: cluster.truth().failovers[-1].rejoined is not None, within=30)


def test_stale_name_of_the_writer_endpoint_is_noticed_when_a_connection_opens() -> None:
    with Cluster(
        readers=2,
        dns_lag=600,
        domain="stale.us-east-1.rds.amazonaws.com",
        resolver=Resolver.of_this_process(),
    ) as cluster:
        first = PsycopgConnection.connect(cluster.dsn(), autocommit=True)
        old = first.current_host
        move_the_writer(cluster)
        with pytest.raises(errors.FailoverSuccessError):
            first.execute("SELECT 1")
        with psycopg.connect(cluster.dsn()) as bare:
            assert in_recovery(bare), "the name should lag in this test"
        with PsycopgConnection.connect(cluster.dsn()) as second:
            assert second.current_host == cluster.truth().writer != old
            assert not in_recovery(second)
        first.close()


def test_stale_name_is_noticed_by_a_process_that_knows_nothing_yet() -> None:
    with Cluster(
        readers=1,
        dns_lag=600,
        domain="fresh.us-east-1.rds.amazonaws.com",
        resolver=Resolver.of_this_process(),
    ) as cluster:
        move_the_writer(cluster)
        with psycopg.connect(cluster.dsn()) as bare:
            assert in_recovery(bare), "the name should lag in this test"
        with PsycopgConnection.connect(cluster.dsn()) as connection:
            assert connection.current_host == cluster.truth().writer
            assert not in_recovery(connection)


def test_multi_az_cluster_fails_over(multi_az_cluster: Cluster) -> None:
    connection = PsycopgConnection.connect(multi_az_cluster.dsn(), autocommit=True)
    assert connection.topology is not None
    assert len(connection.topology.hosts) == 3
    multi_az_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    assert not in_recovery(connection)
    statistics = aws_advanced_python_wrapper.statistics()
    assert statistics["clusters"][0]["dialect"] == "multi-az-pg"
    connection.close()


def test_certificates_are_checked_by_name_through_a_failover(tls_cluster: Cluster) -> None:
    connection = PsycopgConnection.connect(
        tls_cluster.dsn(),
        autocommit=True,
        sslmode="verify-full",
        sslrootcert=tls_cluster.ca_file,
    )
    tls_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    row = connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert row == (True,)
    assert not in_recovery(connection)
    statistics = aws_advanced_python_wrapper.statistics()
    assert statistics["clusters"][0]["surveys"] > 0
    connection.close()


def test_pool_goes_on_after_a_failover(aurora_cluster: Cluster) -> None:
    with ConnectionPool(
        aurora_cluster.dsn(),
        connection_class=PsycopgConnection,
        kwargs={"autocommit": True},
        min_size=2,
        max_size=2,
        open=True,
    ) as pool:
        pool.wait(10)
        aurora_cluster.failover(how="crash")
        for _ in range(6):
            with pool.connection() as connection:
                assert not in_recovery(connection)
        assert pool.get_stats().get("connections_lost", 0) == 0


def test_address_with_a_pattern_works_like_a_name(aurora_cluster: Cluster) -> None:
    """Without names: instance ids are put into the pattern."""
    pattern = "?." + aurora_cluster.writer.endpoint.partition(".")[2]
    connection = PsycopgConnection.connect(
        aurora_cluster.dsn(aurora_cluster.writer.address),
        autocommit=True,
        cluster_instance_host_pattern=pattern,
    )
    assert connection.current_host == aurora_cluster.writer.id
    aurora_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    assert not in_recovery(connection)
    connection.close()


def test_address_without_a_pattern_is_warned_of_and_works(
    aurora_cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        with PsycopgConnection.connect(
            aurora_cluster.dsn(aurora_cluster.writer.address)
        ) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert "cluster_instance_host_pattern" in caplog.text


def test_endpoints_of_one_cluster_share_a_monitor(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connect(cluster_id="1").execute("SELECT 1")
    connect(aurora_cluster.reader_endpoint, cluster_id="2").execute("SELECT 1")
    connect(aurora_cluster.readers[0].endpoint).execute("SELECT 1")
    (only,) = aws_advanced_python_wrapper.statistics()["clusters"]
    assert only["connections"] == 3


def test_two_clusters_have_a_monitor_each(
    aurora_cluster: Cluster, multi_az_cluster: Cluster, connect: Connect
) -> None:
    connect(aurora_cluster.writer_endpoint, cluster_id="same").execute("SELECT 1")
    other = PsycopgConnection.connect(multi_az_cluster.dsn(), cluster_id="same")
    writers = [one["writer"] for one in aws_advanced_python_wrapper.statistics()["clusters"]]
    assert len(writers) == 2
    other.close()


def test_warm_connect_asks_the_server_nothing(aurora_cluster: Cluster, connect: Connect) -> None:
    connect(autocommit=True).execute("SELECT 1")

    def statements() -> int:
        with aurora_cluster.connect(
            aurora_cluster.writer.id, dbname=aurora_cluster.database
        ) as observer:
            row = observer.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND query <> ''",
                [aurora_cluster.user],
            ).fetchone()
            assert row is not None
            return int(row[0])

    eventually(lambda: statements() == 2, within=10)  # the connection's and the monitor's
    connect(autocommit=True)
    assert statements() == 2


def test_uri_service_and_keywords_are_understood(aurora_cluster: Cluster) -> None:
    uri = (
        f"postgresql://{aurora_cluster.user}:{aurora_cluster.password}@"
        f"{aurora_cluster.writer_endpoint}:{aurora_cluster.port}/{aurora_cluster.database}"
        "?plugins=failover&failover_mode=strict-writer&application_name=by%20uri"
    )
    with AwsWrapperConnection.connect(psycopg.Connection.connect, uri) as connection:
        assert isinstance(connection, psycopg.Connection)
        assert isinstance(connection, AwsWrapperConnection)
        assert connection.execute("SHOW application_name").fetchone() == ("by uri",)
        assert connection.current_host == aurora_cluster.writer.id
    with AwsWrapperConnection.connect(
        psycopg.connect,
        host=aurora_cluster.writer_endpoint,
        user=aurora_cluster.user,
        password=aurora_cluster.password,
        database=aurora_cluster.database,
        tcp_keepalive=True,
        tcp_keepalive_time=30,
    ) as connection:
        assert connection.info.get_parameters()["keepalives_idle"] == "30"
        assert connection.info.dbname == aurora_cluster.database


def test_wrong_dialect_is_an_error_that_names_the_setting(connect: Connect) -> None:
    with pytest.raises(psycopg.Error) as caught:
        connect(wrapper_dialect="multi-az-pg")
    assert "rds_tools" in str(caught.value)
