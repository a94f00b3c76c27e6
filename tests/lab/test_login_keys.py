# SPDX-License-Identifier: Apache-2.0
"""Failovers log in with SCRAM keys that were learned: what a user sees of that."""

from __future__ import annotations

import itertools
import os
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster
from psycopg import pq

from async_help import off_loop, run
from aws_advanced_python_wrapper import AwsWrapperConnection, errors
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


def fail_over(cluster: Cluster, connection: Any) -> None:
    cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    cluster.heal()


def test_failover_logs_in_with_the_keys_of_the_first_login(
    aurora_cluster: Cluster, user: str
) -> None:
    with login(aurora_cluster, user) as connection:
        assert keys_of(connection) == []
        told = connection.info.get_parameters()
        fail_over(aurora_cluster, connection)
        assert len(keys_of(connection)) == (2 if IS_SUPPORTED else 0)
        assert connection.execute("SELECT current_user").fetchone() == (user,)
        moved = connection.info.get_parameters()
        assert moved.keys() - told.keys() <= {"hostaddr"}
        assert "scram" not in connection.info.dsn
        assert connection.info.password == "first"


def test_failover_for_asyncio_has_the_keys_too(aurora_cluster: Cluster, user: str) -> None:
    async def body() -> None:
        given: dict[str, Any] = {"user": user, "password": "first", "autocommit": True}
        async with await async_face.connect(aurora_cluster.dsn(), **given) as connection:
            await off_loop(aurora_cluster.failover, how="crash")
            with pytest.raises(errors.FailoverSuccessError):
                await connection.execute("SELECT 1")
            assert len(keys_of(connection)) == (2 if IS_SUPPORTED else 0)

    run(body())


def test_new_salt_is_no_matter(aurora_cluster: Cluster, user: str) -> None:
    with login(aurora_cluster, user) as connection:
        set_password(aurora_cluster, user, "first")  # the same, under a new salt
        for _ in range(2):  # with keys that are refused, and then without any
            fail_over(aurora_cluster, connection)
            assert keys_of(connection) == []
            assert connection.execute("SELECT current_user").fetchone() == (user,)


def test_challenge_in_a_parameter_is_not_believed(aurora_cluster: Cluster, user: str) -> None:
    text = "AuthenticationSASLContinue\t,s=AAAA,i=9999999,"
    given = {"user": user, "password": "first", "application_name": text, "autocommit": True}
    with face.connect(aurora_cluster.dsn(), **given) as connection:
        fail_over(aurora_cluster, connection)
        assert keys_of(connection) == []
        assert connection.execute("SELECT current_user").fetchone() == (user,)


def test_info_of_a_subclass_stays(aurora_cluster: Cluster) -> None:
    class Told(psycopg.ConnectionInfo):
        pass

    class Own(psycopg.Connection[Any]):
        @property
        def info(self) -> Told:
            return Told(self.pgconn)

    with AwsWrapperConnection.connect(Own.connect, aurora_cluster.dsn()) as connection:
        assert type(connection.info) is Told


def test_password_that_was_set_anew_counts_at_once(aurora_cluster: Cluster, user: str) -> None:
    login(aurora_cluster, user).close()
    set_password(aurora_cluster, user, "second")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        login(aurora_cluster, user)
    with login(aurora_cluster, user, "second") as moved:
        fail_over(aurora_cluster, moved)
        assert len(keys_of(moved)) == (2 if IS_SUPPORTED else 0)


def test_logins_leave_no_descriptors(aurora_cluster: Cluster, user: str) -> None:
    with login(aurora_cluster, user):
        before = len(os.listdir("/proc/self/fd"))
        for number in range(20):
            with pytest.raises(psycopg.OperationalError):
                login(aurora_cluster, user, f"wrong {number}")
            with pytest.raises(psycopg.OperationalError):
                face.connect(f"host=127.0.0.1 port=1 user={number} password=any")
        # A monitor may have opened its link meanwhile.
        assert len(os.listdir("/proc/self/fd")) < before + 10


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
