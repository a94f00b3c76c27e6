# SPDX-License-Identifier: Apache-2.0
"""A password that was hashed once is not hashed again: what a user sees of that."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster
from psycopg import pq

from async_help import run
from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.aio import psycopg as async_face

IS_SUPPORTED = pq.version() >= 180000
_numbers = itertools.count(1)
NAMES = (b"scram_client_key", b"scram_server_key")


def keys_of(connection: Any) -> list[bytes]:
    """The keys that a link was opened with."""
    return [
        option.val for option in connection.pgconn.info if option.keyword in NAMES and option.val
    ]


def set_password(cluster: Cluster, user: str, password: str) -> None:
    with cluster.connect(cluster.truth().writer) as admin:
        admin.cursor().execute(f"ALTER ROLE {user} PASSWORD '{password}'")


@pytest.fixture
def user(aurora_cluster: Cluster) -> str:
    name = f"jane_{next(_numbers)}"
    with aurora_cluster.connect(aurora_cluster.writer.id) as admin:
        admin.cursor().execute(f"CREATE ROLE {name} LOGIN PASSWORD 'first'")
    return name


def login(cluster: Cluster, user: str, password: str = "first") -> Any:
    return face.connect(cluster.dsn(), user=user, password=password, autocommit=True)


def test_second_login_has_the_keys_of_the_first(aurora_cluster: Cluster, user: str) -> None:
    with login(aurora_cluster, user) as first, login(aurora_cluster, user) as second:
        assert keys_of(first) == []
        assert len(keys_of(second)) == (2 if IS_SUPPORTED else 0)
        assert second.execute("SELECT current_user").fetchone() == (user,)
        stock = psycopg.connect(aurora_cluster.dsn(), user=user, password="first")
        assert second.info.dsn == stock.info.dsn
        assert second.info.get_parameters() == stock.info.get_parameters()
        assert second.info.password == "first"
        stock.close()


def test_keys_serve_connections_for_asyncio(aurora_cluster: Cluster, user: str) -> None:
    async def body() -> None:
        given = {"user": user, "password": "first"}
        async with await async_face.connect(aurora_cluster.dsn(), **given) as first:
            assert keys_of(first) == []
        both = (async_face.connect(aurora_cluster.dsn(), **given) for _ in range(2))
        for connection in await asyncio.gather(*both):
            assert len(keys_of(connection)) == (2 if IS_SUPPORTED else 0)
            await connection.close()

    run(body())


def test_new_salt_or_password_is_learned(aurora_cluster: Cluster, user: str) -> None:
    login(aurora_cluster, user).close()
    set_password(aurora_cluster, user, "first")  # the same, under a new salt
    with login(aurora_cluster, user) as again:
        assert keys_of(again) == []
    with login(aurora_cluster, user) as known:
        assert len(keys_of(known)) == (2 if IS_SUPPORTED else 0)
    set_password(aurora_cluster, user, "second")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        login(aurora_cluster, user)
    with login(aurora_cluster, user, "second") as moved:
        assert moved.execute("SELECT 1").fetchone() == (1,)


def test_failover_logs_in_with_the_keys_even_under_a_new_salt(
    aurora_cluster: Cluster, user: str
) -> None:
    with login(aurora_cluster, user) as connection:
        aurora_cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        assert len(keys_of(connection)) == (2 if IS_SUPPORTED else 0)
        assert "scram" not in connection.info.dsn
        aurora_cluster.heal()
        set_password(aurora_cluster, user, "first")
        aurora_cluster.heal()
        aurora_cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        assert keys_of(connection) == []
        assert connection.execute("SELECT current_user").fetchone() == (user,)


def test_wrong_password_is_refused_as_by_the_driver(aurora_cluster: Cluster, user: str) -> None:
    given = {"user": user, "password": "wrong"}
    said = []
    for connect in (psycopg.connect, face.connect, face.connect):
        with pytest.raises(psycopg.OperationalError) as raised:
            connect(aurora_cluster.dsn(), **given)
        said.append(str(raised.value))
    assert said[0] == said[1] == said[2]


def test_server_without_scram_is_no_matter(aurora_cluster: Cluster, user: str) -> None:
    with aurora_cluster.connect(aurora_cluster.writer.id) as admin:
        admin.cursor().execute("SET password_encryption = 'md5'")
        admin.cursor().execute(f"ALTER ROLE {user} PASSWORD 'old'")
    # A server that wants SCRAM can't be served by an MD5 password; the lab's wants it.
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        login(aurora_cluster, user, "old")
