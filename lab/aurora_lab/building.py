# SPDX-License-Identifier: Apache-2.0
"""From a plan to running servers, and back to nothing."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import places, processes, surface
from .certificates import write_certificates
from .gate import Gate, Keeper
from .instance import SUPERUSER, Instance
from .programs import Programs
from .publisher import Publisher, View
from .replication import ReplicaSet
from .resolver import Resolver

_HBA = f"""\
hostssl all all 127.0.0.0/8 scram-sha-256
host all all 127.0.0.0/8 scram-sha-256
host replication {SUPERUSER} 127.0.0.0/8 scram-sha-256
"""


@dataclass(frozen=True)
class Plan:
    """What a cluster shall be; the fields are those of ``Cluster``."""

    readers: int
    kind: surface.Kind
    gates: bool
    tls: bool
    dns_lag: float
    topology_lag: float
    bindir: Path | None
    directory: Path | None
    name: str
    domain: str
    port: int
    user: str
    password: str
    database: str

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


@dataclass(frozen=True)
class Parts:
    """What a running cluster consists of. ``closing`` removes all of it."""

    folder: Path
    resolver: Resolver
    keeper: Keeper
    replicas: ReplicaSet
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
    programs = Programs(plan.bindir)
    places.sweep_stale(plan.directory, programs)
    with ExitStack() as stack:
        network, lock = places.claim_network(plan.port)
        with lock:
            folder = places.make_folder(network, plan.directory)
            stack.callback(processes.sweep, folder)
            instances = _make_instances(plan, folder, network, programs)
            relays = {
                i.id: (i.gate_address, i.address, i.port)
                for i in instances.values()
                if i.gate_address is not None
            }
            keeper = Keeper(folder, lock, relays)
        for instance in instances.values():
            stack.callback(instance.kill)
        stack.callback(keeper.finish)
        if resolver is None:
            (folder / "resolver").mkdir(mode=0o755)
            resolver = Resolver(folder / "resolver")
        if plan.tls:
            _make_certificates(plan, folder, instances, programs)
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
        replicas = ReplicaSet(instances)
        _start_servers(plan, replicas, topology)
        keeper.wait_ready()
        gates = {name: Gate(keeper, name) for name in relays}
        parts = Parts(folder, resolver, keeper, replicas, publisher, gates, stack.pop_all())
    try:
        publisher.start(parts.view())
    except BaseException:
        parts.closing.close()
        raise
    return parts


def _start_servers(plan: Plan, replicas: ReplicaSet, topology: Path) -> None:
    for instance in replicas.instances.values():
        instance.prepare(_HBA)
    writer = replicas.writer
    writer.create()
    writer.configure(primary=None)
    writer.start()
    surface.install(
        writer,
        plan.kind,
        topology,
        user=plan.user,
        password=plan.password,
        database=plan.database,
    )
    replicas.build()


def _make_instances(
    plan: Plan, folder: Path, network: int, programs: Programs
) -> dict[str, Instance]:
    password = secrets.token_urlsafe(16)
    tls = {
        "ssl": "on",
        "ssl_cert_file": str(folder / "server.pem"),
        "ssl_key_file": str(folder / "server.key"),
    }
    return {
        f"instance-{n}": Instance(
            f"instance-{n}",
            endpoint=f"instance-{n}.{plan.domain}",
            address=places.server_address(network, n),
            gate_address=places.gate_address(network, n) if plan.gates else None,
            port=plan.port,
            folder=folder / f"instance-{n}",
            programs=programs,
            password=password,
            extra_settings=tls if plan.tls else {},
        )
        for n in range(1, plan.readers + 2)
    }


def _make_certificates(
    plan: Plan, folder: Path, instances: dict[str, Instance], programs: Programs
) -> None:
    names = [plan.writer_endpoint, plan.reader_endpoint, plan.custom_endpoint("*")]
    names += [i.endpoint for i in instances.values()]
    addresses = [a for i in instances.values() for a in (i.address, i.gate_address) if a]
    write_certificates(folder, names, addresses, programs.give)
