# SPDX-License-Identifier: Apache-2.0
"""The command, as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from aurora_lab import eventually, supervisor
from traces import gone, processes_in, segments_of

LAB = f"selftest{os.getpid()}"
PG_APP = """
import psycopg, sys
with psycopg.connect(
    "host=database.cluster-xyz.us-east-1.rds.amazonaws.com dbname=db user=john password=pwd"
) as connection:
    print(connection.execute("SELECT aurora_db_instance_identifier()").fetchone()[0])
sys.exit(7)
"""
MYSQL_APP = """
import mysql.connector, sys
with mysql.connector.connect(
    host="database.cluster-xyz.us-east-1.rds.amazonaws.com", database="db", user="john",
    password="pwd", use_pure=True
) as connection:
    cursor = connection.cursor()
    cursor.execute("SELECT @@aurora_server_id")
    print(cursor.fetchone()[0])
sys.exit(7)
"""
APPS = {"pg": PG_APP, "mysql": MYSQL_APP}


def environment() -> dict[str, str]:
    """Without the view of the tests: the command has its own."""
    ours = ("LD_PRELOAD", "NSS_WRAPPER_HOSTS", "AURORA_LAB_RESOLVER", "AURORA_LAB_PYTEST")
    return {k: v for k, v in os.environ.items() if k not in ours}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "aurora_lab", "--lab", LAB, *words]


def lab(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*words),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(params=["pg", "mysql"])
def up(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    lab("up", request.param, "--readers", "1", "--gates", "--tls", "--dns-lag", "0.1")
    status = json.loads(lab("status", "--json").stdout)
    segments = segments_of(status["folder"])
    yield status
    lab("down")
    assert gone(status["folder"], segments)
    assert not supervisor.state_folder(LAB).exists()


def test_up_run_failover_down(up: dict[str, Any]) -> None:
    assert up["writer"] == "instance-1"
    app = APPS[up["engine"]]
    assert up["dsn"] in lab("status").stdout
    assert lab("run", "--", sys.executable, "-c", app, code=7).stdout == "instance-1\n"
    assert "instance-1 -> instance-2 (crash)" in lab("failover", "--crash").stdout
    lab("heal")
    assert lab("run", "--", sys.executable, "-c", app, code=7).stdout == "instance-2\n"
    truth = json.loads(lab("truth").stdout)
    assert truth["writer"] == truth["dns_writer"] == "instance-2"
    assert truth["failovers"][0]["how"] == "crash"
    lab("freeze", "instance-1")
    assert "frozen" in lab("status").stdout
    lab("thaw", "instance-1")
    lab("gate", "instance-2", "delay", "20")
    lab("gate", "instance-2", "refuse")
    assert "refuse" in lab("status").stdout
    lab("crash", "instance-1")
    lab("rejoin", "instance-1")
    lab("heal")
    assert lab("env").stdout.count("export ") == 3
    assert "another --lab" in lab("up", "pg", code=1).stderr
    assert "no instance 'x'" in lab("crash", "x", code=1).stderr
    assert "can't run" in lab("run", "--", "/no/such/program", code=1).stderr


def test_commands_without_a_lab_say_so() -> None:
    for words in (("status",), ("run", "--", "true"), ("heal",)):
        assert "aurora-lab up pg" in lab(*words, code=1).stderr
    assert "usage" in lab("help").stdout
    lab("down")


@pytest.mark.parametrize("who", ["supervisor_pid", "keeper_pid"])
def test_down_after_a_violent_death_leaves_nothing(up: dict[str, Any], who: str) -> None:
    os.kill(up[who], signal.SIGKILL)
    lab("down")
    eventually(lambda: not processes_in(up["folder"]), within=10)


@pytest.mark.parametrize("engine", ["pg", "mysql"])
def test_ctrl_c_while_starting_leaves_nothing(engine: str) -> None:
    with subprocess.Popen(command("up", engine), env=environment(), stderr=subprocess.PIPE) as up:
        log = supervisor.state_folder(LAB) / "log"
        eventually(log.exists, within=10)
        os.kill(up.pid, signal.SIGINT)
        assert up.wait(30) == 130
    assert not log.parent.exists()


@pytest.mark.parametrize(("engine", "missing"), [("pg", "initdb"), ("mysql", "mariadbd")])
def test_a_start_that_fails_says_why(engine: str, missing: str) -> None:
    assert f"has no {missing}" in lab("up", engine, "--bindir", "/", code=1).stderr
    assert not supervisor.state_folder(LAB).exists()
