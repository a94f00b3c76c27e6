# SPDX-License-Identifier: Apache-2.0
"""The relay before a MySQL server stays out of the way of everything that it doesn't change."""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import mysql.connector
import pytest
from aurora_lab import Cluster

from mysql_help import connect, run, socket_of

TAIL = "SELECT @@aurora_server_id AS id"
# The compiled build doesn't load in a process that has loaded the system's libssl.
COMPILED = """
import sys
import _mysql_connector
import mysql.connector
host, port = sys.argv[1:]
connection = mysql.connector.connect(
    host=host, port=int(port), user="john", password="pwd", database="db", compress=True
)
assert isinstance(connection, mysql.connector.CMySQLConnection)
cursor = connection.cursor()
cursor.execute("SELECT @@aurora_server_id, @@innodb_read_only")
print(*cursor.fetchone())
cursor.execute("SHOW STATUS LIKE 'Compression'")
print(*cursor.fetchone())
cursor = connection.cursor(prepared=True)
cursor.execute("SELECT @@aurora_server_id, LENGTH(?)", ["x" * (20 << 20)])
print(*cursor.fetchone())
"""


@pytest.fixture
def local_file(tmp_path: Path) -> Path:
    """A file of more than 256 packets."""
    path = tmp_path / "rows.csv"
    path.write_text("".join(f"{n},{'@@aurora_server_id' * 20}\n" for n in range(20000)))
    return path


def test_statements_of_many_packets(mysql_cluster: Cluster) -> None:
    with connect(mysql_cluster) as connection:
        for size in (1, 100_000, (1 << 24) - 30, (1 << 24) - 1, 1 << 24, 40 << 20):
            text = "x" * size
            assert run(connection, f"SELECT LENGTH('{text}')") == [(size,)]
            assert run(connection, TAIL) == [(mysql_cluster.writer.id,)]


def test_results_of_many_packets(mysql_cluster: Cluster) -> None:
    with connect(mysql_cluster) as connection:
        text = run(connection, "SELECT REPEAT('x', 30000000)")[0][0]
        assert text == "x" * 30_000_000
        assert len(run(connection, "SELECT REPEAT('x', 1000) FROM seq_1_to_20000")) == 20000


def test_a_local_file_is_uploaded(mysql_cluster: Cluster, local_file: Path) -> None:
    with connect(mysql_cluster, allow_local_infile=True) as connection:
        run(connection, "CREATE OR REPLACE TABLE loaded (a int PRIMARY KEY, b text)")
        load = f"LOAD DATA LOCAL INFILE '{local_file}' INTO TABLE loaded FIELDS TERMINATED BY ','"
        run(connection, load)
        assert run(connection, TAIL) == [(mysql_cluster.writer.id,)]
        changed = f"SELECT COUNT(*), SUM(b = '{'@@aurora_server_id' * 20}') FROM loaded"
        assert run(connection, changed) == [(20000, 20000)]
        with pytest.raises(mysql.connector.Error):
            run(connection, load.replace("loaded", "no_such_table"))
        assert run(connection, TAIL) == [(mysql_cluster.writer.id,)]
        run(connection, "DROP TABLE loaded")


def test_another_user_on_the_same_connection(mysql_cluster: Cluster) -> None:
    with connect(mysql_cluster) as connection:
        run(connection, "CREATE USER guest IDENTIFIED BY 'secret'")
        try:
            connection.cmd_change_user("guest", "secret")
            assert run(connection, "SELECT CURRENT_USER(), @@aurora_server_id") == [
                ("guest@%", mysql_cluster.writer.id)
            ]
            connection.cmd_change_user("john", "pwd", "db")
            connection.cmd_reset_connection()
            assert run(connection, TAIL) == [(mysql_cluster.writer.id,)]
        finally:
            run(connection, "DROP USER guest")


def test_several_statements_in_one_go(mysql_cluster: Cluster) -> None:
    with connect(mysql_cluster) as connection, contextlib.closing(connection.cursor()) as cursor:
        cursor.execute("SELECT 1; SELECT @@aurora_server_id; SELECT 2")
        rows = [cursor.fetchall()]
        while cursor.nextset():
            rows.append(cursor.fetchall())
        assert rows == [[(1,)], [(mysql_cluster.writer.id,)], [(2,)]]


def test_commands_sent_before_the_answers_are_read(mysql_cluster: Cluster) -> None:
    with connect(mysql_cluster) as connection:
        link = socket.socket(fileno=os.dup(socket_of(connection)))
        with link:
            link.settimeout(5)
            payload = b"\x03SELECT @@aurora_server_id x"
            one = len(payload).to_bytes(3, "little") + b"\0" + payload
            stream = one * 50
            for start in range(0, len(stream), 7):
                link.sendall(stream[start : start + 7])
            received = b""
            while received.count(mysql_cluster.writer.id.encode()) < 50:
                chunk = link.recv(65536)
                assert chunk
                received += chunk


def test_the_compiled_build_can_do_it_too(mysql_cluster: Cluster) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMPILED, mysql_cluster.writer_endpoint, str(mysql_cluster.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    writer = mysql_cluster.writer.id
    expected = f"{writer} 0\nCompression OFF\n{writer} {20 << 20}\n"
    assert (done.stdout, done.stderr) == (expected, "")


def test_a_relay_costs_little(mysql_cluster: Cluster) -> None:
    def price(host: str) -> float:
        with connect(mysql_cluster, host) as connection:
            took = []
            for _ in range(300):
                began = time.perf_counter()
                run(connection, "SELECT 1")
                took.append(time.perf_counter() - began)
        return statistics.median(took)

    writer = mysql_cluster.writer
    assert price(writer.public_address) - price(writer.address) < 0.002
