# SPDX-License-Identifier: Apache-2.0
"""The plugin initial_connection, on servers and with each driver."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster, eventually

from aws_advanced_python_wrapper import errors, mysql_connector
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.aio import psycopg as async_face

Host = Callable[..., str]
"""Connects, closes, and tells the host that the connection was on."""


def by_psycopg(dsn: str, **properties: Any) -> str:
    with face.connect(dsn, **properties) as connection:
        return str(connection.current_host)


def by_asyncio(dsn: str, **properties: Any) -> str:
    async def connect() -> str:
        async with await async_face.AsyncConnection.connect(dsn, **properties) as connection:
            return str(connection.current_host)

    return asyncio.run(asyncio.wait_for(connect(), 60))


def by_mysql(use_pure: bool) -> Host:
    def connect(dsn: str, **properties: Any) -> str:
        with mysql_connector.connect(dsn, use_pure=use_pure, **properties) as connection:
            return str(connection.current_host)

    return connect


DRIVERS = {
    "psycopg": ("pg", by_psycopg),
    "asyncio": ("pg", by_asyncio),
    "pure": ("mysql", by_mysql(True)),
    "C": ("mysql", by_mysql(False)),
}


@pytest.fixture(scope="module", params=DRIVERS)
def host(request: pytest.FixtureRequest) -> Iterator[tuple[Cluster, Host]]:
    """A cluster whose names stay behind for ever, and a driver that knows it."""
    engine, connect = DRIVERS[request.param]
    domain = f"initial{request.param.lower()}.us-east-1.rds.amazonaws.com"
    with Cluster(engine=engine, readers=2, domain=domain, dns_lag=600) as cluster:  # type: ignore[arg-type]
        if engine == "pg":
            keeper: Any = face.connect(cluster.dsn(), plugins="initial_connection")
        else:
            keeper = mysql_connector.connect(cluster.dsn(), plugins="initial_connection")
        yield cluster, connect
        keeper.close()


def test_writer_endpoint_leads_to_the_writer_while_its_name_stays_behind(
    host: tuple[Cluster, Host],
) -> None:
    cluster, connect = host
    assert connect(cluster.dsn(), plugins="initial_connection") == cluster.truth().writer
    cluster.failover(how="planned")
    writer = cluster.truth().writer
    assert connect(cluster.dsn(), plugins="initial_connection") == writer
    eventually(lambda: cluster.truth().failovers[-1].rejoined is not None, within=60)


def test_reader_endpoint_leads_to_a_reader_whatever_its_name_says(
    host: tuple[Cluster, Host],
) -> None:
    cluster, connect = host
    dsn = cluster.dsn(cluster.reader_endpoint)
    for _ in range(6):
        assert connect(dsn, plugins="initial_connection") != cluster.truth().writer


def test_readers_are_taken_in_turn(host: tuple[Cluster, Host]) -> None:
    cluster, connect = host
    found = [
        connect(
            cluster.dsn(cluster.reader_endpoint),
            plugins="initial_connection",
            initial_connection_host_selector_strategy="round_robin",
        )
        for _ in range(6)
    ]
    assert sorted(found[:2]) == sorted(set(cluster.instances) - {cluster.truth().writer})
    assert found == found[:2] * 3


def test_a_weight_that_is_none_is_refused(host: tuple[Cluster, Host]) -> None:
    cluster, connect = host
    with pytest.raises(
        errors.AwsWrapperError, match=r"round_robin_host_weight_pairs.*instance-1:x"
    ):
        connect(cluster.dsn(), round_robin_host_weight_pairs="instance-1:x")


def test_an_instance_is_what_was_asked_for(host: tuple[Cluster, Host]) -> None:
    cluster, connect = host
    for name, instance in cluster.instances.items():
        assert connect(cluster.dsn(instance.endpoint), plugins="initial_connection") == name


def test_a_role_that_the_endpoint_can_not_have_is_refused(host: tuple[Cluster, Host]) -> None:
    cluster, connect = host
    with pytest.raises(errors.AwsWrapperError, match="endpoint_substitution_role=reader"):
        connect(cluster.dsn(), plugins="initial_connection", endpoint_substitution_role="reader")


@pytest.mark.parametrize("connect", [by_psycopg, by_asyncio], ids=["psycopg", "asyncio"])
def test_what_refuses_is_tried_for_a_limited_time_and_the_driver_tells_why(connect: Host) -> None:
    domain = f"refusing{connect.__name__[3:]}.us-east-1.rds.amazonaws.com"
    with Cluster(readers=1, domain=domain) as cluster:
        writer = cluster.writer.endpoint
        for name in cluster.instances:
            cluster.crash(name)
        with pytest.raises(errors.AwsConnectError, match=r"=1500: .*refused") as told:
            connect(
                cluster.dsn(), plugins="initial_connection", open_connection_retry_timeout_ms=1500
            )
        assert isinstance(told.value.__cause__, psycopg.OperationalError)
        with pytest.raises(psycopg.OperationalError, match="refused") as plain:
            connect(cluster.dsn(writer), plugins="initial_connection")
        assert not isinstance(plain.value, errors.AwsWrapperError)
