# SPDX-License-Identifier: Apache-2.0
"""Measures one contender beside the bare driver, in a process of its own.

Runs in our environment or in upstream's: it imports no other module of the benchmarks, and nothing
of ours but what upstream has, too. Prints JSON: samples by name, in microseconds or milliseconds.

usage: contender.py {statement,sqlalchemy,orm,connect,hear,hear_bare,idle,idle_bare,mysql} DSN
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from time import monotonic, perf_counter_ns, process_time_ns, sleep
from typing import Any

import psycopg

_PLUGINS = {"plugins": "failover,host_monitoring_v2", "wrapper_dialect": "aurora-pg"}
_TRACKED = {**_PLUGINS, "plugins": "aurora_connection_tracker,failover,host_monitoring_v2"}
IDLE = 50
_TURNS = 30
_STATEMENTS = 50

Samples = dict[str, list[float]]
Batch = Callable[[int], list[int]]
"""Does a thing so many times, and returns the nanoseconds of each."""


def batch_of(part: Callable[[], Any]) -> Batch:
    """A batch of calls."""

    def run(count: int) -> list[int]:
        times = []
        for _ in range(count):
            started = perf_counter_ns()
            part()
            times.append(perf_counter_ns() - started)
        return times

    return run


def wrapped(dsn: str, **options: Any) -> Any:
    """A connection by the call that both document."""
    from aws_advanced_python_wrapper import AwsWrapperConnection

    return AwsWrapperConnection.connect(
        psycopg.Connection.connect, dsn, autocommit=True, **_PLUGINS, **options
    )


def pair(dsn: str) -> dict[str, Any]:
    """The contender's connection, and a bare one on the same link.

    Two links to one server differ by more than what is measured here.
    """
    contender = wrapped(dsn, prepare_threshold=None)
    bare = contender.target_connection
    if bare is contender:
        bare = psycopg.Connection(contender.pgconn)
        bare.autocommit = True
    bare.prepare_threshold = None
    return {"bare": bare, "contender": contender}


def in_turn(batches: dict[str, Batch], count: int, turns: int) -> Samples:
    """Run each batch with ``count``, the batches in turn; microseconds.

    The samples are the median of each turn; under the name with " p99" the 99th percentile of all
    turns, with " cpu" the processor time of one run in each turn. A turn begins with runs that
    don't count: the interpreter fits its code to the classes that it meets, and a program has one.
    """
    samples: Samples = {name: [] for name in batches}
    samples |= {f"{name} cpu": [] for name in batches}
    every: Samples = {name: [] for name in batches}
    names = list(batches)
    for number in range(turns + 3):
        for name in names if number % 2 else reversed(names):
            batches[name](150 if count >= 20 else 2 * (count - 1))
            cpu = process_time_ns()
            times = batches[name](count)
            if number >= 3:  # the first ones warm up
                samples[f"{name} cpu"].append((process_time_ns() - cpu) / count / 1000)
                samples[name].append(statistics.median(times) / 1000)
                every[name] += times
    for name, times in every.items():
        samples[f"{name} p99"] = [sorted(times)[len(times) * 99 // 100] / 1000]
    return samples


def statement(dsn: str) -> Samples:
    """``SELECT 1`` on a new cursor, and its row."""

    def ask(connection: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.fetchone()
        cursor.close()

    batches = {name: batch_of(lambda c=one: ask(c)) for name, one in pair(dsn).items()}
    return in_turn(batches, _STATEMENTS, _TURNS)


def engine(dsn: str, name: str, connection: Any = None, *, pre_ping: bool = False) -> Any:
    """An engine of SQLAlchemy on this connection, or on new ones."""
    import sqlalchemy as sa

    dialect = "psycopg" if name == "bare" else "aws_wrapper_psycopg"
    connect = psycopg.connect if name == "bare" else wrapped
    creator = (lambda: connect(dsn)) if connection is None else (lambda: connection)
    url = f"postgresql+{dialect}://"
    return sa.create_engine(url, creator=creator, pool_size=1, pool_pre_ping=pre_ping)


def sqlalchemy(dsn: str) -> Samples:
    """Core's execute on a connection; checkouts from a pool, with and without its pre-ping."""
    import sqlalchemy as sa

    text = sa.text("SELECT 1")

    def check_out(one: Any) -> None:
        one.connect().close()

    batches: dict[str, Batch] = {}
    for name, shared in pair(dsn).items():
        connection = engine(dsn, name, shared).connect()
        batches[f"execute {name}"] = batch_of(lambda c=connection: c.execute(text).one())
        plain, pinged = engine(dsn, name), engine(dsn, name, pre_ping=True)
        batches[f"checkout {name}"] = batch_of(lambda e=plain: check_out(e))
        batches[f"checkout with pre-ping {name}"] = batch_of(lambda e=pinged: check_out(e))
    return in_turn(batches, 20, _TURNS)


def orm(dsn: str) -> Samples:
    """``Session.get()`` of a row that the session does not have."""
    import sqlalchemy as sa
    from sqlalchemy.orm import DeclarativeBase, Session

    class Base(DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "bench_row"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.Text)

    def get(session: Any) -> None:
        session.expunge_all()
        session.get(Row, 1)

    connections = pair(dsn)
    connections["bare"].execute("CREATE TEMPORARY TABLE bench_row (id INT PRIMARY KEY, name TEXT)")
    connections["bare"].execute("INSERT INTO bench_row VALUES (1, 'one')")
    sessions = {
        name: Session(engine(dsn, name, one).connect()) for name, one in connections.items()
    }
    batches = {name: batch_of(lambda s=one: get(s)) for name, one in sessions.items()}
    return in_turn(batches, 20, _TURNS)


