# SPDX-License-Identifier: Apache-2.0
"""Monitors log in as a connection does that is open, and keep nobody from a database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster

from aws_advanced_python_wrapper import errors, statistics
from aws_advanced_python_wrapper import mysql_connector as mysql_face
from aws_advanced_python_wrapper import psycopg as face


@pytest.fixture(scope="module")
def cluster_of_this_module() -> Iterator[Cluster]:
    """One of its own, whose users and databases come and go."""
    with Cluster(1, domain="logins.us-east-1.rds.amazonaws.com") as made:
        yield made


@pytest.fixture
def cluster(cluster_of_this_module: Cluster) -> Iterator[Cluster]:
    yield cluster_of_this_module
    cluster_of_this_module.heal()


@pytest.fixture
def admin(cluster: Cluster) -> Iterator[psycopg.Connection[Any]]:
    with cluster.connect(cluster.writer.id) as connection:
        yield connection


def sessions_in(database: str, admin: psycopg.Connection[Any]) -> int:
    row = admin.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
        [database],
    ).fetchone()
    assert row is not None
    return int(row[0])


def with_its_monitor(connection: psycopg.Connection[Any]) -> None:
    connection.execute("SELECT pg_sleep(1.5)")  # longer than a monitor leaves its host unasked


def test_user_that_connected_last_and_is_locked_hinders_nobodys_failover(
    cluster: Cluster, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("CREATE ROLE passing LOGIN PASSWORD 'once'")
    with face.connect(cluster.dsn(), autocommit=True) as connection:
        face.connect(cluster.dsn(), user="passing", password="once").close()
        admin.execute("ALTER ROLE passing NOLOGIN")
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")


def test_database_that_was_used_last_and_is_gone_hinders_nobodys_failover(
    cluster: Cluster, admin: psycopg.Connection[Any]
) -> None:
    admin.execute(f"CREATE DATABASE other OWNER {cluster.user}")
    with face.connect(cluster.dsn(), autocommit=True) as connection:
        face.connect(cluster.dsn(), dbname="other").close()
        admin.execute("DROP DATABASE other WITH (FORCE)")
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")


def test_other_login_is_taken_where_the_newest_is_refused(
    cluster: Cluster, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("CREATE ROLE migration LOGIN PASSWORD 'once'")
    with (
        face.connect(cluster.dsn(), autocommit=True) as connection,
        face.connect(cluster.dsn(), user="migration", password="once"),
    ):
        admin.execute("ALTER ROLE migration NOLOGIN")
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        (told,) = statistics()["clusters"]
        assert told["links_refused"] > 0
        assert not any("migration" in reason for reason in told["refusals"].values())


def test_database_can_be_dropped_and_copied_once_its_connections_are_closed(
    cluster: Cluster, admin: psycopg.Connection[Any]
) -> None:
    admin.execute(f"CREATE DATABASE scratch OWNER {cluster.user}")
    with face.connect(cluster.dsn(), dbname="scratch") as connection:
        with_its_monitor(connection)
        assert sessions_in("scratch", admin) == 2
    admin.execute("CREATE DATABASE copy TEMPLATE scratch")
    admin.execute("DROP DATABASE scratch")
    admin.execute("DROP DATABASE copy")


def test_database_can_be_dropped_while_others_are_in_use(
    cluster: Cluster, admin: psycopg.Connection[Any]
) -> None:
    admin.execute(f"CREATE DATABASE tenant OWNER {cluster.user}")
    tenant = face.connect(cluster.dsn(), dbname="tenant")
    with face.connect(cluster.dsn(), autocommit=True) as connection:
        with_its_monitor(tenant)
        assert sessions_in("tenant", admin) == 2
        tenant.close()
        admin.execute("DROP DATABASE tenant")
        with_its_monitor(connection)
        assert sessions_in(cluster.database, admin) == 2


def test_query_after_a_forced_drop_ends_with_the_servers_words(
    cluster: Cluster, admin: psycopg.Connection[Any]
) -> None:
    admin.execute(f"CREATE DATABASE scratch OWNER {cluster.user}")
    with face.connect(cluster.dsn(), dbname="scratch", autocommit=True) as connection:
        admin.execute("DROP DATABASE scratch WITH (FORCE)")
        with pytest.raises(errors.FailoverFailedError, match='"scratch" does not exist') as told:
            connection.execute("SELECT 1")
        assert connection.closed
    report = told.value.failover_report
    assert report is not None
    assert report.total_ms < 60_000


@pytest.mark.parametrize("pure", [True, False])
def test_mysql_database_that_is_gone_hinders_no_monitor(pure: bool) -> None:
    domain = f"{'pure' if pure else 'c'}logins.us-east-1.rds.amazonaws.com"
    with Cluster(1, engine="mysql", domain=domain) as cluster:
        admin = cluster.connect(cluster.writer.id)
        admin.cmd_query("CREATE DATABASE other")
        admin.cmd_query(f"GRANT ALL ON other.* TO {cluster.user}@'%'")
        given = {"host": cluster.writer_endpoint, "user": cluster.user, "use_pure": pure}
        given["password"] = cluster.password
        connection = mysql_face.connect(**given, database=cluster.database, autocommit=True)
        mysql_face.connect(**given, database="other").close()
        admin.cmd_query("DROP DATABASE other")
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.cursor().execute("SELECT 1")
        refusals = [one for told in statistics()["clusters"] for one in told["refusals"].values()]
        assert not any("other" in reason for reason in refusals)
        connection.close()
