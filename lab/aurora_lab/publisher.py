# SPDX-License-Identifier: Apache-2.0
"""What the cluster says about itself: the topology file that SQL functions read, and DNS."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_DNS, uuid5

from .instance import Member
from .resolver import Resolver

log = logging.getLogger("aurora_lab")

_ROTATE_EVERY = 1.0


@dataclass(frozen=True)
class View:
    """Who is writer and who is there, at one moment."""

    writer: str
    members: tuple[Member, ...]

    def address_of(self, instance_id: str) -> str:
        """Return where an instance's name points to."""
        return next(m.address for m in self.members if m.id == instance_id)

    def readers(self) -> list[Member]:
        """Return the readers that run."""
        return [m for m in self.members if m.id != self.writer and m.down_since is None]


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class _Job:
    due: float
    apply: Callable[[View], None]
    view: View
    then: Callable[[], None]


class Publisher:
    """Publishes views after their lags, and rotates the reader names every second.

    ``topology_lag`` and ``dns_lag`` are seconds. The names of instances never lag.
    """

    def __init__(
        self,
        topology: Path,
        resolver: Resolver,
        *,
        writer_endpoint: str,
        reader_endpoint: str,
        topology_lag: float,
        dns_lag: float,
    ) -> None:
        self._topology = topology
        self._resolver = resolver
        self._tag = resolver.new_tag()
        self._writer_endpoint = writer_endpoint
        self._reader_endpoint = reader_endpoint
        self._lags = (topology_lag, dns_lag)
        self._written: Mapping[str, str] = {}
        self._custom: dict[str, tuple[str, ...]] = {}
        self._jobs: list[_Job] = []
        self._turn = 0
        self._shown: View | None = None
        self._resolved: View | None = None
        self._wake = threading.Condition(threading.RLock())
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="aurora-lab-dns", daemon=True)

    @property
    def topology_writer(self) -> str:
        """Whom the SQL functions name as writer."""
        return self._shown.writer if self._shown else ""

    @property
    def dns_writer(self) -> str:
        """Whom the writer endpoint points to."""
        return self._resolved.writer if self._resolved else ""

    def start(self, view: View) -> None:
        """Publish the first view at once and begin to rotate."""
        self.publish(view)
        self._thread.start()

    def stop(self) -> None:
        """End the rotation and forget the names."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(5)
        self._resolver.put(self._tag, {})

    def announce(
        self,
        view: View,
        *,
        on_topology: Callable[[], None] = _nothing,
        on_dns: Callable[[], None] = _nothing,
    ) -> None:
        """Publish a view after the lags; each call-back runs when its part is out."""
        now = time.monotonic()
        work = ((self._show, on_topology), (self._resolve, on_dns))
        with self._wake:
            for lag, (apply, then) in zip(self._lags, work, strict=True):
                job = _Job(now + lag, apply, view, then)
                if lag > 0:
                    self._jobs.append(job)
                else:
                    _run_job(job)
            self._wake.notify()

    def publish(self, view: View) -> None:
        """Publish a view at once, after everything that still waits for its lag."""
        with self._wake:
            jobs, self._jobs = self._jobs, []
            for job in jobs:
                _run_job(job)
            self._show(view)
            self._resolve(view)

    def current(self) -> tuple[View | None, View | None]:
        """Return what the SQL functions and the names say now."""
        with self._wake:
            return self._shown, self._resolved

    def set_custom(self, name: str, members: tuple[str, ...]) -> None:
        """Let ``name`` rotate over the members that run."""
        with self._wake:
            self._custom[name] = members
            self._write_names()

    def _run(self) -> None:
        rotate_at = time.monotonic() + _ROTATE_EVERY
        with self._wake:
            while not self._stopping:
                now = time.monotonic()
                due = [job for job in self._jobs if job.due <= now]
                self._jobs = [job for job in self._jobs if job.due > now]
                try:
                    for job in sorted(due, key=lambda job: job.due):
                        _run_job(job)
                    if now >= rotate_at:
                        rotate_at = now + _ROTATE_EVERY
                        self._turn += 1
                        self._write_names()
                except Exception:  # the thread must live on: the next round may succeed
                    log.exception("publishing failed")
                next_due = min([rotate_at, *(job.due for job in self._jobs)])
                self._wake.wait(max(0.0, next_due - time.monotonic()))

    def _show(self, view: View) -> None:
        document = {
            "writer": view.writer,
            "writer_resource_id": next(m.resource_id for m in view.members if m.id == view.writer),
            "instances": [
                {
                    "server_id": m.id,
                    "resource_id": m.resource_id,
                    "endpoint": m.endpoint,
                    "port": m.port,
                    "session_id": "MASTER_SESSION_ID"
                    if m.id == view.writer
                    else str(uuid5(NAMESPACE_DNS, m.endpoint)),
                    "down_since": m.down_since,
                }
                for m in view.members
            ],
        }
        new = self._topology.with_suffix(".new")
        new.write_text(json.dumps(document))
        new.chmod(0o644)
        os.replace(new, self._topology)
        self._shown = view

    def _resolve(self, view: View) -> None:
        self._resolved = view
        self._write_names()

    def _write_names(self) -> None:
        view = self._resolved
        if view is None:
            return
        names = self._names(view)
        if names != self._written:
            self._resolver.put(self._tag, names)
            self._written = names

    def _names(self, view: View) -> Mapping[str, str]:
        writer = view.address_of(view.writer)
        names = {m.endpoint: m.address for m in view.members}
        names[self._writer_endpoint] = writer
        readers = [m.address for m in view.readers()] or [writer]
        names[self._reader_endpoint] = readers[self._turn % len(readers)]
        for name, ids in self._custom.items():
            members = [m.address for m in view.members if m.id in ids and m.down_since is None]
            if members:
                names[name] = members[self._turn % len(members)]
        return names


def _run_job(job: _Job) -> None:
    job.apply(job.view)
    job.then()