def mysql(dsn: str) -> Samples:
    """``SELECT 1`` of mysql-connector, pure and C, on a link each.

    Upstream monitors no MySQL host, so only failover is loaded.
    """
    import mysql.connector

    from aws_advanced_python_wrapper import AwsWrapperConnection

    def ask(connection: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.fetchall()
        cursor.close()

    login = dict(word.split("=", 1) for word in dsn.split())
    batches: dict[str, Batch] = {}
    for build in ("pure", "c"):
        given = {"use_pure": build == "pure", "autocommit": True}
        both = {
            "bare": mysql.connector.connect(**login, **given),
            "contender": AwsWrapperConnection.connect(
                mysql.connector.connect, **login, **given, plugins="failover"
            ),
        }
        for name, one in both.items():
            batches[f"{build} {name}"] = batch_of(lambda c=one: ask(c))
    return in_turn(batches, _STATEMENTS, _TURNS)


def connect(dsn: str) -> Samples:
    """A connect while the cluster is known and its monitor runs; milliseconds."""
    keeper = wrapped(dsn)
    found = in_turn(
        {
            "bare": batch_of(lambda: psycopg.connect(dsn).close()),
            "contender": batch_of(lambda: wrapped(dsn).close()),
        },
        1,
        60,
    )
    keeper.close()
    return {name: [sample / 1000 for sample in samples] for name, samples in found.items()}


def hear(dsn: str) -> Samples:
    """Wait in a statement for a fault; when it was heard, and the next statement done (monotonic).

    Says "ready" on its standard error when the statement is about to be sent.
    """
    return _hear(wrapped(dsn), dsn)


def hear_bare(dsn: str) -> Samples:
    """The same with the bare driver, whose application connects anew when a statement fails."""
    return _hear(psycopg.connect(dsn, autocommit=True), dsn)


def _hear(connection: Any, dsn: str) -> Samples:
    print("ready", file=sys.stderr, flush=True)
    try:
        connection.cursor().execute("SELECT pg_sleep(600)")
    except psycopg.Error:
        pass
    except Exception as error:  # upstream's errors are no errors of the driver
        if "Failover" not in type(error).__name__:
            raise
    heard = monotonic()
    while True:
        try:
            if connection.__class__ is psycopg.Connection:
                connection = psycopg.connect(dsn, autocommit=True, connect_timeout=2)
            cursor = connection.cursor()
            cursor.execute("CREATE TEMPORARY TABLE after_the_fault (n INT)")
            return {"heard": [heard], "next": [monotonic()]}
        except Exception:
            if monotonic() > heard + 30:
                raise
            sleep(0.005)


def idle(dsn: str) -> Samples:
    """Fifty connections lie idle in SQLAlchemy's pool as the writer crashes; then all are used.

    Says "ready" on its standard error, and goes on after a line on its standard input. What each
    checkout and its first statement took, in milliseconds, with what it was tried again for; how
    many tries met an error; and a connect of now.
    """
    from aws_advanced_python_wrapper import AwsWrapperConnection

    return _idle(
        "postgresql+aws_wrapper_psycopg://",
        lambda: AwsWrapperConnection.connect(psycopg.Connection.connect, dsn, **_TRACKED),
    )


def idle_bare(dsn: str) -> Samples:
    """The same with the bare driver and the stock dialect."""
    return _idle("postgresql+psycopg://", lambda: psycopg.connect(dsn, connect_timeout=2))


def _idle(url: str, connect: Callable[[], Any]) -> Samples:
    import sqlalchemy as sa

    pool = sa.create_engine(url, creator=connect, pool_size=IDLE)
    asked = sa.text("SELECT pg_catalog.pg_is_in_recovery()")

    def check_out(stack: ExitStack) -> int:
        errors = 0
        until = monotonic() + 30
        while True:
            taken = None
            try:
                taken = pool.connect()
                if not taken.execute(asked).scalar_one():
                    stack.callback(taken.close)
                    return errors
            except Exception:
                if monotonic() > until:
                    raise
                sleep(0.005)
            if taken is not None:
                taken.close()
            errors += 1

    with ExitStack() as stack:
        for _ in range(IDLE):
            check_out(stack)
    print("ready", file=sys.stderr, flush=True)
    sys.stdin.readline()
    took, errors = [], 0
    with ExitStack() as stack:
        for _ in range(IDLE):
            started = monotonic()
            errors += check_out(stack)
            took.append((monotonic() - started) * 1000)
    connects = batch_of(lambda: connect().close())(20)
    return {
        "took": took,
        "errors": [errors],
        "connect": [statistics.median(connects) / 1_000_000],
    }


def main() -> None:
    """Measure, and print."""
    what, dsn = sys.argv[1:]
    parts = (statement, sqlalchemy, orm, connect, hear, hear_bare, idle, idle_bare, mysql)
    print(json.dumps({part.__name__: part for part in parts}[what](dsn)), flush=True)
    if "aws_advanced_python_wrapper" in sys.modules:
        # Upstream's threads would keep the process.
        from aws_advanced_python_wrapper import release_resources

        release_resources()


if __name__ == "__main__":
    main()
