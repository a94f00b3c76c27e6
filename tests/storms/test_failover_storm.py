# SPDX-License-Identifier: Apache-2.0
"""Failover after failover, under load, with every commit accounted for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from aurora_lab import Cluster, eventually

from aws_advanced_python_wrapper import errors
from commit_ledger import DRIVERS, Driver, Ledger, Writer, create_ledger, percentiles
from lab_help import engine_threads

Times = Callable[[int, int], int]
Tell = Callable[[str], None]


@pytest.fixture(params=DRIVERS, ids=str)
def driver(request: pytest.FixtureRequest) -> Driver:
    chosen: Driver = request.param
    return chosen


@pytest.fixture
def cluster(request: pytest.FixtureRequest, driver: Driver) -> Cluster:
    found: Cluster = request.getfixturevalue(driver.fixture)
    return found


@pytest.mark.parametrize("how", ["crash", "freeze", "planned"])
def test_every_commit_is_accounted_for(
    cluster: Cluster,
    driver: Driver,
    times: Times,
    progress: Tell,
    record: Callable[..., None],
    how: str,
) -> None:
    create_ledger(cluster)
    ledger = Ledger()
    writers = [Writer(cluster, driver, ledger) for _ in range(4)]
    for writer in writers:
        writer.start()
    after_truth: list[float] = []
    after_fault: list[float] = []
    rounds = times(2, 50 if how == "crash" else 15)
    for number in range(rounds):
        progress(f"{number} of {rounds}")
        seen = [(writer, len(writer.heard), writer.acknowledged) for writer in writers]
        failover = cluster.failover(how=how)
        for writer, heard, acknowledged in seen:
            eventually(lambda w=writer, n=heard: w.has_heard(n), within=60)
            eventually(lambda w=writer, n=acknowledged: w.has_committed(n), within=60)
            after_truth.append(writer.heard[heard] - failover.topology_published)
            after_fault.append(writer.heard[heard] - failover.fault)
        cluster.heal()
    for writer in writers:
        writer.stop()
    result = ledger.check(cluster)
    record(
        rounds=rounds,
        heard_after_truth_ms=percentiles(after_truth),
        heard_after_fault_ms=percentiles(after_fault),
        **result,
    )
    assert (result["lost"], result["doubled"], result["ghosts"]) == ({}, 0, 0)
    assert result["acknowledged"] > 0


def resources() -> dict[str, int]:
    return {
        "threads": engine_threads(),
        "sockets": sum(
            os.readlink(f"/proc/self/fd/{name}").startswith("socket")
            for name in os.listdir("/proc/self/fd")
            if Path(f"/proc/self/fd/{name}").is_symlink()
        ),
        "kilobytes": int(Path("/proc/self/statm").read_text().split()[1]) * 4,
    }


def test_one_connection_lives_through_all_without_growing(
    cluster: Cluster, driver: Driver, times: Times, progress: Tell, record: Callable[..., None]
) -> None:
    connection = driver.connect(cluster, autocommit=True)

    def one() -> int:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        return int(cursor.fetchone()[0])

    rounds = times(4, 50)
    # The most of several rounds: right after a fault a monitor may be between two links.
    settled: dict[str, int] = {}
    for number in range(rounds):
        progress(f"{number} of {rounds}")
        cluster.failover(how="crash")
        with pytest.raises(errors.FailoverSuccessError):
            one()
        assert one() == 1
        assert connection.current_host == cluster.truth().writer
        cluster.heal()
        if rounds // 4 <= number <= rounds // 2:
            settled = {name: max(n, settled.get(name, 0)) for name, n in resources().items()}
    eventually(lambda: resources()["sockets"] <= settled["sockets"], within=30)
    ended = resources()
    record(rounds=rounds, settled=settled, ended=ended)
    connection.close()
    assert ended["threads"] <= settled["threads"]
    # The allocator's own play; a leak of one link in each round would be far more.
    assert ended["kilobytes"] <= settled["kilobytes"] + 4096
