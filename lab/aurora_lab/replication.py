# SPDX-License-Identifier: Apache-2.0
"""One writer, its readers, and the rule that no acknowledged commit is ever lost.

A commit waits for every reader in ``in_sync``. Only such a reader may be promoted, so it holds
all that was acknowledged. A server that fell out of the set is copied anew before it returns.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from .errors import LabError
from .instance import Instance, rows
from .waiting import eventually

log = logging.getLogger("aurora_lab")

_STANDBYS = """
    SELECT application_name, state, sync_state,
           flush_lsn >= pg_current_wal_flush_lsn()
      FROM pg_stat_replication
"""
_SHOW = "SHOW synchronous_standby_names"
_NUDGE = "SELECT pg_logical_emit_message(true, 'aurora_lab', 'nudge')"
_FOLLOW_WITHIN = 3.0


class ReplicaSet:
    """The servers of a cluster and who follows whom. Not safe for concurrent use."""

    def __init__(self, instances: Mapping[str, Instance]) -> None:
        self.instances = instances
        self.writer = next(iter(instances.values()))
        self.in_sync: set[str] = set()
        """Readers that hold every acknowledged commit."""
        self.following: set[str] = set()
        """Readers told to follow the present writer; a former writer isn't, until it is rebuilt."""
        self.removed: set[str] = set()
        """Readers that were taken out of the cluster, until they come back."""

    def readers(self) -> list[Instance]:
        """Return all instances but the writer."""
        return [i for i in self.instances.values() if i is not self.writer]

    def candidates(self) -> list[Instance]:
        """Return the readers that may be promoted."""
        return [i for i in self.readers() if i.id in self.in_sync and i.state == "up"]

    def build(self) -> None:
        """Make every reader a copy of the running writer, and commits wait for all of them."""
        readers = self.readers()
        if not readers:
            return
        with ThreadPoolExecutor(len(readers)) as pool:
            for done in [pool.submit(self._copy, reader) for reader in readers]:
                done.result()
        self.following = {reader.id for reader in readers}
        self._admit_or_raise(self.following)

    def rebuild(self, reader: Instance) -> None:
        """Kill a server, copy the writer over it, and let it follow.

        Raises ``LabError`` if it isn't in step after 30 s.
        """
        self.expel(reader)
        reader.kill()
        self._copy(reader)
        self.following.add(reader.id)
        self.removed.discard(reader.id)
        self._admit_or_raise([reader.id])

    def follow(self, readers: Iterable[Instance]) -> None:
        """Let running readers follow the present writer; rebuild those that can't."""
        readers = list(readers)
        for reader in readers:
            if reader.primary != self.writer.address:
                reader.configure(primary=self.writer)
            self.following.add(reader.id)
        for lost in self.admit([r.id for r in readers], _FOLLOW_WITHIN):
            log.info("%s can't follow %s: copied anew", lost, self.writer.id)
            self.rebuild(self.instances[lost])

    def promoted(self, new: Instance) -> None:
        """Note that ``new`` is the writer now; nobody follows it yet."""
        self.writer = new
        self.in_sync = set()
        self.following = set()
        new.configure(primary=None)

    def admit(self, ids: Iterable[str], within: float) -> set[str]:
        """Let commits wait for these readers too; return those that don't stream in time."""
        wanted = set(ids)
        try:
            eventually(lambda: wanted <= self._streaming(), within)
        except TimeoutError:
            log.info("%s: not all of %s stream", self.writer.id, sorted(wanted))
        ready = wanted & self._streaming()
        if ready:
            self._set_synchronous(self.in_sync | ready)
            # What was acknowledged just before the change took effect must have arrived as well.
            eventually(lambda: ready <= self._caught_up(), within)
            self.in_sync |= ready
        return wanted - ready

    def expel(self, reader: Instance) -> None:
        """Let no commit wait for this reader any longer."""
        self.following.discard(reader.id)
        if reader.id in self.in_sync:
            self.in_sync.discard(reader.id)
            if self.writer.state == "up":
                self._set_synchronous(self.in_sync)

    def problems(self) -> list[str]:
        """Say what keeps this set from being whole; an empty list is health."""
        found = [f"{i.id} is {i.state}" for i in self.instances.values() if i.state != "up"]
        if found:
            return found
        try:
            with self.writer.session() as session:
                if rows(session, "SELECT pg_is_in_recovery()") != [(False,)]:
                    return [f"{self.writer.id} should be the writer and is in recovery"]
                standbys = {row[0]: row[1:] for row in rows(session, _STANDBYS)}
        except psycopg.Error as error:
            return [f"{self.writer.id} doesn't answer: {error}"]
        for reader in self.readers():
            state = standbys.get(reader.id, (None, None, None))
            if state[:2] != ("streaming", "sync") or reader.id not in self.in_sync:
                found.append(f"{reader.id} isn't in step with {self.writer.id}: {state[:2]}")
        return found

    def catch_up(self, within: float = 10.0) -> None:
        """Wait until every following reader has replayed what the writer has written.

        Raises ``LabError`` if one doesn't in time.
        """
        if self.writer.state != "up":
            return
        goal = self.writer.query("SELECT pg_current_wal_lsn()")[0][0]
        replayed = f"SELECT pg_last_wal_replay_lsn() >= '{goal}'::pg_lsn"
        for reader in self.readers():
            if reader.id in self.following and reader.state == "up":
                with reader.session(within) as session:
                    _wait_true(session, replayed, within, f"{reader.id} doesn't replay {goal}")

    def _copy(self, reader: Instance) -> None:
        reader.copy_from(self.writer)
        reader.configure(primary=self.writer)
        reader.start()

    def _admit_or_raise(self, ids: Iterable[str]) -> None:
        late = self.admit(ids, 30.0)
        if late:
            raise LabError(f"{', '.join(sorted(late))} can't follow {self.writer.id}")

    def _standbys(self) -> list[tuple[Any, ...]]:
        return self.writer.query(_STANDBYS)

    def _streaming(self) -> set[str]:
        return {name for name, state, _, _ in self._standbys() if state == "streaming"}

    def _caught_up(self) -> set[str]:
        return {name for name, _, sync, here in self._standbys() if sync == "sync" and here}

    def _set_synchronous(self, ids: set[str]) -> None:
        self.writer.configure(primary=None, synchronous=sorted(ids))
        wanted = self.writer.synchronous
        eventually(lambda: self.writer.query(_SHOW) == [(wanted,)], 5.0)
        with self.writer.session() as session:
            rows(session, "SET synchronous_commit = local")
            # A commit that waits is only looked at when a reader confirms something, which these
            # make it do; twice, as the first may come before the sender has read the setting.
            for _ in range(2):
                rows(session, _NUDGE)
                time.sleep(0.005)


def _wait_true(session: psycopg.Connection[Any], sql: str, within: float, complaint: str) -> None:
    try:
        eventually(lambda: rows(session, sql) == [(True,)], within)
    except TimeoutError as error:
        raise LabError(f"{complaint} within {within:g} s") from error
