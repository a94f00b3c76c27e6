# SPDX-License-Identifier: Apache-2.0
"""No acknowledged commit is ever lost."""

from __future__ import annotations

import threading

import psycopg
import pytest
from aurora_lab import Cluster, eventually

from ledger import Ledger, check


def test_commits_under_load_survive_crashes_and_freezes(aurora_cluster: Cluster) -> None:
    with Ledger(aurora_cluster) as ledger:
        for how in ["crash", "freeze", "crash"]:
            before = len(ledger.acknowledged)
            eventually(lambda before=before: len(ledger.acknowledged) > before + 200, within=30)
            aurora_cluster.failover(how=how)
            ledger.cut()
            if how == "freeze":
                aurora_cluster.rejoin(aurora_cluster.truth().failovers[-1].old)
        before = len(ledger.acknowledged)
        eventually(lambda: len(ledger.acknowledged) > before + 200, within=30)
    aurora_cluster.heal()
    check(aurora_cluster, ledger)


def test_commits_under_load_survive_a_planned_failover_to_each(aurora_cluster: Cluster) -> None:
    with Ledger(aurora_cluster) as ledger:
        for target in ["instance-3", "instance-2", "instance-1"]:
            if target == aurora_cluster.truth().writer:
                continue
            before = len(ledger.acknowledged)
            eventually(lambda before=before: len(ledger.acknowledged) > before + 50, within=30)
            assert aurora_cluster.failover(to=target).new == target
    aurora_cluster.heal()
    check(aurora_cluster, ledger)


def test_a_chosen_reader_after_a_crash_becomes_writer(aurora_cluster: Cluster) -> None:
    with Ledger(aurora_cluster) as ledger:
        for _ in range(2):
            before = len(ledger.acknowledged)
            eventually(lambda before=before: len(ledger.acknowledged) > before + 50, within=30)
            target = aurora_cluster.readers[-1].id
            assert aurora_cluster.failover(to=target, how="crash").new == target
    aurora_cluster.heal()
    check(aurora_cluster, ledger)


@pytest.mark.parametrize("fault", ["crash", "freeze", "lose_reader"])
def test_losing_a_reader_does_not_stop_commits(aurora_cluster: Cluster, fault: str) -> None:
    with Ledger(aurora_cluster) as ledger:
        eventually(lambda: len(ledger.acknowledged) > 50, within=10)
        for reader in aurora_cluster.readers:
            getattr(aurora_cluster, fault)(reader.id)
            before = len(ledger.acknowledged)
            eventually(lambda before=before: len(ledger.acknowledged) > before + 50, within=3)
    aurora_cluster.heal()
    check(aurora_cluster, ledger)


def test_a_thawed_old_writer_acknowledges_nothing(aurora_cluster: Cluster) -> None:
    old = aurora_cluster.writer
    with aurora_cluster.connect(old.id) as connection:
        connection.execute("DROP TABLE IF EXISTS late")
        connection.execute("CREATE TABLE late (entry text)")
    aurora_cluster.failover(how="freeze")
    aurora_cluster.thaw(old.id)
    outcome: list[str] = []

    def write() -> None:
        try:
            with aurora_cluster.connect(old.id) as connection:
                connection.execute("INSERT INTO late VALUES ('lost')")
                outcome.append("acknowledged")
        except psycopg.OperationalError:
            outcome.append("broken")

    writer = threading.Thread(target=write)
    writer.start()
    with aurora_cluster.connect(old.id) as connection:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        eventually(lambda: connection.execute(waiting).fetchone() == (1,), within=5)
    assert outcome == []
    aurora_cluster.rejoin(old.id)
    writer.join(10)
    assert outcome == ["broken"]
    assert set(map(tuple, aurora_cluster.committed("SELECT * FROM late").values())) == {()}


def test_a_writer_that_crashed_alone_is_healed_with_its_commits(aurora_cluster: Cluster) -> None:
    writer = aurora_cluster.truth().writer
    with Ledger(aurora_cluster) as ledger:
        eventually(lambda: len(ledger.acknowledged) > 50, within=10)
        aurora_cluster.crash(writer)
    aurora_cluster.heal()
    assert aurora_cluster.truth().writer == writer
    check(aurora_cluster, ledger)
