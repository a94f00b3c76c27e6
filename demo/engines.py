# SPDX-License-Identifier: Apache-2.0
"""What the demonstration does differently for each database engine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aurora_lab import Cluster
from aurora_lab.engine import EngineName


@dataclass(frozen=True)
class Engine:
    """A database engine, and the drivers that are compared on it."""

    name: EngineName
    title: str
    url: str
    """Of an application, with these in braces: driver, login, address, database, schema, more."""
    wrapped: tuple[str, str]
    """SQLAlchemy's name of the wrapper's dialect, and what is added to the URL for it."""
    bare: tuple[str, str]
    programs: tuple[str, str]
    """The documentation's programs: one that is run, and one whose ``engine`` is used."""
    server: str
    """SQL for the id of the server."""
    create_schema: Callable[[Cluster, str], None]


def _create_postgresql_schema(cluster: Cluster, schema: str) -> None:
    with cluster.connect(cluster.writer.id) as admin:
        admin.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {cluster.user}")


def _create_mysql_schema(cluster: Cluster, schema: str) -> None:
    with cluster.connect(cluster.writer.id) as admin:
        cursor = admin.cursor()
        cursor.execute(f"CREATE SCHEMA {schema}")
        cursor.execute(f"GRANT ALL ON {schema}.* TO {cluster.user}")


ENGINES = (
    Engine(
        name="pg",
        title="PostgreSQL",
        url="{driver}://{login}@{address}/{database}?options=-csearch_path%3D{schema}{more}",
        wrapped=(
            "postgresql+aws_wrapper_psycopg",
            "&wrapper_dialect=aurora-pg&wrapper_plugins=failover,host_monitoring_v2"
            "&enable_connect_failover=true",
        ),
        bare=("postgresql+psycopg", ""),
        programs=("sqlalchemy_creator.py", "sqlalchemy_url.py"),
        server="pg_catalog.aurora_db_instance_identifier()",
        create_schema=_create_postgresql_schema,
    ),
    Engine(
        name="mysql",
        title="MySQL",
        url="{driver}://{login}@{address}/{schema}?charset=utf8mb4{more}",
        wrapped=(
            "mysql+aws_wrapper_mysqlconnector",
            "&wrapper_dialect=aurora-mysql&wrapper_plugins=failover,host_monitoring_v2"
            "&enable_connect_failover=true",
        ),
        bare=("mysql+mysqlconnector", ""),
        programs=("mysql_creator.py", "mysql_url.py"),
        server="@@aurora_server_id",
        create_schema=_create_mysql_schema,
    ),
)
