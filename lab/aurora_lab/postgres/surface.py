# SPDX-License-Identifier: Apache-2.0
"""Roles, database and the SQL functions that a managed cluster offers its clients."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from psycopg import sql

from ..engine import Kind, Login
from .server import Server

_SCRIPTS: dict[Kind, tuple[str, ...]] = {
    "aurora": ("common.sql", "aurora.sql"),
    "multi-az": ("common.sql", "multi_az.sql"),
    "plain": (),
}
_EXTENSIONS: dict[Kind, str] = {
    "aurora": "apg_plan_mgmt,aurora_stat_utils,btree_gist,pg_stat_statements,pgcrypto,vector",
    "multi-az": "btree_gist,pg_stat_statements,pgcrypto,rds_tools,vector",
    "plain": "",
}


def install(writer: Server, kind: Kind, topology: Path, login: Login) -> None:
    """Make the user, its database and the functions of ``kind`` on a new writer.

    The templates get the functions too, so every later database has them.
    """
    name = sql.Identifier(login.user)
    with writer.connect() as connection:
        connection.execute("CREATE ROLE rds_superuser NOLOGIN")
        connection.execute("GRANT pg_monitor, pg_signal_backend TO rds_superuser")
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE PASSWORD {}").format(
                name, sql.Literal(login.password)
            )
        )
        connection.execute(sql.SQL("GRANT rds_superuser TO {}").format(name))
    for template in ("template1", "postgres"):
        with writer.connect(dbname=template) as connection:
            for script in _SCRIPTS[kind]:
                text = (files(__package__) / "sql" / script).read_text()
                text = text.replace("@TOPOLOGY_FILE@", _quoted(str(topology)))
                text = text.replace("@RDS_EXTENSIONS@", _quoted(_EXTENSIONS[kind]))
                connection.execute(text.encode())
    with writer.connect() as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(login.database), name)
        )


def _quoted(text: str) -> str:
    return sql.Literal(text).as_string(None)
