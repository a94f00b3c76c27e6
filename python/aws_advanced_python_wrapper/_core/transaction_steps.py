# SPDX-License-Identifier: Apache-2.0
"""What a statement does to the transaction that it runs in, by its text. Pure."""

from __future__ import annotations

import re
from enum import Enum

from .. import _engine


class Step(Enum):
    """What a statement does to the transaction that it runs in."""

    GOES_ON = "goes on"
    BEGINS = "begins another one, and commits this one without a word"
    COMMITS = "commits"
    MAY_COMMIT = "commits, or may do so"
    ENDS = "rolls back"


# What never commits (MySQL, "Statements That Cause an Implicit Commit"; MariaDB's page of that
# name). Of what is not known, as a procedure, it has to be assumed.
_NEVER_COMMIT = frozenset(
    b"SELECT INSERT UPDATE DELETE REPLACE WITH VALUES TABLE DO SHOW EXPLAIN DESCRIBE DESC HELP USE "
    b"SAVEPOINT RELEASE PREPARE DEALLOCATE HANDLER LOAD KILL SIGNAL RESIGNAL GET SET".split()
)
_OF_TEMPORARY_TABLES = frozenset((b"CREATE", b"DROP"))
_COMMITTING_SETTING = re.compile(
    rb"^SET\s+(PASSWORD|DEFAULT\s+ROLE)\b|\bAUTOCOMMIT\b(?!`?\s*:?=\s*(0|OFF|FALSE)\b)"
)
_WORD = re.compile(rb"\w+")


def step_of_sql(text: bytes, family: str) -> Step:
    """What a text of one or more statements does, for a database of ``family``.

    Of several statements the first that ends the transaction counts.
    """
    of_statement = _mysql_step if family == "mysql" else _postgresql_step
    found = Step.GOES_ON
    for statement in _engine.sql_statements(text, family):
        step = of_statement(statement.upper())
        if step is Step.BEGINS:
            found = step
        elif step is not Step.GOES_ON:
            return step
    return found


def _words(statement: bytes) -> list[bytes]:
    """The first three words of a statement; what is missing is empty."""
    return [*_WORD.findall(statement[:200])[:3], b"", b"", b""][:3]


def _postgresql_step(statement: bytes) -> Step:
    words = _words(statement)
    if words[0] in (b"COMMIT", b"END") and words[1] != b"PREPARED":
        return Step.COMMITS
    if words[:2] == [b"PREPARE", b"TRANSACTION"]:
        return Step.COMMITS
    if words[0] in (b"ROLLBACK", b"ABORT") and words[1] != b"PREPARED":
        return Step.GOES_ON if b"TO" in words else Step.ENDS
    return Step.GOES_ON


def _mysql_step(statement: bytes) -> Step:
    first, second, third = _words(statement)
    if first == b"ROLLBACK":
        return Step.GOES_ON if b"TO" in (second, third) else Step.ENDS
    if first == b"COMMIT":
        return Step.COMMITS
    if (first == b"BEGIN" and second != b"NOT") or (first == b"START" and second == b"TRANSACTION"):
        return Step.BEGINS
    if first == b"SET" and _COMMITTING_SETTING.search(statement):
        return Step.MAY_COMMIT
    if first in _NEVER_COMMIT or (first in _OF_TEMPORARY_TABLES and second == b"TEMPORARY"):
        return Step.GOES_ON
    return Step.MAY_COMMIT
