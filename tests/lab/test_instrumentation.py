# SPDX-License-Identifier: Apache-2.0
"""What instrumentations wrap around a driver's connect by wrapt sees our connections, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mysql.connector
import pytest
import sqlalchemy as sa
import wrapt
from aurora_lab import Cluster

import aws_advanced_python_wrapper.mysql_connector as face
from aws_advanced_python_wrapper import AwsWrapperConnection, errors


class Traced(wrapt.ObjectProxy):  # type: ignore[misc]
    """A connection as instrumentations make one: its cursors are counted."""

    cursors = 0

    def cursor(self, *args: Any, **kwargs: Any) -> Any:
        Traced.cursors += 1
        return self.__wrapped__.cursor(*args, **kwargs)


@pytest.fixture
def seen() -> Iterator[list[str]]:
    """The wrappers, outermost first, that a connect went through, twice wrapped."""
    names: list[str] = []
    before = mysql.connector.connect

    def wrapper(name: str) -> Callable[..., Any]:
        def around(wrapped: Any, _: Any, args: Any, kwargs: Any) -> Any:
            names.append(name)
            return Traced(wrapped(*args, **kwargs))

        return around

    Traced.cursors = 0
    wrapt.wrap_function_wrapper("mysql.connector", "connect", wrapper("inner"))
    wrapt.wrap_function_wrapper("mysql.connector", "connect", wrapper("outer"))
    yield names
    mysql.connector.connect = before


def arguments(cluster: Cluster) -> dict[str, Any]:
    return {
        "host": cluster.writer_endpoint,
        "user": cluster.user,
        "password": cluster.password,
        "database": cluster.database,
    }


def by_target(**given: Any) -> Any:
    return AwsWrapperConnection.connect(mysql.connector.connect, **given)


def by_conninfo(**given: Any) -> Any:
    return face.connect(" ".join(f"{name}={value}" for name, value in given.items()))


@pytest.mark.parametrize("connect", [face.connect, by_target, by_conninfo])
def test_each_way_to_connect_goes_through_the_wrappers(
    mysql_cluster: Cluster, seen: list[str], connect: Callable[..., Any]
) -> None:
    connection = connect(**arguments(mysql_cluster))
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]
    assert seen == ["outer", "inner"]
    assert Traced.cursors == 2
    assert isinstance(connection, AwsWrapperConnection)
    assert connection.current_host == mysql_cluster.writer.id
    connection.close()


def test_sqlalchemy_goes_through_the_wrappers_and_fails_over(
    mysql_cluster: Cluster, seen: list[str]
) -> None:
    given = arguments(mysql_cluster)
    engine = sa.create_engine(
        sa.URL.create(
            "mysql+aws_wrapper_mysqlconnector",
            given["user"],
            given["password"],
            given["host"],
            database=given["database"],
        )
    )
    with engine.connect() as connection:
        assert seen == ["outer", "inner"]
        connection.execute(sa.text("SELECT 1"))
        connection.commit()
        mysql_cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError) as told:
            connection.execute(sa.text("SELECT 1"))
        assert isinstance(told.value.orig, errors.FailoverSuccessError)
        connection.rollback()
        assert connection.execute(sa.text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_wrapper_that_is_turned_off_is_left_out(mysql_cluster: Cluster) -> None:
    @wrapt.decorator(enabled=False)
    def around(*_: Any) -> Any:
        raise AssertionError("it is turned off")

    before = mysql.connector.connect
    mysql.connector.connect = around(before)
    try:
        face.connect(**arguments(mysql_cluster)).close()
    finally:
        mysql.connector.connect = before
