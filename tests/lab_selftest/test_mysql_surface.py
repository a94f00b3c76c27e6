# SPDX-License-Identifier: Apache-2.0
"""Every statement that a client of Aurora MySQL or of a Multi-AZ cluster sends, as a plain user."""

from __future__ import annotations

import contextlib
import datetime
from typing import Any

import mysql.connector
import pytest
from aurora_lab import Cluster, Instance

from mysql_help import ask, connect, run

VERSION = "SHOW VARIABLES LIKE 'aurora_version'"
TOPOLOGY = (
    "SELECT SERVER_ID, CASE WHEN SESSION_ID = 'MASTER_SESSION_ID' THEN TRUE ELSE FALSE END, CPU, "
    "REPLICA_LAG_IN_MILLISECONDS, LAST_UPDATE_TIMESTAMP "
    "FROM information_schema.replica_host_status "
    "WHERE time_to_sec(timediff(now(), LAST_UPDATE_TIMESTAMP)) <= 300 "
    "OR SESSION_ID = 'MASTER_SESSION_ID' "
)
ID = "SELECT @@aurora_server_id, @@aurora_server_id"
WRITER = (
    "SELECT SERVER_ID FROM information_schema.replica_host_status "
    "WHERE SESSION_ID = 'MASTER_SESSION_ID' AND SERVER_ID = @@aurora_server_id"
)
RDS_TABLE = (
    "SELECT 1 AS tmp FROM information_schema.tables "
    "WHERE table_schema = 'mysql' AND table_name = 'rds_topology'"
)
RDS_ID = (
    "SELECT id, SUBSTRING_INDEX(endpoint, '.', 1) FROM mysql.rds_topology WHERE id = @@server_id"
)
MULTI_AZ_TOPOLOGY = "SELECT id, endpoint, port FROM mysql.rds_topology"
BLUE_GREEN = "SELECT version, endpoint, port, role, status FROM mysql.rds_topology"


def described(connection: Any, sql: str, **how: Any) -> tuple[list[str], list[tuple[Any, ...]]]:
    with contextlib.closing(connection.cursor(**how)) as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall()
        return list(cursor.column_names), rows


def test_aurora_statements_on_every_node(mysql_cluster: Cluster) -> None:
    cluster = mysql_cluster
    writer = cluster.writer
    for node in cluster.instances.values():
        reader = int(node is not writer)
        with connect(cluster, node.endpoint) as connection:
            names, rows = described(connection, VERSION)
            assert names == ["Variable_name", "Value"]
            assert [row[0] for row in rows] == ["aurora_version"]
            listed = run(
                connection, "SHOW VARIABLES WHERE Variable_name IN ('port', 'aurora_version')"
            )
            assert listed == [("port", "3306"), *rows]
            assert described(connection, ID) == (["@@aurora_server_id"] * 2, [(node.id,) * 2])
            assert described(connection, "SELECT @@innodb_read_only") == (
                ["@@innodb_read_only"],
                [(reader,)],
            )
            assert run(connection, "SELECT @@read_only") == [(reader,)]
            assert run(connection, WRITER) == ([(writer.id,)] if node is writer else [])
            rows = {row[0]: row[1:] for row in run(connection, TOPOLOGY)}
            assert rows.keys() == cluster.instances.keys()
            for name, (is_writer, cpu, lag, updated) in rows.items():
                assert is_writer == (name == writer.id)
                assert isinstance(cpu, float)
                assert isinstance(lag, float)
                assert isinstance(updated, datetime.datetime)


def test_aurora_instances_have_host_names_of_their_own(mysql_cluster: Cluster) -> None:
    sql = "SELECT CONCAT(@@hostname, ':', @@port)"
    found = {ask(mysql_cluster, i.endpoint, sql)[0] for i in mysql_cluster.instances.values()}
    assert len(found) == 3


def test_aurora_statements_can_be_prepared(mysql_cluster: Cluster) -> None:
    writer = mysql_cluster.writer.id
    with connect(mysql_cluster) as connection:
        assert described(connection, ID, prepared=True)[1] == [(writer, writer)]
        assert described(connection, WRITER, prepared=True)[1] == [(writer,)]


