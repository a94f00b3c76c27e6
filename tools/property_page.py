# SPDX-License-Identifier: Apache-2.0
"""Prints docs/guide/properties.md, made from the engine's table of properties."""

from __future__ import annotations

from typing import Any

from aws_advanced_python_wrapper import _engine

_TITLES = {
    "core": "All connections",
    "topology": "Topology",
    "aws": "Services of AWS",
    "host selection": "Choice of hosts",
    "global databases": "Global databases",
    "telemetry": "Telemetry",
}


def page() -> str:
    """The page as text."""
    lines = [
        "# Properties",
        "",
        "Made by `tools/property_page.py` from the engine's table. Everything else that is given",
        "to `connect()` goes to the driver as it is, `user`, `password`, `database` (with psycopg",
        "it becomes `dbname`) and `connect_timeout` included.",
        "",
        "Upstream's properties are all here, so that a configuration written for it is taken as",
        "it is. What reads some of them is not there yet, and they say so: they are checked, and",
        "change nothing. What asks for something that is not there is an error that tells what",
        "there is: a name in `plugins`, a `wrapper_dialect`, a strategy.",
    ]
    table = _engine.property_table()
    for owner in dict.fromkeys(row["owner"] for row in table):
        rows = [row for row in table if row["owner"] == owner]
        is_to_come = all(row["effect"] == "to come" for row in rows)
        lines += ["", f"## {_TITLES.get(owner, f'Plugin `{owner}`')}", ""]
        lines += ["*Not there yet.*", ""] if is_to_come else []
        lines += ["| Name | Type | Default | |", "|---|---|---|---|"]
        lines += [_row(row, is_to_come) for row in rows]
    lines += [
        "",
        "## Parameters of the monitoring connections",
        "",
        "`monitoring-<name>` (also `topology-monitoring-<name>`) gives the monitors' connections",
        "another value for a parameter of the driver's, for example `monitoring-connect_timeout=3`",
        "(seconds, fractions allowed). Of the properties above, only those of `tcp_keepalive` have",
        "an effect behind it, and with psycopg alone. `blue-green-monitoring-`, `frt-` and",
        "`limitless-router-monitor-` are for monitors that are not there yet; what has one of them",
        "is taken, and reaches no driver.",
    ]
    return "\n".join(lines) + "\n"


_EFFECTS = {
    "active": "",
    "accepted": "*Accepted, without effect.* ",
    "to come": "*Not there yet.* ",
}


def _row(row: dict[str, Any], is_told: bool) -> str:
    choices = ", ".join(f"`{choice}`" if choice else "empty" for choice in row["choices"])
    kind = f"list of {choices}" if choices and row["type"] == "list" else choices or row["type"]
    default = f"`{row['default']}`" if row["default"] else ""
    effect = "" if is_told else _EFFECTS[row["effect"]]
    alias = f" `{row['alias']}` is another name for it." if row["alias"] else ""
    return f"| `{row['name']}` | {kind} | {default} | {effect}{row['doc']}{alias} |"


if __name__ == "__main__":
    print(page(), end="")
