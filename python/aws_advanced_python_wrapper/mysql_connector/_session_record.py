# SPDX-License-Identifier: Apache-2.0
"""Remembers what an application set in its MySQL session, to set it again on another server."""

from __future__ import annotations

import re

from .. import _engine

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
_USER_VARIABLE = re.compile(
    r"""@(?P<name>`[^`]+`|'[^']+'|"[^"]+"|[\w$.]+)\s*:?=\s*(?P<value>.*)""", re.DOTALL
)
_LITERAL = re.compile(
    r"""[-+]?[\d.]+(e[-+]?\d+)?|'(?:[^'\\]|'')*'|"(?:[^"\\]|"")*"|null|true|false""",
    re.IGNORECASE,
)
# What no other session can be given, and what ends it.
_GONE = {
    "temporary table": r"create\s+(?:or\s+replace\s+)?temporary\s+table\s+(?:if\s+not\s+\w+\s+)?",
    "prepared statement": r"prepare\s+",
    "lock": r"select\s+get_lock\s*\(\s*",
}
_NO_LONGER = {
    "temporary table": r"drop\s+(?:temporary\s+)?table\s+(?:if\s+exists\s+)?",
    "prepared statement": r"(?:deallocate|drop)\s+prepare\s+",
    "lock": r"select\s+release_lock\s*\(\s*",
}
_NAME = r"""('[^']*'|"[^"]*"|`[^`]*`|[\w$.]+)"""
_ALL_LOCKS = re.compile(r"select\s+release_all_locks\b", re.IGNORECASE)
# Of one statement alone, or of a server.
_PASSING = ("password", "insert_id", "last_insert_id", "identity", "timestamp", "gtid_next")
_QUOTED = re.compile(r"""'[^']*'|"[^"]*"|`[^`]*`""")
_SESSION_SCOPES = ("", "session", "local")


class SessionRecord:
    """The statements that make a new session like the one that was lost, in their order.

    MySQL does not report its settings. Kept are ``USE``, ``SET NAMES``, ``SET CHARACTER SET``,
    ``SET ROLE``, ``SET SESSION TRANSACTION``, the settings of session variables, and those of user
    variables to a literal; a later one replaces an earlier one of the same. Not kept: global
    settings, passwords, and the settings of the next transaction alone. A text of several
    statements is taken apart, and so is a statement that sets several variables.
    """

    def __init__(self) -> None:
        self._statements: dict[str, str] = {}
        self._gone: dict[str, None] = {}

    def note(self, statement: str | bytes | bytearray) -> None:
        """A statement that may change the session has been carried out."""
        text = statement.encode() if isinstance(statement, str) else bytes(statement)
        if b"\\" in text and b";" in text:
            return  # by sql_mode another statement may hide in it, which would run again
        for part in _engine.sql_statements(text, "mysql"):
            one = part.decode("utf-8", "replace")
            for key, statement_of_key in _settings(one):
                self._statements.pop(key, None)
                self._gone.pop(key, None)
                self._statements[key] = statement_of_key
                if not statement_of_key and key.startswith("user variable"):
                    self._gone[key] = None
            self._note_others(one)

    def _note_others(self, text: str) -> None:
        for patterns, change in ((_GONE, self._lose), (_NO_LONGER, self._forget)):
            for what, pattern in patterns.items():
                if found := re.match(pattern + _NAME, text, re.IGNORECASE):
                    change(f"{what} {found.group(1).lower()}")
        if _ALL_LOCKS.match(text):
            for key in [key for key in self._gone if key.startswith("lock ")]:
                self._forget(key)

    def _lose(self, key: str) -> None:
        self._gone[key] = None

    def _forget(self, key: str) -> None:
        self._gone.pop(key, None)

    def take_gone(self) -> list[str]:
        """What no other session can be given, in words; it is forgotten then."""
        gone = list(self._gone)
        self._gone.clear()
        return gone

    def forget(self) -> None:
        """The session was reset."""
        self._statements.clear()
        self._gone.clear()

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
    if "\\" in text and ("," in text or len(assignments) > 1):
        return []  # where one ends depends on sql_mode
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
        elif user := _USER_VARIABLE.match(assignment):
            key = f"user variable @{user['name']}"
            kept.append((key, statement if _LITERAL.fullmatch(user["value"].strip()) else ""))
        else:
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


def use(database: str) -> str:
    """The statement that chooses a database."""
    return f"USE `{database.replace('`', '``')}`"
