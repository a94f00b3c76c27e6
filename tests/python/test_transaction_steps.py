# SPDX-License-Identifier: Apache-2.0
"""What statements do to the transaction that they run in."""

from __future__ import annotations

import pytest

from aws_advanced_python_wrapper._core.transaction_steps import Step, step_of_sql


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("COMMIT", Step.COMMITS),
        ("/* now */ commit work", Step.COMMITS),
        ("End Transaction;", Step.COMMITS),
        ("PREPARE TRANSACTION 'x'", Step.COMMITS),
        ("INSERT INTO t VALUES ('a;b'); COMMIT", Step.COMMITS),
        ("ROLLBACK", Step.ENDS),
        ("ABORT", Step.ENDS),
        ("ROLLBACK AND CHAIN", Step.ENDS),
        ("rollback; begin; commit", Step.ENDS),
        ("ROLLBACK TO SAVEPOINT s", Step.GOES_ON),
        ("ROLLBACK WORK TO s", Step.GOES_ON),
        ("COMMIT PREPARED 'x'", Step.GOES_ON),
        ("ROLLBACK PREPARED 'x'", Step.GOES_ON),
        ("PREPARE commit AS SELECT 1", Step.GOES_ON),
        ("DO $$ BEGIN COMMIT; END $$", Step.GOES_ON),
        ("SELECT 'COMMIT; COMMIT'", Step.GOES_ON),
        ("BEGIN", Step.GOES_ON),
        ("", Step.GOES_ON),
        ("-- COMMIT", Step.GOES_ON),
    ],
)
def test_postgresql(text: str, step: Step) -> None:
    assert step_of_sql(text.encode(), "postgresql") is step


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("commit", Step.COMMITS),
        ("/*!40101 COMMIT */", Step.COMMITS),
        ("BEGIN; INSERT INTO t VALUES (1); COMMIT", Step.COMMITS),
        ("ROLLBACK", Step.ENDS),
        ("ROLLBACK TO s", Step.GOES_ON),
        ("BEGIN", Step.BEGINS),
        ("start transaction read only", Step.BEGINS),
        ("BEGIN NOT ATOMIC SELECT 1; END", Step.MAY_COMMIT),
        ("CREATE TABLE t (n INT)", Step.MAY_COMMIT),
        ("CREATE TEMPORARY TABLE t (n INT)", Step.GOES_ON),
        ("DROP TEMPORARY TABLE t", Step.GOES_ON),
        ("TRUNCATE t", Step.MAY_COMMIT),
        ("CALL does_something()", Step.MAY_COMMIT),
        ("LOCK TABLES t WRITE", Step.MAY_COMMIT),
        ("SET autocommit = 1", Step.MAY_COMMIT),
        ("SET @@session.`autocommit` = ON", Step.MAY_COMMIT),
        ("SET sql_mode = '', autocommit := 0", Step.GOES_ON),
        ("SET PASSWORD = 'x'", Step.MAY_COMMIT),
        ("SET @a = 'AUTOCOMMITTED'", Step.GOES_ON),
        ("(SELECT 1) UNION (SELECT 2)", Step.GOES_ON),
        ("SELECT(1)", Step.GOES_ON),
        ("INSERT INTO t VALUES ('COMMIT')", Step.GOES_ON),
        ("SAVEPOINT s", Step.GOES_ON),
        ("# nothing", Step.GOES_ON),
    ],
)
def test_mysql(text: str, step: Step) -> None:
    assert step_of_sql(text.encode(), "mysql") is step
