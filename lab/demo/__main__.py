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
from events import ACCOUNTS, OPENING_BALANCE
from recorder import Client
from scenario import FAULTS, Scenario

DNS_LAG = 4.0
"""Seconds for which the writer's name keeps its old address after a failover."""
_EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_WRAPPED = (
    "postgresql+aws_wrapper_psycopg",
    "?wrapper_dialect=aurora-pg&wrapper_plugins=failover,host_monitoring_v2"
    "&enable_connect_failover=true",
)
_BARE = ("postgresql+psycopg", "")
# The second documented program only makes an engine: this uses it.
_USE_ENGINE = """
import runpy, sys
from sqlalchemy import text
engine = runpy.run_path(sys.argv[1])["engine"]
with engine.connect() as conn:
    print(conn.execute(text("SELECT pg_catalog.aurora_db_instance_identifier()")).one())
engine.dispose()
"""


def main() -> int:
    """Run the demonstration; return the exit code."""
    options = _options()
    console = Console()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    folder: Path = options.report
    folder.mkdir(parents=True, exist_ok=True)
    faults = [fault for fault in FAULTS if not options.only or fault.name in options.only]
    try:
        with contextlib.ExitStack() as stack:
            resolver = Resolver()
            stack.callback(resolver.close)
            console.say("A cluster of one writer and two readers, on this machine ...")
            cluster = stack.enter_context(Cluster(readers=2, dns_lag=DNS_LAG, resolver=resolver))
            environment = {**os.environ, **resolver.environment()}
            if not options.only:
                _run_examples(console, environment)
            clients = [
                _client(cluster, "wrapped", "wrapped", _WRAPPED, environment, folder),
                _client(cluster, "bare", "bare driver", _BARE, environment, folder),
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
    except SystemExit:
        console.say("interrupted; nothing is left running")
        raise
    except (LabError, RuntimeError) as error:
        console.say(f"the demonstration failed: {error}")
        return 1
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
    page = report.write(folder, began, clients, episodes, lines, bad)
    print()
    print(report.text_table(lines))
    print()
    print("\n".join(f"NOT GOOD: {sentence}" for sentence in bad) or report.ALL_WELL)
    print(f"The report with the timeline: {page}")
    return 1 if bad else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__.splitlines()[0])
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


def _run_examples(console: Console, environment: Mapping[str, str]) -> None:
    programs: Sequence[tuple[str, Sequence[str]]] = (
        ("sqlalchemy_creator.py", ()),
        ("sqlalchemy_url.py", ("-c", _USE_ENGINE)),
    )
    for name, runner in programs:
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
    cluster: Cluster,
    schema: str,
    title: str,
    driver: tuple[str, str],
    environment: Mapping[str, str],
    folder: Path,
) -> Client:
    """Make an application with a schema of its own, so that the two never wait for each other."""
    with cluster.connect(cluster.writer.id) as connection:
        connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {cluster.user}")
    scheme, query = driver
    user = f"{cluster.user}:{cluster.password}"
    writer, reader = (
        f"{scheme}://{user}@{endpoint}:{cluster.port}/{cluster.database}{query}"
        for endpoint in (cluster.writer_endpoint, cluster.reader_endpoint)
    )
    log = folder / f"{schema}.log"
    log.write_text("")
    return Client(schema, title, (writer, reader), environment, log)


def _books(cluster: Cluster, client: Client) -> verdict.Books:
    journal = cluster.committed(f"SELECT key, attempt FROM {client.schema}.journal")
    sql = verdict.WRONG_ACCOUNTS.format(
        schema=client.schema, opening=OPENING_BALANCE, total=ACCOUNTS * OPENING_BALANCE
    )
    wrong = cluster.committed(sql)
    return verdict.Books(journal, {server: rows[0][0] for server, rows in wrong.items()})


if __name__ == "__main__":
    sys.exit(main())
