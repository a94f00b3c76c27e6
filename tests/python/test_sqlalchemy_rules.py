# SPDX-License-Identifier: Apache-2.0
"""What SQLAlchemy makes of failovers, by the rules that our dialects share. No server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, QueuePool, event, text
from sqlalchemy.exc import OperationalError, PendingRollbackError

from aws_advanced_python_wrapper import release_resources
from file_dialect import engine_of
from file_driver import FACE_ERRORS, Cluster

INSERT = text("INSERT INTO marks VALUES (:n)")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    yield Cluster(tmp_path / "storage")
    release_resources()


@pytest.fixture
def engine(cluster: Cluster) -> Iterator[Engine]:
    engine = engine_of(cluster, poolclass=QueuePool)
    yield engine
    engine.dispose()
    assert cluster.open_links == []


def fail_over(cluster: Cluster, connection: Connection) -> Any:
    driver_connection: Any = connection.connection.driver_connection
    cluster.fail_over(driver_connection.link)
    return driver_connection


def name_of(error: OperationalError) -> str:
    assert isinstance(error.orig, tuple(FACE_ERRORS.values()))
    return type(error.orig).__name__


def test_connection_goes_on_after_a_failover(cluster: Cluster, engine: Engine) -> None:
    with engine.connect() as connection:
        moved = fail_over(cluster, connection)
        with pytest.raises(OperationalError) as caught:
            connection.execute(text("SELECT 1"))
        assert name_of(caught.value) == "FailoverSuccessError"
        assert not caught.value.connection_invalidated
        connection.rollback()
        connection.execute(INSERT, {"n": 1})
        connection.commit()
        assert connection.connection.driver_connection is moved
    assert cluster.marks() == [1]


def test_half_a_transaction_is_given_up_until_its_rollback(
    cluster: Cluster, engine: Engine
) -> None:
    with engine.connect() as connection:
        connection.execute(INSERT, {"n": 1})
        fail_over(cluster, connection)
        with pytest.raises(OperationalError) as caught:
            connection.execute(INSERT, {"n": 2})
        assert name_of(caught.value) == "TransactionResolutionUnknownError"
        assert caught.value.connection_invalidated
        with pytest.raises(PendingRollbackError):
            connection.execute(INSERT, {"n": 3})
        connection.rollback()
        connection.execute(INSERT, {"n": 4})
        connection.commit()
    assert cluster.marks() == [4]


def test_savepoint_that_catches_the_error_does_not_hide_the_loss(
    cluster: Cluster, engine: Engine
) -> None:
    with engine.connect() as connection:
        connection.execute(INSERT, {"n": 1})
        savepoint = connection.begin_nested()
        fail_over(cluster, connection)
        with pytest.raises(OperationalError):
            connection.execute(INSERT, {"n": 2})
        savepoint.rollback()
        with pytest.raises(PendingRollbackError):
            connection.execute(INSERT, {"n": 3})
    assert cluster.marks() == []


def test_rollback_that_meets_a_failover_is_done(cluster: Cluster, engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(INSERT, {"n": 1})
        fail_over(cluster, connection)
        connection.rollback()
        connection.execute(INSERT, {"n": 2})
        connection.commit()
    assert cluster.marks() == [2]


def test_failed_failover_is_a_disconnect(cluster: Cluster, engine: Engine) -> None:
    with engine.connect() as connection:
        fail_over(cluster, connection)
        cluster.failing.add("open")
        with pytest.raises(OperationalError) as caught:
            connection.execute(text("SELECT 1"))
        assert name_of(caught.value) == "FailoverFailedError"
        assert caught.value.connection_invalidated
    assert cluster.open_links == []
    cluster.failing.clear()
    with engine.begin() as connection:
        connection.execute(INSERT, {"n": 1})
    assert cluster.marks() == [1]


def test_moved_connection_is_renewed_by_the_next_checkout(cluster: Cluster, engine: Engine) -> None:
    set_up: list[Any] = []
    event.listen(engine, "connect", lambda connection, _: set_up.append(connection))
    with engine.connect() as connection:
        moved = fail_over(cluster, connection)
        with pytest.raises(OperationalError):
            connection.execute(text("SELECT 1"))
    with engine.connect() as connection:
        assert connection.connection.driver_connection is not moved
        assert connection.scalar(text("SELECT 1")) == 1
    assert set_up == [moved, set_up[-1]]
    assert len(cluster.open_links) == 1


def test_pre_ping_that_meets_a_failover_takes_a_new_connection(cluster: Cluster) -> None:
    engine = engine_of(cluster, poolclass=QueuePool, pool_pre_ping=True)
    with engine.connect() as connection:
        lost = fail_over(cluster, connection)
        lost.link.is_lost = False  # until it is back in the pool
    lost.link.lose()
    with engine.connect() as connection:
        assert connection.connection.driver_connection is not lost
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()
    assert cluster.open_links == []
