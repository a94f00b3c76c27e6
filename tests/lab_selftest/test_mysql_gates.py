# SPDX-License-Identifier: Apache-2.0
"""What a client of MySQL sees of each state of a gate, before and after it changes."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import mysql.connector
import pytest
from aurora_lab import Cluster, LabError, eventually

from mysql_help import ask, connect, run, socket_of

QUIET = 0.4
PING = b"\x01\0\0\0\x0e"
GREETING = 10
"""What the server says first, unasked: the version of the protocol."""


@pytest.fixture
def client(mysql_gated_cluster: Cluster) -> Iterator[socket.socket]:
    """The socket of a connection that is logged in."""
    with connect(mysql_gated_cluster) as connection:
        link = connection._socket.sock
        link.settimeout(QUIET)
        yield link


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[socket.socket]:
    address = (cluster.lookup(cluster.writer_endpoint), cluster.port)
    with socket.create_connection(address, timeout=QUIET) as link:
        yield link


def greeted(link: socket.socket) -> bool:
    return link.recv(1024)[4] == GREETING


def alive(link: socket.socket) -> bool:
    link.sendall(PING)
    return link.recv(1024)[4] == 0


def test_pass_names_lead_to_the_gate(mysql_gated_cluster: Cluster, client: socket.socket) -> None:
    writer = mysql_gated_cluster.writer
    assert client.getpeername()[0] == writer.gate_address != writer.address
    assert alive(client)


def test_freeze_is_silent_then_resets(mysql_gated_cluster: Cluster, client: socket.socket) -> None:
    gate = mysql_gated_cluster.gate(mysql_gated_cluster.writer.id)
    gate.freeze()
    with connected(mysql_gated_cluster) as new:
        with pytest.raises(TimeoutError):
            alive(client)
        with pytest.raises(TimeoutError):
            greeted(new)
        gate.heal()
        for link in (client, new):
            with pytest.raises(ConnectionResetError):
                link.recv(1)


def test_drop_answers_no_connect_and_goes_on(
    mysql_gated_cluster: Cluster, client: socket.socket
) -> None:
    gate = mysql_gated_cluster.gate(mysql_gated_cluster.writer.id)
    gate.drop()
    with pytest.raises(TimeoutError):
        alive(client)
    for _ in range(3):
        with pytest.raises(TimeoutError), connected(mysql_gated_cluster):
            pass
    gate.heal()
    client.settimeout(5)
    assert client.recv(1024)[4] == 0
    with connected(mysql_gated_cluster) as new:
        assert greeted(new)


def test_refuse_spares_open_connections(
    mysql_gated_cluster: Cluster, client: socket.socket
) -> None:
    gate = mysql_gated_cluster.gate(mysql_gated_cluster.writer.id)
    gate.refuse()
    with pytest.raises(ConnectionRefusedError), connected(mysql_gated_cluster):
        pass
    assert alive(client)
    gate.pass_()
    with connected(mysql_gated_cluster) as new:
        assert greeted(new)


def test_reset_ends_open_connections(mysql_gated_cluster: Cluster, client: socket.socket) -> None:
    mysql_gated_cluster.gate(mysql_gated_cluster.writer.id).reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with connected(mysql_gated_cluster) as new:
        assert greeted(new)


def test_delay_counts_both_ways(mysql_gated_cluster: Cluster, client: socket.socket) -> None:
    gate = mysql_gated_cluster.gate(mysql_gated_cluster.writer.id)
    gate.delay(100)
    client.settimeout(5)
    began = time.monotonic()
    assert alive(client)
    assert 0.2 <= time.monotonic() - began < 1.0
    gate.pass_()
    began = time.monotonic()
    assert alive(client)
    assert time.monotonic() - began < 0.1


@pytest.mark.parametrize("path", ["drop freeze", "freeze drop", "refuse drop", "drop refuse"])
def test_states_in_a_row_end_healthy(mysql_gated_cluster: Cluster, path: str) -> None:
    gate = mysql_gated_cluster.gate(mysql_gated_cluster.writer.id)
    for state in path.split():
        getattr(gate, state)()
    gate.heal()
    assert ask(mysql_gated_cluster, mysql_gated_cluster.writer_endpoint, "SELECT 1") == [(1,)]


def test_a_dead_server_behind_a_gate_ends_its_connections(mysql_gated_cluster: Cluster) -> None:
    old = mysql_gated_cluster.writer
    with connect(mysql_gated_cluster) as connection:
        mysql_gated_cluster.failover(how="crash")
        with pytest.raises(mysql.connector.Error):
            run(connection, "SELECT 1")
    with connect(mysql_gated_cluster) as connection:
        rows = run(connection, "SELECT @@aurora_server_id")
    assert rows == [(mysql_gated_cluster.truth().writer,)] != [(old.id,)]


def test_an_idle_connection_hears_of_its_servers_death(mysql_gated_cluster: Cluster) -> None:
    with connect(mysql_gated_cluster) as connection:
        mysql_gated_cluster.crash(mysql_gated_cluster.writer.id)
        link = socket.socket(fileno=socket_of(connection))
        try:
            link.settimeout(5)
            eventually(lambda: _ended(link), within=5)
        finally:
            link.detach()


def _ended(link: socket.socket) -> bool:
    try:
        return link.recv(1, socket.MSG_PEEK) == b""
    except ConnectionResetError:
        return True


def test_the_relay_of_an_aurora_cluster_is_a_gate_unasked(mysql_cluster: Cluster) -> None:
    mysql_cluster.gate("instance-1").refuse()
    with pytest.raises(mysql.connector.Error, match="111"):
        connect(mysql_cluster, mysql_cluster.instances["instance-1"].endpoint)


def test_a_delayed_log_in_with_tls(mysql_tls_cluster: Cluster) -> None:
    mysql_tls_cluster.gate(mysql_tls_cluster.writer.id).delay(30)
    began = time.monotonic()
    with connect(mysql_tls_cluster, ssl_ca=mysql_tls_cluster.ca_file) as connection:
        # There and back for: TCP's greeting, TLS, the log-in; then the statement.
        assert time.monotonic() - began >= 0.12
        assert run(connection, "SELECT 1") == [(1,)]


def test_gates_of_servers_that_need_no_relay() -> None:
    domain = "gatedplainmysql.us-east-1.rds.amazonaws.com"
    with Cluster(0, "plain", engine="mysql", gates=True, domain=domain) as cluster:
        assert ask(cluster, cluster.writer_endpoint, "SELECT 1") == [(1,)]
        cluster.gate("instance-1").refuse()
        with pytest.raises(mysql.connector.Error, match="111"):
            connect(cluster)


def test_gate_without_gates_is_an_error(mysql_multi_az_cluster: Cluster) -> None:
    with pytest.raises(LabError, match="gates=True"):
        mysql_multi_az_cluster.gate("instance-1")
