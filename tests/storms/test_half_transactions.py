# SPDX-License-Identifier: Apache-2.0
"""A server is lost at a random place of random programs: no transaction is there by half."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from aurora_lab import Cluster

import frames
from half_programs import Frame, Run, Unit, random_units

Make = Callable[[Cluster], Frame]
Times = Callable[[int, int], int]

_CRASH_EVERY = 20
_CATCH_NOTHING_EVERY = 4


@pytest.mark.parametrize("frame", frames.ON_POSTGRESQL)
def test_no_transaction_is_there_by_half_on_postgresql(
    aurora_cluster: Cluster,
    frame: str,
    times: Times,
    progress: Callable[[str], None],
    record: Callable[..., None],
) -> None:
    record(**play_all(aurora_cluster, frames.ON_POSTGRESQL, frame, times(4, 120), progress))


@pytest.mark.parametrize("frame", frames.ON_MYSQL)
def test_no_transaction_is_there_by_half_on_mysql(
    mysql_cluster: Cluster,
    frame: str,
    times: Times,
    progress: Callable[[str], None],
    record: Callable[..., None],
) -> None:
    record(**play_all(mysql_cluster, frames.ON_MYSQL, frame, times(4, 120), progress))


@pytest.mark.parametrize("kind", frames.BESIDE_STOCK_ON_POSTGRESQL)
def test_frame_tells_what_the_stock_one_does_on_postgresql(
    aurora_cluster: Cluster, times: Times, kind: str
) -> None:
    compare_all(aurora_cluster, frames.BESIDE_STOCK_ON_POSTGRESQL[kind], times(10, 60))


@pytest.mark.parametrize("kind", frames.BESIDE_STOCK_ON_MYSQL)
def test_frame_tells_what_the_stock_one_does_on_mysql(
    mysql_cluster: Cluster, times: Times, kind: str
) -> None:
    compare_all(mysql_cluster, frames.BESIDE_STOCK_ON_MYSQL[kind], times(10, 60))


def play_all(
    cluster: Cluster,
    makers: dict[str, Make],
    frame: str,
    programs: int,
    progress: Callable[[str], None],
) -> dict[str, Any]:
    lost = 0
    first = 1000 * list(makers).index(frame)
    for number in range(first, first + programs):
        progress(f"{number - first} of {programs}")
        crash = number % _CRASH_EVERY == _CATCH_NOTHING_EVERY - 1
        lost += play(cluster, makers[frame], number, crash=crash).in_unit > 0
    return {"programs": programs, "lost within a transaction": lost}


def compare_all(cluster: Cluster, makers: tuple[Make, ...], programs: int) -> None:
    compared = 0
    for number in range(programs):
        ours, stock = (play(cluster, make, number, crash=False) for make in makers)
        # The first error is the failover's own; and a rollback that meets one is a rollback.
        if stock.in_unit and ours.told:
            compared += 1
            if cluster.engine == "mysql":
                # The driver has several errors for a lost connection, of different classes, and the
                # stock frames don't know them all: some go on with a connection that is lost.
                assert ours.told_by_its_end == stock.told_by_its_end, ours.program
            else:
                assert ours.told[1:] == stock.told[1:], ours.program
    assert compared


def play(cluster: Cluster, make: Make, number: int, *, crash: bool) -> Run:
    """Run the program of this number, and check what it has left."""
    units, lost_at = program(number)
    text = f"program {number}, lost at {lost_at}: {'; '.join(map(str, units))}"
    with cluster.connect(cluster.writer.id) as admin:
        run_sql(admin, "DROP TABLE IF EXISTS halves")
        run_sql(admin, "CREATE TABLE halves (n int)")
        run_sql(admin, f"GRANT ALL ON halves TO {cluster.user}")
    frame = make(cluster)

    def lose() -> None:
        if crash:
            cluster.failover(how="crash")
        elif (backend := frame.backend()) is not None:
            end_session(cluster, backend)

    run = Run(frame, lose, lost_at, text)
    try:
        run.play(units)
    finally:
        frame.close()
    with cluster.connect(cluster.truth().writer) as admin:
        found = {row for (row,) in run_sql(admin, "SELECT n FROM halves")}
    assert not run.halves(found), text
    if crash:
        cluster.heal()
    return run


def program(number: int) -> tuple[list[Unit], int]:
    """The program of this number, and where it loses its server."""
    chance = random.Random(number)
    units = random_units(chance, 0.0 if number % _CATCH_NOTHING_EVERY == 0 else 0.6)
    return units, chance.randint(1, Run.length(units))


def end_session(cluster: Cluster, backend: int) -> None:
    with cluster.connect(cluster.writer.id) as admin:
        if cluster.engine == "mysql":
            run_sql(admin, f"KILL {backend}")
        else:
            run_sql(admin, f"SELECT pg_terminate_backend({backend}, 5000)")


def run_sql(admin: Any, sql: str) -> list[Any]:
    cursor = admin.cursor()
    cursor.execute(sql)
    found = list(cursor.fetchall()) if cursor.description else []
    cursor.close()
    return found
