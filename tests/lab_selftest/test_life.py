# SPDX-License-Identifier: Apache-2.0
"""Starting, ending, and dying: nothing may be left behind."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aurora_lab
import mysql.connector
import psycopg
import pytest
from aurora_lab import Cluster, LabError, Resolver, eventually
from traces import gone, processes_in, segments_of

DOMAIN = "life.us-east-1.rds.amazonaws.com"
OWNER = """
import sys
from aurora_lab import Cluster
cluster = Cluster(1, engine={engine!r}, gates=True, domain="owner.us-east-1.rds.amazonaws.com").up()
{fault}
print(cluster.folder, flush=True)
sys.stdin.read()
cluster.down()
"""
PG_NON_ROOT = """
import os, psycopg
from aurora_lab import Cluster
assert os.geteuid() != 0
with Cluster(1, gates=True, tls=True, domain="user.us-east-1.rds.amazonaws.com") as cluster:
    record = cluster.failover(how="freeze")
    cluster.heal()
    address = cluster.lookup(cluster.writer_endpoint)
    dsn = cluster.dsn(hostaddr=address, sslmode="verify-full", sslrootcert=cluster.ca_file)
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT aurora_db_instance_identifier()").fetchone()
    assert row == (record.new,), row
    folder = cluster.folder
