# SPDX-License-Identifier: Apache-2.0
"""A user who may not read the topology connects, without failover, and is told what it lacks."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from aurora_lab import Cluster

import aws_advanced_python_wrapper.mysql_connector as mysql_face
from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper import psycopg as face


@pytest.fixture(scope="module")
def mysql() -> Iterator[Cluster]:
    """Multi-AZ, with a user that has its database and no more."""
    domain = "grants.us-east-1.rds.amazonaws.com"
    with Cluster(1, kind="multi-az", engine="mysql", domain=domain) as made:
        admin = made.connect(made.writer.id)
        admin.cmd_query("CREATE USER app@'%' IDENTIFIED BY 'pwd'")
        admin.cmd_query("GRANT SELECT, INSERT ON db.* TO app@'%'")
        admin.close()
        yield made


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("pure", [True, False])
def test_user_of_multi_az_mysql_without_the_grant_is_told_once(
    mysql: Cluster, pure: bool, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        connection = mysql_face.connect(
            host=mysql.writer_endpoint, user="app", password="pwd", database="db", use_pure=pure
        )
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]
        connection.close()
    (told,) = warnings(caplog)
    assert "no failover for this connection" in told
    assert "multi-az-mysql" in told
    assert "GRANT SELECT ON mysql.rds_topology, REPLICATION CLIENT TO its user" in told


def test_user_of_multi_az_mysql_with_the_grant_has_a_failover(
    mysql: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    admin = mysql.connect(mysql.writer.id)
    admin.cmd_query("GRANT SELECT ON mysql.rds_topology TO app@'%'")
    admin.cmd_query("GRANT SLAVE MONITOR ON *.* TO app@'%'")  # as MariaDB calls it
    admin.close()
    connection = mysql_face.connect(
        host=mysql.writer_endpoint, user="app", password="pwd", database="db", autocommit=True
    )
    assert connection.current_host == mysql.writer.id
    assert sorted(host.id for host in connection.topology.hosts) == sorted(mysql.instances)
    lost = mysql.writer.id
    mysql.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError, match=f"the connection to {lost} was lost"):
        connection.cursor().execute("SELECT 1")
    assert connection.current_host == mysql.truth().writer
    connection.close()
    assert not any("no failover" in told for told in warnings(caplog))


def test_multi_az_postgresql_without_its_extension_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    domain = "nogrants.us-east-1.rds.amazonaws.com"
    with Cluster(1, kind="multi-az", domain=domain) as cluster:
        with cluster.connect(cluster.writer.id) as admin:
            admin.execute("DROP SCHEMA rds_tools CASCADE")
        for _ in range(3):
            with face.connect(cluster.dsn()) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
    (told,) = warnings(caplog)
    assert "no failover for this connection" in told
    assert "CREATE EXTENSION rds_tools" in told
    assert "GRANT USAGE ON SCHEMA rds_tools TO its user" in told


def test_hosts_of_multi_az_postgresql_are_called_by_their_names(multi_az_cluster: Cluster) -> None:
    with face.connect(multi_az_cluster.dsn()) as connection:
        assert connection.current_host == multi_az_cluster.truth().writer
        assert connection.topology is not None
        names = sorted(host.id for host in connection.topology.hosts)
    assert names == sorted(multi_az_cluster.instances)
