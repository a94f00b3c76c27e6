# SPDX-License-Identifier: Apache-2.0
"""Synchronous streaming replication.

A commit waits for every reader in ``in_sync``. Only such a reader may be promoted, so it holds
all that was acknowledged.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, final

from .. import replication
from ..errors import LabError
from ..waiting import eventually
from .server import Connection, Server

log = logging.getLogger("aurora_lab")

_STANDBYS = """
    SELECT application_name, state, sync_state,
           flush_lsn >= pg_current_wal_flush_lsn()
      FROM pg_stat_replication
"""
_SHOW = "SHOW synchronous_standby_names"
_NUDGE = "SELECT pg_logical_emit_message(true, 'aurora_lab', 'nudge')"
_RECEIVED = "SELECT coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn"
_IN_RECOVERY = "SELECT pg_is_in_recovery()"
_PROMOTE_WITHIN = 30.0


@final
class Promotion(replication.Promotion[Server]):
    """The promotion of a standby; ``sessions`` are the readers' by instance id."""

    def __init__(self, readers: Sequence[Server], sessions: Mapping[str, Connection]) -> None:
        self._readers = readers
        self._sessions = sessions
        self._received: dict[str, int] = {}

    def choose(self, candidates: Sequence[Server]) -> Server:
        """Return the candidate that received most."""
        self._received = {
            r.id: int(r.rows(self._sessions[r.id], _RECEIVED)[0][0]) for r in self._readers
        }
        return max(candidates, key=lambda c: self._received[c.id])

    def request(self, new: Server) -> None:
        """Ask ``new`` to end its recovery."""
        new.rows(self._sessions[new.id], "SELECT pg_promote(false)")

    def wait(self, new: Server) -> None:
        """Wait until ``new`` says that it isn't in recovery."""
        session = self._sessions[new.id]
        try:
            eventually(
                lambda: new.rows(session, _IN_RECOVERY) == [(False,)], _PROMOTE_WITHIN, every=0.002
            )
        except TimeoutError as error:
            raise LabError(f"{new.id} isn't promoted after {_PROMOTE_WITHIN:g} s") from error

    def ahead(self, new: Server) -> list[Server]:
        """Return the readers that received more than ``new``."""
        return [r for r in self._readers if self._received[r.id] > self._received[new.id]]


@final
class ReplicaSet(replication.ReplicaSet[Server]):
    """A primary and its standbys. Not safe for concurrent use."""

    @contextlib.contextmanager
    def promotion(self, followers: Sequence[Server]) -> Iterator[Promotion]:
        """Connect to the readers beforehand."""
        with contextlib.ExitStack() as stack:
            sessions = {r.id: stack.enter_context(r.session()) for r in followers}
            yield Promotion(followers, sessions)

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

    def _lead(self, new: Server) -> None:
        new.configure(primary=None)

    def _expelled(self) -> None:
        if self.writer.state == "up":
            self._set_synchronous(self.in_sync)

    def _disorder(self, session: Connection) -> list[str]:
        if self.writer.rows(session, _IN_RECOVERY) != [(False,)]:
            return [f"{self.writer.id} should be the writer and is in recovery"]
        found = []
        standbys = {row[0]: row[1:] for row in self.writer.rows(session, _STANDBYS)}
        for reader in self.readers():
            state = standbys.get(reader.id, (None, None, None))
            if state[:2] != ("streaming", "sync") or reader.id not in self.in_sync:
                found.append(f"{reader.id} isn't in step with {self.writer.id}: {state[:2]}")
        return found

    def _replayed(self) -> str:
        goal = self.writer.query("SELECT pg_current_wal_lsn()")[0][0]
        return f"SELECT pg_last_wal_replay_lsn() >= '{goal}'::pg_lsn"

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
            self.writer.rows(session, "SET synchronous_commit = local")
            # A commit that waits is only looked at when a reader confirms something, which these
            # make it do; twice, as the first may come before the sender has read the setting.
            for _ in range(2):
                self.writer.rows(session, _NUDGE)
                time.sleep(0.005)
