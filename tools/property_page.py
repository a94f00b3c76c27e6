# SPDX-License-Identifier: Apache-2.0
"""Prints docs/guide/properties.md, made from the engine's table of properties."""

from __future__ import annotations

from typing import Any

from aws_advanced_python_wrapper import _engine

_OWNERS = {
    "core": "All connections",
    "topology": "Topology",
    "failover": "Plugin `failover`",
    "host_monitoring": "Plugin `host_monitoring`",
}


def page() -> str:
    """The page as text."""
    lines = [
        "# Properties",
        "",
        "Made by `tools/property_page.py` from the engine's table. Everything else that is given",
        "to `connect()` goes to the driver as it is.",
    ]
    for owner, title in _OWNERS.items():
        rows = [row for row in _engine.property_table() if row["owner"] == owner]
        if rows:
            lines += ["", f"## {title}", "", "| Name | Type | Default | |", "|---|---|---|---|"]
            lines += [_row(row) for row in rows]
    lines += [
        "",
        "## Parameters of the monitoring connections",
        "",
        "`monitoring-<name>` (also `topology-monitoring-<name>`) gives the monitors' connections",
        "another value for a parameter of the driver's, for example `monitoring-connect_timeout=3`",
        "(seconds, fractions allowed).",
    ]
    return "\n".join(lines) + "\n"


def _row(row: dict[str, Any]) -> str:
    kind = ", ".join(f"`{choice}`" for choice in row["choices"]) or row["type"]
    default = f"`{row['default']}`" if row["default"] else ""
    effect = "" if row["effect"] == "active" else "*Accepted, without effect.* "
    return f"| `{row['name']}` | {kind} | {default} | {effect}{row['doc']} |"


if __name__ == "__main__":
    print(page(), end="")
