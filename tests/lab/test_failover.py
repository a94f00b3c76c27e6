# SPDX-License-Identifier: Apache-2.0
"""What an application sees when its server is lost."""

from __future__ import annotations

from _ctypes import FUNCFLAG_PYTHONAPI as _FUNCFLAG_PYTHONAPI
from contextlib import nullcontext
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster, eventually
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper._core.waits import drive
from aws_advanced_python_wrapper.psycopg import PsycopgConnection, _link
from lab_help import Background, Connect, busy

WHERE = "SELECT pg_catalog.aurora_db_instance_identifier(), pg_catalog.pg_is_in_recovery()"


def where(connection: psycopg.Connection[Any]) -> tuple[str, bool]:
    row = connection.execute(WHERE).fetchone()
    assert row is not None
    return row


@pytest.fixture
def table(aurora_cluster: Cluster) -> str:
    name = "failover_rows"
    with aurora_cluster.connect(aurora_cluster.writer.id, dbname=aurora_cluster.database) as admin:
        admin.execute(f"DROP TABLE IF EXISTS {name}")
        admin.execute(f"CREATE TABLE {name} (id int PRIMARY KEY)")
        admin.execute(f"GRANT ALL ON {name} TO {aurora_cluster.user}")
    return name


@pytest.mark.parametrize("how", ["crash", "planned"])
def test_idle_connection_after_the_writer_is_lost_moves_to_the_new_writer(
    aurora_cluster: Cluster, connect: Connect, how: str
) -> None:
    connection = connect(autocommit=True)
    old = where(connection)[0]

    aurora_cluster.failover(how=how)

    with pytest.raises(errors.FailoverSuccessError) as caught:
        connection.execute("SELECT 1")
    assert isinstance(caught.value, psycopg.OperationalError)
    assert isinstance(caught.value.__cause__, psycopg.OperationalError)
    new, reader = where(connection)
    assert new == aurora_cluster.truth().writer != old
    assert not reader
    assert connection.current_host == new
    report = caught.value.failover_report
    assert report is not None
    assert (report.from_host, report.to_host) == (old, new)
    assert report.attempts[-1].result == "connected"
    assert report.total_ms >= report.connect_ms > 0


def test_running_statement_hears_of_the_crash(aurora_cluster: Cluster, connect: Connect) -> None:
    connection = connect(autocommit=True)
    call = Background(lambda: connection.execute("SELECT pg_sleep(60)"))
    eventually(busy(aurora_cluster, "pg_sleep(60)"), within=10)

    aurora_cluster.failover(how="crash")

    assert isinstance(call.raised(), errors.FailoverSuccessError)
    assert not where(connection)[1]


