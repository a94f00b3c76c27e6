# SPDX-License-Identifier: Apache-2.0
"""Forks, exits and Ctrl-C at random moments: nothing hangs, nothing crashes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable

import pytest
from aurora_lab import Cluster

Times = Callable[[int, int], int]
Tell = Callable[[str], None]

# Threads that work all the time, on connections that are killed again and again.
WORKERS = """
    import os, random, signal, sys, threading, time, warnings
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.simplefilter("ignore")
    from aws_advanced_python_wrapper import psycopg
    dsn, seed = sys.argv[1], int(sys.argv[2])
    rng = random.Random(seed)

    def work():
        while True:
            try:
                with psycopg.connect(dsn, autocommit=True, suspect_after_ms=20) as connection:
                    for _ in range(5):
                        connection.execute("SELECT pg_sleep(0.002)")
                    connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            except psycopg.Error:
                pass

    def start_workers(count=3):
        for _ in range(count):
            threading.Thread(target=work, daemon=True).start()

    def work_on(connection):
        while True:
            connection.execute("SELECT pg_sleep(0.03)")

    def start_steady_workers(count=3):
        for _ in range(count):
            connection = psycopg.connect(
                dsn, autocommit=True, suspect_after_ms=10, topology_refresh_ms=1
            )
            threading.Thread(target=work_on, args=[connection], daemon=True).start()
"""


def launch(body: str, *arguments: str) -> subprocess.Popen[str]:
    program = textwrap.dedent(WORKERS) + textwrap.dedent(body)
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], expected: int, seed: int, timeout: float = 30) -> None:
    try:
        _, complaints = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        _, complaints = process.communicate()
        pytest.fail(f"the process hangs (seed {seed})\n{complaints}")
    assert process.returncode == expected, f"seed {seed}: {process.returncode}\n{complaints}"


def test_exits_at_random_moments(aurora_cluster: Cluster, times: Times, progress: Tell) -> None:
    rounds = times(15, 1000)
    for seed in range(rounds):
        progress(f"{seed} of {rounds}")
        body = """
            start_workers()
            threading.Event().wait(rng.random() * 0.15)
            sys.exit(7)
        """
        finish(launch(body, aurora_cluster.dsn(), str(seed)), 7, seed)


def test_forks_at_random_moments(aurora_cluster: Cluster, times: Times, progress: Tell) -> None:
    """The engine's thread never rests. No other thread connects, since a child that is forked
    while one is within the drivers' libpq inherits locks of libpq that nobody releases, with the
    bare driver just as with ours.
    """
    rounds = times(2, 50)
    for seed in range(rounds):
        progress(f"{20 * seed} of {20 * rounds}")
        body = """
            start_steady_workers()
            for _ in range(20):
                threading.Event().wait(rng.random() * 0.02)
                pid = os.fork()
                if pid == 0:
                    try:
                        with psycopg.connect(dsn, autocommit=True) as connection:
                            if connection.execute("SELECT 7").fetchone() == (7,):
                                os._exit(0)
                    finally:
                        os._exit(1)
                deadline = time.monotonic() + 20
                while True:
                    ended, status = os.waitpid(pid, os.WNOHANG)
                    if ended:
                        break
                    if time.monotonic() > deadline:
                        os.kill(pid, 9)
                        sys.exit(3)
                    os.sched_yield()
                if status:
                    sys.exit(4)
            os._exit(0)
        """
        finish(launch(body, aurora_cluster.dsn(), str(seed)), 0, seed, timeout=120)


def test_ctrl_c_at_random_moments(aurora_cluster: Cluster, times: Times, progress: Tell) -> None:
    """Python loses a Ctrl-C that meets a finalizer. psycopg's connections have one, with the bare
    driver as with ours: it is sent again then, and only then.
    """
    rounds = times(15, 1000)
    for seed in range(rounds):
        progress(f"{seed} of {rounds}")
        body = """
            def send_again(lost):
                place = getattr(lost.object, "__qualname__", "")
                if lost.exc_type is KeyboardInterrupt and place == "BaseConnection.__del__":
                    threading.Timer(0.01, os.kill, [os.getpid(), signal.SIGINT]).start()
                else:
                    sys.__unraisablehook__(lost)

            sys.unraisablehook = send_again
            print("ready", flush=True)
            try:
                work()
            except KeyboardInterrupt:
                sys.exit(7)
        """
        process = launch(body, aurora_cluster.dsn(), str(seed))
        assert process.stdout is not None
        process.stdout.readline()
        moment = time.monotonic() + random.Random(seed).random() * 0.15
        while time.monotonic() < moment:
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        finish(process, 7, seed)
