# SPDX-License-Identifier: Apache-2.0
"""What a client sees of each state of a gate, before and after it changes."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Iterator

import psycopg
import pytest
from aurora_lab import Cluster, LabError, eventually

QUIET = 0.4
SSL_REQUEST = struct.pack("!ii", 8, 80877103)
PARAMETERS = b"user\0john\0database\0db\0\0"
STARTUP = struct.pack("!ii", 8 + len(PARAMETERS), 196608) + PARAMETERS


@pytest.fixture
def client(gated_cluster: Cluster) -> Iterator[socket.socket]:
    """A connection that was answered once; its next message is ``STARTUP``."""
    with connected(gated_cluster) as link:
        assert first_answer(link, SSL_REQUEST) == b"N"
        yield link


@contextlib.contextmanager
def connected(cluster: Cluster) -> Iterator[socket.socket]:
    address = (cluster.lookup(cluster.writer_endpoint), cluster.port)
    with socket.create_connection(address, timeout=QUIET) as link:
        yield link


def first_answer(link: socket.socket, message: bytes) -> bytes:
    link.sendall(message)
    return link.recv(1)


def test_pass_names_lead_to_the_gate(gated_cluster: Cluster, client: socket.socket) -> None:
    writer = gated_cluster.writer
    assert client.getpeername()[0] == writer.gate_address != writer.address
    assert first_answer(client, STARTUP) == b"R"
    with psycopg.connect(gated_cluster.dsn()) as connection:
        row = connection.execute("SELECT host(inet_server_addr())").fetchone()
        assert row == (writer.address,)
        rows = connection.execute("SELECT repeat('x', 1000) FROM generate_series(1, 20000)")
        assert len(rows.fetchall()) == 20000


def test_freeze_is_silent_then_resets(gated_cluster: Cluster, client: socket.socket) -> None:
    gate = gated_cluster.gate(gated_cluster.writer.id)
    gate.freeze()
    with connected(gated_cluster) as new:
        for link, message in ((client, STARTUP), (new, SSL_REQUEST)):
            with pytest.raises(TimeoutError):
                first_answer(link, message)
        gate.heal()
        for link in (client, new):
            with pytest.raises(ConnectionResetError):
                link.recv(1)


def test_drop_answers_no_connect_and_goes_on(gated_cluster: Cluster, client: socket.socket) -> None:
    gate = gated_cluster.gate(gated_cluster.writer.id)
    gate.drop()
    with pytest.raises(TimeoutError):
        first_answer(client, STARTUP)
    for _ in range(3):
        with pytest.raises(TimeoutError), connected(gated_cluster):
            pass
    gate.heal()
    client.settimeout(5)
    assert client.recv(1) == b"R"
    with connected(gated_cluster) as new:
        assert first_answer(new, SSL_REQUEST) == b"N"


def test_refuse_spares_open_connections(gated_cluster: Cluster, client: socket.socket) -> None:
    gate = gated_cluster.gate(gated_cluster.writer.id)
    gate.refuse()
    with pytest.raises(ConnectionRefusedError), connected(gated_cluster):
        pass
    assert first_answer(client, STARTUP) == b"R"
    gate.pass_()
    with connected(gated_cluster) as new:
        assert first_answer(new, SSL_REQUEST) == b"N"


def test_reset_ends_open_connections(gated_cluster: Cluster, client: socket.socket) -> None:
    gated_cluster.gate(gated_cluster.writer.id).reset()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with connected(gated_cluster) as new:
        assert first_answer(new, SSL_REQUEST) == b"N"


def test_delay_counts_both_ways(gated_cluster: Cluster, client: socket.socket) -> None:
    gate = gated_cluster.gate(gated_cluster.writer.id)
    gate.delay(100)
    client.settimeout(5)
    began = time.monotonic()
    assert first_answer(client, STARTUP) == b"R"
    assert 0.2 <= time.monotonic() - began < 1.0
    gate.pass_()
    began = time.monotonic()
    with connected(gated_cluster) as new:
        assert first_answer(new, SSL_REQUEST) == b"N"
    assert time.monotonic() - began < 0.1


@pytest.mark.parametrize("path", ["drop freeze", "freeze drop", "refuse drop", "drop refuse"])
def test_states_in_a_row_end_healthy(gated_cluster: Cluster, path: str) -> None:
    gate = gated_cluster.gate(gated_cluster.writer.id)
    for state in path.split():
        getattr(gate, state)()
    gate.heal()
    with psycopg.connect(gated_cluster.dsn(connect_timeout=5)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_dead_server_behind_a_gate_ends_its_connections(gated_cluster: Cluster) -> None:
    record = gated_cluster.writer
    with psycopg.connect(gated_cluster.dsn()) as connection:
        gated_cluster.failover(how="crash")
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with psycopg.connect(gated_cluster.dsn()) as connection:
        row = connection.execute("SELECT aurora_db_instance_identifier()").fetchone()
    assert row == (gated_cluster.truth().writer,) != (record.id,)


def test_an_idle_connection_hears_of_its_servers_death(gated_cluster: Cluster) -> None:
    with psycopg.connect(gated_cluster.dsn()) as connection:
        gated_cluster.crash(gated_cluster.writer.id)
        link = socket.socket(fileno=connection.fileno())
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


def test_gate_without_gates_is_an_error(aurora_cluster: Cluster) -> None:
    with pytest.raises(LabError, match="gates=True"):
        aurora_cluster.gate("instance-1")
