# SPDX-License-Identifier: Apache-2.0
"""Every statement that a client of Aurora or of a Multi-AZ cluster sends, as an ordinary user."""

from __future__ import annotations

import datetime
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster, Instance

PG = "SELECT 1 FROM pg_catalog.pg_proc LIMIT 1"
ADDRESS = (
    "SELECT pg_catalog.CONCAT(pg_catalog.inet_server_addr(), ':', pg_catalog.inet_server_port())"
)
HOST_ID = (
    "SELECT pg_catalog.inet_server_addr() AS host, pg_catalog.CONCAT("
    "pg_catalog.inet_server_addr(), ':', pg_catalog.inet_server_port()) AS host_id"
)
RDS = (
    "SELECT (setting LIKE '%rds_tools%') AS rds_tools, (setting LIKE '%aurora_stat_utils%') AS "
    "aurora_stat_utils FROM pg_catalog.pg_settings "
    "WHERE name OPERATOR(pg_catalog.=) 'rds.extensions'"
)
AURORA = (
    "SELECT (setting LIKE '%aurora_stat_utils%') AS aurora_stat_utils FROM pg_catalog.pg_settings "
    "WHERE name OPERATOR(pg_catalog.=) 'rds.extensions'"
)
AURORA_TOPOLOGY = (
    "SELECT SERVER_ID, CASE WHEN SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' THEN TRUE "
    "ELSE FALSE END, CPU, COALESCE(REPLICA_LAG_IN_MSEC, 0), LAST_UPDATE_TIMESTAMP "
    "FROM pg_catalog.aurora_replica_status() WHERE EXTRACT(EPOCH FROM(pg_catalog.NOW() "
    "OPERATOR(pg_catalog.-) LAST_UPDATE_TIMESTAMP)) OPERATOR(pg_catalog.<=) 300 "
    "OR SESSION_ID OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' OR LAST_UPDATE_TIMESTAMP IS NULL"
)
AURORA_ID = (
    "SELECT pg_catalog.aurora_db_instance_identifier(), pg_catalog.aurora_db_instance_identifier()"
)
AURORA_WRITER = (
    "SELECT SERVER_ID FROM pg_catalog.aurora_replica_status() WHERE SESSION_ID "
    "OPERATOR(pg_catalog.=) 'MASTER_SESSION_ID' AND SERVER_ID OPERATOR(pg_catalog.=) "
    "pg_catalog.aurora_db_instance_identifier()"
)
RDS_ID = (
    "SELECT id, SUBSTRING(endpoint FROM 0 FOR POSITION('.' IN endpoint)) "
    "FROM rds_tools.show_topology() WHERE id OPERATOR(pg_catalog.=) rds_tools.dbi_resource_id()"
)
MULTI_AZ_TOPOLOGY = (
    "SELECT id, endpoint, port FROM rds_tools.show_topology('aws_python_driver-3.0.0')"
)
BLUE_GREEN = (
    "SELECT version, endpoint, port, role, status "
    "FROM rds_tools.show_topology('aws_advanced_python_wrapper-3.0.0')"
)
MULTI_AZ_WRITER = (
    "SELECT multi_az_db_cluster_source_dbi_resource_id "
    "FROM rds_tools.multi_az_db_cluster_source_dbi_resource_id()"
)
MULTI_AZ_OTHER_WRITER = (
    MULTI_AZ_WRITER + " WHERE multi_az_db_cluster_source_dbi_resource_id "
    "OPERATOR(pg_catalog.!=) (SELECT dbi_resource_id FROM rds_tools.dbi_resource_id())"
)


