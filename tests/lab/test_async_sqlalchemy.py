# SPDX-License-Identifier: Apache-2.0
"""The asyncio dialect, as SQLAlchemy's users see it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from aurora_lab import Cluster
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Mapped

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.aio.psycopg import AsyncConnection

IDENTIFIER = sa.text("SELECT pg_catalog.aurora_db_instance_identifier()")


class Base(orm.DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = orm.mapped_column(primary_key=True)
    text: Mapped[str]


def run(cluster: Cluster, body: Callable[[AsyncEngine], Awaitable[None]], **options: Any) -> None:
    """Run a test with an engine that is made by the documented form of the URL."""

    async def with_engine() -> None:
        engine = create_async_engine(
            f"postgresql+aws_wrapper_psycopg://{cluster.user}:{cluster.password}"
            f"@{cluster.writer_endpoint}/{cluster.database}"
            "?wrapper_dialect=aurora-pg&wrapper_plugins=failover,host_monitoring_v2",
            **{"pool_size": 1, "max_overflow": 0, **options},
        )
        try:
            await asyncio.wait_for(body(engine), 60)
        finally:
            await engine.dispose()

    asyncio.run(with_engine())


async def fail_over(cluster: Cluster) -> None:
    await asyncio.get_running_loop().run_in_executor(None, lambda: cluster.failover(how="crash"))


def test_failover_within_a_connection_keeps_the_pooled_connection(aurora_cluster: Cluster) -> None:
    async def body(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            pooled = await connection.get_raw_connection()
            driver_connection = pooled.driver_connection
            assert isinstance(driver_connection, AsyncConnection)
            await connection.execute(IDENTIFIER)
            await connection.commit()
            await fail_over(aurora_cluster)
            with pytest.raises(sa.exc.OperationalError) as caught:
                await connection.execute(IDENTIFIER)
            assert isinstance(caught.value.orig, errors.FailoverSuccessError)
            assert not caught.value.connection_invalidated
            found = await connection.execute(IDENTIFIER)
            assert found.scalar_one() == aurora_cluster.truth().writer
            assert pooled.driver_connection is driver_connection

    run(aurora_cluster, body)


def test_session_streams_and_learns_of_an_unknown_transaction(aurora_cluster: Cluster) -> None:
    async def body(engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.drop_all)
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session:
            session.add_all(Note(id=n, text=f"note {n}") for n in range(50))
            await session.commit()
            stream = await session.stream_scalars(
                sa.select(Note.id).order_by(Note.id).execution_options(yield_per=7)
            )
            assert [n async for n in stream] == list(range(50))
            session.add(Note(id=50, text="lost"))
            await session.flush()
            await fail_over(aurora_cluster)
            with pytest.raises(sa.exc.OperationalError):
                await session.commit()
            await session.rollback()
            session.add(Note(id=50, text="kept"))
            await session.commit()
            kept = await session.scalars(sa.select(Note.text).where(Note.id == 50))
            assert kept.all() == ["kept"]

    run(aurora_cluster, body)


def test_pre_ping_moves_a_pooled_connection_silently(aurora_cluster: Cluster) -> None:
    async def body(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            await connection.execute(IDENTIFIER)
        await fail_over(aurora_cluster)
        async with engine.connect() as connection:
            found = await connection.execute(IDENTIFIER)
            assert found.scalar_one() == aurora_cluster.truth().writer

    run(aurora_cluster, body, pool_pre_ping=True)


def test_error_of_the_server_is_what_the_stock_dialect_gives(aurora_cluster: Cluster) -> None:
    async def body(engine: AsyncEngine) -> None:
        async with engine.connect() as connection:
            with pytest.raises(sa.exc.DataError, match="division by zero"):
                await connection.execute(sa.text("SELECT 1/0"))

    run(aurora_cluster, body)
