# SPDX-License-Identifier: Apache-2.0
"""What is remembered of a MySQL session's statements. No server."""

import pytest

from aws_advanced_python_wrapper._mysql_session import SessionRecord


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
        "SET time_zone = '+01:00' -- for the report",
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
        "SET @mine = 1",
        "SET PASSWORD = 'secret'",
        "SET TRANSACTION READ ONLY",
        "SET STATEMENT max_statement_time = 1, sort_buffer_size = 2 FOR SELECT 1",
        r"SET sql_mode = 'it\'s', time_zone = '+01:00'",
    ],
)
def test_what_is_not_kept(text: str) -> None:
    assert remembered(text) == []


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
