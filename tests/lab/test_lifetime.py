# SPDX-License-Identifier: Apache-2.0
"""What starts, what stops, and what a process that forks or exits has to fear: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest
from aurora_lab import Cluster, eventually

import aws_advanced_python_wrapper
from aws_advanced_python_wrapper import errors
from lab_help import Background, Connect, SilentNames, busy, engine_threads, user_environment


def run(program: str, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=user_environment(),
    )


def test_import_starts_nothing_and_needs_no_driver() -> None:
    done = run(
        """
        import sys
        for name in ("psycopg", "sqlalchemy", "boto3", "mysql"):
            sys.modules[name] = None
        import os
        import aws_advanced_python_wrapper as wrapper
        assert len(os.listdir("/proc/self/task")) == 1
        seen = wrapper.statistics()
        assert (seen["threads"], seen["clusters"]) == (0, [])
        assert not any(seen["counters"].values())
        """
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_no_thread_before_the_first_watched_connection(connect: Connect) -> None:
    connect(plugins="").execute("SELECT 1")
    assert engine_threads() == 0
    connect().execute("SELECT 1")
    eventually(lambda: engine_threads() == 1, within=5)


def test_release_is_repeatable_and_connections_live_on(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    for _ in range(3):
        connection.execute("SELECT 1")
        eventually(lambda: engine_threads() > 0, within=5)  # it names itself as it starts
        aws_advanced_python_wrapper.release_resources()
        aws_advanced_python_wrapper.release_resources()
        assert engine_threads() == 0

    aurora_cluster.failover(how="crash")

    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 1")
    assert connection.current_host == aurora_cluster.truth().writer


def test_release_during_a_failover_does_not_end_it(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connection = connect(autocommit=True)
    writer = aurora_cluster.writer.id
    aurora_cluster.crash(writer)
    call = Background(lambda: connection.execute("SELECT 1"))
    eventually(
        lambda: aws_advanced_python_wrapper.statistics()["clusters"][0]["surveys_failed"] > 0,
        within=10,
    )
    aws_advanced_python_wrapper.release_resources()
    aurora_cluster.heal()
    assert isinstance(call.raised(), errors.FailoverSuccessError)


def test_many_connections_share_one_thread_and_one_link_per_host(
    aurora_cluster: Cluster, connect: Connect
) -> None:
    connections = [connect(autocommit=True, suspect_after_ms=50) for _ in range(10)]
    calls = [Background(lambda one=one: one.execute("SELECT pg_sleep(1)")) for one in connections]
    for call in calls:
        call.join()
        assert call.error is None
    eventually(lambda: engine_threads() == 1, within=5)
    with aurora_cluster.connect(aurora_cluster.writer.id) as observer:
        row = observer.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [aurora_cluster.user]
        ).fetchone()
    assert row == (11,)


FORK = """
    import os, sys, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of any fork with threads
    import aws_advanced_python_wrapper as wrapper
    from aws_advanced_python_wrapper.psycopg import connect
    dsn = sys.argv[1]
    parent = connect(dsn, autocommit=True)
    parent.execute("SELECT 1")
    assert wrapper.statistics()["threads"] == 1
    children = []
    for _ in range(5):
        pid = os.fork()
        if pid == 0:
            seen = wrapper.statistics()
            assert (seen["threads"], seen["clusters"]) == (0, [])
            assert not any(seen["counters"].values())
            own = connect(dsn, autocommit=True)
            assert own.execute("SELECT 7").fetchone() == (7,)
            assert wrapper.statistics()["threads"] == 1
            own.close()
            os._exit(0)
        children.append(pid)
    for pid in children:
        assert os.waitpid(pid, 0)[1] == 0
    parent.execute("SELECT 1")
    assert wrapper.statistics()["threads"] == 1
    parent.close()
