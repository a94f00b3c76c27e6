# SPDX-License-Identifier: Apache-2.0
"""No acknowledged commit is ever lost by a cluster of MariaDB servers."""

from __future__ import annotations

import os
import signal
import threading

import mysql.connector
import pytest
from aurora_lab import Cluster, LabError, eventually

from ledger import Ledger, check
from mysql_help import run

WAITING = (
    "SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for semi-sync%'"
)


def more(ledger: Ledger, count: int, within: float = 30) -> None:
    """Wait until so many more commits are acknowledged."""
    goal = len(ledger.acknowledged) + count
    eventually(lambda: len(ledger.acknowledged) >= goal, within=within)


def test_commits_under_load_survive_crashes_and_freezes(mysql_cluster: Cluster) -> None:
    with Ledger(mysql_cluster) as ledger:
        for how in ["crash", "freeze", "crash"]:
            more(ledger, 200)
            mysql_cluster.failover(how=how)
            ledger.cut()
            if how == "freeze":
                mysql_cluster.rejoin(mysql_cluster.truth().failovers[-1].old)
        more(ledger, 200)
    mysql_cluster.heal()
    check(mysql_cluster, ledger)


def test_commits_under_load_survive_a_planned_failover_to_each(mysql_cluster: Cluster) -> None:
    with Ledger(mysql_cluster) as ledger:
        for target in ["instance-3", "instance-2", "instance-1"]:
            if target == mysql_cluster.truth().writer:
                continue
            more(ledger, 50)
            assert mysql_cluster.failover(to=target).new == target
    mysql_cluster.heal()
    check(mysql_cluster, ledger)


def test_a_chosen_reader_after_a_crash_becomes_writer(mysql_cluster: Cluster) -> None:
    with Ledger(mysql_cluster) as ledger:
        for _ in range(2):
            more(ledger, 50)
            target = mysql_cluster.readers[-1].id
            assert mysql_cluster.failover(to=target, how="crash").new == target
    mysql_cluster.heal()
    check(mysql_cluster, ledger)


def test_a_chosen_reader_takes_first_what_only_another_has(mysql_cluster: Cluster) -> None:
    behind, ahead = mysql_cluster.readers
    with mysql_cluster.connect(behind.id) as connection:
        run(connection, "STOP SLAVE IO_THREAD")
    with Ledger(mysql_cluster) as ledger:
        more(ledger, 50)
        record = mysql_cluster.failover(to=behind.id, how="crash")
    assert record.new == behind.id != ahead.id
    mysql_cluster.heal()
    check(mysql_cluster, ledger)


@pytest.mark.parametrize("fault", ["crash", "freeze", "lose_reader"])
def test_losing_a_reader_does_not_stop_commits(mysql_cluster: Cluster, fault: str) -> None:
    with Ledger(mysql_cluster) as ledger:
        more(ledger, 50, within=10)
        for reader in mysql_cluster.readers:
            getattr(mysql_cluster, fault)(reader.id)
            more(ledger, 50, within=3)
    mysql_cluster.heal()
    check(mysql_cluster, ledger)


def test_losing_a_reader_by_other_hands_does_not_stop_commits(mysql_cluster: Cluster) -> None:
    with Ledger(mysql_cluster) as ledger:
        more(ledger, 50, within=10)
        for reader in mysql_cluster.readers:
            assert reader.pid is not None
            os.kill(reader.pid, signal.SIGKILL)
        more(ledger, 50, within=5)
    mysql_cluster.heal()
    check(mysql_cluster, ledger)


def test_a_reader_lost_after_the_writer_takes_nothing_with_it(mysql_cluster: Cluster) -> None:
    for how in ("crash", "freeze"):
        with Ledger(mysql_cluster) as ledger:
            more(ledger, 100)
            getattr(mysql_cluster, how)(mysql_cluster.truth().writer)
            ledger.cut()
            mysql_cluster.crash(mysql_cluster.readers[0].id)
            record = mysql_cluster.failover(how=how)
            more(ledger, 20)
        mysql_cluster.rejoin(record.old)
        mysql_cluster.heal()
        check(mysql_cluster, ledger)


def test_a_reader_and_the_writer_lost_at_once_are_not_covered_up(mysql_cluster: Cluster) -> None:
    first, second = mysql_cluster.readers
    writer = mysql_cluster.writer
    with mysql_cluster.connect(second.id) as connection:
        run(connection, "STOP SLAVE IO_THREAD")
    with Ledger(mysql_cluster) as ledger:
        more(ledger, 20)
        for victim in (writer, first):
            assert victim.pid is not None
            os.kill(victim.pid, signal.SIGKILL)
        eventually(lambda: {writer.state, first.state} == {"down"}, within=5)
        with pytest.raises(LabError, match="heal"):
            mysql_cluster.failover(how="crash")
    mysql_cluster.heal()
    assert mysql_cluster.truth().writer == writer.id
    check(mysql_cluster, ledger)


def test_a_thawed_old_writer_acknowledges_nothing(mysql_cluster: Cluster) -> None:
    old = mysql_cluster.writer
    with mysql_cluster.connect(old.id) as connection:
        run(connection, "DROP TABLE IF EXISTS late")
        run(connection, "CREATE TABLE late (entry text)")
    mysql_cluster.failover(how="freeze")
    mysql_cluster.thaw(old.id)
    outcome: list[str] = []

    def write() -> None:
        try:
            with mysql_cluster.connect(old.id) as connection:
                run(connection, "INSERT INTO late VALUES ('lost')")
                outcome.append("acknowledged")
        except mysql.connector.Error:
            outcome.append("broken")

    writer = threading.Thread(target=write)
    writer.start()
    with mysql_cluster.connect(old.id) as connection:
        eventually(lambda: run(connection, WAITING) == [(1,)], within=5)
    assert outcome == []
    mysql_cluster.rejoin(old.id)
    writer.join(10)
    assert outcome == ["broken"]
    assert set(map(tuple, mysql_cluster.committed("SELECT * FROM late").values())) == {()}


def test_a_writer_that_crashed_alone_is_healed_with_its_commits(mysql_cluster: Cluster) -> None:
    writer = mysql_cluster.truth().writer
    with Ledger(mysql_cluster) as ledger:
        more(ledger, 50, within=10)
        mysql_cluster.crash(writer)
    mysql_cluster.heal()
    assert mysql_cluster.truth().writer == writer
    check(mysql_cluster, ledger)
