# SPDX-License-Identifier: Apache-2.0
"""At which port the instances are that a proxy stands before, and what if they can't be reached."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest
from aurora_lab import Cluster, Resolver, eventually

from aws_advanced_python_wrapper import errors, statistics
from aws_advanced_python_wrapper import mysql_connector as mysql_face
from aws_advanced_python_wrapper import psycopg as face
from proxies import Proxy, before, login, pattern_of

LOGGER = "aws_advanced_python_wrapper"


@pytest.fixture
def before_writer(aurora_cluster: Cluster) -> Iterator[Proxy]:
    with before(aurora_cluster, aurora_cluster.writer) as proxy:
        yield proxy


def test_pattern_without_a_port_has_the_standard_one_behind_a_proxy(
    aurora_cluster: Cluster, before_writer: Proxy
) -> None:
    connection = face.connect(**login(aurora_cluster, before_writer))
    assert connection.topology is not None
    assert {host.port for host in connection.topology.hosts} == {aurora_cluster.port}
    aurora_cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    assert connection.current_host == aurora_cluster.writer.id
    connection.close()


@pytest.mark.parametrize("use_pure", [True, False])
def test_pattern_without_a_port_has_the_standard_one_in_mysql(
    mysql_cluster: Cluster, use_pure: bool
) -> None:
    with before(mysql_cluster, mysql_cluster.writer) as proxy:
        arguments = login(mysql_cluster, proxy, "database")
        connection = mysql_face.connect(
            wrapper_dialect="aurora-mysql", use_pure=use_pure, **arguments
        )
        assert {host.port for host in connection.topology.hosts} == {mysql_cluster.port}
        mysql_cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        assert connection.current_host == mysql_cluster.writer.id
        connection.close()


def test_endpoint_of_the_cluster_tells_the_instances_port() -> None:
    with Cluster(
        readers=1,
        port=5433,
        domain="port.us-east-1.rds.amazonaws.com",
        resolver=Resolver.of_this_process(),
    ) as cluster:
        connection = face.connect(
            cluster.dsn(), autocommit=True, cluster_instance_host_pattern=pattern_of(cluster)
        )
        assert connection.topology is not None
        assert {host.port for host in connection.topology.hosts} == {5433}
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        connection.close()


@pytest.fixture
def wrong_port() -> Iterator[int]:
    """A port at which nobody listens, nor can."""
    with socket.socket() as taken:
        taken.bind(("", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("mode", ["strict_writer", "reader_or_writer"])
def test_hosts_that_were_never_reached_end_a_failover_within_seconds(
    aurora_cluster: Cluster,
    before_writer: Proxy,
    caplog: pytest.LogCaptureFixture,
    wrong_port: int,
    mode: str,
) -> None:
    caplog.set_level(logging.WARNING, LOGGER)
    arguments = login(aurora_cluster, before_writer)
    arguments["cluster_instance_host_pattern"] += f":{wrong_port}"
    connection = face.connect(**arguments, failover_mode=mode)
    hosts = [f"{one.endpoint}:{wrong_port}" for one in aurora_cluster.instances.values()]

    def refusals() -> dict[str, str]:
        return {k: v for told in statistics()["clusters"] for k, v in told["refusals"].items()}

    eventually(lambda: set(refusals()) == set(hosts), within=10)
    assert all("Connection refused" in reason for reason in refusals().values())
    assert all(f"the monitor of {host} was refused" in caplog.text for host in hosts)
    aurora_cluster.crash(aurora_cluster.writer.id)
    with pytest.raises(errors.FailoverFailedError) as raised:
        connection.execute("SELECT 1")
    told = str(raised.value)
    assert "tried: none" not in told
    assert "cluster_instance_host_pattern" in told
    report = raised.value.failover_report
    assert report is not None
    assert report.total_ms < 60_000, "far below failover_timeout_sec, which is 300 s"
    for host in hosts:
        assert host in told
    assert all("refused" in one.result for one in report.attempts)
    assert {one.host for one in report.attempts} == set(hosts)


@pytest.mark.parametrize("use_pure", [True, False])
def test_mysql_hosts_that_were_never_reached_end_a_failover_within_seconds(
    mysql_cluster: Cluster, wrong_port: int, use_pure: bool
) -> None:
    hosts = [f"{one.endpoint}:{wrong_port}" for one in mysql_cluster.instances.values()]
    with before(mysql_cluster, mysql_cluster.writer) as proxy:
        arguments = login(mysql_cluster, proxy, "database")
        arguments["cluster_instance_host_pattern"] += f":{wrong_port}"
        connection = mysql_face.connect(
            wrapper_dialect="aurora-mysql", use_pure=use_pure, **arguments
        )
        mysql_cluster.crash(mysql_cluster.writer.id)
        with pytest.raises(errors.FailoverFailedError) as raised:
            connection.execute("SELECT 1")
    assert all(host in str(raised.value) for host in hosts)
    assert "cluster_instance_host_pattern" in str(raised.value)
    report = raised.value.failover_report
    assert report is not None
    assert {one.host for one in report.attempts} == set(hosts)
    assert report.total_ms < 60_000, "far below failover_timeout_sec, which is 300 s"
