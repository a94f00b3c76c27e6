# SPDX-License-Identifier: Apache-2.0
"""User, database and the views that a managed cluster offers its clients."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ..engine import Kind, Login
from .server import Server

_SCRIPTS: dict[Kind, tuple[str, ...]] = {
    "aurora": ("common.sql", "aurora.sql"),
    "multi-az": ("common.sql", "multi_az.sql"),
    "plain": (),
}
# What RDS grants to the user that a cluster is made with. SLAVE MONITOR is a part of MySQL's
# REPLICATION CLIENT, without which SHOW REPLICA STATUS is refused.
_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, RELOAD, PROCESS, REFERENCES, INDEX, ALTER, "
    "SHOW DATABASES, CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE, REPLICATION SLAVE, "
    "REPLICATION CLIENT, SLAVE MONITOR, CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, "
    "CREATE USER, EVENT, TRIGGER"
)


def install(writer: Server, kind: Kind, topology: Path, login: Login) -> None:
    """Make the user, its database and the views of ``kind`` on a new writer."""
    user = f"{_quoted(login.user)}@'%'"
    statements = [
        f"CREATE USER {user} IDENTIFIED VIA mysql_native_password "
        f"USING PASSWORD({_quoted(login.password)})",
        f"GRANT {_PRIVILEGES} ON *.* TO {user} WITH GRANT OPTION",
        f"CREATE DATABASE `{login.database}`",
    ]
    for script in _SCRIPTS[kind]:
        text = (files(__package__) / "sql" / script).read_text()
        lines = [line for line in text.splitlines() if not line.startswith("--")]
        text = "\n".join(lines).replace("@TOPOLOGY_FILE@", _quoted(str(topology)))
        statements += [statement for statement in text.split(";\n") if statement.strip()]
    with writer.session() as session:
        for statement in statements:
            writer.rows(session, statement)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
