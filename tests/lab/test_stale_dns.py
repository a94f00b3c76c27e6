# SPDX-License-Identifier: Apache-2.0
"""The plugin stale_dns: names that lag behind, and names that lead elsewhere by now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aurora_lab import Cluster, Resolver, eventually
from psycopg_pool import ConnectionPool

from aws_advanced_python_wrapper import errors, mysql_connector
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.psycopg import PsycopgConnection

NAME = "db.example.com"
WATCHED = {"plugins": "stale_dns", "stale_dns_lookup_interval_ms": "20"}


@pytest.fixture
def late_cluster() -> Iterator[Cluster]:
    """Its names stay behind for ever."""
    with Cluster(readers=2, domain="late.us-east-1.rds.amazonaws.com", dns_lag=600) as cluster:
        yield cluster


def test_writer_endpoint_whose_name_stays_behind_leads_to_the_writer(late_cluster: Cluster) -> None:
    with face.connect(late_cluster.dsn(), plugins="stale_dns") as connection:
        assert connection.current_host == "instance-1"
    late_cluster.failover(how="planned")
    eventually(lambda: late_cluster.truth().failovers[-1].rejoined is not None, within=60)
    with face.connect(late_cluster.dsn(), plugins="stale_dns") as connection:
        assert connection.current_host == late_cluster.truth().writer == "instance-2"
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
    with face.connect(late_cluster.dsn(), plugins="") as connection:
        assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (True,)


class Moving:
    """A name of the user's own, that leads to one server or another."""

    def __init__(self, cluster: Cluster, resolver: Resolver) -> None:
        self._cluster = cluster
        self._resolver = resolver
        self._tag = resolver.new_tag()

    def lead_to(self, instance: str) -> str:
        address = self._cluster.instances[instance].public_address
        self._resolver.put(self._tag, {NAME: address})
        return address

    def dsn(self) -> str:
        return self._cluster.dsn(NAME)

    def forget(self) -> None:
        self._resolver.put(self._tag, {})


@pytest.fixture
def moving(request: pytest.FixtureRequest) -> Iterator[Moving]:
    resolver = Resolver.of_this_process()
    assert resolver is not None
    cluster: Cluster = request.getfixturevalue(request.param)
    cluster.heal()
    name = Moving(cluster, resolver)
    name.lead_to("instance-1")
    yield name
    name.forget()


def address_of(connection: Any) -> str:
    return str(connection.execute("SELECT host(inet_server_addr())").fetchone()[0])


def told_and_moved(connection: Any) -> bool:
    try:
        connection.execute("SELECT 1")
    except errors.FailoverSuccessError:
        return True
    connection.rollback()
    return False


@pytest.mark.parametrize("moving", ["aurora_cluster"], indirect=True)
def test_connection_without_a_topology_follows_its_name(moving: Moving) -> None:
    plain = {**WATCHED, "wrapper_dialect": "pg", "autocommit": True}
    with face.connect(moving.dsn(), **plain) as connection:
        connection.execute("SET application_name = 'mine'")
        old = address_of(connection)
        new = moving.lead_to("instance-2")
        eventually(lambda: told_and_moved(connection), within=20)
        assert address_of(connection) == new != old
        assert connection.execute("SHOW application_name").fetchone() == ("mine",)
        assert connection.failover_report is not None
        assert connection.failover_report.trigger == "retired"
        back = moving.lead_to("instance-1")
        eventually(lambda: told_and_moved(connection), within=20)
        assert address_of(connection) == back


@pytest.mark.parametrize("moving", ["aurora_cluster"], indirect=True)
def test_pool_without_a_topology_follows_its_name_without_an_error(moving: Moving) -> None:
    with ConnectionPool(
        moving.dsn(),
        connection_class=PsycopgConnection,
        kwargs={**WATCHED, "wrapper_dialect": "pg", "autocommit": True},
        min_size=1,
        open=True,
    ) as pool:

        def where() -> str:
            with pool.connection() as connection:
                return address_of(connection)

        where()
        new = moving.lead_to("instance-2")
        eventually(lambda: where() == new, within=20)


@pytest.mark.parametrize("moving", ["aurora_cluster"], indirect=True)
def test_name_is_not_looked_at_unless_asked_for(moving: Moving) -> None:
    plain = {"plugins": "stale_dns", "wrapper_dialect": "pg", "autocommit": True}
    watched = {**WATCHED, "wrapper_dialect": "pg", "autocommit": True}
    with face.connect(moving.dsn(), **plain) as left_alone:
        old = address_of(left_alone)
        with face.connect(moving.dsn(), **watched) as connection:
            moving.lead_to("instance-2")
            eventually(lambda: told_and_moved(connection), within=20)
        assert address_of(left_alone) == old


@pytest.mark.parametrize("moving", ["mysql_cluster"], indirect=True)
@pytest.mark.parametrize("use_pure", [True, False])
def test_mysql_connection_without_a_topology_follows_its_name(
    moving: Moving, use_pure: bool
) -> None:
    def server() -> Any:
        cursor = connection.cursor()
        cursor.execute("SELECT @@server_id")
        return cursor.fetchone()[0]

    def has_moved() -> bool:
        try:
            server()
        except errors.FailoverSuccessError:
            return True
        return False

    with mysql_connector.connect(
        moving.dsn(), use_pure=use_pure, autocommit=True, wrapper_dialect="mysql", **WATCHED
    ) as connection:
        assert server() == 1
        moving.lead_to("instance-2")
        eventually(has_moved, within=20)
        assert server() == 2
