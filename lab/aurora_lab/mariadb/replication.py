# SPDX-License-Identifier: Apache-2.0
"""Semi-synchronous replication by GTID.

A commit waits until any one of the readers in ``in_sync`` has it. What they receive is one stream,
so the one that received most holds all that was acknowledged, provided that none was lost
meanwhile: when one is, the writer's last commit must have reached the others before anything else
happens. Whoever is promoted first takes from the most advanced what it lacks.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import final

import mysql.connector
from mysql.connector.errorcode import ER_NO_SUCH_THREAD

from .. import replication
from ..errors import LabError
from ..waiting import eventually
from .server import Connection, Server

log = logging.getLogger("aurora_lab")

_STATUS = "SHOW GLOBAL STATUS WHERE Variable_name IN ({names})"
_WRITTEN = "SELECT @@gtid_binlog_pos"
_RECEIVING = "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND = 'Slave_IO'"
_PROMOTE_WITHIN = 30.0
_SETTLE_WITHIN = 5.0
_CLOSE_WITHIN = 10.0


@final
class Promotion(replication.Promotion[Server]):
    """The promotion of a reader; ``sessions`` are the readers' by instance id."""

    def __init__(self, readers: Sequence[Server], sessions: Mapping[str, Connection]) -> None:
        self._readers = readers
        self._sessions = sessions
        self._received: dict[str, str] = {}

    def choose(self, candidates: Sequence[Server]) -> Server:
        """Return the candidate that received most, once nobody receives any more."""
        self._close()
        return max(candidates, key=lambda c: _count(self._received[c.id]))

    def request(self, new: Server) -> None:
        """Let ``new`` take from the most advanced reader what it lacks."""
        best = max(self._readers, key=lambda r: _count(self._received[r.id]))
        goal = self._received[best.id]
        if _count(goal) > _count(self._received[new.id]):
            log.info("%s takes from %s what it lacks", new.id, best.id)
            _take(new, self._sessions[new.id], best, goal)
            self._received[new.id] = goal

    def wait(self, new: Server) -> None:
        """Wait until ``new`` has applied all that it received, and takes writes."""
        session = self._sessions[new.id]
        _wait_applied(new, session, self._received[new.id], _PROMOTE_WITHIN)
        new.rows(session, "STOP SLAVE")
        new.rows(session, "RESET SLAVE ALL")
        new.rows(session, "SET GLOBAL rpl_semi_sync_master_enabled = 0, read_only = 0")

    def ahead(self, new: Server) -> list[Server]:  # noqa: ARG002
        """Return nobody: the new writer has what any reader has."""
        return []

    def settle(self) -> None:
        """Instead of a promotion: let every reader apply what any of them received."""
        self._close()
        for reader in self._readers:
            self.request(reader)
            # Who follows someone else forgets what it has received and not applied.
            _wait_applied(reader, self._sessions[reader.id], self._received[reader.id], 30.0)

    def _close(self) -> None:
        self._received = {r.id: _close(r, self._sessions[r.id]) for r in self._readers}