def ask(cluster: Cluster, instance: Instance, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(cluster.dsn(instance.endpoint)) as connection:
        return connection.execute(sql.encode()).fetchall()


def check_plain(cluster: Cluster, instance: Instance) -> None:
    reader = instance is not cluster.writer
    where = f"{instance.address}:5432"
    assert ask(cluster, instance, PG) == [(1,)]
    assert ask(cluster, instance, "SELECT 'version', pg_catalog.VERSION()")[0][0] == "version"
    assert ask(cluster, instance, ADDRESS) == [(where,)]
    host, host_id = ask(cluster, instance, HOST_ID)[0]
    assert (str(host), host_id) == (instance.address, where)
    assert ask(cluster, instance, "SELECT pg_catalog.pg_is_in_recovery()") == [(reader,)]


def test_aurora_statements_on_every_node(aurora_cluster: Cluster) -> None:
    cluster = aurora_cluster
    writer = cluster.writer
    for node in cluster.instances.values():
        check_plain(cluster, node)
        assert ask(cluster, node, RDS) == [(False, True)]
        assert ask(cluster, node, AURORA) == [(True,)]
        probe = "SELECT 1 FROM pg_catalog.aurora_replica_status() LIMIT 1"
        assert ask(cluster, node, probe) == [(1,)]
        assert ask(cluster, node, AURORA_ID) == [(node.id, node.id)]
        assert ask(cluster, node, AURORA_WRITER) == ([(writer.id,)] if node is writer else [])
        rows = {row[0]: row[1:] for row in ask(cluster, node, AURORA_TOPOLOGY)}
        assert rows.keys() == cluster.instances.keys()
        for name, (is_writer, cpu, lag, updated) in rows.items():
            assert is_writer == (name == writer.id)
            assert isinstance(cpu, float)
            assert isinstance(lag, float)
            assert (updated is None) == (name == node.id)
            assert updated is None or isinstance(updated, datetime.datetime)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'pg_catalog.get_blue_green_fast_switchover_metadata'::regproc",
        "SELECT 'rds_tools.show_topology'::regproc",
        "SELECT 'pg_catalog.aurora_global_db_status'::regproc",
        "SELECT router_endpoint, load FROM pg_catalog.aurora_limitless_router_endpoints()",
    ],
)
def test_aurora_has_nothing_of_the_other_kinds(aurora_cluster: Cluster, sql: str) -> None:
    with pytest.raises((psycopg.errors.UndefinedFunction, psycopg.errors.InvalidSchemaName)):
        ask(aurora_cluster, aurora_cluster.writer, sql)


def test_multi_az_statements_on_every_node_follow_a_failover(multi_az_cluster: Cluster) -> None:
    cluster = multi_az_cluster
    check_multi_az(cluster)
    cluster.failover(how="crash")
    cluster.heal()
    check_multi_az(cluster)


def check_multi_az(cluster: Cluster) -> None:
    writer = cluster.writer
    expected = {(i.resource_id, i.endpoint, 5432) for i in cluster.instances.values()}
    for node in cluster.instances.values():
        check_plain(cluster, node)
        assert ask(cluster, node, RDS) == [(True, False)]
        assert ask(cluster, node, RDS_ID) == [(node.resource_id, node.id)]
        regproc = "SELECT 'rds_tools.show_topology'::regproc"
        assert ask(cluster, node, regproc) == [("rds_tools.show_topology",)]
        assert len(ask(cluster, node, BLUE_GREEN)) == len(expected)
        assert set(ask(cluster, node, MULTI_AZ_TOPOLOGY)) == expected
        assert ask(cluster, node, MULTI_AZ_WRITER) == [(writer.resource_id,)]
        other = ask(cluster, node, MULTI_AZ_OTHER_WRITER)
        assert other == ([] if node is writer else [(writer.resource_id,)])


def test_the_user_owns_its_database_and_later_ones_have_the_functions(
    aurora_cluster: Cluster,
) -> None:
    with psycopg.connect(aurora_cluster.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE mine (a int PRIMARY KEY)")
        connection.execute("DROP TABLE mine")
        connection.execute("CREATE DATABASE another")
        try:
            with psycopg.connect(aurora_cluster.dsn(dbname="another")) as other:
                assert other.execute(AURORA).fetchall() == [(True,)]
                assert len(other.execute(AURORA_TOPOLOGY).fetchall()) == 3
        finally:
            connection.execute("DROP DATABASE another")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT pg_read_file('/etc/hostname')")
        connection.execute("UPDATE pg_settings SET setting = 'on' WHERE name = 'jit'")


def test_readers_refuse_to_write(aurora_cluster: Cluster) -> None:
    endpoint = aurora_cluster.reader_endpoint
    with (
        psycopg.connect(aurora_cluster.dsn(endpoint)) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("CREATE TABLE mine (a int)")


def test_prepared_transactions_are_possible(aurora_cluster: Cluster) -> None:
    with psycopg.connect(aurora_cluster.dsn()) as connection:
        assert connection.execute("SHOW max_prepared_transactions").fetchone() == ("20",)
