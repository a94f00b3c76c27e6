# SPDX-License-Identifier: Apache-2.0
"""The plugin aurora_connection_tracker: what lies idle on a writer that is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster, eventually
from psycopg_pool import ConnectionPool

from aws_advanced_python_wrapper import errors, mysql_connector
from aws_advanced_python_wrapper.psycopg import PsycopgConnection
from django_help import database
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
    connection = idle.open_one(idle.cluster.instances["instance-3"].endpoint)
    yield connection
    connection.close()


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
    # The lab may have copied the other reader anew, which ends its links, too.
    assert counter("links_retired") in (calls + IDLE, calls + IDLE + 1)
    assert idle.check_out_all() == ["instance-2"] * IDLE
    assert idle.check_out_all() == ["instance-2"] * IDLE


class Loss:
    """The loss of a writer whose connections are tracked."""

    def __init__(self, cluster: Cluster, on_reader: Any) -> None:
        self._cluster = cluster
        self._on_reader = on_reader

    def of(self, host: str | None, how: str = "crash") -> str:
        """Lose the writer, which is this host; its successor, once the links to it are retired."""
        assert host == self._cluster.truth().writer
        before = counter("links_retired")
        self._cluster.heal()
        self._cluster.failover(how=how)  # type: ignore[arg-type]
        writer = self._cluster.truth().writer
        eventually(lambda: told_writer(self._on_reader) == writer, within=20)
        assert counter("links_retired") > before
        return writer


@pytest.fixture
def loss(aurora_cluster: Cluster, connect: Connect) -> Loss:
    names = aurora_cluster.instances
    return Loss(aurora_cluster, connect(names["instance-3"].endpoint, autocommit=True))


CheckOut = Callable[[], AbstractContextManager[Any]]


@pytest.fixture(params=[True, False], ids=["autocommit", "transactions"])
def check_out(aurora_cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[CheckOut]:
    """Takes the only connection out of a pool."""
    with ConnectionPool(
        aurora_cluster.dsn(),
        connection_class=PsycopgConnection,
        kwargs={"autocommit": request.param},
        min_size=1,
        open=True,
    ) as pool:
        yield pool.connection


def host_of(connection: Any) -> str:
    return str(connection.execute(IDENTIFIER["pg"]).fetchone()[0])


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
    [row] = connection.cursor().stream("SELECT 1")
    return row


def by_pipeline(connection: Any) -> Any:
    with connection.pipeline():
        return connection.execute("SELECT 1").fetchone()


def by_server_cursor(connection: Any) -> Any:
    with connection.transaction(), connection.cursor(name="held") as cursor:
        return cursor.execute("SELECT 1").fetchone()


def set_and_asked(connection: Any) -> Any:
    connection.autocommit = not connection.autocommit
    try:
        return connection.execute("SELECT 1").fetchone()
    finally:
        connection.rollback()
        connection.autocommit = not connection.autocommit


@pytest.mark.parametrize(
    "use",
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
def test_first_call_of_a_checkout_goes_on_whatever_it_is(
    loss: Loss, check_out: CheckOut, use: Callable[[Any], Any]
) -> None:
    with check_out() as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 0")
        host = connection.current_host
    writer = loss.of(host)
    with check_out() as connection:
        assert use(connection) == (1,)
        assert cursor.execute("SELECT 2").fetchone() == (2,)
        connection.commit()
        assert host_of(connection) == writer


@pytest.mark.parametrize("how", ["crash", "planned"])
def test_what_the_session_was_told_goes_along(loss: Loss, check_out: CheckOut, how: str) -> None:
    with check_out() as connection:
        connection.execute("SET application_name = 'mine'")
        connection.execute("SET work_mem = '77MB'")
        host = connection.current_host
    writer = loss.of(host, how)
    with check_out() as connection:
        assert host_of(connection) == writer
        assert connection.execute("SHOW application_name").fetchone() == ("mine",)
        assert connection.execute("SHOW work_mem").fetchone() == ("77MB",)
        assert connection.failover_report.trigger == "retired"


def test_what_can_not_go_along_is_told(loss: Loss, check_out: CheckOut) -> None:
    with check_out() as connection:
        connection.execute("CREATE TEMP TABLE mine (n int)")
        host = connection.current_host
    writer = loss.of(host)
    with check_out() as connection:
        with pytest.raises(errors.FailoverSuccessError) as told:
            connection.execute("SELECT 1")
        assert told.value.outcome_known
        assert [what for what in told.value.gone if "mine" in what]
        assert host_of(connection) == writer


def test_listener_hears_that_it_may_have_missed_something(loss: Loss, check_out: CheckOut) -> None:
    with check_out() as connection:
        connection.execute("LISTEN news")
        connection.commit()
        host = connection.current_host
    loss.of(host)
    with check_out() as connection:
        with pytest.raises(errors.FailoverSuccessError, match="notifications may have been lost"):
            connection.execute("SELECT 1")
        connection.execute("NOTIFY news, 'now'")
        connection.commit()
        assert [n.payload for n in connection.notifies(timeout=5, stop_after=1)] == ["now"]


def test_second_call_of_a_use_is_told_since_it_may_rely_on_the_first(
    loss: Loss, check_out: CheckOut
) -> None:
    with check_out() as connection:
        connection.execute("SELECT 1")
        connection.commit()
        writer = loss.of(connection.current_host)
        with pytest.raises(errors.FailoverSuccessError, match="no transaction was open") as told:
            connection.execute("SELECT 2")
        assert told.value.outcome_known
        assert host_of(connection) == writer


def test_open_transaction_is_lost(loss: Loss, connect: Connect) -> None:
    connection = connect()
    connection.execute("SELECT 1")
    loss.of(connection.current_host)
    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.execute("SELECT 2")
    connection.rollback()
    assert connection.execute("SELECT 3").fetchone() == (3,)


def test_session_that_is_not_brought_over_is_told(loss: Loss, aurora_cluster: Cluster) -> None:
    with ConnectionPool(
        aurora_cluster.dsn(),
        connection_class=PsycopgConnection,
        kwargs={"transfer_session_state_on_switch": False},
        min_size=1,
        open=True,
    ) as pool:
        with pool.connection() as connection:
            host = connection.current_host
        loss.of(host)
        with (
            pytest.raises(errors.FailoverSuccessError),
            pool.connection() as connection,
        ):
            connection.execute("SELECT 1")


def test_without_failover_the_driver_tells_of_a_lost_connection(
    loss: Loss, connect: Connect
) -> None:
    connection = connect(autocommit=True, plugins="aurora_connection_tracker")
    loss.of(connection.current_host)
    with pytest.raises(psycopg.OperationalError, match="given up by a monitor") as told:
        connection.execute("SELECT 1")
    assert not isinstance(told.value, errors.AwsWrapperError)
    assert connection.closed


def test_busy_call_on_a_silent_writer_ends(aurora_cluster: Cluster, connect: Connect) -> None:
    idle = [connect(autocommit=True) for _ in range(3)]
    running = connect(autocommit=True)
    call = Background(lambda: running.execute("SELECT pg_sleep(50)"))
    eventually(busy(aurora_cluster, "pg_sleep(50)"))
    aurora_cluster.failover(how="freeze")
    assert isinstance(call.raised(), errors.FailoverSuccessError)
    writer = aurora_cluster.truth().writer
    for connection in idle:
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        assert host_of(connection) == writer
        assert connection.failover_report is not None
        assert connection.failover_report.trigger == "retired"
    aurora_cluster.heal()


def test_django_connects_anew_for_the_next_request(mysql_cluster: Cluster) -> None:
    mysql_cluster.heal()
    wrapped = database(mysql_cluster)
    with wrapped.cursor() as cursor:
        cursor.execute("SELECT 1")
    on_reader = mysql_connector.connect(
        mysql_cluster.dsn(mysql_cluster.instances["instance-3"].endpoint)
    )
    old = wrapped.connection
    writer = Loss(mysql_cluster, on_reader).of(old.current_host)
    wrapped.close_if_unusable_or_obsolete()  # as Django does as a request begins
    with wrapped.cursor() as cursor:
        cursor.execute(IDENTIFIER["mysql"])
        assert cursor.fetchone() == (writer,)
    assert wrapped.connection is not old
    wrapped.close()
    on_reader.close()


@pytest.mark.parametrize("use_pure", [True, False])
def test_mysql_session_is_told_and_goes_on(mysql_cluster: Cluster, use_pure: bool) -> None:
    mysql_cluster.heal()
    way = {"use_pure": use_pure}
    on_reader = mysql_connector.connect(
        mysql_cluster.dsn(mysql_cluster.instances["instance-3"].endpoint), **way
    )
    with mysql_connector.connect(mysql_cluster.dsn(), autocommit=True, **way) as connection:
        prepared = connection.cursor(prepared=True)
        prepared.execute("SELECT %s", (1,))
        assert prepared.fetchall() == [(1,)]
        Loss(mysql_cluster, on_reader).of(connection.current_host)
        assert not connection.is_connected(), "what was done on it is lost"
        with pytest.raises(errors.FailoverSuccessError):
            prepared.execute("SELECT %s", (2,))
        assert connection.is_connected()
        prepared.execute("SELECT %s", (3,))
        assert prepared.fetchall() == [(3,)]
    on_reader.close()
