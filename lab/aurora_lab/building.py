# SPDX-License-Identifier: Apache-2.0
"""From a plan to running servers, and back to nothing."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import places, processes
from .certificates import write_certificates
from .engine import Engine, Kind, Login
from .gate import Gate, Keeper, RelayOrder
from .instance import Instance, Site
from .programs import Programs
from .publisher import Publisher, View
from .replication import ReplicaSet
from .resolver import Resolver

_PASSWORD = secrets.token_urlsafe(16)
"""The superuser's, of all clusters of this process: it is in the files that they begin with."""


@dataclass(frozen=True)
class Plan:
    """What a cluster shall be; the fields are those of ``Cluster``."""

    engine: Engine
    readers: int
    kind: Kind
    gates: bool
    tls: bool
    dns_lag: float
    topology_lag: float
    bindir: Path | None
    directory: Path | None
    name: str
    domain: str
    port: int
    login: Login

    @property
    def relays(self) -> bool:
        """Whether there is a relay before every instance."""
        return self.gates or self.engine.needs_relay(self.kind)

    @property
    def writer_endpoint(self) -> str:
        """The name of the writer."""
        return f"{self.name}.cluster-{self.domain}"

    @property
    def reader_endpoint(self) -> str:
        """The name that rotates over the readers."""
        return f"{self.name}.cluster-ro-{self.domain}"

    def custom_endpoint(self, name: str) -> str:
        """The name of a custom endpoint."""
        return f"{name}.cluster-custom-{self.domain}"

    def sites(self, folder: Path, network: int) -> list[Site]:
        """Return where the instances are to be, the first writer first."""
        return [
            Site(
                id=f"instance-{n}",
                number=n,
                endpoint=f"instance-{n}.{self.domain}",
                address=places.server_address(network, n),
                gate_address=places.gate_address(network, n) if self.relays else None,
                port=self.port,
                folder=folder / f"instance-{n}",
            )
            for n in range(1, self.readers + 2)
        ]


@dataclass(frozen=True)
class Parts:
    """What a running cluster consists of. ``closing`` removes all of it."""

    folder: Path
    resolver: Resolver
    keeper: Keeper
    replicas: ReplicaSet[Instance]
    publisher: Publisher
    gates: dict[str, Gate]
    closing: ExitStack

    def view(self) -> View:
        """Return what the cluster should say about itself now."""
        members = [
            i.member()
            for i in self.replicas.instances.values()
            if i.id not in self.replicas.removed
        ]
        return View(self.replicas.writer.id, tuple(members))


def build(plan: Plan, resolver: Resolver | None) -> Parts:
    """Start everything that ``plan`` asks for; on any failure nothing is left.

    ``resolver`` is the view to add the names to, ``None`` for one of its own. Raises
    ``LabError`` if something can't be started.
    """
    engine = plan.engine
    programs = engine.programs(plan.bindir)
    places.sweep_stale(plan.directory)
    with ExitStack() as stack:
        network, lock = places.claim_network(plan.port)
        # Ours as well as the keeper's: without it the next cluster would sweep this one away.
        stack.callback(lock.close)
        folder = places.make_folder(network, plan.directory)
        stack.callback(processes.sweep, folder)
        sites = plan.sites(folder, network)
        certificates = folder if plan.tls else None
        if plan.tls:
            _make_certificates(plan, folder, sites, programs)
        relays = {
            site.id: RelayOrder(
                site.gate_address,
                site.address,
                site.port,
                engine.rewriting(site, plan.kind, certificates),
            )
            for site in sites
            if site.gate_address is not None
        }
        keeper = Keeper(folder, lock, relays)
        instances: dict[str, Instance] = {}
        for site in sites:
            instances[site.id] = engine.server(site, plan.kind, programs, _PASSWORD, certificates)
            stack.callback(instances[site.id].kill)
        stack.callback(keeper.finish)
        if resolver is None:
            (folder / "resolver").mkdir(mode=0o755)
            resolver = Resolver(folder / "resolver")
        topology = folder / "topology.json"
        publisher = Publisher(
            topology,
            resolver,
            writer_endpoint=plan.writer_endpoint,
            reader_endpoint=plan.reader_endpoint,
            topology_lag=plan.topology_lag,
            dns_lag=plan.dns_lag,
        )
        stack.callback(publisher.stop)
        replicas: ReplicaSet[Instance] = engine.replicas(instances)
        for instance in instances.values():
            instance.prepare()
        replicas.writer.create()
        replicas.writer.start()
        engine.install(replicas.writer, plan.kind, topology, plan.login)
        replicas.build()
        keeper.wait_ready()
        gates = {name: Gate(keeper, name) for name in relays}
        parts = Parts(folder, resolver, keeper, replicas, publisher, gates, stack.pop_all())
    try:
        publisher.start(parts.view())
    except BaseException:
        parts.closing.close()
        raise
    return parts


def _make_certificates(plan: Plan, folder: Path, sites: list[Site], programs: Programs) -> None:
    names = [plan.writer_endpoint, plan.reader_endpoint, plan.custom_endpoint("*")]
    names += [site.endpoint for site in sites]
    addresses = [a for site in sites for a in (site.address, site.gate_address) if a]
    write_certificates(folder, names, addresses, programs.give)
