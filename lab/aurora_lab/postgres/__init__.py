# SPDX-License-Identifier: Apache-2.0
"""Clusters of PostgreSQL servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, final

import psycopg
from psycopg.conninfo import make_conninfo

from .. import engine
from ..engine import Kind, Login
from ..instance import Instance, Site
from ..programs import Programs as AnyPrograms
from . import surface
from .programs import Programs
from .replication import ReplicaSet
from .server import Server

__all__ = ["ENGINE"]


@final
class Engine(engine.Engine):
    """PostgreSQL, spoken to with psycopg."""

    port = 5432
    driver_error = psycopg.Error
    database_parameter = "dbname"

    def programs(self, bindir: Path | None) -> Programs:
        """Find the server programs. Raises ``LabError`` if there are none."""
        return Programs(bindir)

    def server(
        self,
        site: Site,
        kind: Kind,  # noqa: ARG002
        programs: AnyPrograms,
        password: str,
        certificates: Path | None,
    ) -> Server:
        """Make a server that doesn't run yet."""
        tls = {}
        if certificates is not None:
            tls = {
                "ssl": "on",
                "ssl_cert_file": str(certificates / "server.pem"),
                "ssl_key_file": str(certificates / "server.key"),
            }
        return Server(site, programs, password, tls)

    def replicas(self, instances: Mapping[str, Instance]) -> ReplicaSet:
        """Make the set of these servers, of which the first is the writer."""
        return ReplicaSet(cast(Mapping[str, Server], instances))

    def install(self, writer: Instance, kind: Kind, topology: Path, login: Login) -> None:
        """Make the user, its database and the SQL functions of ``kind`` on a new writer."""
        surface.install(cast(Server, writer), kind, topology, login)

    def dsn(self, endpoint: str, port: int, login: Login, params: Mapping[str, Any]) -> str:
        """Return a conninfo string."""
        given = {
            "host": endpoint,
            "port": port,
            "dbname": login.database,
            "user": login.user,
            "password": login.password,
            **params,
        }
        return make_conninfo(**given)


ENGINE = Engine()
