# SPDX-License-Identifier: Apache-2.0
"""Remembers what a PostgreSQL session was told by SQL, to tell another one the same. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .. import _engine

_NAME = rb'("(?:[^"]|"")*"|[\w$.]+)'
_ARGUMENT = rb"\s*(?:'((?:[^']|'')*)'|\$(\d+)|(\w+(?:\([^()]*\))?))(?:::\w+)?\s*"


def _pattern(text: bytes) -> re.Pattern[bytes]:
    return re.compile(text, re.IGNORECASE | re.DOTALL)


_PASSING = _pattern(rb"SET\s+(LOCAL|TRANSACTION|CONSTRAINTS)\b")
_AUTHORIZATION = _pattern(rb"(?:SET\s+(?:SESSION\s+)?|RESET\s+)SESSION\s+AUTHORIZATION\b")
_SET = _pattern(
    rb"SET\s+(?:SESSION\s+)?(CHARACTERISTICS\s.*|ROLE|TIME\s+ZONE|NAMES|SCHEMA|XML\s+OPTION|"
    + _NAME
    + rb")"
)
_RESET = _pattern(rb"RESET\s+(ROLE|TIME\s+ZONE|" + _NAME + rb")")
_SET_CONFIG = _pattern(rb"\bset_config\s*\(" + b",".join([_ARGUMENT] * 3) + rb"\)")
_LISTEN = _pattern(rb"(UN)?LISTEN\s+(\*|" + _NAME + rb")")
_TEMPORARY = _pattern(
    rb"CREATE\s+(?:OR\s+REPLACE\s+)?(?:GLOBAL\s+|LOCAL\s+)?TEMP(?:ORARY)?\s+"
    rb"(?:RECURSIVE\s+)?(TABLE|VIEW|SEQUENCE)\s+(?:IF\s+NOT\s+EXISTS\s+)?" + _NAME
)
_DROP = _pattern(rb"DROP\s+(TABLE|VIEW|SEQUENCE)\s+(?:IF\s+EXISTS\s+)?" + _NAME)
_PREPARE = _pattern(rb"PREPARE\s+(?!TRANSACTION\b)" + _NAME)
_DEALLOCATE = _pattern(rb"DEALLOCATE\s+(?:PREPARE\s+)?" + _NAME)
_HOLD = _pattern(rb"DECLARE\s+" + _NAME + rb".*\bWITH\s+HOLD\b")
_CLOSE = _pattern(rb"CLOSE\s+" + _NAME)
_LOCK = _pattern(
    rb"SELECT\s+(?:pg_catalog\.)?pg_(try_)?advisory_(lock|unlock|unlock_all)(_shared)?\s*(\(.*)"
)
_OTHER_NAMES = {
    "time zone": "timezone",
    "names": "client_encoding",
    "schema": "search_path",
    "xml option": "xmloption",
}


@dataclass(frozen=True)
class Told:
    """A statement as it was sent."""

    text: bytes
    params: tuple[bytes | None, ...] = ()
    types: tuple[int, ...] = ()
    formats: tuple[int, ...] = ()


Change = Callable[["Memory"], None]


class Memory:
    """What a session is told to remember."""

    def __init__(self) -> None:
        self.settings: dict[str, Told] = {}
        """What makes another session the same, in the order in which it was told last."""
        self.gone: dict[str, None] = {}
        """What no other session can be given, in words."""

    def set(self, key: str, told: Told) -> None:
        self.settings.pop(key, None)
        self.settings[key] = told

    def forget(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self.settings.pop(key, None)
            self.gone.pop(key, None)

    def with_prefix(self, prefix: str) -> list[str]:
        return [key for key in (*self.settings, *self.gone) if key.startswith(prefix)]


@dataclass
class _Pending:
    change: Change | None
    """None: a savepoint."""
    depth: int
    savepoint: str = ""


class SessionRecord:
    """What one connection's session was told. A transaction's part counts when that is committed.

    Not kept: what holds for one transaction, and settings within functions.
    """

    def __init__(self) -> None:
        self.memory = Memory()
        self._pending: list[_Pending] = []

    @property
    def is_pending(self) -> bool:
        """Whether something waits for the end of a transaction."""
        return bool(self._pending)

    def note(self, told: Told, in_transaction: bool, depth: int) -> bool:
        """A statement was sent; ``depth``: in how many blocks of psycopg's.

        Tells whether it has to be noted each time.
        """
        noted = False
        for statement in _engine.sql_statements(told.text):
            one = Told(statement, told.params, told.types, told.formats)
            words = statement.split(None, 2)
            if in_transaction and words[0].upper() == b"SAVEPOINT":
                self._pending.append(_Pending(None, depth, _name(words[1] if words[1:] else b"")))
                noted = True
                continue
            dropped = _DROP.match(statement)
            if dropped and not self._pending and _temporary(dropped) not in self.memory.gone:
                continue
            for change in _changes(one):
                noted = True
                if in_transaction:
                    self._pending.append(_Pending(change, depth))
                else:
                    change(self.memory)
        return noted

    def committed(self) -> None:
        """The transaction ends, and what it told holds."""
        pending, self._pending = self._pending, []
        for one in pending:
            if one.change is not None:
                one.change(self.memory)

    def rolled_back(self, depth: int = 0) -> None:
        """What was told since the block at ``depth`` is undone."""
        while self._pending and self._pending[-1].depth > depth:
            self._pending.pop()
        if depth == 0:
            self._pending.clear()

    def rolled_back_to(self, savepoint: bytes) -> None:
        """What was told since a savepoint is undone."""
        name = _name(savepoint)
        places = [n for n, one in enumerate(self._pending) if one.savepoint == name]
        if places:
            del self._pending[places[-1] + 1 :]

    def forget(self) -> None:
        """The session begins anew."""
        self.memory = Memory()
        self._pending.clear()


def _name(text: bytes) -> str:
    """A name as the server compares it."""
    told = text.strip().rstrip(b";").decode("utf-8", "replace")
    return told[1:-1].replace('""', '"') if told.startswith('"') else told.lower()


def _setting(text: bytes) -> str:
    name = " ".join(text.decode("utf-8", "replace").lower().split()).replace('"', "")
    return f"set {_OTHER_NAMES.get(name, name)}"


def _changes(told: Told) -> list[Change]:
    text = told.text
    for pattern, make in _MAKERS:
        if found := pattern.match(text):
            return make(found, told)
    if text[:6].upper() == b"SELECT":
        return _of_functions(told)
    return []


def _keep(key: str, told: Told) -> list[Change]:
    return [lambda memory: memory.set(key, told)]


def _lose(key: str) -> list[Change]:
    return [lambda memory: memory.gone.__setitem__(key, None)]


def _forget(key: str) -> list[Change]:
    return [lambda memory: memory.forget([key])]


def _forget_all(prefix: str) -> list[Change]:
    return [lambda memory: memory.forget(memory.with_prefix(prefix))]


def _of_authorization(_: re.Match[bytes], told: Told) -> list[Change]:
    # It sets the role, too.
    return [*_forget("set role"), *_keep("set session authorization", told)]


def _of_reset(found: re.Match[bytes], told: Told) -> list[Change]:
    name = _setting(found.group(1))
    if name != "set all":
        return _keep(name, told)
    kept = ("set role", "set session authorization")
    return [
        lambda memory: memory.forget(key for key in memory.with_prefix("set ") if key not in kept)
    ]


def _of_listen(found: re.Match[bytes], told: Told) -> list[Change]:
    channel = _name(found.group(2))
    if not found.group(1):
        return _keep(f"listen {channel}", told)
    return _forget_all("listen ") if channel == "*" else _forget(f"listen {channel}")


def _of_deallocate(found: re.Match[bytes], _: Told) -> list[Change]:
    name = _name(found.group(1))
    prefix = "prepared statement "
    return _forget_all(prefix) if name == "all" else _forget(prefix + name)


def _of_close(found: re.Match[bytes], _: Told) -> list[Change]:
    name = _name(found.group(1))
    prefix = "cursor WITH HOLD "
    return _forget_all(prefix) if name == "all" else _forget(prefix + name)


def _of_discard(found: re.Match[bytes], _: Told) -> list[Change]:
    if found.group(1).upper() == b"ALL":
        return _forget_all("")
    return _forget_all("temporary ")


def _of_lock(found: re.Match[bytes], _: Told) -> list[Change]:
    arguments = found.group(4).decode("utf-8", "replace")
    key = f"advisory lock {arguments}"
    how = found.group(2).lower()
    if how == b"unlock_all":
        return _forget_all("advisory lock ")
    return _lose(key) if how == b"lock" else _forget(key)


def _of_functions(told: Told) -> list[Change]:
    calls = list(_SET_CONFIG.finditer(told.text))
    values = [[_argument(call, n, told) for n in range(3)] for call in calls]
    lasting = [call for call in values if call[2] not in ("true", "t", "on", "yes", "1")]
    if not lasting:
        return []
    if len(values) == 1 and lasting[0][0] is not None:
        return _keep(_setting(lasting[0][0].encode()), told)
    return _keep(told.text.decode("utf-8", "replace"), told)


def _argument(call: re.Match[bytes], number: int, told: Told) -> str | None:
    quoted, place, word = call.group(3 * number + 1, 3 * number + 2, 3 * number + 3)
    if place is not None:
        at = int(place) - 1
        value = told.params[at] if at < len(told.params) else None
        if value is None:
            return None
        if at < len(told.formats) and told.formats[at]:
            return {b"\x01": "true", b"\x00": "false"}.get(value, value.decode("utf-8", "replace"))
        return value.decode("utf-8", "replace")
    text = quoted.replace(b"''", b"'") if quoted is not None else word.lower()
    return str(text.decode("utf-8", "replace"))


_MAKERS: list[tuple[re.Pattern[bytes], Callable[[re.Match[bytes], Told], list[Change]]]] = [
    (_PASSING, lambda *_: []),
    (_AUTHORIZATION, _of_authorization),
    (_SET, lambda found, told: _keep(_setting(found.group(1)), told)),
    (_RESET, _of_reset),
    (_LISTEN, _of_listen),
    (_TEMPORARY, lambda found, _: _lose(_temporary(found))),
    (_DROP, lambda found, _: _forget(_temporary(found))),
    (_PREPARE, lambda found, _: _lose(f"prepared statement {_name(found.group(1))}")),
    (_DEALLOCATE, _of_deallocate),
    (_HOLD, lambda found, _: _lose(f"cursor WITH HOLD {_name(found.group(1))}")),
    (_CLOSE, _of_close),
    (_pattern(rb"DISCARD\s+(ALL|TEMP\w*)"), _of_discard),
    (_LOCK, _of_lock),
]


def _temporary(found: re.Match[bytes]) -> str:
    return f"temporary {found.group(1).decode().lower()} {_name(found.group(2))}"


def told_of(query: Any) -> Told:
    """What a ``PostgresQuery`` of psycopg's sends."""
    params = tuple(None if one is None else bytes(one) for one in query.params or ())
    formats = tuple(int(one) for one in query.formats or ())
    return Told(bytes(query.query), params, tuple(query.types), formats)