def test_a_lost_reader_grows_old_in_the_topology(mysql_cluster: Cluster) -> None:
    reader = mysql_cluster.readers[0]
    mysql_cluster.crash(reader.id)
    age = (
        "SELECT TIMESTAMPDIFF(MICROSECOND, LAST_UPDATE_TIMESTAMP, NOW(6)) > 0 "
        f"FROM information_schema.replica_host_status WHERE SERVER_ID = '{reader.id}'"
    )
    assert ask(mysql_cluster, mysql_cluster.writer_endpoint, age) == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM mysql.rds_topology",
        "SELECT * FROM information_schema.aurora_global_db_status",
    ],
)
def test_aurora_has_nothing_of_the_other_kinds(mysql_cluster: Cluster, sql: str) -> None:
    assert ask(mysql_cluster, mysql_cluster.writer_endpoint, RDS_TABLE) == []
    with pytest.raises(mysql.connector.ProgrammingError, match=r"doesn't exist|Unknown table"):
        ask(mysql_cluster, mysql_cluster.writer_endpoint, sql)


def test_multi_az_statements_on_every_node_follow_a_failover(
    mysql_multi_az_cluster: Cluster,
) -> None:
    cluster = mysql_multi_az_cluster
    check_multi_az(cluster)
    cluster.failover(how="crash")
    cluster.heal()
    check_multi_az(cluster)


def check_multi_az(cluster: Cluster) -> None:
    writer = cluster.writer
    assert writer.gate_address is None
    expected = {(i.number, i.endpoint, 3306) for i in cluster.instances.values()}
    for node in cluster.instances.values():
        check_multi_az_node(cluster, node, expected)


def check_multi_az_node(
    cluster: Cluster, node: Instance, expected: set[tuple[int, str, int]]
) -> None:
    writer = cluster.writer
    with connect(cluster, node.endpoint) as connection:
        assert run(connection, VERSION) == []
        assert run(connection, RDS_TABLE) == [(1,)]
        assert run(connection, RDS_ID) == [(node.number, node.id)]
        assert set(run(connection, MULTI_AZ_TOPOLOGY)) == expected
        assert len(run(connection, BLUE_GREEN)) == len(expected)
        report_host = run(connection, "SHOW VARIABLES LIKE 'report_host'")
        assert report_host == [("report_host", node.address)]
        names, rows = described(connection, "SHOW REPLICA STATUS")
        followed = [dict(zip(names, row, strict=True))["Master_Server_Id"] for row in rows]
        assert followed == ([] if node is writer else [writer.number])
        assert run(connection, "SELECT @@read_only") == [(int(node is not writer),)]


def test_plain_servers_answer_for_themselves() -> None:
    domain = "plainmysql.us-east-1.rds.amazonaws.com"
    with Cluster(1, "plain", engine="mysql", domain=domain) as cluster:
        for node in cluster.instances.values():
            assert node.gate_address is None
            assert ask(cluster, node.endpoint, VERSION) == []
            assert ask(cluster, node.endpoint, "SHOW VARIABLES LIKE 'report_host'")[0][1] == ""
            with pytest.raises(mysql.connector.DatabaseError, match="1193"):
                ask(cluster, node.endpoint, ID)


def test_the_user_has_what_a_master_user_has(mysql_cluster: Cluster) -> None:
    with connect(mysql_cluster) as connection:
        run(connection, "CREATE TABLE mine (a int PRIMARY KEY)")
        run(connection, "DROP TABLE mine")
        run(connection, "CREATE DATABASE another")
        run(connection, "DROP DATABASE another")
        run(connection, "CREATE USER guest IDENTIFIED BY 'secret'")
        run(connection, "GRANT SELECT ON db.* TO guest")
        run(connection, "DROP USER guest")
        assert run(connection, "SHOW PROCESSLIST")
        run(connection, "FLUSH TABLES")
        for sql in ("SET GLOBAL read_only = 1", "SHUTDOWN", "STOP SLAVE"):
            with pytest.raises(mysql.connector.Error, match="Access denied"):
                run(connection, sql)
        secret = f"SELECT LOAD_FILE('{mysql_cluster.folder}/topology.json')"
        assert run(connection, secret) == [(None,)]


def test_readers_refuse_to_write(mysql_cluster: Cluster) -> None:
    with pytest.raises(mysql.connector.Error, match="1290"):
        ask(mysql_cluster, mysql_cluster.reader_endpoint, "CREATE TABLE mine (a int)")


def test_the_dsn_tells_how_to_connect(mysql_cluster: Cluster) -> None:
    endpoint = mysql_cluster.writer_endpoint
    assert mysql_cluster.dsn() == (f"host={endpoint} port=3306 database=db user=john password=pwd")
    dsn = mysql_cluster.dsn("x", password="it's a \\", connect_timeout=3)
    assert dsn == (
        r"host=x port=3306 database=db user=john password='it\'s a \\' connect_timeout=3"
    )


def test_a_wrong_password_is_refused(mysql_cluster: Cluster) -> None:
    with pytest.raises(mysql.connector.Error, match="1045"):
        mysql.connector.connect(
            host=mysql_cluster.writer_endpoint, user="john", password="no", use_pure=True
        )
