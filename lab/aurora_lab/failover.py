# SPDX-License-Identifier: Apache-2.0
"""Moving the writer role, as quickly as the servers allow."""

from __future__ import annotations

import logging
from collections.abc import Callable

from .errors import LabError
from .instance import Instance
from .publisher import Publisher, View
from .replication import ReplicaSet
from .truth import History, How

log = logging.getLogger("aurora_lab")


def fail_over(
    replicas: ReplicaSet[Instance],
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
    replicas.expel_the_dead()
    candidates = [c for c in replicas.candidates() if to is None or c.id == to]
    if not candidates:
        who = f"{to} isn't a running reader that" if to else "no running reader"
        raise LabError(f"{who} holds every acknowledged commit: heal() the cluster first")
    followers = [r for r in replicas.readers() if r.id in replicas.following and r.state == "up"]
    with replicas.promotion(followers) as promotion:
        number = history.begin(old.id, how)
        _stop(old, how)
        new = promotion.choose(candidates)
        history.chosen(number, new.id)
        promotion.request(new)
        history.stamp(number, "requested")
        promotion.wait(new)
        history.stamp(number, "promoted")
        ahead = promotion.ahead(new)
    replicas.promoted(new)
    publisher.announce(
        view(),
        on_topology=lambda: history.stamp(number, "topology_published"),
        on_dns=lambda: history.stamp(number, "dns_published"),
    )
    log.info("%s is the writer now, after %s of %s", new.id, how, old.id)
    replicas.follow(r for r in followers if r is not new and r not in ahead)
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
