# SPDX-License-Identifier: Apache-2.0
"""The dialects, as SQLAlchemy's users see them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa
from aurora_lab import Cluster, eventually
from sqlalchemy import orm
from sqlalchemy.orm import Mapped

from aws_advanced_python_wrapper import AwsWrapperConnection, errors, mysql_connector
from aws_advanced_python_wrapper import psycopg as psycopg_face

PROGRAMS = Path(__file__).parents[2] / "examples"


@dataclass(frozen=True)
class Stack:
    """A dialect of ours on a driver, and its cluster."""

    name: str
    fixture: str
    dialect: str
    stock: str
    face: ModuleType
    wrapper_dialect: str
    identifier: sa.TextClause
    """Tells the server's id."""
    isolation: sa.TextClause
    serializable: str
    broken: sa.TextClause
    """Fails on the server."""
    query: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def url(self, cluster: Cluster, *, stock: bool = False, **query: str) -> sa.URL:
        return sa.URL.create(
            self.stock if stock else self.dialect,
            username=cluster.user,
            password=cluster.password,
            host=cluster.writer_endpoint,
            database=cluster.database,
            query={**self.query, **query},
        )


PSYCOPG = Stack(
    name="psycopg",
    fixture="aurora_cluster",
    dialect="postgresql+aws_wrapper_psycopg",
    stock="postgresql+psycopg",
    face=psycopg_face,
    wrapper_dialect="aurora-pg",
    identifier=sa.text("SELECT pg_catalog.aurora_db_instance_identifier()"),
    isolation=sa.text("SHOW transaction_isolation"),
    serializable="serializable",
    broken=sa.text("select 1/0"),
)
MYSQL_PURE = Stack(
    name="mysql-pure",
    fixture="mysql_cluster",
    dialect="mysql+aws_wrapper_mysqlconnector",
    stock="mysql+mysqlconnector",
    face=mysql_connector,
    wrapper_dialect="aurora-mysql",
    identifier=sa.text("SELECT @@aurora_server_id"),
    isolation=sa.text("SELECT @@tx_isolation"),
    serializable="SERIALIZABLE",
    broken=sa.text("SELECT nothing FROM nowhere"),
    query={"use_pure": "True"},
)
MYSQL_C = replace(MYSQL_PURE, name="mysql-c", query={"use_pure": "False"})


@pytest.fixture(params=[PSYCOPG, MYSQL_PURE, MYSQL_C], ids=str)
def stack(request: pytest.FixtureRequest) -> Stack:
    chosen: Stack = request.param
    return chosen


@pytest.fixture
def cluster(request: pytest.FixtureRequest, stack: Stack) -> Cluster:
    found: Cluster = request.getfixturevalue(stack.fixture)
    return found


class Base(orm.DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = orm.mapped_column(primary_key=True)
    name: Mapped[str] = orm.mapped_column(sa.String(100))
    books: Mapped[list[Book]] = orm.relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = orm.mapped_column(primary_key=True)
    title: Mapped[str] = orm.mapped_column(sa.String(100))
    author_id: Mapped[int] = orm.mapped_column(sa.ForeignKey("author.id"))
    author: Mapped[Author] = orm.relationship(back_populates="books")


@pytest.fixture
def engine(cluster: Cluster, stack: Stack) -> Iterator[sa.Engine]:
    made = sa.create_engine(stack.url(cluster), pool_size=1, max_overflow=0)
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


def test_engine_of_the_documented_url_works(cluster: Cluster, stack: Stack) -> None:
    engine = sa.create_engine(
        stack.url(
            cluster,
            wrapper_dialect=stack.wrapper_dialect,
            wrapper_plugins="failover,host_monitoring_v2",
        )
    )
    with engine.connect() as connection:
        assert connection.execute(stack.identifier).scalar_one() == cluster.writer.id
    engine.dispose()


def test_dialect_has_a_name_that_is_good_for_an_urls_scheme(cluster: Cluster, stack: Stack) -> None:
    name = stack.dialect.replace("_", "")
    url = stack.url(cluster).set(drivername=name).render_as_string(hide_password=False)
    assert urlsplit(url).hostname == cluster.writer_endpoint
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert isinstance(connection.connection.driver_connection, AwsWrapperConnection)
    engine.dispose()


def test_empty_wrapper_plugins_are_no_plugins(cluster: Cluster, stack: Stack) -> None:
    engine = sa.create_engine(stack.url(cluster, wrapper_plugins=""))
    with engine.connect() as connection:
        driver_connection = connection.connection.driver_connection
        assert isinstance(driver_connection, AwsWrapperConnection)
        assert driver_connection.current_host is None
    engine.dispose()


def test_failover_within_a_connection_keeps_the_pooled_connection(
    cluster: Cluster, stack: Stack, engine: sa.Engine
) -> None:
    with engine.connect() as connection:
        before = connection.connection.dbapi_connection
        connection.execute(stack.identifier)
        connection.commit()
        cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError) as caught:
            connection.execute(stack.identifier)
        assert isinstance(caught.value.orig, errors.FailoverSuccessError)
        assert not caught.value.connection_invalidated
        assert connection.execute(stack.identifier).scalar_one() == cluster.writer.id
        assert connection.connection.dbapi_connection is before


