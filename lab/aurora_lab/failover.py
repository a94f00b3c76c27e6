# SPDX-License-Identifier: Apache-2.0
"""Moving the writer role, as quickly as the servers allow."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack

from .errors import LabError
from .instance import Connection, Instance, rows
from .publisher import Publisher, View
from .replication import ReplicaSet
from .truth import History, How
from .waiting import eventually

log = logging.getLogger("aurora_lab")

_RECEIVED = "SELECT coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'::pg_lsn"
_PROMOTE_WITHIN = 30.0


def fail_over(
    replicas: ReplicaSet,
    publisher: Publisher,
    history: History,
    view: Callable[[], View],
    *,
    to: str | None,
    how: How,
) -> int:
    """Stop the writer, promote a reader, let the others follow; return the record's number.

    ``planned`` shuts the writer down, ``crash`` SIGKILLs it, ``freeze`` SIGSTOPs it. The reader
    that received most is promoted unless ``to`` names one. Raises ``LabError`` before any harm if
    no reader holds every acknowledged commit, and afterwards if the promotion fails.
    """
    old = replicas.writer
    candidates = [c for c in replicas.candidates() if to is None or c.id == to]
    if not candidates:
        who = f"{to} isn't a running reader that" if to else "no running reader"
        raise LabError(f"{who} holds every acknowledged commit: heal() the cluster first")
    followers = [r for r in replicas.readers() if r.id in replicas.following and r.state == "up"]
    with ExitStack() as stack:
        # Connected beforehand: the promotion should cost no more than the promotion.
        sessions = {r.id: stack.enter_context(r.session()) for r in followers}
        number = history.begin(old.id, how)
        _stop(old, how)
        received = {name: _received(session) for name, session in sessions.items()}
        new = max(candidates, key=lambda c: received[c.id])
        history.chosen(number, new.id)
        rows(sessions[new.id], "SELECT pg_promote(false)")
        history.stamp(number, "requested")
        _wait_promoted(sessions[new.id], new)
        history.stamp(number, "promoted")
    replicas.promoted(new)
    publisher.announce(
        view(),
        on_topology=lambda: history.stamp(number, "topology_published"),
        on_dns=lambda: history.stamp(number, "dns_published"),
    )
    log.info("%s is the writer now, after %s of %s", new.id, how, old.id)
    others = [r for r in followers if r is not new]
    ahead = [r for r in others if received[r.id] > received[new.id]]
    replicas.follow(r for r in others if r not in ahead)
    for reader in ahead:
        log.info("%s had received more than %s: copied anew", reader.id, new.id)
        replicas.rebuild(reader)
    return number


def _stop(old: Instance, how: How) -> None:
    if how == "freeze":
        old.freeze()
    elif how == "crash":
        old.kill()
    else:
        old.stop()


def _received(session: Connection) -> int:
    return int(rows(session, _RECEIVED)[0][0])


def _wait_promoted(session: Connection, new: Instance) -> None:
    try:
        eventually(
            lambda: rows(session, "SELECT pg_is_in_recovery()") == [(False,)],
            _PROMOTE_WITHIN,
            every=0.002,
        )
    except TimeoutError as error:
        raise LabError(f"{new.id} isn't promoted after {_PROMOTE_WITHIN:g} s") from error
