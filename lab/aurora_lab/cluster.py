# SPDX-License-Identifier: Apache-2.0
"""A local Aurora cluster: the object that tests and the command line work with."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, final

from . import engine as engines
from .building import Parts, Plan, build
from .engine import EngineName, Kind, Login
from .errors import LabError
from .failover import fail_over
from .gate import Gate
from .instance import Instance
from .publisher import Publisher
from .replication import ReplicaSet
from .resolver import Resolver
from .truth import Failover, History, How, Truth

log = logging.getLogger("aurora_lab")

_WATCH_EVERY = 0.2


@final
class Cluster:
    """One writer and ``readers`` readers, on loopback, under Aurora's endpoint names.

    ``engine`` is the kind of servers: PostgreSQL (``pg``) or MariaDB (``mysql``); ``kind`` chooses
    the SQL surface; ``gates`` puts a relay before every instance, which ``aurora`` on ``mysql`` has
    anyhow; ``tls`` turns TLS on, with an authority of its own (``ca_file``). ``dns_lag`` and
    ``topology_lag`` are the seconds for which the cluster's names and its SQL surface stay behind a
    failover. ``bindir`` holds the server programs (default: the newest installed); the data is in a
    new folder in ``directory`` (default: the temporary folder). ``name`` and ``domain`` make the
    endpoint names.
    ``resolver`` is the view to add them to: by default that of this process, else a new one.
    ``port`` is the engine's standard port unless given.

    Nothing runs before ``up()``, nothing is left after ``down()`` or after the death of this
    process. Methods may be called from any thread and wait for each other. All raise
    ``LabError`` if they can't do their work in time.
    """

    user = "john"
    password = "pwd"
    database = "db"

    def __init__(
        self,
        readers: int = 2,
        kind: Kind = "aurora",
        *,
        engine: EngineName = "pg",
        gates: bool = False,
        tls: bool = False,
        dns_lag: float = 0.0,
        topology_lag: float = 0.0,
        bindir: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        name: str = "database",
        domain: str = "xyz.us-east-1.rds.amazonaws.com",
        resolver: Resolver | None = None,
        port: int | None = None,
    ) -> None:
        if not 0 <= readers <= 90:
            raise LabError(f"readers must be 0 to 90, not {readers}")
        self._engine = engines.load(engine)
        self.port = port if port is not None else self._engine.port
        self._plan = Plan(
            engine=self._engine,
            readers=readers,
            kind=kind,
            gates=gates,
            tls=tls,
            dns_lag=dns_lag,
            topology_lag=topology_lag,
            bindir=Path(bindir).resolve() if bindir is not None else None,
            directory=Path(directory).resolve() if directory is not None else None,
            name=name,
            domain=domain,
            port=self.port,
            login=Login(self.user, self.password, self.database),
        )
        self.engine = engine
        self.kind = kind
        self.tls = tls
        self.writer_endpoint = self._plan.writer_endpoint
        self.reader_endpoint = self._plan.reader_endpoint
        self._shared_resolver = resolver
        self._lock = threading.RLock()
        self._parts: Parts | None = None
        self._history = History()
        self._closing = threading.Event()
        self._watcher: threading.Thread | None = None
        self._rejoins: list[threading.Thread] = []

    def __enter__(self) -> Cluster:
        return self.up()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    # Life

    def up(self) -> Cluster:
        """Start everything; on any failure nothing is left running."""
        with self._working():
            if self._parts is not None:
                raise LabError("the cluster is up already")
            began = time.monotonic()
            self._closing.clear()
            self._history = History()
            shared = self._shared_resolver or Resolver.of_this_process()
            self._parts = build(self._plan, shared)
            self._watcher = threading.Thread(
                target=self._watch, name="aurora-lab-watch", daemon=True
            )
            self._watcher.start()
            log.info("%s is up after %.1f s", self.writer_endpoint, time.monotonic() - began)
        return self

    def down(self) -> None:
        """Stop everything and remove every trace; nothing happens if it is down."""
        self._closing.set()
        with self._lock:
            parts, self._parts = self._parts, None
            if parts is not None:
                parts.closing.close()
        threads = [*self._rejoins, *([self._watcher] if self._watcher else [])]
        for thread in threads:
            thread.join(10)
        self._rejoins.clear()
        self._watcher = None

    # What there is

    @property
    def instances(self) -> dict[str, Instance]:
        """The instances by id; ``instance-1`` is the first writer."""
        return dict(self._set.instances)

    @property
    def writer(self) -> Instance:
        """The instance that is the writer now."""
        return self._set.writer

    @property
    def readers(self) -> list[Instance]:
        """All other instances."""
        return self._set.readers()

    @property
    def resolver(self) -> Resolver:
        """The view in which the endpoint names have addresses."""
        return self._up.resolver

    @property
    def folder(self) -> Path:
        """Where the cluster keeps its data, logs and certificates."""
        return self._up.folder

    @property
    def ca_file(self) -> str:
        """The authority's certificate, for ``sslrootcert`` or ``ssl_ca``."""
        if not self._plan.tls:
            raise LabError("the cluster has no TLS: make it with tls=True")
        return str(self.folder / "ca.pem")

    @property
    def keeper_pid(self) -> int | None:
        """The process that carries the gates and cleans up after us; ``None`` when down."""
        return self._parts.keeper.pid if self._parts else None

    def custom_endpoint(self, name: str, members: Iterable[str]) -> str:
        """Make or change a custom endpoint over these instance ids; return its host name."""
        ids = tuple(members)
        for instance_id in ids:
            self._get(instance_id)
        endpoint = self._plan.custom_endpoint(name)
        self._out.set_custom(endpoint, ids)
        return endpoint

    def dsn(self, endpoint: str | None = None, **params: Any) -> str:
        """Return how to connect as the ordinary user; the writer endpoint is the default.

        The string is ``host=... port=...`` and so on, with ``params`` added, under the names that
        the engine's driver has for them.
        """
        return self._engine.dsn(
            endpoint or self.writer_endpoint, self.port, self._plan.login, params
        )

    def lookup(self, name: str) -> str:
        """Return the address that one of the endpoint names has now."""
        return self.resolver.lookup(name)

    def connect(self, instance_id: str, **params: Any) -> Any:
        """Open a superuser's connection by address, past gate and resolver, in autocommit mode.

        It is one of psycopg, or of the pure build of mysql-connector. ``params`` are the driver's;
        the database is the cluster's unless given.
        """
        database = {self._engine.database_parameter: self.database}
        return self._get(instance_id).connect(**{**database, **params})

    def truth(self) -> Truth:
        """Return who is writer, what runs, and when each phase of each failover happened."""
        replicas, publisher = self._set, self._out
        return Truth(
            writer=replicas.writer.id,
            instances=MappingProxyType({i.id: i.state for i in replicas.instances.values()}),
            topology_writer=publisher.topology_writer,
            dns_writer=publisher.dns_writer,
            failovers=self._history.records(),
        )

    def committed(self, sql: str) -> dict[str, list[tuple[Any, ...]]]:
        """Run a query on every server that is up, and return its rows by instance id.

        Readers first replay everything that the writer has written.
        """
        with self._lock:
            self._set.catch_up()
            answers = {}
            for instance in self._set.instances.values():
                if instance.state == "up":
                    with contextlib.closing(self.connect(instance.id)) as connection:
                        answers[instance.id] = instance.rows(connection, sql)
            return answers

    def gate(self, instance_id: str) -> Gate:
        """Return the gate before an instance."""
        self._get(instance_id)
        if not self._plan.relays:
            raise LabError("the cluster has no gates: make it with gates=True")
        return self._up.gates[instance_id]

    # Faults

    def crash(self, instance_id: str) -> None:
        """SIGKILL a whole server at once. Nobody is promoted; commits wait for a reader no more."""
        with self._working():
            instance = self._get(instance_id)
            instance.kill()
            self._gone(instance)

    def freeze(self, instance_id: str) -> None:
        """SIGSTOP every process of a server; commits wait for a frozen reader no more."""
        with self._working():
            instance = self._get(instance_id)
            instance.freeze()
            if instance is self._set.writer:
                self._set.writer_stopped()
            else:
                self._set.expel(instance)

    def thaw(self, instance_id: str) -> None:
        """Let a frozen server go on; a reader catches up before commits wait for it again.

        A former writer goes on as what it was: it can't acknowledge a commit, as its readers
        left it. ``rejoin()`` makes a reader of it.
        """
        with self._working():
            instance = self._get(instance_id)
            instance.thaw()
            # One that was a reader all the time has somebody to follow; a former writer hasn't.
            if instance is not self._set.writer and instance.primary is not None:
                self._set.follow([instance])

    def lose_reader(self, instance_id: str) -> None:
        """Take a reader out of the cluster for good: killed, and not in the topology any more.

        ``rejoin()`` and ``heal()`` bring it back.
        """
        with self._working():
            instance = self._get(instance_id)
            if instance is self._set.writer:
                raise LabError(f"{instance_id} is the writer, not a reader")
            instance.kill()
            self._set.removed.add(instance_id)
            self._gone(instance)

    def failover(
        self, to: str | None = None, how: How = "planned", rejoin: bool = True
    ) -> Failover:
        """Stop the writer, promote a reader at once, and let the other readers follow it.

        The writer is shut down (``planned``), SIGKILLed (``crash``) or SIGSTOPped (``freeze``).
        ``to`` names the reader to promote; by default it is the one that received most. Returns
        when commits wait for the other readers again; topology and DNS follow after their lags.
        With ``rejoin`` a stopped or killed writer becomes a reader in the background, which
        ``heal()`` and the next ``failover()`` wait for. A frozen one stays so until ``rejoin()``.
        """
        if how not in ("planned", "crash", "freeze"):
            raise LabError(f"how must be planned, crash or freeze, not {how!r}")
        self._finish_rejoins()
        with self._working():
            if to is not None and self._get(to) is self._set.writer:
                raise LabError(f"{to} is the writer already")
            old = self._set.writer
            number = fail_over(self._set, self._out, self._history, self._up.view, to=to, how=how)
            if rejoin and how != "freeze":
                thread = threading.Thread(
                    target=self._rejoin_later, args=(old.id,), name="aurora-lab-rejoin", daemon=True
                )
                self._rejoins.append(thread)
                thread.start()
            return self._history.records()[number]

    # Recovery

    def rejoin(self, instance_id: str) -> None:
        """Make a reader of a server in any state but the writer's: killed, copied anew, in step."""
        with self._working():
            instance = self._get(instance_id)
            if instance is self._set.writer:
                raise LabError(f"{instance_id} is the writer")
            self._set.rebuild(instance)
            self._history.returned(instance_id)
            self._out.announce(self._up.view())

    def heal(self, within: float = 60.0) -> None:
        """Undo every fault: gates pass, all run and follow the writer, topology and DNS true.

        Raises ``LabError`` with what is still wrong after ``within`` seconds.
        """
        deadline = time.monotonic() + within
        self._finish_rejoins()
        with self._lock:
            for gate in self._up.gates.values():
                gate.heal()
            while True:
                try:
                    self._mend()
                    found = self._problems()
                except (LabError, self._engine.driver_error, TimeoutError) as error:
                    found = [str(error)]
                if not found:
                    return
                if time.monotonic() > deadline:
                    raise LabError(f"not healthy within {within:g} s: {'; '.join(found)}")
                time.sleep(0.02)

    def _mend(self) -> None:
        replicas = self._set
        writer = replicas.writer
        if writer.state == "frozen":
            writer.thaw()
        elif writer.state == "down":
            writer.start()
        for reader in replicas.readers():
            if reader.state == "frozen" and reader.primary is not None:
                reader.thaw()
            if reader.state != "up" or reader.primary is None:
                self.rejoin(reader.id)
            elif reader.id not in replicas.following or reader.id not in replicas.in_sync:
                replicas.follow([reader])
        replicas.removed.clear()
        if self._out.current() != (self._up.view(), self._up.view()):
            self._out.publish(self._up.view())

    def _problems(self) -> list[str]:
        found = self._set.problems()
        found += [
            f"the gate of {n} is {g.state}" for n, g in self._up.gates.items() if g.state != "pass"
        ]
        if not found and self.lookup(self.writer_endpoint) != self.writer.public_address:
            found.append(f"{self.writer_endpoint} doesn't point to {self.writer.id}")
        return found

    # Inside

    @contextlib.contextmanager
    def _working(self) -> Iterator[None]:
        """Keep other calls out, and tell every failure as a ``LabError``."""
        with self._lock:
            try:
                yield
            except (self._engine.driver_error, OSError) as error:  # a TimeoutError is an OSError
                raise LabError(f"{type(error).__name__}: {error}") from error

    @property
    def _up(self) -> Parts:
        parts = self._parts
        if parts is None:
            raise LabError("the cluster is down")
        return parts

    @property
    def _set(self) -> ReplicaSet[Instance]:
        return self._up.replicas

    @property
    def _out(self) -> Publisher:
        return self._up.publisher

    def _get(self, instance_id: str) -> Instance:
        try:
            return self._set.instances[instance_id]
        except KeyError:
            known = ", ".join(self._set.instances)
            raise LabError(f"no instance {instance_id!r}; there are {known}") from None

    def _gone(self, instance: Instance) -> None:
        if instance is self._set.writer:
            self._set.writer_stopped()
        else:
            self._set.expel(instance)
        self._out.announce(self._up.view())

    def _rejoin_later(self, instance_id: str) -> None:
        try:
            with self._lock:
                if not self._closing.is_set() and self._set.writer.id != instance_id:
                    self.rejoin(instance_id)
        except (LabError, self._engine.driver_error, OSError) as error:  # heal() tries again
            if not self._closing.is_set():
                log.warning("%s didn't rejoin: %s", instance_id, error)

    def _finish_rejoins(self) -> None:
        with self._lock:
            threads, self._rejoins = self._rejoins, []
        for thread in threads:
            thread.join(60)

    def _watch(self) -> None:
        """Notice readers that died by other hands, so that commits don't wait for them."""
        while not self._closing.wait(_WATCH_EVERY):
            if not self._lock.acquire(blocking=False):
                continue
            try:
                for instance in self._set.instances.values():
                    if instance.state == "down" and instance.down_since is None:
                        log.warning("%s died", instance.id)
                        instance.down_since = time.time()
                        self._gone(instance)
            except Exception:  # the watch must go on: the next round may succeed
                if not self._closing.is_set():
                    log.exception("watching failed")
            finally:
                self._lock.release()
