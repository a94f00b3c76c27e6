# SPDX-License-Identifier: Apache-2.0
"""A process under the view sees every change in its next look-up, from Python and from C."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from aurora_lab import LabError, Resolver

NAME = "database.cluster-view.us-east-1.rds.amazonaws.com"
# libpq resolves in C, and says whom it tried to reach.
CHILD = """
import re, socket, sys, psycopg
for line in sys.stdin:
    name = line.strip()
    try:
        python = socket.getaddrinfo(name, 1, type=socket.SOCK_STREAM)[0][4][0]
    except OSError as error:
        python = "none"
    try:
        psycopg.connect(host=name, port=1, connect_timeout=2)
    except psycopg.OperationalError as error:
        c = re.findall(r"127[.0-9]+", str(error))
    print(python, c[0] if c else "none", flush=True)
"""

# The compiled build must come before whatever loads the system's libssl.
MYSQL_CHILD = """
import sys
import _mysql_connector
import mysql.connector
for line in sys.stdin:
    name, port, pure = line.split()
    try:
        mysql.connector.connect(
            host=name, port=int(port), use_pure=pure == "pure", connection_timeout=5
        )
    except mysql.connector.Error as error:
        print(error.errno, flush=True)
"""


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    view = Resolver()
    yield view
    view.close()
    assert not view.folder.exists()


def test_every_change_is_seen_at_once(resolver: Resolver) -> None:
    tag = resolver.new_tag()
    with subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**resolver.environment(), "PYTHONPATH": ":".join(sys.path)},
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        for n in range(1, 40):
            resolver.put(tag, {NAME: f"127.0.250.{n}"})
            for spelling in (NAME, NAME.upper(), NAME + "."):
                child.stdin.write(spelling + "\n")
                child.stdin.flush()
                assert child.stdout.readline().split() == [f"127.0.250.{n}"] * 2


@pytest.mark.parametrize("build", ["pure", "compiled"])
def test_both_builds_of_mysql_connector_see_every_change(resolver: Resolver, build: str) -> None:
    tag = resolver.new_tag()
    with (
        socket.create_server(("127.0.250.1", 0)) as one,
        socket.create_server(("127.0.250.2", one.getsockname()[1])) as two,
        subprocess.Popen(
            [sys.executable, "-c", MYSQL_CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**resolver.environment(), "PYTHONPATH": ":".join(sys.path)},
        ) as child,
    ):
        assert child.stdin is not None
        assert child.stdout is not None
        for listener in (one, two, one, two):
            listener.settimeout(10)
            address, port = listener.getsockname()
            resolver.put(tag, {NAME: address})
            child.stdin.write(f"{NAME} {port} {build}\n")
            child.stdin.flush()
            listener.accept()[0].close()
            assert int(child.stdout.readline()) in (2013, 2055)


def test_threads_may_look_up_while_names_change(resolver: Resolver) -> None:
    program = f"""
import socket, sys, threading, time
until = time.monotonic() + 2
def look():
    while time.monotonic() < until:
        assert socket.getaddrinfo({NAME!r}, 1)[0][4][0].startswith("127.0.250.")
threads = [threading.Thread(target=look) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    tag = resolver.new_tag()
    resolver.put(tag, {NAME: "127.0.250.1"})
    ended = threading.Event()

    def change() -> None:
        n = 0
        while not ended.is_set():
            n = n % 200 + 1
            resolver.put(tag, {NAME: f"127.0.250.{n}"})

    changer = threading.Thread(target=change)
    changer.start()
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=resolver.environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        ended.set()
        changer.join()
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_belongs_to_one_cluster(resolver: Resolver) -> None:
    one, two = resolver.new_tag(), resolver.new_tag()
    resolver.put(one, {NAME: "127.0.250.1"})
    with pytest.raises(LabError, match="another cluster"):
        resolver.put(two, {NAME: "127.0.250.2"})
    assert resolver.lookup(NAME) == "127.0.250.1"
    resolver.put(one, {})
    resolver.put(two, {NAME: "127.0.250.2"})
    assert resolver.lookup(NAME.upper()) == "127.0.250.2"


def test_this_process_sees_unknown_names_as_before(resolver: Resolver) -> None:
    assert socket.gethostbyname("localhost") == "127.0.0.1"
    with pytest.raises(LabError, match="no address"):
        resolver.lookup("nobody.example")