def test_unknown_transaction_then_roll_back_then_work(cluster: Cluster, tables: sa.Engine) -> None:
    with orm.Session(tables) as session:
        session.add(Author(id=1, name="lost"))
        session.flush()
        cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError) as caught:
            session.commit()
        assert isinstance(caught.value.orig, errors.TransactionResolutionUnknownError)
        session.rollback()
        session.add(Author(id=2, name="kept"))
        session.commit()
        assert session.scalars(sa.select(Author.name)).all() == ["kept"]


def test_failed_failover_is_a_disconnect(cluster: Cluster, stack: Stack) -> None:
    engine = sa.create_engine(stack.url(cluster, failover_timeout_sec="1"))
    with engine.connect() as connection:
        connection.execute(stack.identifier)
        connection.commit()
        for instance in cluster.instances.values():
            cluster.crash(instance.id)
        with pytest.raises(sa.exc.OperationalError) as caught:
            connection.execute(stack.identifier)
        assert isinstance(caught.value.orig, errors.FailoverFailedError)
        assert caught.value.connection_invalidated
        connection.invalidate()
    engine.dispose()


def test_pre_ping_moves_a_pooled_connection_silently(cluster: Cluster, stack: Stack) -> None:
    engine = sa.create_engine(stack.url(cluster), pool_size=1, pool_pre_ping=True)
    with engine.connect() as connection:
        connection.execute(stack.identifier)
    cluster.failover(how="crash")
    with engine.connect() as connection:
        assert connection.execute(stack.identifier).scalar_one() == cluster.writer.id
    engine.dispose()


def test_pre_ping_asks_no_server_for_a_connection_just_used(gated_cluster: Cluster) -> None:
    cluster = gated_cluster
    url = PSYCOPG.url(cluster)
    engine = sa.create_engine(url, pool_size=1, pool_pre_ping=True)
    with engine.connect() as connection:
        connection.execute(PSYCOPG.identifier)
    gate = cluster.gate(cluster.writer.id)
    gate.freeze()
    with engine.connect() as connection:  # a question would not be answered
        gate.pass_()
        assert connection.connection.driver_connection.failover_report is None
        assert connection.execute(PSYCOPG.identifier).scalar_one() == cluster.writer.id
    engine.dispose()


def test_error_of_the_server_is_what_the_stock_dialect_gives(
    cluster: Cluster, stack: Stack, engine: sa.Engine
) -> None:
    stock = sa.create_engine(stack.url(cluster, stock=True))
    seen = []
    for one in (stock, engine):
        with one.connect() as connection, pytest.raises(sa.exc.DBAPIError) as caught:
            connection.execute(stack.broken)
        seen.append((type(caught.value), type(caught.value.orig), str(caught.value)))
    stock.dispose()
    assert seen[0] == seen[1]
    assert seen[0][1] in (psycopg.errors.DivisionByZero, mysql_connector.ProgrammingError)


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
    stack: Stack, engine: sa.Engine, name: str, expected: type[Exception]
) -> None:
    def refuse(*_: object) -> None:
        raise getattr(stack.face, name)("refused")

    with engine.connect() as connection:
        sa.event.listen(engine, "do_execute", refuse)
        with pytest.raises(expected) as caught:
            connection.execute(sa.text("SELECT 1"))
    assert type(caught.value) is expected
    assert isinstance(caught.value.orig, getattr(errors, name))


def test_stock_dialect_works_with_our_connections(cluster: Cluster, stack: Stack) -> None:
    engine = sa.create_engine(
        f"{stack.stock}://", creator=lambda: stack.face.connect(cluster.dsn(), **stack.query)
    )
    with engine.connect() as connection:
        assert connection.execute(stack.identifier).scalar_one() == cluster.writer.id
    engine.dispose()


