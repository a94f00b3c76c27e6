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
_VARIABLE = re.compile(
    r"set\s+(?:(?:session|local)\s+|@@(?:session|local)\.|@@)?`?([a-z]\w*)`?\s*:?=",
    re.IGNORECASE,
)
# What makes it uncertain where a statement ends: comments, and quoting that depends on sql_mode.
_UNCERTAIN = re.compile(r"--|#|/\*|\\")
_PART = re.compile(r"""(?:[^;'"`]|'[^']*'|"[^"]*"|`[^`]*`)+""")


class SessionRecord:
    """The statements that make a new session like the one that was lost, in their order.

    MySQL does not report its settings. Kept are ``USE``, ``SET NAMES``, ``SET CHARACTER SET``,
    ``SET ROLE``, ``SET SESSION TRANSACTION`` and the settings of session variables; a later one
    replaces an earlier one of the same. Not kept: global settings, user variables, and the
    settings of the next transaction alone. A text of several statements is taken apart.
    """

    def __init__(self) -> None:
        self._statements: dict[str, str] = {}

    def note(self, statement: str | bytes | bytearray) -> None:
        """A statement that begins with SET or USE has been carried out."""
        text = (
            statement if isinstance(statement, str) else bytes(statement).decode("utf-8", "replace")
        )
        for part in _parts(text):
            for key in self._keys(part):
                self._statements.pop(key, None)
                self._statements[key] = part

    def forget(self) -> None:
        """The session was reset."""
        self._statements.clear()

    def statements(self) -> list[str]:
        """What to run on a new session."""
        return list(dict.fromkeys(self._statements.values()))

    @staticmethod
    def _keys(text: str) -> list[str]:
        if _USE.match(text):
            return ["use"]
        if _NAMES.match(text):
            return ["names"]
        if _ROLE.match(text):
            return ["role"]
        if transaction := _TRANSACTION.match(text):
            return [key for key, said in _CHARACTERISTICS if said.search(transaction.group(2))]
        if variable := _VARIABLE.match(text):
            return [f"variable {variable.group(1).lower()}"]
        return []


def _parts(text: str) -> list[str]:
    """The single statements of a text; none if it can't be told where one ends.

    What is kept runs again on another server: no other statement may hide in it.
    """
    if ";" not in text:
        return [text]
    if _UNCERTAIN.search(text):
        return []
    return [part.strip() for part in _PART.findall(text)]


def reset_prepared(cursors: Any) -> None:
    """Let prepared cursors prepare their statements anew: the old server's are gone."""
    for cursor in list(cursors):
        for name in ("_prepared", "_stmt", "_executed"):
            if hasattr(cursor, name):
                setattr(cursor, name, None)
