# SPDX-License-Identifier: Apache-2.0
"""One writer, its readers, and the rule that no acknowledged commit is ever lost.

Whoever is promoted holds all that was acknowledged: how, differs between kinds of servers. A server
that fell out of step is copied anew before it returns.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from .errors import LabError
from .instance import Instance
from .waiting import eventually

log = logging.getLogger("aurora_lab")

S = TypeVar("S", bound=Instance)

_FOLLOW_WITHIN = 3.0


class Promotion(ABC, Generic[S]):
    """One change of the writer, seen from the readers; made while the old writer still runs."""

    @abstractmethod
    def choose(self, candidates: Sequence[S]) -> S:
        """Once the old writer is stopped: return the candidate that received most."""

    @abstractmethod
    def request(self, new: S) -> None:
        """Ask ``new`` to become the writer."""

    @abstractmethod
    def wait(self, new: S) -> None:
        """Wait until ``new`` takes writes. Raises ``LabError`` if it doesn't within 30 s."""

    @abstractmethod
    def ahead(self, new: S) -> list[S]:
        """Return the readers that received more than ``new`` and so can't follow it."""


class ReplicaSet(ABC, Generic[S]):
    """The servers of a cluster and who follows whom. Not safe for concurrent use."""

    def __init__(self, instances: Mapping[str, S]) -> None:
        self.instances = instances
        self.writer = next(iter(instances.values()))
        self.in_sync: set[str] = set()
        """Readers whose confirmation a commit waits for, and that may be promoted."""
        self.following: set[str] = set()
        """Readers told to follow the present writer; a former writer isn't, until it is rebuilt."""
        self.removed: set[str] = set()
        """Readers that were taken out of the cluster, until they come back."""

    def readers(self) -> list[S]:
        """Return all instances but the writer."""
        return [i for i in self.instances.values() if i is not self.writer]

    def candidates(self) -> list[S]:
        """Return the readers that may be promoted."""
        return [i for i in self.readers() if i.id in self.in_sync and i.state == "up"]

    def build(self) -> None:
        """Make readers of a writer that was just created, and commits wait for all of them."""
        readers = self.readers()
        if not readers:
            return
        with ThreadPoolExecutor(len(readers)) as pool:
            for done in [pool.submit(reader.join, self.writer) for reader in readers]:
                done.result()
        self.following = {reader.id for reader in readers}
        self._admit_or_raise(self.following)
        self.catch_up()

    def rebuild(self, reader: S) -> None:
        """Kill a server, copy the writer over it, and let it follow.

        Raises ``LabError`` if it isn't in step after 30 s.
        """
        reader.kill()
        self.expel(reader)
        reader.clone(self.writer)
        self.following.add(reader.id)
        self.removed.discard(reader.id)
        self._admit_or_raise([reader.id])

    def follow(self, readers: Iterable[S]) -> None:
        """Let running readers follow the present writer; rebuild those that can't."""
        lost = set()
        told = []
        for reader in readers:
            try:
                if reader.primary != self.writer.address:
                    reader.follow(self.writer)
            except reader.driver_error as error:
                log.info("%s can't be told to follow %s: %s", reader.id, self.writer.id, error)
                lost.add(reader.id)
            else:
                self.following.add(reader.id)
                told.append(reader.id)
        lost |= self.admit(told, _FOLLOW_WITHIN)
        for name in sorted(lost):
            log.info("%s can't follow %s: copied anew", name, self.writer.id)
            self.rebuild(self.instances[name])

    def promoted(self, new: S) -> None:
        """Note that ``new`` is the writer now; nobody follows it yet."""
        self.writer = new
        self.in_sync = set()
        self.following = set()
        self._lead(new)

    def expel(self, reader: S) -> None:
        """Let no commit wait for this reader, which is dead or frozen, any longer."""
        self.following.discard(reader.id)
        if reader.id in self.in_sync:
            self.in_sync.discard(reader.id)
            self._expelled()

    def expel_the_dead(self) -> None:
        """Expel the readers that died by other hands than ours."""
        for reader in self.readers():
            if reader.id in self.in_sync and reader.state == "down":
                self.expel(reader)

    def writer_stopped(self) -> None:
        """Note that the writer is dead or frozen, and that nobody shall be promoted now."""

    def problems(self) -> list[str]:
        """Say what keeps this set from being whole; an empty list is health."""
        found = [f"{i.id} is {i.state}" for i in self.instances.values() if i.state != "up"]
        if found:
            return found
        try:
            with self.writer.session() as session:
                return self._disorder(session)
        except self.writer.driver_error as error:
            return [f"{self.writer.id} doesn't answer: {error}"]

    def catch_up(self, within: float = 10.0) -> None:
        """Wait until every following reader has replayed what the writer has written.

        Raises ``LabError`` if one doesn't in time.
        """
        if self.writer.state != "up":
            return
        replayed = self._replayed()
        for reader in self.readers():
            if reader.id in self.following and reader.state == "up":
                with reader.session(within) as session:
                    self._wait_true(reader, session, replayed, within)

    @abstractmethod
    def promotion(self, followers: Sequence[S]) -> AbstractContextManager[Promotion[S]]:
        """Connect to the readers, beforehand: a promotion should cost no more than itself."""

    @abstractmethod
    def admit(self, ids: Iterable[str], within: float) -> set[str]:
        """Let commits wait for these readers too; return those that don't stream in time."""

    @abstractmethod
    def _lead(self, new: S) -> None:
        """Configure a promoted server as a writer that waits for nobody yet."""

    @abstractmethod
    def _expelled(self) -> None:
        """Tell the writer, if it runs, that the readers in ``in_sync`` are all there are."""

    @abstractmethod
    def _disorder(self, session: Any) -> list[str]:
        """Say what is wrong although all run; ``session`` is the writer's."""

    @abstractmethod
    def _replayed(self) -> str:
        """Return a query that tells on a reader whether it has all that the writer has now."""

    def _admit_or_raise(self, ids: Iterable[str]) -> None:
        late = self.admit(ids, 30.0)
        if late:
            raise LabError(f"{', '.join(sorted(late))} can't follow {self.writer.id}")

    def _wait_true(self, reader: S, session: Any, sql: str, within: float) -> None:
        try:
            eventually(lambda: bool(reader.rows(session, sql)[0][0]), within)
        except TimeoutError as error:
            raise LabError(f"{reader.id} doesn't replay all within {within:g} s") from error