def test_isolation_level_reaches_the_server_and_survives(
    cluster: Cluster, stack: Stack, engine: sa.Engine
) -> None:
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        shown = stack.isolation
        assert connection.execute(shown).scalar_one() == stack.serializable
        connection.commit()
        cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(shown)
        connection.rollback()
        assert connection.execute(shown).scalar_one() == stack.serializable


def test_session_that_lost_a_part_does_nothing_until_it_is_rolled_back(
    cluster: Cluster, tables: sa.Engine
) -> None:
    with orm.Session(tables) as session:
        session.add(Author(id=1, name="lost"))
        session.flush()
        cluster.failover(how="crash")
        with pytest.raises(sa.exc.DBAPIError) as caught:
            session.scalars(sa.select(Author.name)).all()
        assert isinstance(caught.value.orig, errors.TransactionResolutionUnknownError)
        assert caught.value.connection_invalidated
        with pytest.raises(sa.exc.PendingRollbackError):
            session.scalars(sa.select(Author.name)).all()
        session.rollback()
        assert session.scalars(sa.select(Author.name)).all() == []


def end_session(cluster: Cluster, connection: sa.Connection) -> None:
    """End a connection's session on its server, and wait until it has ended."""
    driver = connection.connection.driver_connection
    with cluster.connect(cluster.writer.id) as admin:
        if cluster.engine == "mysql":
            cursor, number = admin.cursor(), driver.connection_id
            there = f"SELECT id FROM information_schema.processlist WHERE id = {number}"
            cursor.execute(f"KILL {number}")
            eventually(lambda: cursor.execute(there) or not cursor.fetchall(), within=10)
        else:
            admin.execute("SELECT pg_terminate_backend(%s, 5000)", [driver.info.backend_pid])


def test_other_connections_of_the_pool_outlive_one_that_lost_a_part(
    cluster: Cluster, stack: Stack
) -> None:
    engine = sa.create_engine(stack.url(cluster), pool_size=3)
    with engine.connect() as other, engine.connect() as connection:
        kept = other.connection.dbapi_connection
        connection.execute(sa.text("SAVEPOINT part"))
        end_session(cluster, connection)
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(stack.identifier)
        assert connection.invalidated
        other.close()
        with engine.connect() as one, engine.connect() as two:
            assert kept in (one.connection.dbapi_connection, two.connection.dbapi_connection)
    engine.dispose()


def test_upstreams_behaviour_can_be_chosen(
    cluster: Cluster, stack: Stack, tables: sa.Engine
) -> None:
    engine = sa.create_engine(stack.url(cluster, commit_after_lost_transaction="true"))
    with engine.begin() as connection:
        connection.execute(sa.insert(Author), {"id": 1, "name": "lost"})
        cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError):
            connection.execute(sa.select(Author.name))
        connection.execute(sa.insert(Author), {"id": 2, "name": "the rest"})
    assert cluster.committed("SELECT name FROM author")[cluster.writer.id] == [("the rest",)]
    tables.dispose()  # its connection was lost, too
    engine.dispose()


def test_failover_within_a_savepoint_ends_the_whole_transaction(
    cluster: Cluster, tables: sa.Engine
) -> None:
    def savepoint() -> None:
        with connection.begin_nested():
            cluster.failover(how="crash")
            connection.execute(sa.insert(Author), {"id": 2, "name": "lost"})

    with tables.connect() as connection:
        connection.execute(sa.insert(Author), {"id": 1, "name": "lost"})
        with pytest.raises(sa.exc.OperationalError) as caught:
            savepoint()
        assert isinstance(caught.value.orig, errors.TransactionResolutionUnknownError)
        with pytest.raises(sa.exc.PendingRollbackError):
            connection.execute(sa.insert(Author), {"id": 3, "name": "half of it"})
        with pytest.raises(sa.exc.PendingRollbackError):
            connection.commit()
        connection.rollback()
        assert connection.execute(sa.select(Author.id)).all() == []


def test_failover_at_a_savepoint_ends_the_whole_transaction(
    cluster: Cluster, tables: sa.Engine
) -> None:
    with orm.Session(tables) as session:
        session.add(Author(id=1, name="lost"))
        session.flush()
        cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError) as caught, session.begin_nested():
            session.execute(sa.text("SELECT 1"))
        assert isinstance(caught.value.orig, errors.TransactionResolutionUnknownError)
        with pytest.raises(sa.exc.PendingRollbackError):
            session.commit()
        session.rollback()
        assert session.scalars(sa.select(Author.name)).all() == []