assert not folder.exists()
print("fine")
"""
MYSQL_NON_ROOT = """
import os, mysql.connector
from aurora_lab import Cluster
assert os.geteuid() != 0
domain = "user.us-east-1.rds.amazonaws.com"
with Cluster(1, engine="mysql", tls=True, domain=domain) as cluster:
    record = cluster.failover(how="freeze")
    cluster.heal()
    with mysql.connector.connect(
        host=cluster.lookup(cluster.writer_endpoint), user="john", password="pwd", use_pure=True,
        ssl_ca=cluster.ca_file, ssl_verify_cert=True
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT @@aurora_server_id")
        assert cursor.fetchall() == [(record.new,)]
    folder = cluster.folder
assert not folder.exists()
print("fine")
"""
PROCESSES = {"pg": 11, "mysql": 2}
"""At least so many run in a cluster of two servers."""

PROBE = """
import subprocess, sys, psycopg, mysql.connector, cryptography, aurora_lab
subprocess.run([sys.executable, "-c", ""], check=True)
"""


@pytest.fixture(params=["pg", "mysql"])
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the account of the servers can enter."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory).resolve()


def owner(engine: str, fault: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", OWNER.format(engine=engine, fault=fault)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("fault", ["", "crash", "freeze"])
def test_down_leaves_nothing(engine: str, fault: str) -> None:
    with Cluster(1, engine=engine, domain=DOMAIN) as cluster:
        folder = str(cluster.folder)
        segments = segments_of(folder)
        assert len(processes_in(folder)) >= PROCESSES[engine]
        if fault:
            getattr(cluster, fault)("instance-1")
    assert gone(folder, segments)
    cluster.down()
    with pytest.raises(LabError, match="down"):
        cluster.truth()


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (signal.SIGKILL, "cluster.freeze('instance-1')"),
        (signal.SIGTERM, ""),
        (signal.SIGINT, ""),
    ],
)
def test_death_of_the_owner_leaves_nothing(engine: str, number: signal.Signals, fault: str) -> None:
    with owner(engine, fault) as process:
        assert process.stdout is not None
        folder = process.stdout.readline().strip()
        segments = segments_of(folder)
        assert processes_in(folder)
        process.send_signal(number)
        eventually(lambda: gone(folder, segments), within=10)


def test_death_of_owner_and_keeper_is_cleaned_by_the_next(engine: str) -> None:
    with owner(engine) as process:
        assert process.stdout is not None
        folder = process.stdout.readline().strip()
        segments = segments_of(folder)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        keepers = [int(c) for c in children if b"keeper" in Path(f"/proc/{c}/cmdline").read_bytes()]
        assert len(keepers) == 1
        process.send_signal(signal.SIGSTOP)
        os.kill(keepers[0], signal.SIGKILL)
        process.kill()
    assert processes_in(folder)
    with Cluster(0, domain=DOMAIN):
        assert gone(folder, segments)


def test_death_of_the_keeper_alone_still_ends_clean(engine: str) -> None:
    with Cluster(1, engine=engine, domain=DOMAIN) as cluster:
        folder = str(cluster.folder)
        segments = segments_of(folder)
        assert cluster.keeper_pid is not None
        os.kill(cluster.keeper_pid, signal.SIGKILL)
        with Cluster(0, engine=engine, domain="b." + DOMAIN, name="b"):
            assert len(processes_in(folder)) >= PROCESSES[engine], "its owner lives"
    assert gone(folder, segments)


def test_a_failed_start_leaves_nothing(place: Path) -> None:
    with pytest.raises(LabError, match="has no initdb"):
        Cluster(bindir=place, directory=place).up()
    with pytest.raises(LabError, match="has no mariadbd"):
        Cluster(engine="mysql", bindir=place, directory=place).up()
    resolver = Resolver()
    with (
        Cluster(0, domain=DOMAIN, resolver=resolver),
        pytest.raises(LabError, match="belongs to another cluster"),
    ):
        Cluster(0, domain=DOMAIN, resolver=resolver, directory=place).up()
    resolver.close()
    assert list(place.iterdir()) == []


def test_two_clusters_share_one_resolver() -> None:
    with Cluster(0, domain=DOMAIN) as one, Cluster(0, domain="b." + DOMAIN, name="b") as two:
        assert one.writer.address != two.writer.address
        for cluster in (one, two):
            with psycopg.connect(cluster.dsn()) as connection:
                row = connection.execute("SELECT host(inet_server_addr())").fetchone()
                assert row == (cluster.writer.address,)
    with pytest.raises(socket.gaierror):
        socket.gethostbyname(one.writer_endpoint)


def test_clusters_of_both_kinds_share_one_resolver() -> None:
    with (
        Cluster(0, domain=DOMAIN) as pg,
        Cluster(0, engine="mysql", name="b", domain="b." + DOMAIN) as mysql,
    ):
        assert (pg.port, mysql.port) == (5432, 3306)
        for cluster in (pg, mysql):
            address = socket.gethostbyname(cluster.writer_endpoint)
            assert address == cluster.writer.public_address
        assert pg.writer.address != mysql.writer.address


def test_a_given_directory_is_used_and_left_empty(place: Path) -> None:
    with Cluster(0, domain=DOMAIN, directory=place) as cluster:
        assert cluster.folder.parent == place
    assert list(place.iterdir()) == []


@pytest.fixture
def plain_user() -> Iterator[list[str]]:
    """How to start a Python that runs as somebody else than root."""
    if os.geteuid() != 0:
        yield [sys.executable]
        return
    user = pwd.getpwnam("nobody")
    change = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    # The interpreter of the tests may be in a folder that only root can enter.
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        probe = [*change, python, "-c", PROBE]
        if subprocess.run(probe, env=_environment(), check=False, cwd="/").returncode == 0:
            yield [*change, python]
            return
    pytest.fail("no Python that a plain user can run has this version and the lab's packages")


def _environment() -> dict[str, str]:
    modules = [str(Path(m.__file__ or "").parent.parent) for m in (aurora_lab, psycopg, mysql)]
    return {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(modules)}


@pytest.mark.parametrize("program", [PG_NON_ROOT, MYSQL_NON_ROOT], ids=["pg", "mysql"])
def test_a_plain_user_can_do_it(plain_user: list[str], program: str) -> None:
    done = subprocess.run(
        [*plain_user, "-c", program],
        env=_environment(),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "fine\n", done.stderr
