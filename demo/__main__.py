# SPDX-License-Identifier: Apache-2.0
"""The demonstration: an application lives through four faults, beside the bare driver.

Ends with 1 if an acknowledged commit is lost or doubled, if one known as failed is found, or if an
outage of the wrapped application is longer than its bound in ``scenario.py``; else with 0.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

import report
import verdict
from aurora_lab import Cluster, LabError, Resolver
from console import Console
from engines import ENGINES, Engine
from events import ACCOUNTS, OPENING_BALANCE
from recorder import Client, Mode
from scenario import FAULTS, Scenario

DNS_LAG = 4.0
"""Seconds for which the writer's name keeps its old address after a failover."""
_EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
# The second documented program only makes an engine: this uses it.
_USE_ENGINE = """
import runpy, sys
from sqlalchemy import text
server, program = sys.argv[1:]
engine = runpy.run_path(program)["engine"]
with engine.connect() as conn:
    print(conn.execute(text(f"SELECT {server}")).one())
engine.dispose()
"""


def main() -> int:
    """Run the demonstration for each engine that was asked for; return the exit code."""
    options = _options()
    console = Console()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    engines = [engine for engine in ENGINES if options.engine in (None, engine.name)]
    if options.mode == "async":
        engines = [engine for engine in engines if engine.name == "pg"]
        if not engines:
            console.say("there is no asyncio for this engine yet")
            return 2
    try:
        return max([_demonstrate(engine, options, console) for engine in engines])
    except SystemExit:
        console.say("interrupted; nothing is left running")
        raise
    except (LabError, RuntimeError) as error:
        console.say(f"the demonstration failed: {error}")
        return 1


def _demonstrate(engine: Engine, options: argparse.Namespace, console: Console) -> int:
    folder: Path = options.report / (engine.name if options.mode == "threads" else "async")
    folder.mkdir(parents=True, exist_ok=True)
    faults = [fault for fault in FAULTS if not options.only or fault.name in options.only]
    with contextlib.ExitStack() as stack:
        resolver = Resolver()
        stack.callback(resolver.close)
        console.say(f"{engine.title}: one writer and two readers, on this machine ...")
        cluster = stack.enter_context(
            Cluster(readers=2, engine=engine.name, dns_lag=DNS_LAG, resolver=resolver)
        )
        environment = {**os.environ, **resolver.environment()}
        if not options.only:
            _run_programs(engine, console, environment)
        clients = [
            _client(engine, cluster, *who, driver, environment, folder, options.mode)
            for who, driver in (
                (("wrapped", "wrapped"), engine.wrapped),
                (("bare", "bare driver"), engine.bare),
            )
        ]
        stack.enter_context(console.live(clients))
        for client in clients:
            stack.callback(client.kill)
        console.say("A ledger application, once wrapped and once with the bare driver ...")
        for client in clients:
            client.start()
        began = time.monotonic()
        scenario = Scenario(
            cluster, clients, calm=options.calm, patience=options.patience, say=console.say
        )
        episodes = scenario.run(faults)
        for client in clients:
            client.stop()
        console.say("Comparing what they were told with what every server has ...")
        cluster.heal()
        books = {client.title: _books(cluster, client) for client in clients}
    judged = []
    for client in clients:
        own = verdict.judge(
            client.title, client.events, episodes, books[client.title], client is clients[0]
        )
        judged.append([*own, verdict.total(client.title, own)])
    lines = [line for period in zip(*judged, strict=True) for line in period]
    bad = verdict.complaints(lines, books)
    if clients[0].restarts:
        bad.append("the wrapped application was stuck on a healthy cluster")
    page = report.write(folder, engine.title, began, clients, episodes, lines, bad)
    print()
    print(report.text_table(lines))
    print()
    print("\n".join(f"NOT GOOD: {sentence}" for sentence in bad) or report.ALL_WELL)
    print(f"The report with the timeline: {page}\n")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--engine",
        choices=[engine.name for engine in ENGINES],
        help="only this database engine (default: one after the other)",
    )
    parser.add_argument(
        "--mode",
        choices=["threads", "async"],
        default="threads",
        help="whether the application has threads, or asyncio and many tasks (PostgreSQL)",
    )
    parser.add_argument(
        "--only",
        action="append",
        choices=[fault.name for fault in FAULTS],
        help="only this fault (may be given several times), and not the documented programs",
    )
    parser.add_argument("--calm", type=float, default=2.5, help="seconds before each fault")
    parser.add_argument(
        "--patience", type=float, default=8.0, help="seconds to wait for recovery (default: 8)"
    )
    parser.add_argument(
        "--report", type=Path, default=Path("demo-report"), help="folder of the report"
    )
    return parser.parse_args()


def _end(number: int, _: FrameType | None) -> None:
    for impatient in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(impatient, signal.SIG_IGN)  # the end takes a moment, and shall be complete
    raise SystemExit(128 + number)


def _run_programs(engine: Engine, console: Console, environment: Mapping[str, str]) -> None:
    runners: Sequence[Sequence[str]] = ((), ("-c", _USE_ENGINE, engine.server))
    for name, runner in zip(engine.programs, runners, strict=True):
        console.say(f"The documentation's program examples/{name} ...")
        done = subprocess.run(
            [sys.executable, *runner, str(_EXAMPLES / name)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
        if done.returncode:
            raise RuntimeError(f"{name} ended with {done.returncode}: {done.stderr.strip()}")
        console.say(f"  {done.stdout.strip()}")


def _client(
    engine: Engine,
    cluster: Cluster,
    schema: str,
    title: str,
    driver: tuple[str, str],
    environment: Mapping[str, str],
    folder: Path,
    mode: Mode,
) -> Client:
    """Make an application with a schema of its own, so that the two never wait for each other."""
    engine.create_schema(cluster, schema)
    scheme, more = driver
    writer, reader = (
        engine.url.format(
            driver=scheme,
            login=f"{cluster.user}:{cluster.password}",
            address=f"{endpoint}:{cluster.port}",
            database=cluster.database,
            schema=schema,
            more=more,
        )
        for endpoint in (cluster.writer_endpoint, cluster.reader_endpoint)
    )
    log = folder / f"{schema}.log"
    log.write_text("")
    return Client(schema, title, (writer, reader), environment, log, mode)


def _books(cluster: Cluster, client: Client) -> verdict.Books:
    journal = cluster.committed(f"SELECT order_key, attempt FROM {client.schema}.journal")
    sql = verdict.WRONG_ACCOUNTS.format(
        schema=client.schema, opening=OPENING_BALANCE, total=ACCOUNTS * OPENING_BALANCE
    )
    wrong = cluster.committed(sql)
    return verdict.Books(journal, {server: int(rows[0][0]) for server, rows in wrong.items()})


if __name__ == "__main__":
    sys.exit(main())
