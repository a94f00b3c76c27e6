# SPDX-License-Identifier: Apache-2.0
"""The table of docs/guide/security.md: which link refuses which server."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "guide" / "security.md"
_SYMBOLS = {True: "yes", False: "**no**"}


@dataclass
class Verdicts:
    """Why each link was refused; None: it was opened. Without a live link there are no others."""

    application: str | None
    failover: str | type | None = type
    monitor: str | type | None = type


class Rules:
    """Collects verdicts, and holds them against the rule and the page."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, dict[str, Verdicts]]] = defaultdict(
            lambda: defaultdict(dict)
        )

    def add(self, family: str, demand: str, server: str, verdicts: Verdicts) -> None:
        """Note one server's fate under one demand."""
        self._rows[family][demand][server] = verdicts

    def check(self, family: str) -> None:
        """No link may be opened where the application's is refused; the page shows this table."""
        rows = self._rows[family]
        weaker = [
            f"{demand}; server: {server}; {verdicts}"
            for demand, servers in rows.items()
            for server, verdicts in servers.items()
            if verdicts.application is not None
            and (verdicts.failover is None or verdicts.monitor is None)
        ]
        assert not weaker, "\n".join(weaker)
        table = self._table(rows)
        page = _PAGE.read_text(encoding="utf-8")
        start, end = (f"<!-- {family}: {word} of the table -->" for word in ("start", "end"))
        before, _, rest = page.partition(start)
        _, _, after = rest.partition(end)
        made = f"{before}{start}\n\n{table}\n{end}{after}"
        if "AWS_WRAPPER_WRITE_TABLES" in os.environ:
            _PAGE.write_text(made, encoding="utf-8")
            return
        assert made == page, "run `make tables`: docs/guide/security.md is another run's"

    @staticmethod
    def _table(rows: dict[str, dict[str, Verdicts]]) -> str:
        servers = list(next(iter(rows.values())))
        lines = [
            "| Demand | " + " | ".join(servers) + " |",
            "|---|" + "---|" * len(servers),
        ]
        for demand, fates in rows.items():
            cells = " | ".join(_cell(fates[server]) for server in servers)
            lines.append(f"| `{demand}` | {cells} |")
        return "\n".join(lines) + "\n"


def _cell(verdicts: Verdicts) -> str:
    opened = [
        verdict is None
        for verdict in (verdicts.application, verdicts.failover, verdicts.monitor)
        if verdict is not type
    ]
    if len(opened) == 1:
        return "(no)"  # there was no link that others could follow
    if len(set(opened)) == 1:
        return _SYMBOLS[opened[0]]
    return " / ".join(_SYMBOLS[one] for one in opened)