def test_rollback_that_meets_a_failover_is_a_rollback(cluster: Cluster, tables: sa.Engine) -> None:
    with orm.Session(tables) as session:
        session.add(Author(id=1, name="rolled back"))
        session.flush()
        connection = session.connection().connection.driver_connection
        cluster.failover(how="crash")
        session.rollback()
        assert connection.failover_report is not None
        assert session.scalars(sa.select(Author.name)).all() == []


def test_failover_within_two_phases_leaves_with_its_error(
    cluster: Cluster, tables: sa.Engine
) -> None:
    def two_phases() -> None:
        with connection.begin_twophase():
            connection.execute(sa.insert(Author), {"id": 1, "name": "lost"})
            cluster.failover(how="crash")
            connection.execute(sa.insert(Author), {"id": 2, "name": "lost"})

    with tables.connect() as connection:
        with pytest.raises(sa.exc.OperationalError) as caught:
            two_phases()
        assert isinstance(caught.value.orig, errors.TransactionResolutionUnknownError)
        assert connection.execute(sa.select(Author.id)).all() == []


def test_failover_at_the_first_phase_leaves_with_its_error(
    cluster: Cluster, tables: sa.Engine
) -> None:
    with tables.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute(sa.insert(Author), {"id": 1, "name": "lost"})
        cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError) as caught:
            transaction.prepare()
        assert isinstance(caught.value.orig, errors.TransactionResolutionUnknownError)
        transaction.rollback()
        assert connection.execute(sa.select(Author.id)).all() == []


def test_failover_in_the_first_statement_of_a_savepoint_leaves_with_its_error(
    cluster: Cluster, tables: sa.Engine
) -> None:
    def savepoint() -> None:
        with tables.begin() as connection, connection.begin_nested():
            cluster.failover(how="crash")
            connection.execute(sa.insert(Author), {"id": 1, "name": "lost"})

    with pytest.raises(sa.exc.OperationalError) as caught:
        savepoint()
    assert isinstance(caught.value.orig, errors.FailoverError)


def test_rollback_of_two_phases_that_meets_a_failover_raises_nothing(
    cluster: Cluster, tables: sa.Engine
) -> None:
    with tables.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute(sa.insert(Author), {"id": 1, "name": "rolled back"})
        cluster.failover(how="crash")
        transaction.rollback()
        assert connection.execute(sa.select(Author.id)).all() == []


def test_prepared_transaction_is_recovered_after_a_failover(
    aurora_cluster: Cluster,
) -> None:
    engine = sa.create_engine(PSYCOPG.url(aurora_cluster), pool_size=1, max_overflow=0)
    Base.metadata.create_all(engine)
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute(sa.insert(Author), {"id": 1, "name": "kept"})
        transaction.prepare()
        aurora_cluster.failover(how="crash")
        with pytest.raises(sa.exc.OperationalError):
            transaction.commit()
        connection.rollback()
        connection.commit_prepared(transaction.xid, recover=True)
        assert connection.scalars(sa.select(Author.name)).all() == ["kept"]
    Base.metadata.drop_all(engine)
    engine.dispose()


def test_orm_eager_loading_bulk_and_streaming(tables: sa.Engine) -> None:
    with orm.Session(tables) as session:
        session.execute(
            sa.insert(Author),
            [{"id": number, "name": f"author {number}"} for number in range(1, 51)],
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
        assert list(streamed) == list(range(1, 51))


def test_alembic_migrates_by_url(aurora_cluster: Cluster, tmp_path: Path) -> None:
    # As a process of its own, as users run it: its env.py switches off all loggers there are.
    def alembic(*arguments: str) -> None:
        command = [sys.executable, "-m", "alembic", *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    rendered = PSYCOPG.url(aurora_cluster).render_as_string(hide_password=False)
    alembic("init", "migrations")
    settings = tmp_path / "alembic.ini"
    settings.write_text(
        re.sub(r"(?m)^sqlalchemy\.url = .*$", f"sqlalchemy.url = {rendered}", settings.read_text())
    )
    alembic("revision", "-m", "first")
    (script,) = (tmp_path / "migrations" / "versions").glob("*_first.py")
    script.write_text(
        script.read_text()
        .replace("pass", 'op.execute("CREATE TABLE migrated (id int)")', 1)
        .replace("pass", 'op.execute("DROP TABLE migrated")', 1)
    )
    alembic("upgrade", "head")
    engine = sa.create_engine(rendered)
    assert sa.inspect(engine).has_table("migrated")
    alembic("downgrade", "base")
    assert not sa.inspect(engine).has_table("migrated")
    engine.dispose()
