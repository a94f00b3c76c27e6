# SPDX-License-Identifier: Apache-2.0
"""What the lab asks of each kind of server; ``postgres`` and ``mariadb`` answer."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from .errors import LabError
from .instance import Instance, Site
from .programs import Programs
from .replication import ReplicaSet

EngineName = Literal["pg", "mysql"]
Kind = Literal["aurora", "multi-az", "plain"]

_MODULES: dict[str, str] = {"pg": "postgres", "mysql": "mariadb"}


@dataclass(frozen=True)
class Login:
    """The ordinary user and its database."""

    user: str
    password: str
    database: str


@dataclass(frozen=True)
class Rewriting:
    """How a relay changes what passes: ``module`` has a function ``translator(**options)``.

    It returns what ``relay.Relay`` takes as ``translator``; ``options`` can be put into JSON.
    """

    module: str
    options: dict[str, Any]


class Engine(ABC):
    """One kind of server. Its object is ``ENGINE`` in a sub-package of this package."""

    port: ClassVar[int]
    """The standard port."""
    driver_error: ClassVar[type[Exception]]
    """The root of what the driver raises."""
    database_parameter: ClassVar[str]
    """What the driver calls the database to connect to."""

    @abstractmethod
    def programs(self, bindir: Path | None) -> Programs:
        """Find the server programs. Raises ``LabError`` if there are none."""

    @abstractmethod
    def server(
        self,
        site: Site,
        kind: Kind,
        programs: Programs,
        password: str,
        certificates: Path | None,
    ) -> Instance:
        """Make a server that doesn't run yet.

        ``password`` is the superuser's. ``certificates`` is a folder with ``server.pem``,
        ``server.key`` and ``ca.pem``; without it the server speaks no TLS.
        """

    @abstractmethod
    def replicas(self, instances: Mapping[str, Instance]) -> ReplicaSet[Any]:
        """Make the set of these servers, of which the first is the writer."""

    @abstractmethod
    def install(self, writer: Instance, kind: Kind, topology: Path, login: Login) -> None:
        """Make the user, its database and the SQL surface of ``kind`` on a new writer.

        ``topology`` is the file that ``publisher.Publisher`` writes.
        """

    @abstractmethod
    def dsn(self, endpoint: str, port: int, login: Login, params: Mapping[str, Any]) -> str:
        """Return a one-string form of how to connect as the ordinary user."""

    def rewriting(self, site: Site, kind: Kind, certificates: Path | None) -> Rewriting | None:  # noqa: ARG002
        """Return what the relay before a server must change, ``None`` if nothing."""
        return None

    def needs_relay(self, kind: Kind) -> bool:  # noqa: ARG002
        """Tell whether ``kind`` is impossible without a relay that rewrites."""
        return False


def load(name: str) -> Engine:
    """Return the engine of this name; only now is its driver imported.

    Raises ``LabError`` if there is no such engine, or no driver.
    """
    if name not in _MODULES:
        raise LabError(f"engine must be {' or '.join(_MODULES)}, not {name!r}")
    try:
        module = importlib.import_module(f".{_MODULES[name]}", __package__)
    except ImportError as error:
        raise LabError(f"{name} needs a driver: pip install '.[lab]' ({error})") from error
    return cast(Engine, module.ENGINE)
