# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a PostgreSQL session's statements. No server."""

from __future__ import annotations

import pytest

from aws_advanced_python_wrapper.psycopg._session_record import SessionRecord, Told


def record_of(*statements: str) -> SessionRecord:
    record = SessionRecord()
    for statement in statements:
        record.note(Told(statement.encode()), False, 0)
    return record


def kept(record: SessionRecord) -> list[str]:
    return [told.text.decode() for told in record.memory.settings.values()]


def gone(record: SessionRecord) -> list[str]:
    return list(record.memory.gone)


@pytest.mark.parametrize(
    "text",
    [
        "SET statement_timeout TO '5s'",
        "SET SESSION app.tenant = '7'",
        'SET "app.tenant" = 7',
        "SET ROLE reporting",
        "SET SESSION ROLE reporting",
        "SET SESSION AUTHORIZATION someone",
        "SET TIME ZONE 'Asia/Seoul'",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET search_path TO a, b",
        "RESET ROLE",
        "LISTEN jobs",
        "SELECT set_config('app.tenant', '7', false)",
        "select pg_catalog.set_config('app.tenant', upper('x'), false)",
    ],
)
def test_what_is_kept_as_it_was_told(text: str) -> None:
    assert kept(record_of(text)) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "SET LOCAL statement_timeout TO '5s'",
        "SET TRANSACTION READ ONLY",
        "SET CONSTRAINTS ALL DEFERRED",
        "SELECT set_config('app.tenant', '7', true)",
        "SELECT 1",
        "CREATE TABLE t (n int)",
        "PREPARE TRANSACTION 'x'",
    ],
)
def test_what_is_not_kept(text: str) -> None:
    record = record_of(text)
    assert (kept(record), gone(record)) == ([], [])


def test_what_is_told_later_replaces_what_was_told_of_the_same() -> None:
    record = record_of(
        "SET a.x = 1",
        "SET a.y = 1",
        "/* again */ set A.X to 2; SET a.z = 1",
        "SELECT set_config('a.y', '2', false)",
    )
    assert kept(record) == [
        "set A.X to 2",
        "SET a.z = 1",
        "SELECT set_config('a.y', '2', false)",
    ]
    record.note(Told(b"RESET ALL"), False, 0)
    assert kept(record) == []


def test_session_authorization_sets_the_role_too() -> None:
    record = record_of("SET ROLE a", "SET SESSION AUTHORIZATION b")
    assert kept(record) == ["SET SESSION AUTHORIZATION b"]


@pytest.mark.parametrize("is_local", [(b"t", 0), (b"\x01", 1)])
def test_parameters_tell_whether_a_setting_lasts(is_local: tuple[bytes, int]) -> None:
    text = b"SELECT set_config($1, $2, $3)"
    record = SessionRecord()
    for value, last in ((b"7", (b"f", 0)), (b"8", is_local)):
        record.note(
            Told(text, (b"app.tenant", value, last[0]), (0, 0, 16), (0, 0, last[1])), False, 0
        )
    assert [told.params[1] for told in record.memory.settings.values()] == [b"7"]
    assert list(record.memory.settings) == ["set app.tenant"]


def test_channels_are_left() -> None:
    assert kept(record_of("LISTEN a", 'LISTEN "B"', "UNLISTEN A")) == ['LISTEN "B"']
    assert kept(record_of("LISTEN a", "LISTEN b", "UNLISTEN *")) == []


def test_what_no_other_session_can_be_given() -> None:
    record = record_of(
        "CREATE TEMP TABLE IF NOT EXISTS sums (n int)",
        "CREATE TEMPORARY VIEW seen AS SELECT 1",
        "PREPARE p AS SELECT 1",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "DECLARE d CURSOR FOR SELECT 1",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_try_advisory_lock(2)",
        "SELECT pg_advisory_xact_lock(3)",
    )
    assert gone(record) == [
        "temporary table sums",
        "temporary view seen",
        "prepared statement p",
        "cursor WITH HOLD c",
        "advisory lock (1)",
        "advisory lock (2)",
    ]
    for statement in (
        "DROP TABLE sums",
        "DROP VIEW IF EXISTS seen",
        "DEALLOCATE ALL",
        "CLOSE c",
        "SELECT pg_advisory_unlock(1)",
        "SELECT pg_advisory_unlock_all()",
    ):
        record.note(Told(statement.encode()), False, 0)
    assert gone(record) == []


def test_everything_is_discarded() -> None:
    record = record_of("SET a.b = 1", "LISTEN x", "CREATE TEMP TABLE t (n int)", "DISCARD ALL")
    assert (kept(record), gone(record)) == ([], [])


def test_what_a_transaction_told_counts_when_it_is_committed() -> None:
    record = record_of("SET a.b = 1")
    record.note(Told(b"SET a.b = 2"), True, 0)
    assert kept(record) == ["SET a.b = 1"]
    record.rolled_back()
    record.committed()
    assert kept(record) == ["SET a.b = 1"]
    record.note(Told(b"SET a.b = 3"), True, 0)
    record.committed()
    assert kept(record) == ["SET a.b = 3"]


def test_what_a_part_told_goes_with_it() -> None:
    record = SessionRecord()
    record.note(Told(b"SET a.a = 1"), True, 1)
    record.note(Told(b"SET a.b = 1"), True, 2)
    record.rolled_back(1)
    record.note(Told(b"SAVEPOINT S"), True, 1)
    record.note(Told(b"SET a.c = 1"), True, 1)
    record.rolled_back_to(b"s;")
    record.committed()
    assert kept(record) == ["SET a.a = 1"]