def test_open_transaction_is_reported_as_unknown_and_is_gone(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect()
    connection.execute(f"INSERT INTO {table} VALUES (1)")

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.execute(f"INSERT INTO {table} VALUES (2)")
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    assert connection.autocommit is False
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    connection.rollback()
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_transaction_begun_by_sql_under_autocommit_counts(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    connection.execute("BEGIN")

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.execute("SELECT 1")


def test_first_statement_of_a_transaction_is_no_open_transaction(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect()
    where(connection)
    connection.commit()

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_transaction_end_that_is_lost_is_unknown(
    aurora_cluster: Cluster, connect: Connect, table: str, end: str
) -> None:
    connection = connect()
    connection.execute(f"INSERT INTO {table} VALUES (1)")

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        getattr(connection, end)()
    assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_transaction_block_leaves_with_the_failover_error_and_the_next_one_works(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect()

    def doomed() -> None:
        with connection.transaction(), connection.transaction():
            connection.execute(f"INSERT INTO {table} VALUES (1)")
            aurora_cluster.failover(how="crash")
            connection.execute(f"INSERT INTO {table} VALUES (2)")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        doomed()
    with connection.transaction():
        connection.execute(f"INSERT INTO {table} VALUES (3)")
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == [(3,)]


def test_session_state_is_brought_over(aurora_cluster: Cluster, connect: Connect) -> None:
    connection = connect(autocommit=True)
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    connection.execute("SET application_name = 'quo''ted'")
    connection.autocommit = False
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    connection.read_only = True
    connection.deferrable = True

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    shown = [
        connection.execute(f"SHOW {name}").fetchone()
        for name in (
            "TimeZone",
            "application_name",
            "transaction_isolation",
            "transaction_read_only",
            "transaction_deferrable",
        )
    ]
    assert shown == [("Asia/Tokyo",), ("quo'ted",), ("serializable",), ("on",), ("on",)]


def test_session_state_stays_behind_if_asked_for(aurora_cluster: Cluster, connect: Connect) -> None:
    connection = connect(autocommit=True, transfer_session_state_on_switch=False)
    connection.execute("SET TimeZone = 'Asia/Tokyo'")

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    assert connection.execute("SHOW TimeZone").fetchone() != ("Asia/Tokyo",)


def test_cursor_prepared_statement_and_handlers_live_on(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    notices: list[str | None] = []
    connection.add_notice_handler(lambda diag: notices.append(diag.message_primary))
    cursor = connection.cursor(row_factory=psycopg.rows.dict_row)
    for _ in range(7):
        cursor.execute("SELECT %s::int AS n", [1])
    with_rows = connection.execute("SELECT 1 AS one")

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.FailoverSuccessError):
        cursor.execute("SELECT %s::int AS n", [1])
    assert cursor.execute("SELECT %s::int AS n", [2]).fetchone() == {"n": 2}
    assert with_rows.description is not None
    assert with_rows.description[0].name == "one"
    assert with_rows.fetchone() == (1,)
    assert with_rows.execute("SELECT 2").fetchone() == (2,)
    connection.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$")
    assert notices == ["hello"]


def test_executemany_copy_pipeline_and_server_side_cursor_are_covered(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    def executemany(connection: psycopg.Connection[Any]) -> None:
        connection.cursor().executemany(f"INSERT INTO {table} VALUES (%s)", [(1,), (2,)])

    def copy(connection: psycopg.Connection[Any]) -> None:
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as rows:
            rows.write_row((1,))

    def pipeline(connection: psycopg.Connection[Any]) -> None:
        with connection.pipeline():
            connection.execute(f"INSERT INTO {table} VALUES (1)")
            connection.execute(f"INSERT INTO {table} VALUES (2)")

    def server_side(connection: psycopg.Connection[Any]) -> None:
        with connection.cursor("named") as cursor:
            cursor.execute(f"SELECT * FROM {table}")

    for work in (executemany, copy, pipeline, server_side):
        connection = connect()
        where(connection)
        connection.commit()
        aurora_cluster.failover(how="crash")
        with pytest.raises(errors.FailoverError) as caught:
            work(connection)
        assert not isinstance(caught.value, errors.FailoverFailedError), work.__name__
        assert not where(connection)[1], work.__name__
        connection.rollback()
        work(connection)
        connection.rollback()
        aurora_cluster.heal()


def test_second_and_later_failovers_work_like_the_first(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    for _ in range(4):
        where(connection)
        aurora_cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("SELECT 1")
        assert where(connection) == (aurora_cluster.truth().writer, False)
        aurora_cluster.heal()


def test_killed_backend_is_replaced_on_the_same_writer(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    with aurora_cluster.connect(aurora_cluster.writer.id) as admin:
        admin.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])

    with pytest.raises(errors.FailoverSuccessError) as caught:
        connection.execute("SELECT 1")
    report = caught.value.failover_report
    assert report is not None
    assert report.from_host == report.to_host == aurora_cluster.writer.id


def test_write_on_a_reader_moves_a_strict_writer_connection(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    reader = aurora_cluster.readers[0]
    connection = connect(reader.endpoint, autocommit=True)
    assert where(connection) == (reader.id, True)

    with pytest.raises(errors.FailoverSuccessError) as caught:
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert isinstance(caught.value.__cause__, psycopg.errors.ReadOnlySqlTransaction)
    assert where(connection) == (aurora_cluster.writer.id, False)


def test_write_on_a_reader_within_a_transaction_block(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect(aurora_cluster.readers[0].endpoint)
    with pytest.raises(errors.TransactionResolutionUnknownError), connection.transaction():
        connection.execute(f"INSERT INTO {table} VALUES (0)")
    for number in (1, 2):
        with connection.transaction():
            connection.execute(f"INSERT INTO {table} VALUES (%s)", [number])
    assert where(connection) == (aurora_cluster.writer.id, False)


def test_write_in_a_read_only_transaction_is_the_drivers_error(
    connect: Connect, table: str
) -> None:
    connection = connect()
    connection.read_only = True
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), connection.transaction():
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert connection.failover_report is None


@pytest.mark.parametrize("autocommit", [True, False])
def test_a_block_that_caught_the_failover_does_not_end_without_an_error(
    aurora_cluster: Cluster, connect: Connect, table: str, autocommit: bool
) -> None:
    connection = connect(autocommit=autocommit)

    def work() -> None:
        with connection.transaction():
            connection.execute(f"INSERT INTO {table} VALUES (1)")
            try:
                with connection.transaction():
                    aurora_cluster.failover(how="crash")
                    connection.execute(f"INSERT INTO {table} VALUES (2)")
            except psycopg.OperationalError:
                pass
            with pytest.raises(errors.TransactionResolutionUnknownError):
                connection.execute(f"INSERT INTO {table} VALUES (3)")

    with pytest.raises(errors.TransactionResolutionUnknownError) as caught:
        work()
    assert caught.value.failover_report is not None
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    with connection.transaction():
        connection.execute(f"INSERT INTO {table} VALUES (4)")
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == [(4,)]


def test_what_is_within_a_lost_block_ends_with_it(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect()

    def named_cursor() -> None:
        with connection.cursor("named") as cursor:
            cursor.execute("SELECT generate_series(1, 1000)")
            aurora_cluster.failover(how="crash")
            cursor.fetchall()

    def copy() -> None:
        with connection.cursor().copy(f"COPY {table} FROM STDIN") as rows:
            rows.write_row((1,))
            aurora_cluster.failover(how="crash")

    def pipeline() -> None:
        with connection.pipeline() as sent:
            connection.execute(f"INSERT INTO {table} VALUES (1)")
            sent.sync()
            aurora_cluster.failover(how="crash")
            connection.execute(f"INSERT INTO {table} VALUES (2)")

    for work in (named_cursor, copy, pipeline):
        with pytest.raises(errors.TransactionResolutionUnknownError), connection.transaction():
            work()
        assert connection.pgconn.pipeline_status == psycopg.pq.PipelineStatus.OFF
        with connection.transaction():
            connection.execute(f"INSERT INTO {table} VALUES (3)")
        assert connection.execute(f"SELECT id FROM {table}").fetchall() == [(3,)], work.__name__
        connection.execute(f"DELETE FROM {table}")
        connection.commit()
        aurora_cluster.heal()


@pytest.mark.parametrize("by_block", [True, False])
def test_settings_of_a_lost_transaction_are_not_brought_over(
    aurora_cluster: Cluster, connect: Connect, by_block: bool
) -> None:
    connection = connect(autocommit=True)
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    connection.autocommit = by_block

    def work() -> None:
        with connection.transaction() if by_block else nullcontext():
            connection.execute("SET TimeZone = 'Asia/Seoul'")
            connection.execute("SET LOCAL DateStyle = 'German'")
            connection.execute("SET application_name = 'lost'")
            aurora_cluster.failover(how="crash")
            connection.execute("SELECT 1")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        work()
    assert connection.info.parameter_status("TimeZone") == "Asia/Tokyo"
    assert connection.info.parameter_status("DateStyle") == "ISO, MDY"
    assert connection.info.parameter_status("application_name") == ""


@pytest.mark.parametrize("in_block", [False, True])
def test_settings_before_a_begin_of_the_application_are_brought_over(
    aurora_cluster: Cluster, connect: Connect, in_block: bool
) -> None:
    connection = connect(autocommit=True)
    with connection.transaction():
        pass
    connection.execute("SET TimeZone = 'Asia/Tokyo'")
    connection.execute("BEGIN")
    if in_block:
        savepoint = connection.transaction()
        savepoint.__enter__()

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.execute("SELECT 1")
    assert connection.info.parameter_status("TimeZone") == "Asia/Tokyo"


def test_cursor_with_hold_leaves_with_the_failover_error(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect()

    def work() -> None:
        with connection.cursor("held", withhold=True) as cursor:
            cursor.execute("SELECT generate_series(1, 1000)")
            connection.commit()
            aurora_cluster.failover(how="crash")
            cursor.fetchall()

    with pytest.raises(errors.FailoverSuccessError):
        work()


def test_prepared_transaction_is_ended_on_the_new_writer(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect()
    xid = connection.xid(1, "moved", "branch")
    connection.tpc_begin(xid)
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    connection.tpc_prepare()

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.tpc_commit()
    connection.tpc_commit(xid)
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == [(1,)]


def test_failover_at_the_first_phase_ends_the_transaction(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect()
    connection.tpc_begin(connection.xid(1, "lost", "branch"))
    connection.execute(f"INSERT INTO {table} VALUES (1)")

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.tpc_prepare()
    connection.rollback()
    connection.execute(f"INSERT INTO {table} VALUES (2)")
    connection.commit()
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == [(2,)]


@pytest.mark.parametrize("end", ["rollback", "commit"])
def test_transaction_whose_savepoint_block_was_lost_can_only_be_ended(
    aurora_cluster: Cluster, connect: Connect, table: str, end: str
) -> None:
    connection = connect()
    connection.execute(f"INSERT INTO {table} VALUES (1)")

    def savepoint() -> None:
        with connection.transaction():
            aurora_cluster.failover(how="crash")
            connection.execute(f"INSERT INTO {table} VALUES (2)")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        savepoint()
    with pytest.raises(errors.TransactionResolutionUnknownError):
        connection.execute(f"INSERT INTO {table} VALUES (3)")
    with pytest.raises(errors.TransactionResolutionUnknownError), connection.transaction():
        raise AssertionError("a block began in the lost transaction")
    if end == "commit":
        with pytest.raises(errors.TransactionResolutionUnknownError):
            connection.commit()
    else:
        connection.rollback()
    connection.execute(f"INSERT INTO {table} VALUES (4)")
    connection.commit()
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == [(4,)]


def test_lost_block_refuses_what_a_block_refuses(aurora_cluster: Cluster, connect: Connect) -> None:
    connection = connect()

    def work() -> None:
        with connection.transaction():
            aurora_cluster.failover(how="crash")
            for refused in (
                lambda: connection.execute("SELECT 1"),
                lambda: connection.tpc_begin("lost"),
                lambda: connection.tpc_commit("another"),
                lambda: connection.set_autocommit(True),
                connection.commit,
            ):
                with pytest.raises(errors.TransactionResolutionUnknownError):
                    refused()

    with pytest.raises(errors.TransactionResolutionUnknownError):
        work()
    assert connection.autocommit is False
    assert where(connection) == (aurora_cluster.writer.id, False)
    connection.commit()


@pytest.mark.parametrize("nested", [False, True])
def test_rollback_of_a_block_that_meets_a_failover_moves_the_connection(
    aurora_cluster: Cluster, connect: Connect, table: str, nested: bool
) -> None:
    connection = connect(autocommit=True)

    def block() -> None:
        with connection.transaction():
            connection.execute("SET TimeZone = 'Asia/Seoul'")
            connection.execute(f"INSERT INTO {table} VALUES (1)")
            aurora_cluster.failover(how="crash")
            raise KeyError("the application's own")

    def outer() -> None:
        with connection.transaction():
            with pytest.raises(KeyError):
                block()
            connection.execute(f"INSERT INTO {table} VALUES (2)")

    if nested:
        with pytest.raises(errors.TransactionResolutionUnknownError):
            outer()
    else:
        with pytest.raises(KeyError):
            block()
    assert connection.failover_report is not None
    assert connection.info.parameter_status("TimeZone") != "Asia/Seoul"
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == []


def test_rollback_by_the_application_within_a_lost_block_leaves_it(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect()
    with connection.transaction():
        connection.execute(f"INSERT INTO {table} VALUES (1)")
        aurora_cluster.failover(how="crash")
        raise psycopg.Rollback
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == []
    connection.rollback()


def test_block_in_a_pipeline_is_lost_no_longer_than_it_lasts(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect(autocommit=True)

    def work() -> None:
        with connection.pipeline():
            connection.execute("SELECT 1")
            with connection.transaction():
                aurora_cluster.failover(how="crash")
                connection.execute(f"INSERT INTO {table} VALUES (1)").fetchall()

    with pytest.raises(errors.FailoverError):
        work()
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == []


def test_transaction_begun_by_sql_is_ended_by_sql(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect(autocommit=True)
    connection.execute("BEGIN")

    def savepoint() -> None:
        with connection.transaction():
            aurora_cluster.failover(how="crash")
            connection.execute(f"INSERT INTO {table} VALUES (1)")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        savepoint()
    connection.execute("ROLLBACK")
    assert connection.execute(f"SELECT id FROM {table}").fetchall() == []


def test_pool_gets_a_lost_transaction_out_of_a_connection(aurora_cluster: Cluster) -> None:
    pool = ConnectionPool(
        aurora_cluster.dsn(),
        connection_class=PsycopgConnection,
        min_size=1,
        max_size=1,
        timeout=10,
        check=ConnectionPool.check_connection,
        open=True,
    )
    connection = pool.getconn()
    connection.execute("SELECT 1")

    def savepoint() -> None:
        with connection.transaction():
            aurora_cluster.failover(how="crash")
            connection.execute("SELECT 1")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        savepoint()
    pool.putconn(connection)
    with pool.connection() as again:
        assert where(again) == (aurora_cluster.writer.id, False)
    pool.close()


def test_block_that_caught_a_failed_failover_does_not_end_without_an_error(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(failover_timeout_sec=1)

    def work() -> None:
        with connection.transaction():
            for instance in aurora_cluster.instances.values():
                aurora_cluster.crash(instance.id)
            with pytest.raises(errors.FailoverFailedError):
                connection.execute("SELECT 1")

    with pytest.raises(errors.TransactionResolutionUnknownError):
        work()
    assert connection.closed


def test_write_on_a_reader_is_the_drivers_error_in_other_modes(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    reader = aurora_cluster.readers[0]
    connection = connect(reader.endpoint, autocommit=True, failover_mode="reader-or-writer")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert where(connection) == (reader.id, True)


def test_lost_reader_of_the_reader_endpoint_is_replaced_by_another_reader(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(aurora_cluster.reader_endpoint, autocommit=True)
    lost = where(connection)[0]

    aurora_cluster.lose_reader(lost)

    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    found, in_recovery = where(connection)
    assert found != lost
    assert in_recovery


def test_strict_reader_never_takes_the_writer(aurora_cluster: Cluster, connect: Connect) -> None:
    connection = connect(
        aurora_cluster.reader_endpoint,
        autocommit=True,
        failover_mode="strict_reader",
        failover_timeout_sec=1,
    )
    for reader in aurora_cluster.readers:
        aurora_cluster.lose_reader(reader.id)

    with pytest.raises(errors.FailoverFailedError) as caught:
        connection.execute("SELECT 1")
    assert connection.closed
    assert "wanted is a reader" in str(caught.value)


def test_reader_or_writer_falls_back_on_the_writer(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(aurora_cluster.reader_endpoint, autocommit=True)
    for reader in aurora_cluster.readers:
        aurora_cluster.lose_reader(reader.id)

    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    assert where(connection) == (aurora_cluster.writer.id, False)


def test_no_host_left_fails_within_the_budget_and_closes(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True, failover_timeout_sec=1)
    for instance in aurora_cluster.instances.values():
        aurora_cluster.crash(instance.id)

    with pytest.raises(errors.FailoverFailedError) as caught:
        connection.execute("SELECT 1")
    report = caught.value.failover_report
    assert report is not None
    assert 1000 <= report.total_ms < 1500
    assert connection.closed
    with pytest.raises(psycopg.OperationalError, match="connection is closed"):
        connection.execute("SELECT 1")


def test_error_of_the_statement_leaves_as_the_drivers_own_object(
    aurora_cluster: Cluster, connect: Connect, table: str
) -> None:
    connection = connect(autocommit=True)
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    with pytest.raises(psycopg.errors.UniqueViolation) as caught:
        connection.execute(f"INSERT INTO {table} VALUES (1)")
    assert type(caught.value) is psycopg.errors.UniqueViolation
    assert caught.value.__cause__ is None
    assert where(connection) == (aurora_cluster.writer.id, False)


def test_disabled_failover_leaves_the_drivers_error(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True, enable_failover=False)
    aurora_cluster.failover(how="crash")
    with pytest.raises(psycopg.OperationalError) as caught:
        connection.execute("SELECT 1")
    assert not isinstance(caught.value, errors.Error)


def test_closed_connection_stays_closed(connect: Connect) -> None:
    connection = connect()
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="connection is closed"):
        connection.execute("SELECT 1")
    assert connection.closed


def test_connect_while_the_writer_is_down_goes_elsewhere_if_asked_for(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connect()  # the cluster is known from here on
    down = aurora_cluster.writer.id
    endpoint = aurora_cluster.instances[down].endpoint
    aurora_cluster.failover(how="crash", rejoin=False)
    with pytest.raises(psycopg.OperationalError):
        connect(endpoint)

    connection = connect(endpoint, enable_connect_failover=True)
    assert where(connection) == (aurora_cluster.writer.id, False)


def test_connect_works_after_a_patch_of_psycopg_was_taken_back(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As OpenTelemetry's uninstrument() does: a bound method is where a class method was.
    monkeypatch.setattr(psycopg.Connection, "connect", psycopg.Connection.connect)
    assert isinstance(connect(), PsycopgConnection)


def test_unknown_host_of_the_driver_is_not_touched(connect: Connect) -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        connect("nowhere.invalid")
    assert not isinstance(caught.value, errors.Error)


def test_login_of_a_failover_does_not_hold_the_interpreter_lock(aurora_cluster: Cluster) -> None:
    """psycopg itself would, while libpq computes, for milliseconds."""
    parameters = conninfo_to_dict(aurora_cluster.dsn())
    poll: Any = _link._unlocked_poll()
    assert poll is not None
    assert not poll._flags_ & _FUNCFLAG_PYTHONAPI
    pgconn = drive(_link.open_pgconn(parameters, 5))
    assert poll(pgconn.pgconn_ptr) == psycopg.pq.PollingStatus.OK, "it is of psycopg's own libpq"
    pgconn.finish()
    for wrong, text in (({"password": "wrong"}, "password"), ({"port": 1}, "refused")):
        with pytest.raises(psycopg.OperationalError, match=f"connection failed: .*{text}"):
            drive(_link.open_pgconn({**parameters, **wrong}, 5))
    with pytest.raises(psycopg.OperationalError, match="failed to resolve host"):
        drive(_link.open_pgconn({**parameters, "host": "nowhere.invalid"}, 5))
