# SPDX-License-Identifier: Apache-2.0
"""Remembers what an application set in its MySQL session, to set it again on another server."""

from __future__ import annotations

import re
from typing import Any

_USE = re.compile(r"use\s+\S", re.IGNORECASE)
_NAMES = re.compile(r"set\s+(names|character\s+set|charset)\s", re.IGNORECASE)
_TRANSACTION = re.compile(r"set\s+(session|local)\s+transaction\s+(.*)", re.IGNORECASE | re.DOTALL)
_CHARACTERISTICS = (
    ("isolation", re.compile(r"isolation\s+level", re.IGNORECASE)),
    ("access", re.compile(r"read\s+(only|write)", re.IGNORECASE)),
)
_ROLE = re.compile(r"set\s+role\s", re.IGNORECASE)
_SET = re.compile(r"set\s+", re.IGNORECASE)
_SCOPE = r"(?P<scope>global|persist|persist_only|session|local)"
_VARIABLE = re.compile(
    rf"(?:{_SCOPE}\s+|@@(?:{_SCOPE.replace('scope', 'prefix')}\.)?)?`?(?P<name>[a-z]\w*)`?\s*:?=",
    re.IGNORECASE,
)
_USER_VARIABLE = re.compile(r"@[^@]")
# Of one statement alone, or of a server.
_PASSING = ("password", "insert_id", "last_insert_id", "identity", "timestamp", "gtid_next")
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`""")
_SESSION_SCOPES = ("", "session", "local")
# What makes it uncertain where a statement ends: comments, and quoting that depends on sql_mode.
_UNCERTAIN = re.compile(r"--|#|/\*|\\")
_PART = re.compile(r"""(?:[^;'"`]|'[^']*'|"[^"]*"|`[^`]*`)+""")


class SessionRecord:
    """The statements that make a new session like the one that was lost, in their order.

    MySQL does not report its settings. Kept are ``USE``, ``SET NAMES``, ``SET CHARACTER SET``,
    ``SET ROLE``, ``SET SESSION TRANSACTION`` and the settings of session variables; a later one
    replaces an earlier one of the same. Not kept: global settings, user variables, passwords, and
    the settings of the next transaction alone. A text of several statements is taken apart, and so
    is a statement that sets several variables.
    """

    def __init__(self) -> None:
        self._statements: dict[str, str] = {}

    def note(self, statement: str | bytes | bytearray) -> None:
        """A statement that begins with SET or USE has been carried out."""
        text = (
            statement if isinstance(statement, str) else bytes(statement).decode("utf-8", "replace")
        ).strip()
        for part in _parts(text):
            for key, statement_of_key in _settings(part):
                self._statements.pop(key, None)
                self._statements[key] = statement_of_key

    def forget(self) -> None:
        """The session was reset."""
        self._statements.clear()

    def statements(self) -> list[str]:
        """What to run on a new session."""
        return list(dict.fromkeys(filter(None, self._statements.values())))


def _settings(text: str) -> list[tuple[str, str]]:
    """What a statement sets that is to be kept, and a statement that sets just that."""
    if _USE.match(text):
        return [("use", text)]
    if _ROLE.match(text):
        return [("role", text)]
    if transaction := _TRANSACTION.match(text):
        return [(key, text) for key, said in _CHARACTERISTICS if said.search(transaction.group(2))]
    if not (begin := _SET.match(text)):
        return []
    assignments = _listed(text[begin.end() :])
    several = len(assignments) > 1 or ("," in text and "\\" in text)
    if several and _UNCERTAIN.search(text):
        return []
    kept = []
    scope = ""  # the last one that was named holds for those that follow
    for assignment in assignments:
        statement = f"SET {assignment}"
        if _NAMES.match(statement):
            kept.append(("names", statement))
        elif variable := _VARIABLE.match(assignment):
            scope = (variable["scope"] or scope).lower()
            name = variable["name"].lower()
            of_session = (variable["prefix"] or scope).lower() in _SESSION_SCOPES
            if of_session and name not in _PASSING:
                # A user variable is not brought over, so its value can't be set again.
                known = "@" not in _QUOTED.sub("", assignment).replace("@@", "")
                kept.append((f"variable {name}", statement if known else ""))
        elif not _USER_VARIABLE.match(assignment):
            return []  # it is another statement than it seems
    return kept


def _listed(text: str) -> list[str]:
    """The members of a list with commas, which may be within quotes and parentheses, too."""
    members, quote, depth = [""], "", 0
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"`":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
        elif character == "," and not depth:
            members.append("")
            continue
        members[-1] += character
    return [member.strip() for member in members]


def _parts(text: str) -> list[str]:
    """The single statements of a text; none if it can't be told where one ends.

    What is kept runs again on another server: no other statement may hide in it.
    """
    if ";" not in text:
        return [text]
    if _UNCERTAIN.search(text):
        return []
    return [part.strip() for part in _PART.findall(text)]


def use(database: str) -> str:
    """The statement that chooses a database."""
    return f"USE `{database.replace('`', '``')}`"


def reset_prepared(cursors: Any) -> None:
    """Let prepared cursors prepare their statements anew: the old server's are gone."""
    for cursor in list(cursors):
        for name in ("_prepared", "_stmt", "_executed"):
            if hasattr(cursor, name):
                setattr(cursor, name, None)