@final
class ReplicaSet(replication.ReplicaSet[Server]):
    """A primary and its replicas. Not safe for concurrent use."""

    def __init__(self, instances: Mapping[str, Server]) -> None:
        super().__init__(instances)
        self._settled = False

    @contextlib.contextmanager
    def promotion(self, followers: Sequence[Server]) -> Iterator[Promotion]:
        """Connect to the readers beforehand."""
        with contextlib.ExitStack() as stack:
            sessions = {r.id: stack.enter_context(r.session()) for r in followers}
            yield Promotion(followers, sessions)

    def writer_stopped(self) -> None:
        """Let each reader in step have what any of them has.

        From then on the loss of one loses nothing.
        """
        readers = self.candidates()
        if len(readers) < len(self.in_sync):
            self._give_up_on_all()
            return
        with self.promotion(readers) as meeting:
            meeting.settle()
        for reader in readers:
            reader.follow(self.writer)
        self._settled = True

    def admit(self, ids: Iterable[str], within: float) -> set[str]:
        """Let commits wait for these readers too; return those that aren't in step in time."""
        wanted = set(ids)
        # From its first confirmation on it may be the only one that has a commit.
        self.in_sync |= wanted
        self._settled = False
        deadline = time.monotonic() + within
        with contextlib.suppress(TimeoutError):
            eventually(lambda: wanted <= self._connected(), within, every=0.005)
        ready = wanted & self._connected()
        if ready:
            self._set_semi_sync(True)
            goal = self._written()
            ready = self._having(ready, goal, max(0.0, deadline - time.monotonic()))
        late = wanted - ready
        for name in late:
            # It must confirm nothing any more, whatever becomes of it.
            self._silence(self.instances[name])
            self.expel(self.instances[name])
        return late

    def _lead(self, new: Server) -> None:
        new.configure(primary=None)
        self._settled = False

    def _expelled(self) -> None:
        if self.writer.state != "up":
            if not self._settled:
                self._give_up_on_all()
            return
        try:
            while late := self.in_sync - self._having(
                self.in_sync, self._written(), _SETTLE_WITHIN
            ):
                log.warning("%s don't get what %s wrote", sorted(late), self.writer.id)
                self.in_sync -= late
                self.following -= late
                # What one of them confirms from now on mustn't be the only copy.
                for name in late:
                    self._silence(self.instances[name])
            if not self.in_sync:
                self._set_semi_sync(False)
        except mysql.connector.Error as error:  # it dies at this moment
            log.warning("%s doesn't answer: %s", self.writer.id, error)
            self._give_up_on_all()

    def _give_up_on_all(self) -> None:
        log.warning("a reader is lost that may be the only one to have the last commits")
        self.in_sync.clear()

    def _disorder(self, session: Connection) -> list[str]:
        if self.writer.rows(session, "SELECT @@read_only") != [(0,)]:
            return [f"{self.writer.id} should be the writer and is read-only"]
        found = []
        connected = self._connected()
        for reader in self.readers():
            if reader.id not in connected or reader.id not in self.in_sync:
                found.append(f"{reader.id} isn't in step with {self.writer.id}")
        readers = len(self.readers())
        if readers and not found:
            state = self._semi_sync_state(session)
            if state != ("ON", str(readers)):
                found.append(f"{self.writer.id} waits for {state} instead of {readers} readers")
        return found

    def _replayed(self) -> str:
        return f"SELECT MASTER_GTID_WAIT('{self._written()}', 10) = 0"

    def _written(self) -> str:
        return str(self.writer.query(_WRITTEN)[0][0])

    def _set_semi_sync(self, on: bool) -> None:
        self.writer.configure(primary=None, semi_sync=on)
        self.writer.query(f"SET GLOBAL rpl_semi_sync_master_enabled = {int(on)}")

    def _semi_sync_state(self, session: Connection) -> tuple[str, str]:
        names = ("Rpl_semi_sync_master_status", "Rpl_semi_sync_master_clients")
        sql = _STATUS.format(names=", ".join(f"'{name}'" for name in names))
        answer = dict(self.writer.rows(session, sql))
        return str(answer[names[0]]), str(answer[names[1]])

    def _connected(self) -> set[str]:
        """Return the followers that receive from the writer and apply."""
        found = set()
        for reader in self.readers():
            if reader.id in self.following and reader.state == "up":
                with contextlib.suppress(mysql.connector.Error), reader.session(5) as session:
                    status = reader.replication(session)
                    if (
                        status.get("Slave_IO_Running") == status.get("Slave_SQL_Running") == "Yes"
                        and status.get("Master_Host") == self.writer.address
                    ):
                        found.add(reader.id)
        return found

    def _having(self, ids: set[str], goal: str, within: float) -> set[str]:
        """Return those of the readers that receive what the writer wrote up to ``goal`` in time."""
        deadline = time.monotonic() + within
        found = set()
        for name in ids:
            reader = self.instances[name]
            with contextlib.suppress(mysql.connector.Error, TimeoutError):
                with reader.session(within + 1) as session:
                    has = partial(_has_received, reader, session, goal)
                    eventually(has, max(0.0, deadline - time.monotonic()), every=0.002)
                found.add(name)
        return found

    def _silence(self, reader: Server) -> None:
        if reader.state == "up":
            try:
                with reader.session(5) as session:
                    _close(reader, session)
            except mysql.connector.Error:
                reader.kill()


def _close(reader: Server, session: Connection) -> str:
    """Let a reader receive nothing any more; return the position that it has."""
    deadline = time.monotonic() + _CLOSE_WITHIN
    # Once killed, the thread connects to the writer to say good-bye, which takes long if that is
    # frozen; killed again, it gives up. STOP SLAVE alone kills every two seconds.
    while threads := reader.rows(session, _RECEIVING):
        if time.monotonic() > deadline:
            raise LabError(f"{reader.id} doesn't stop to receive within {_CLOSE_WITHIN:g} s")
        try:
            reader.rows(session, f"KILL {threads[0][0]}")
        except mysql.connector.Error as error:
            if error.errno != ER_NO_SUCH_THREAD:
                raise
        time.sleep(0.001)
    reader.rows(session, "STOP SLAVE IO_THREAD")
    return _received(reader, session)


def _received(reader: Server, session: Connection) -> str:
    return str(reader.replication(session).get("Gtid_IO_Pos", ""))


def _has_received(reader: Server, session: Connection, goal: str) -> bool:
    return _count(_received(reader, session)) >= _count(goal)


def _take(reader: Server, session: Connection, source: Server, goal: str) -> None:
    reader.follow(source)
    _wait_applied(reader, session, goal, _PROMOTE_WITHIN)
    _close(reader, session)


def _wait_applied(reader: Server, session: Connection, goal: str, within: float) -> None:
    if goal and reader.rows(session, f"SELECT MASTER_GTID_WAIT('{goal}', {within})") != [(0,)]:
        raise LabError(f"{reader.id} hasn't applied {goal} after {within:g} s")


def _count(position: str) -> int:
    """Return the number of the last transaction; there is one domain, and so one position."""
    return int(position.rpartition("-")[2] or 0)
