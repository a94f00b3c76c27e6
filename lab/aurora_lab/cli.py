# SPDX-License-Identifier: Apache-2.0
"""The command ``aurora-lab``."""

from __future__ import annotations

import argparse
import json
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from . import places, supervisor
from .errors import LabError

log = logging.getLogger("aurora_lab")

_STATES = ("pass", "freeze", "drop", "refuse", "reset", "delay", "heal")
_PHASES = ("requested", "promoted", "topology_published", "dns_published", "rejoined")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0, or 1 with the reason on standard error."""
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="aurora-lab: %(message)s", stream=sys.stderr)
    if options.command == "help":
        parser.print_help()
        return 0
    try:
        return int(options.run(options) or 0)
    except LabError as error:
        log.error("%s", error)
        return 1
    except KeyboardInterrupt:
        log.error("interrupted")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="aurora-lab",
        description="A local Aurora made of real servers on loopback.",
    )
    parser.add_argument("--lab", default="default", help="name of the lab (default: default)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="start a cluster that stays until 'down'")
    up.add_argument("engine", choices=["pg", "mysql"], help="PostgreSQL or MariaDB")
    up.add_argument("--readers", type=int, default=2, help="number of readers (default: 2)")
    up.add_argument("--kind", choices=["aurora", "multi-az", "plain"], default="aurora")
    up.add_argument("--gates", action="store_true", help="put a relay before every instance")
    up.add_argument("--tls", action="store_true", help="let the servers speak TLS")
    up.add_argument("--dns-lag", type=float, default=0.0, metavar="SECONDS")
    up.add_argument("--topology-lag", type=float, default=0.0, metavar="SECONDS")
    up.add_argument("--dir", metavar="FOLDER", help="where to put the data (default: temporary)")
    up.add_argument("--bindir", metavar="FOLDER", help="where the server programs are")
    up.set_defaults(run=_up)

    status = commands.add_parser("status", help="show endpoints, instances and states")
    status.add_argument("--json", action="store_true", help="as JSON")
    status.set_defaults(run=_status)

    commands.add_parser("down", help="stop everything, leave nothing").set_defaults(run=_down)

    run = commands.add_parser("run", help="run a command that sees the endpoint names")
    run.add_argument("program", nargs=argparse.REMAINDER, metavar="-- COMMAND ...")
    run.set_defaults(run=_run)

    for name, text in (
        ("crash", "SIGKILL an instance"),
        ("freeze", "SIGSTOP an instance"),
        ("thaw", "let a frozen instance go on"),
        ("rejoin", "make a reader of an instance that was lost"),
        ("lose", "take a reader out of the cluster"),
    ):
        fault = commands.add_parser(name, help=text)
        fault.add_argument("instance", metavar="ID")
        fault.set_defaults(run=_fault)

    failover = commands.add_parser("failover", help="make a reader the writer")
    failover.add_argument("--to", metavar="ID", help="the new writer (default: who has most)")
    how = failover.add_mutually_exclusive_group()
    how.add_argument("--crash", dest="how", action="store_const", const="crash")
    how.add_argument("--freeze", dest="how", action="store_const", const="freeze")
    failover.add_argument("--no-rejoin", dest="rejoin", action="store_false")
    failover.set_defaults(run=_failover, how="planned")

    gate = commands.add_parser("gate", help="change what an instance's relay does")
    gate.add_argument("instance", metavar="ID")
    gate.add_argument("state", choices=_STATES)
    gate.add_argument("ms", nargs="?", type=float, default=0.0, help="for delay, each way")
    gate.set_defaults(run=_gate)

    commands.add_parser("heal", help="undo every fault").set_defaults(run=_heal)
    commands.add_parser("truth", help="show what really happened, as JSON").set_defaults(run=_truth)
    commands.add_parser("env", help="print the variables that 'run' sets").set_defaults(run=_env)
    commands.add_parser("help", help="show this")
    return parser


def _up(options: argparse.Namespace) -> None:
    supervisor.launch(
        options.lab,
        {
            "engine": options.engine,
            "readers": options.readers,
            "kind": options.kind,
            "gates": options.gates,
            "tls": options.tls,
            "dns_lag": options.dns_lag,
            "topology_lag": options.topology_lag,
            "directory": str(Path(options.dir).resolve()) if options.dir else None,
            "bindir": str(Path(options.bindir).resolve()) if options.bindir else None,
        },
    )
    _show(supervisor.ask(options.lab, "status"))


def _status(options: argparse.Namespace) -> None:
    status = supervisor.ask(options.lab, "status")
    if options.json:
        print(json.dumps(status, indent=2))
    else:
        _show(status)


def _down(options: argparse.Namespace) -> None:
    if supervisor.answers(options.lab):
        supervisor.wait_gone(supervisor.ask(options.lab, "down"))
    else:
        log.info("no lab is up")
    supervisor.clear(options.lab)
    places.sweep_stale(None)


def _run(options: argparse.Namespace) -> None:
    program = options.program[1:] if options.program[:1] == ["--"] else options.program
    if not program:
        raise LabError("which command? aurora-lab run -- COMMAND ...")
    environment = {**os.environ, **supervisor.ask(options.lab, "environment")}
    try:
        os.execvpe(program[0], program, environment)
    except OSError as error:
        raise LabError(f"can't run {program[0]}: {error.strerror}") from error


def _fault(options: argparse.Namespace) -> None:
    supervisor.ask(options.lab, options.command, instance_id=options.instance)


def _failover(options: argparse.Namespace) -> None:
    record: dict[str, Any] = supervisor.ask(
        options.lab, "failover", to=options.to, how=options.how, rejoin=options.rejoin
    )
    print(f"{record['old']} -> {record['new']} ({record['how']})")
    for phase in _PHASES:
        if record[phase] is not None:
            print(f"  {phase:<20} {1000 * (record[phase] - record['fault']):7.0f} ms")


def _gate(options: argparse.Namespace) -> None:
    supervisor.ask(
        options.lab, "gate", instance_id=options.instance, state=options.state, ms=options.ms
    )


def _heal(options: argparse.Namespace) -> None:
    supervisor.ask(options.lab, "heal")


def _truth(options: argparse.Namespace) -> None:
    print(json.dumps(supervisor.ask(options.lab, "truth"), indent=2))


def _env(options: argparse.Namespace) -> None:
    for name, value in supervisor.ask(options.lab, "environment").items():
        print(f"export {name}={shlex.quote(value)}")


def _show(status: dict[str, Any]) -> None:
    print(f"writer endpoint  {status['writer_endpoint']}  -> {status['dns_writer']}")
    print(f"reader endpoint  {status['reader_endpoint']}")
    print(f"log in with      {status['dsn']}")
    if status["ca_file"]:
        print(f"trust for TLS    {status['ca_file']}")
    for instance in status["instances"]:
        role = "writer" if instance["id"] == status["writer"] else "reader"
        gate = f"  gate {instance['gate_address']} {instance['gate']}" if instance["gate"] else ""
        print(f"{instance['id']}  {role}  {instance['state']:<6}  {instance['address']}{gate}")


if __name__ == "__main__":
    sys.exit(main())
