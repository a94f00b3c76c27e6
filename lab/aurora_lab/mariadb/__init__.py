# SPDX-License-Identifier: Apache-2.0
"""Clusters of MariaDB servers, which stand for Aurora MySQL and RDS for MySQL."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast, final

import mysql.connector

from .. import engine
from ..engine import Kind, Login, Rewriting
from ..instance import Instance, Site
from ..programs import Programs as AnyPrograms
from . import surface
from .programs import Programs
from .replication import ReplicaSet
from .server import Server

__all__ = ["ENGINE"]

_AURORA_VERSION = "3.10.0"


@final
class Engine(engine.Engine):
    """MariaDB, spoken to with the pure build of mysql-connector."""

    port = 3306
    driver_error = mysql.connector.Error
    database_parameter = "database"

    def programs(self, bindir: Path | None) -> Programs:
        """Find the server programs. Raises ``LabError`` if there are none."""
        return Programs(bindir)

    def server(
        self,
        site: Site,
        kind: Kind,
        programs: AnyPrograms,
        password: str,
        certificates: Path | None,
    ) -> Server:
        """Make a server that doesn't run yet."""
        extra = {}
        if kind == "multi-az":
            extra = {"report_host": site.address, "report_port": str(site.port)}
        if certificates is not None:
            extra["ssl_ca"] = str(certificates / "ca.pem")
            extra["ssl_cert"] = str(certificates / "server.pem")
            extra["ssl_key"] = str(certificates / "server.key")
        return Server(site, programs, password, extra)

    def replicas(self, instances: Mapping[str, Instance]) -> ReplicaSet:
        """Make the set of these servers, of which the first is the writer."""
        return ReplicaSet(cast(Mapping[str, Server], instances))

    def install(self, writer: Instance, kind: Kind, topology: Path, login: Login) -> None:
        """Make the user, its database and the views of ``kind`` on a new writer."""
        surface.install(cast(Server, writer), kind, topology, login)

    def dsn(self, endpoint: str, port: int, login: Login, params: Mapping[str, Any]) -> str:
        """Return ``host=... port=... database=... user=... password=...`` and ``params``."""
        given = {
            "host": endpoint,
            "port": port,
            "database": login.database,
            "user": login.user,
            "password": login.password,
            **params,
        }
        return " ".join(f"{name}={_quoted(str(value))}" for name, value in given.items())

    def rewriting(self, site: Site, kind: Kind, certificates: Path | None) -> Rewriting | None:
        """Return what turns the variables and the view into those of Aurora."""
        if not self.needs_relay(kind):
            return None
        variables = {
            "aurora_server_id": site.id,
            "aurora_version": _AURORA_VERSION,
            "hostname": "ip-" + site.address.replace(".", "-"),
        }
        return Rewriting(
            f"{__package__}.wire",
            {
                "variables": variables,
                "certificates": str(certificates) if certificates is not None else None,
            },
        )

    def needs_relay(self, kind: Kind) -> bool:
        """Tell whether ``kind`` has what MariaDB can't offer in SQL."""
        return kind == "aurora"


def _quoted(text: str) -> str:
    if text and not set(text) & set(" '\\\t\n"):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


ENGINE = Engine()
