# SPDX-License-Identifier: Apache-2.0
"""The plugin aurora_connection_tracker: what lies idle on a writer that is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster, eventually

from aws_advanced_python_wrapper import errors, mysql_connector
from lab_help import Background, Connect, busy, counter
from pools import IDENTIFIER, POOLS, Idle

IDLE = 8


@pytest.fixture(params=POOLS)
def idle(request: pytest.FixtureRequest) -> Iterator[Idle]:
    engine, make = POOLS[request.param]
    domain = f"idle{request.param.replace('-', '').replace('_', '')}.us-east-1.rds.amazonaws.com"
    with Cluster(engine=engine, readers=2, domain=domain.lower()) as cluster:  # type: ignore[arg-type]
        pool = make(cluster, IDLE)
        yield pool
        pool.close()


@pytest.fixture
def on_reader(idle: Idle) -> Iterator[Any]:
    """A connection to the second of two readers, which the lab makes the writer last."""
    with idle.open_one(idle.cluster.instances["instance-3"].endpoint) as connection:
        yield connection


def told_writer(connection: Any) -> str | None:
    """The writer as connections know it."""
    assert connection.topology is not None
    return next((h.id for h in connection.topology.hosts if h.role == "writer"), None)


def test_no_checkout_after_a_crash_meets_an_error(idle: Idle, on_reader: Any) -> None:
    cluster = idle.cluster
    assert idle.check_out_all() == ["instance-1"] * IDLE
    calls = counter("links_retired")
    cluster.failover(how="crash")
    eventually(lambda: told_writer(on_reader) == "instance-2", within=20)
    assert counter("links_retired") == calls + IDLE
    assert idle.check_out_all() == ["instance-2"] * IDLE
    assert idle.check_out_all() == ["instance-2"] * IDLE
    assert on_reader.failover_report is None


class Retired:
    """Connections whose writer was lost while they were idle, and who the writer is now."""

    def __init__(self, cluster: Cluster, on_reader: Any) -> None:
        self._cluster = cluster
        self._on_reader = on_reader

    def after(self, connection: Any, how: str = "crash") -> str:
        """Lose the writer; its name once the connection is retired."""
        assert connection.current_host == self._cluster.truth().writer
        before = counter("links_retired")
        self._cluster.heal()
        self._cluster.failover(how=how)
        writer = self._cluster.truth().writer
        eventually(lambda: told_writer(self._on_reader) == writer, within=20)
        assert counter("links_retired") > before
        return str(writer)


@pytest.fixture
def retired(aurora_cluster: Cluster, connect: Connect) -> Retired:
    names = aurora_cluster.instances
    return Retired(aurora_cluster, connect(names["instance-3"].endpoint, autocommit=True))


def host_of(connection: Any) -> str:
    return str(connection.execute(IDENTIFIER["pg"]).fetchone()[0])


@pytest.mark.parametrize("how", ["crash", "planned"])
def test_what_the_session_was_told_goes_along(retired: Retired, connect: Connect, how: str) -> None:
    connection = connect(autocommit=True)
    connection.execute("SET application_name = 'mine'")
    connection.execute("SET work_mem = '77MB'")
    writer = retired.after(connection, how)
    assert host_of(connection) == writer
    assert connection.execute("SHOW application_name").fetchone() == ("mine",)
    assert connection.execute("SHOW work_mem").fetchone() == ("77MB",)
    assert connection.failover_report is not None
    assert connection.failover_report.trigger == "retired"


def test_what_cannot_go_along_is_told(retired: Retired, connect: Connect) -> None:
    connection = connect(autocommit=True)
    connection.execute("CREATE TEMP TABLE mine (n int)")
    writer = retired.after(connection)
    with pytest.raises(errors.FailoverSuccessError) as told:
        connection.execute("SELECT 1")
    assert told.value.outcome_known
    assert [what for what in told.value.gone if "mine" in what]
    assert host_of(connection) == writer


def test_listener_hears_that_it_may_have_missed_something(
    retired: Retired, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    connection.execute("LISTEN news")
    retired.after(connection)
    with pytest.raises(errors.FailoverSuccessError, match="notifications may have been lost"):
        connection.execute("SELECT 1")
    connection.execute("NOTIFY news, 'now'")
    assert [n.payload for n in connection.notifies(timeout=5, stop_after=1)] == ["now"]


def test_open_transaction_is_lost(retired: Retired, connect: Connect) -> None:
    connection = connect()
    connection.execute("SELECT 1")
    retired.after(connection)
    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.execute("SELECT 2")
    connection.rollback()
    assert connection.execute("SELECT 3").fetchone() == (3,)


def block(connection: Any) -> Any:
    with connection.transaction():
        return connection.execute("SELECT 1").fetchone()


def block_in_transaction(connection: Any) -> Any:
    with connection.transaction():
        connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        with connection.transaction():
            return connection.execute("SELECT 1").fetchone()


def commit_of_nothing(connection: Any) -> Any:
    connection.commit()
    return connection.execute("SELECT 1").fetchone()


def several(connection: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.executemany("SELECT %s", [(1,), (2,)], returning=True)
        return cursor.fetchone()


def copied(connection: Any) -> Any:
    with connection.cursor() as cursor, cursor.copy("COPY (SELECT 1) TO STDOUT") as copy:
        copy.set_types(["int4"])
        [row] = copy.rows()
        return row


def streamed(connection: Any) -> Any:
    return next(iter(connection.cursor().stream("SELECT 1")))


def by_pipeline(connection: Any) -> Any:
    with connection.pipeline():
        return connection.execute("SELECT 1").fetchone()


def by_server_cursor(connection: Any) -> Any:
    with connection.transaction(), connection.cursor(name="held") as cursor:
        return cursor.execute("SELECT 1").fetchone()


def set_and_asked(connection: Any) -> Any:
    connection.autocommit = not connection.autocommit
    return connection.execute("SELECT 1").fetchone()


@pytest.mark.parametrize(
    "call",
    [
        block,
        block_in_transaction,
        commit_of_nothing,
        several,
        copied,
        streamed,
        by_pipeline,
        by_server_cursor,
        set_and_asked,
    ],
)
@pytest.mark.parametrize("autocommit", [True, False])
def test_call_goes_on_whatever_it_is(
    retired: Retired, connect: Connect, call: Callable[[Any], Any], autocommit: bool
) -> None:
    connection = connect(autocommit=autocommit)
    cursor = connection.cursor()
    cursor.execute("SELECT 0")
    connection.commit()
    writer = retired.after(connection)
    assert call(connection) == (1,)
    assert cursor.execute("SELECT 2").fetchone() == (2,)
    connection.commit()
    assert host_of(connection) == writer


def test_without_failover_the_driver_tells_of_a_lost_connection(
    retired: Retired, connect: Connect
) -> None:
    connection = connect(autocommit=True, plugins="aurora_connection_tracker")
    retired.after(connection)
    with pytest.raises(psycopg.OperationalError, match="given up by a monitor") as told:
        connection.execute("SELECT 1")
    assert not isinstance(told.value, errors.AwsWrapperError)
    assert connection.closed


def test_busy_call_on_a_silent_writer_ends_and_the_idle_ones_meet_no_error(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    idle = [connect(autocommit=True) for _ in range(3)]
    running = connect(autocommit=True)
    call = Background(lambda: running.execute("SELECT pg_sleep(50)"))
    eventually(busy(aurora_cluster, "pg_sleep(50)"))
    aurora_cluster.failover(how="freeze")
    assert isinstance(call.raised(), errors.FailoverSuccessError)
    writer = aurora_cluster.truth().writer
    assert [host_of(connection) for connection in idle] == [writer] * 3
    assert [connection.failover_report.trigger for connection in idle] == ["retired"] * 3


@pytest.mark.parametrize("use_pure", [True, False])
def test_mysql_statement_that_was_prepared_on_the_lost_link_is_told(
    mysql_cluster: Cluster, use_pure: bool
) -> None:
    mysql_cluster.heal()
    way = {"use_pure": use_pure}
    on_reader = mysql_connector.connect(
        mysql_cluster.dsn(mysql_cluster.instances["instance-3"].endpoint), **way
    )
    with mysql_connector.connect(mysql_cluster.dsn(), autocommit=True, **way) as connection:
        prepared = connection.cursor(prepared=True)
        prepared.execute("SELECT %s", (1,))
        assert prepared.fetchall() == [(1,)]
        Retired(mysql_cluster, on_reader).after(connection)
        with pytest.raises(errors.FailoverSuccessError):
            prepared.execute("SELECT %s", (2,))
        prepared.execute("SELECT %s", (3,))
        assert prepared.fetchall() == [(3,)]
    on_reader.close()