"""


@pytest.mark.usefixtures("aurora_cluster")
def test_fork_is_safe_in_parent_and_children(aurora_cluster: Cluster) -> None:
    done = run(FORK, aurora_cluster.dsn())
    assert (done.returncode, done.stderr) == (0, "")


def test_inherited_connection_survives_in_the_child_that_uses_it_alone(
    aurora_cluster: Cluster,
) -> None:
    """As gunicorn's preload does: the parent opens, only the child uses."""
    done = run(
        """
        import os, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from aws_advanced_python_wrapper import errors, statistics
        from aws_advanced_python_wrapper.psycopg import connect
        connection = connect(sys.argv[1], autocommit=True)
        connection.execute("SELECT 1")
        pid = os.fork()
        if pid == 0:
            connection.execute("SELECT 1")
            assert statistics()["threads"] == 1
            try:
                connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            except errors.FailoverSuccessError:
                connection.execute("SELECT 1")
                os._exit(0)
            os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0
        os._exit(0)
        """,
        aurora_cluster.dsn(),
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_multiprocessing_by_fork_works(aurora_cluster: Cluster) -> None:
    done = run(
        """
        import multiprocessing, sys, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from aws_advanced_python_wrapper.psycopg import connect

        def work(number):
            with connect(sys.argv[1]) as connection:
                return connection.execute("SELECT %s::int", [number]).fetchone()[0]

        with connect(sys.argv[1]) as connection:
            connection.execute("SELECT 1")
            with multiprocessing.get_context("fork").Pool(3) as pool:
                assert pool.map(work, range(12)) == list(range(12))
                pool.close()
                pool.join()
        """,
        aurora_cluster.dsn(),
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "state", ["idle", "statement in a daemon thread", "failover in a daemon thread"]
)
def test_process_exits_whatever_runs(aurora_cluster: Cluster, state: str) -> None:
    program = """
        import contextlib, logging, sys, threading
        from aws_advanced_python_wrapper import statistics
        from aws_advanced_python_wrapper.psycopg import connect
        logging.disable(logging.WARNING)  # that no host answers is told, and no complaint
        connection = connect(sys.argv[1], autocommit=True)
        connection.execute("SELECT 1")
        if "statement" in sys.argv[2]:
            threading.Thread(
                target=connection.execute, args=["SELECT pg_sleep(600)"], daemon=True
            ).start()
        if "failover" in sys.argv[2]:
            def fail():
                with contextlib.suppress(Exception):  # the process exits first
                    connection.execute("SELECT pg_sleep(601)")
            threading.Thread(target=fail, daemon=True).start()
            print("ready", flush=True)
            while not statistics()["clusters"][0]["surveys_failed"]:
                pass
        sys.exit(7)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), aurora_cluster.dsn(), state],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if "failover" in state:
        eventually(busy(aurora_cluster, "pg_sleep(601)"), within=20)
        for instance in aurora_cluster.instances.values():
            aurora_cluster.crash(instance.id)
    _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (7, "")


def test_look_up_that_does_not_end_holds_up_neither_release_nor_fork_nor_exit(
    tmp_path: Path,
) -> None:
    done = run(
        """
        import os, sys, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        from aws_advanced_python_wrapper import _engine, release_resources
        os.environ["NSS_WRAPPER_HOSTS"] = sys.argv[1]
        stuck = _engine.NameLookup("stuck.invalid")
        assert not stuck.wait(0.1)
        release_resources()
        pid = os.fork()
        if pid == 0:
            assert stuck.wait(0) and "forked" in stuck.error
            os.environ["NSS_WRAPPER_HOSTS"] = os.devnull
            own = _engine.NameLookup("localhost")
            assert own.wait(20) and own.addresses
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert not stuck.wait(0)
        begins = threading.Event()
        def wait():
            begins.set()
            _engine.NameLookup("stuck.invalid").wait(600)
        threading.Thread(target=wait, daemon=True).start()
        begins.wait()
        sys.exit(7)
        """,
        str(SilentNames(tmp_path).path),
        timeout=20,
    )
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize("build", ["pure", "c"])
def test_process_exits_while_mysql_connector_waits_in_a_daemon_thread(
    mysql_cluster: Cluster, build: str
) -> None:
    done = run(
        """
        import os, sys, threading, time
        from aws_advanced_python_wrapper import mysql_connector

        class Last:  # ends with the interpreter, once the other threads are gone
            def __del__(self, tasks=os.listdir, now=time.monotonic):
                until = now() + 20
                while len(tasks("/proc/self/task")) > 1 and now() < until:
                    pass

        connection = mysql_connector.connect(sys.argv[1], use_pure=sys.argv[2] == "pure")
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.fetchall()
        threading.Thread(target=cursor.execute, args=["SELECT SLEEP(0.5)"], daemon=True).start()
        while not connection._aws_session.in_call:
            pass
        last = Last()
        sys.exit(7)
        """,
        mysql_cluster.dsn(),
        build,
    )
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize("state", ["statement", "failover"])
def test_ctrl_c_ends_a_wait(aurora_cluster: Cluster, connect: Connect, state: str) -> None:
    connection = connect(autocommit=True)
    connection.execute("SELECT 1")

    waiting = threading.Event()

    def interrupt() -> None:
        assert waiting.wait(20)
        if state == "statement":
            eventually(busy(aurora_cluster, "pg_sleep(60)"), within=20)
        else:
            eventually(
                lambda: aws_advanced_python_wrapper.statistics()["clusters"][0]["surveys_failed"],
                within=20,
            )
        os.kill(os.getpid(), signal.SIGINT)

    if state == "failover":
        for instance in aurora_cluster.instances.values():
            aurora_cluster.crash(instance.id)
    helper = threading.Thread(target=interrupt)
    helper.start()

    def interrupted() -> None:
        waiting.set()
        connection.execute("SELECT pg_sleep(60)")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    helper.join()


@pytest.mark.parametrize("order", ["ssl first", "wrapper first"])
def test_no_openssl_is_disturbed(aurora_cluster: Cluster, order: str) -> None:
    done = run(
        """
        import sys
        if sys.argv[2] == "ssl first":
            import ssl
        import aws_advanced_python_wrapper._engine
        import pathlib
        maps = pathlib.Path("/proc/self/maps").read_text()
        loaded = [name for name in ("libssl", "libcrypto", "libpq") if name in maps]
        assert sys.argv[2] == "ssl first" or loaded == [], loaded
        import ssl
        from aws_advanced_python_wrapper.psycopg import connect
        connect(sys.argv[1]).close()
        ssl.create_default_context()
        """,
        aurora_cluster.dsn(),
        order,
    )
    assert (done.returncode, done.stderr) == (0, "")
