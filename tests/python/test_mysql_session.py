# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a MySQL session's statements. No server."""

import pytest

from aws_advanced_python_wrapper.mysql_connector._session_record import SessionRecord


def remembered(*statements: str) -> list[str]:
    record = SessionRecord()
    for statement in statements:
        record.note(statement)
    return record.statements()


@pytest.mark.parametrize(
    "text",
    [
        "USE other",
        "SET NAMES utf8mb4",
        "SET ROLE reader, writer",
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY",
        "SET sql_mode = CONCAT(@@sql_mode, ',ANSI')",
        "SET @@session.time_zone = '+01:00'",
        "SET character_set_results = NULL",
    ],
)
def test_what_is_kept_as_it_was_written(text: str) -> None:
    assert remembered(text) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "SET GLOBAL max_connections = 10",
        "SET @@global.max_connections = 10",
        "SET PERSIST max_connections = 10",
        "SET PASSWORD = 'secret'",
        "SET TRANSACTION READ ONLY",
        "SET STATEMENT max_statement_time = 1, sort_buffer_size = 2 FOR SELECT 1",
        r"SET sql_mode = 'it\'s', time_zone = '+01:00'",
    ],
)
def test_what_is_not_kept(text: str) -> None:
    assert remembered(text) == []


def test_comments_are_taken_off() -> None:
    assert remembered("/* by x */ SET time_zone = '+01:00' -- for the report") == [
        "SET time_zone = '+01:00'"
    ]
    assert remembered("/*!40101 SET NAMES utf8 */") == ["SET NAMES utf8"]


def test_user_variables_are_kept_if_they_are_literals() -> None:
    assert remembered("SET @tenant = 7, @name := 'a;b'") == [
        "SET @tenant = 7",
        "SET @name := 'a;b'",
    ]
    record = SessionRecord()
    record.note("SET @a = 1, @b = @a + 1")
    assert record.statements() == ["SET @a = 1"]
    assert record.take_gone() == ["user variable @b"]


def test_what_no_other_session_can_be_given_is_named_once() -> None:
    record = SessionRecord()
    for statement in (
        "CREATE TEMPORARY TABLE IF NOT EXISTS sums (n INT)",
        "CREATE TABLE kept (n INT)",
        "PREPARE p FROM 'SELECT 1'",
        "PREPARE q FROM 'SELECT 1'",
        "DEALLOCATE PREPARE q",
        "SELECT GET_LOCK('job', 1)",
        "SELECT GET_LOCK('other', 1)",
        "SELECT RELEASE_LOCK('other')",
    ):
        record.note(statement)
    assert record.take_gone() == ["temporary table sums", "prepared statement p", "lock 'job'"]
    assert record.take_gone() == []


def test_each_variable_of_a_statement_is_replaced_alone() -> None:
    assert remembered(
        "SET SESSION sql_mode = 'A,B', time_zone = '+00:00'", "SET @@session.sql_mode = 'C'"
    ) == ["SET time_zone = '+00:00'", "SET @@session.sql_mode = 'C'"]


def test_a_scope_holds_for_what_follows_it() -> None:
    assert remembered("SET a = 1, GLOBAL b = 2, c = 3, SESSION d = 4, @@e = 5, @@global.f = 6") == [
        "SET a = 1",
        "SET SESSION d = 4",
        "SET @@e = 5",
    ]


def test_what_can_not_be_set_again_replaces_what_was_set_before() -> None:
    assert remembered("SET sql_mode = ''", "SET sql_mode = @old") == []
    assert remembered("SET a = 'x@y', b = @@c") == ["SET a = 'x@y'", "SET b = @@c"]
    assert remembered("SET insert_id = 77") == []


def test_names_may_stand_beside_variables() -> None:
    assert remembered("SET NAMES latin1, time_zone = '+01:00'") == [
        "SET NAMES latin1",
        "SET time_zone = '+01:00'",
    ]
