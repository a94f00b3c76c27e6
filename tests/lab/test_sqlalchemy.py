# SPDX-License-Identifier: Apache-2.0
"""The dialect, as SQLAlchemy's users see it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from aurora_lab import Cluster
from sqlalchemy import orm
from sqlalchemy.orm import Mapped

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.sqlalchemy_dialects.pg import AwsWrapperPGPsycopgDialect

PROGRAMS = Path(__file__).parents[2] / "examples"
IDENTIFIER = sa.text("SELECT pg_catalog.aurora_db_instance_identifier()")


class Base(orm.DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = orm.mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list[Book]] = orm.relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = orm.mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = orm.mapped_column(sa.ForeignKey("author.id"))
    author: Mapped[Author] = orm.relationship(back_populates="books")


def url(cluster: Cluster, driver: str = "postgresql+aws_wrapper_psycopg", **query: str) -> sa.URL:
    return sa.URL.create(
        driver,
        username=cluster.user,
        password=cluster.password,
        host=cluster.writer_endpoint,
        database=cluster.database,
        query=query,
    )


@pytest.fixture
def engine(aurora_cluster: Cluster) -> Iterator[sa.Engine]:
    made = sa.create_engine(url(aurora_cluster), pool_size=1, max_overflow=0)
    yield made
    made.dispose()


@pytest.fixture
def tables(engine: sa.Engine) -> Iterator[sa.Engine]:
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    yield engine
    Base.metadata.drop_all(engine)


@pytest.mark.parametrize("program", ["sqlalchemy_creator.py", "sqlalchemy_url.py"])
def test_documented_program_runs_verbatim(aurora_cluster: Cluster, program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", PROGRAMS / program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0
    expected = f"('{aurora_cluster.writer.id}',)\n" if "creator" in program else ""
    assert done.stdout == expected


def test_engine_of_the_documented_url_works(aurora_cluster: Cluster) -> None:
    engine = sa.create_engine(
        url(
            aurora_cluster,
            wrapper_dialect="aurora-pg",
            wrapper_plugins="failover,host_monitoring_v2",
        )
    )
    with engine.connect() as connection:
        assert connection.execute(IDENTIFIER).scalar_one() == aurora_cluster.writer.id
    engine.dispose()


def test_empty_wrapper_plugins_are_no_plugins(aurora_cluster: Cluster) -> None:
    engine = sa.create_engine(url(aurora_cluster, wrapper_plugins=""))
    with engine.connect() as connection:
        driver_connection = connection.connection.driver_connection
        assert isinstance(driver_connection, face.PsycopgConnection)
        assert driver_connection.current_host is None
    engine.dispose()


def test_failover_within_a_connection_keeps_the_pooled_connection(
    aurora_cluster: Cluster, engine: sa.Engine
) -> None:
    with engine.connect() as connection:
        before = connection.connection.dbapi_connection
        connection.execute(IDENTIFIER)
        connection.commit()
        aurora_cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError) as caught:
            connection.execute(IDENTIFIER)
        assert isinstance(caught.value.orig, errors.FailoverSuccessError)
        assert not caught.value.connection_invalidated
        assert connection.execute(IDENTIFIER).scalar_one() == aurora_cluster.writer.id
        assert connection.connection.dbapi_connection is before


def test_unknown_transaction_then_roll_back_then_work(
    aurora_cluster: Cluster, tables: sa.Engine
) -> None:
    with orm.Session(tables) as session:
        session.add(Author(id=1, name="lost"))
        session.flush()
        aurora_cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError) as caught:
            session.commit()
        assert isinstance(caught.value.orig, errors.TransactionResolutionUnknownError)
        session.rollback()
        session.add(Author(id=2, name="kept"))
        session.commit()
        assert session.scalars(sa.select(Author.name)).all() == ["kept"]


def test_failed_failover_is_a_disconnect(aurora_cluster: Cluster) -> None:
    engine = sa.create_engine(url(aurora_cluster, failover_timeout_sec="1"))
    with engine.connect() as connection:
        connection.execute(IDENTIFIER)
        connection.commit()
        for instance in aurora_cluster.instances.values():
            aurora_cluster.crash(instance.id)
        with pytest.raises(sa.exc.OperationalError) as caught:
            connection.execute(IDENTIFIER)
        assert isinstance(caught.value.orig, errors.FailoverFailedError)
        assert caught.value.connection_invalidated
        connection.invalidate()
    engine.dispose()


def test_pre_ping_moves_a_pooled_connection_silently(aurora_cluster: Cluster) -> None:
    engine = sa.create_engine(url(aurora_cluster), pool_size=1, pool_pre_ping=True)
    with engine.connect() as connection:
        connection.execute(IDENTIFIER)
    aurora_cluster.failover(how="crash")
    with engine.connect() as connection:
        assert connection.execute(IDENTIFIER).scalar_one() == aurora_cluster.writer.id
    engine.dispose()


def test_division_by_zero_is_what_the_stock_dialect_gives(
    aurora_cluster: Cluster, engine: sa.Engine
) -> None:
    stock = sa.create_engine(url(aurora_cluster, "postgresql+psycopg"))
    seen = []
    for one in (stock, engine):
        with one.connect() as connection, pytest.raises(sa.exc.DataError) as caught:
            connection.execute(sa.text("select 1/0"))
        seen.append((type(caught.value), type(caught.value.orig), str(caught.value)))
    stock.dispose()
    assert seen[0] == seen[1]
    assert seen[0][1] is psycopg.errors.DivisionByZero


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("AwsConnectError", sa.exc.OperationalError),
        ("FailoverError", sa.exc.OperationalError),
        ("FailoverSuccessError", sa.exc.OperationalError),
        ("FailoverFailedError", sa.exc.OperationalError),
        ("TransactionResolutionUnknownError", sa.exc.OperationalError),
        ("QueryTimeoutError", sa.exc.OperationalError),
        ("ReadWriteSplittingError", sa.exc.InterfaceError),
        ("UnsupportedOperationError", sa.exc.NotSupportedError),
        ("AwsWrapperError", sa.exc.DBAPIError),
    ],
)
def test_wrapper_errors_reach_sqlalchemy_as_documented(
    engine: sa.Engine, name: str, expected: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise getattr(face, name)("refused")

    with engine.connect() as connection:
        sa.event.listen(engine, "do_execute", refuse)
        with pytest.raises(expected) as caught:
            connection.execute(sa.text("SELECT 1"))
    assert type(caught.value) is expected
    assert isinstance(caught.value.orig, getattr(errors, name))


def test_stock_dialect_works_with_our_connections(aurora_cluster: Cluster) -> None:
    engine = sa.create_engine(
        "postgresql+psycopg://", creator=lambda: face.connect(aurora_cluster.dsn())
    )
    with engine.connect() as connection:
        assert connection.execute(IDENTIFIER).scalar_one() == aurora_cluster.writer.id
    engine.dispose()


def test_isolation_level_reaches_the_server_and_survives(
    aurora_cluster: Cluster, engine: sa.Engine
) -> None:
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        shown = sa.text("SHOW transaction_isolation")
        assert connection.execute(shown).scalar_one() == "serializable"
        connection.commit()
        aurora_cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(shown)
        connection.rollback()
        assert connection.execute(shown).scalar_one() == "serializable"


def test_orm_eager_loading_bulk_and_streaming(tables: sa.Engine) -> None:
    with orm.Session(tables) as session:
        session.execute(
            sa.insert(Author), [{"id": number, "name": f"author {number}"} for number in range(50)]
        )
        session.add(Book(title="a", author_id=7))
        session.add(Book(title="b", author_id=7))
        session.commit()
        author = session.scalars(
            sa.select(Author).where(Author.id == 7).options(orm.selectinload(Author.books))
        ).one()
        assert sorted(book.title for book in author.books) == ["a", "b"]
        streamed = session.scalars(
            sa.select(Author.id).order_by(Author.id).execution_options(yield_per=7)
        )
        assert list(streamed) == list(range(50))


def test_alembic_migrates_by_url(aurora_cluster: Cluster, tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config(str(tmp_path / "alembic.ini"))
    config.set_main_option("script_location", str(tmp_path / "migrations"))
    config.set_main_option("path_separator", "os")
    rendered = url(aurora_cluster).render_as_string(hide_password=False)
    command.init(config, str(tmp_path / "migrations"))
    config.set_main_option("sqlalchemy.url", rendered)
    revision = command.revision(config, message="first")
    script = Path(revision.path)  # type: ignore[union-attr]
    script.write_text(
        script.read_text()
        .replace("pass", 'op.execute("CREATE TABLE migrated (id int)")', 1)
        .replace("pass", 'op.execute("DROP TABLE migrated")', 1)
    )
    command.upgrade(config, "head")
    engine = sa.create_engine(rendered)
    assert sa.inspect(engine).has_table("migrated")
    command.downgrade(config, "base")
    assert not sa.inspect(engine).has_table("migrated")
    engine.dispose()


def test_asyncio_dialect_is_refused_clearly(aurora_cluster: Cluster) -> None:
    with pytest.raises(NotImplementedError, match="no asyncio dialect yet"):
        AwsWrapperPGPsycopgDialect.get_async_dialect_cls(url(aurora_cluster))
