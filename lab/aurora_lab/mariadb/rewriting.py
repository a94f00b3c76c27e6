# SPDX-License-Identifier: Apache-2.0
"""The words of Aurora MySQL that MariaDB doesn't know, put into words that it knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import final

_HINT = re.compile(rb"aurora_|replica_host_status|innodb_read_only|@@", re.IGNORECASE)
_SHOW = re.compile(
    rb"(?P<comments>(?:\s|/\*.*?\*/)*)SHOW\s+(?:(?:GLOBAL|SESSION|LOCAL)\s+)?VARIABLES\s+"
    rb"(?:LIKE|WHERE\s+`?variable_name`?\s*(?:=|LIKE))\s*(['\"])(?P<name>\w+)\2\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_SHOW_LIST = re.compile(
    rb"(?P<comments>(?:\s|/\*.*?\*/)*)SHOW\s+(?:(?:GLOBAL|SESSION|LOCAL)\s+)?VARIABLES\s+"
    rb"WHERE\s+`?variable_name`?\s+IN\s*\((?P<names>\s*'\w+'(?:\s*,\s*'\w+')*\s*)\)\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)
_TOKEN = re.compile(
    rb"""(?P<space> \s+ | /\*.*?(?:\*/|\Z) | (?:--(?=\s|\Z)|\#)[^\n]* )
       | (?P<text> '(?:[^'\\]|\\.)*(?:'|\Z) | "(?:[^"\\]|\\.)*(?:"|\Z) )
       | (?P<variable> @@(?:(?:global|session|local)\s*\.\s*)?`?(?P<name>\w+)`? )
       | (?P<table> (?P<q>`?)information_schema(?P=q)\s*\.\s*
           (?P<r>`?)replica_host_status(?P=r)(?![\w$]) )
       | (?P<word> [\w$.@\x80-\xff]+ | `[^`]*(?:`|\Z) )
       | (?P<mark> . )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_VIEW = b"aurora_lab.replica_host_status"
_READ_ONLY = b"innodb_read_only"
_AFTER_LIST = {b"from", b"where", b"group", b"having", b"order", b"limit", b"union", b"into"}
_ENDS_ITEM = {b"", b",", b")", b";", b"from", b"limit", b"union", b"where", b"order"}


@final
class Rewriter:
    """Rewrites statements; ``variables`` are the system variables to invent, with their values.

    A select item keeps the variable's name as its column's. Texts and comments stay as they are.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._shown: dict[bytes, bytes] = {
            name.encode(): b"'" + value.encode() + b"'" for name, value in variables.items()
        }
        self._values = {**self._shown, _READ_ONLY: b"@@global.read_only"}
        self._shown[_READ_ONLY] = b"IF(@@global.read_only, 'ON', 'OFF')"

    def rewrite(self, sql: bytes) -> bytes:
        """Return the statement for MariaDB: ``sql`` itself if there is nothing to change."""
        if not _HINT.search(sql):
            return sql
        show = _SHOW.fullmatch(sql)
        if show is not None and show["name"].lower() in self._shown:
            name = show["name"].lower()
            return (
                show["comments"] + b"SELECT '" + name + b"' AS Variable_name, "
                b"" + self._shown[name] + b" AS Value"
            )
        listed = _SHOW_LIST.fullmatch(sql)
        if listed is not None:
            return listed["comments"] + self._show(listed["names"].lower())
        return b"".join(self._pieces(sql))

    def _show(self, names: bytes) -> bytes:
        """Show the variables of a list, ``'a', 'b'``: the server's own, then those to invent."""
        asked = [name.strip(b" '") for name in names.split(b",")]
        own = b", ".join(b"'" + name + b"'" for name in asked if name not in self._shown)
        shown = b"SELECT LOWER(VARIABLE_NAME) AS Variable_name, VARIABLE_VALUE AS Value"
        shown += b" FROM information_schema.SESSION_VARIABLES WHERE VARIABLE_NAME IN ("
        shown += (own or b"''") + b")"
        for name in asked:
            if name in self._shown:
                shown += b" UNION ALL SELECT '" + name + b"', " + self._shown[name]
        return shown

    def _pieces(self, sql: bytes) -> Iterator[bytes]:
        tokens = list(_TOKEN.finditer(sql))
        meaning = [t for t in tokens if t.lastgroup != "space"]
        following = {
            t.start(): after.group().lower()
            for t, after in zip(meaning, [*meaning[1:]], strict=False)
        }
        # For each open parenthesis, whether we are in the list of a SELECT.
        in_list = [False]
        before = b""
        for token in tokens:
            text = token.group()
            if token.lastgroup == "space":
                yield text
                continue
            word = text.lower()
            if token["variable"] and token["name"].lower() in self._values:
                yield self._values[token["name"].lower()]
                is_item = in_list[-1] and before in (b"select", b",")
                if is_item and following.get(token.start(), b"") in _ENDS_ITEM:
                    yield b" AS `" + text.replace(b"`", b"") + b"`"
            elif token["table"]:
                yield _VIEW
            else:
                yield text
                if word == b"(":
                    in_list.append(False)
                elif word == b")" and len(in_list) > 1:
                    in_list.pop()
                elif word == b"select":
                    in_list[-1] = True
                elif word in _AFTER_LIST:
                    in_list[-1] = False
            before = word
