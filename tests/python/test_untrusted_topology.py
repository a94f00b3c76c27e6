# SPDX-License-Identifier: Apache-2.0
"""Whatever a server tells of its cluster, nothing off the pattern of its instances is connected to.

No server here: the engine is answered by the test, as a driver's face would, and its monitors by a
driver that answers each question alike and keeps where it was led to.
"""

from __future__ import annotations

import re
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_advanced_python_wrapper import _engine, release_resources
from aws_advanced_python_wrapper.psycopg._link import monitor_driver

ENDPOINT = "database.cluster-xyz.us-east-1.rds.amazonaws.com"
ADDRESS = "127.0.0.1"
RDS_PATTERN = "?.xyz.us-east-1.rds.amazonaws.com"
LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

ids = st.one_of(
    st.sampled_from(
        [
            "instance-1",
            "instance-2",
            "/tmp",
            "@abstract",
            "10.0.0.1",
            "a,b",
            "a.b",
            "",
            " ",
            "a b",
            "x" * 64,
            "-a",
            "a-",
            "a%00",
            "a\nb",
            "a/../b",
            "::1",
            "A",
            "ä",
        ]
    ),
    st.text(max_size=70),
    st.binary(max_size=70),
)
words = ["t", "f", "1", "0", "5432", "99999", "-1"]
texts = st.one_of(st.none(), st.sampled_from(words), st.text())
endpoints = st.one_of(
    ids,
    ids.map(lambda label: _join(label, ".xyz.us-east-1.rds.amazonaws.com")),
    ids.map(lambda label: _join(label, ".elsewhere.example")),
)
patterns = st.sampled_from([RDS_PATTERN, "?.db.example", "blue-?.db.example", "?.db.example:6000"])


def _join(label: str | bytes, rest: str) -> str | bytes:
    return label + rest.encode() if isinstance(label, bytes) else label + rest


@dataclass
class Dialect:
    """What its servers answer, by strategy."""

    name: str
    family: str
    port: int
    yes: str
    no: str
    topology: Any
    good_row: tuple[Any, ...]
    has_writer_query: bool = False

    @property
    def columns(self) -> list[list[str]]:
        """Their names, where they count."""
        return [[], [], [], ["Source_Server_Id"]]

    def results(self, rows: list[Any], own_id: Any) -> list[list[Any]]:
        """The results of a survey, in which the good row is the writer."""
        told = [[self.good_row, *rows], [(own_id,)], [(self.no,)]]
        return [*told, [("1",)]] if self.has_writer_query else told


def aurora(name: str, family: str, port: int, yes: str, no: str) -> Dialect:
    row = st.tuples(ids, st.sampled_from([yes, no]), texts, texts, texts)
    return Dialect(name, family, port, yes, no, row, ("instance-1", yes, "1", "0", None))


def multi_az(name: str, family: str, port: int, yes: str, no: str) -> Dialect:
    row = st.tuples(ids, endpoints, texts)
    good = ("1", "instance-1.xyz.us-east-1.rds.amazonaws.com", str(port))
    return Dialect(name, family, port, yes, no, row, good, has_writer_query=True)


DIALECTS = [
    aurora("aurora-pg", "postgresql", 5432, "t", "f"),
    multi_az("multi-az-pg", "postgresql", 5432, "t", "f"),
    aurora("aurora-mysql", "mysql", 3306, "1", "0"),
    multi_az("multi-az-mysql", "mysql", 3306, "1", "0"),
]


@pytest.fixture
def link() -> Iterator[socket.socket]:
    with (
        socket.create_server((ADDRESS, 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        yield client


class Application:
    """Answers a session's requests, and keeps where links were wanted."""

    def __init__(self, session: _engine.Session, dialect: Dialect, results: Any, fd: int) -> None:
        self._session = session
        self._dialect = dialect
        self._results = results
        self._fd = fd
        self.wanted: list[tuple[str, str, int]] = []

    def open(self) -> str:
        """Open the first link, which the endpoint leads to; what became of it."""
        return self._run(self._session.open())

    def lose(self) -> None:
        """Lose the link; nobody else is to be had."""
        code = 2013 if self._dialect.family == "mysql" else 0
        self._run(self._session.recover("08006", code, "lost", True, False))

    def _run(self, operation: _engine.Operation) -> str:
        while (request := operation.request) is not None:
            if request[0] == "open":
                self._open_link(operation, request[2], request[3])
            elif request[0] == "ask":
                operation.asked(self._results[: len(request[2])], self._dialect.columns)
            elif request[0] == "use":
                operation.used()
            elif request[0] == "close":
                operation.closed()
            else:
                operation.wait(0.01)
        return operation.outcome.link

    def _open_link(self, operation: _engine.Operation, host: Any, address: str) -> None:
        if host is None:
            options = {"user": "john", "password": "pwd"}
            port = self._dialect.port
            operation.opened(ENDPOINT, "10.0.0.1", port, self._fd, None, options)
        else:
            self.wanted.append((host.name, address, host.port))
            operation.open_failed(None, 0, "nobody there")


def is_on(pattern: str, name: str) -> bool:
    before, after = pattern.partition(":")[0].split("?")
    wanted = re.escape(before) + LABEL + re.escape(after)
    return re.fullmatch(wanted, name) is not None and len(name) <= 253


def led_to(
    dialect: Dialect, pattern: str, rows: list[Any], own_id: Any, link: socket.socket
) -> tuple[list[tuple[str, str, int]], list[tuple[str, str, int]]]:
    """Where the application's and the monitors' links were to go, once the first one was lost."""
    results = dialect.results(rows, own_id)
    recorder = _engine.LinkRecorder()
    driver = _engine.recording_driver(results, recorder, dialect.columns)
    wanted = led_by(driver, dialect, pattern, results, link)
    return wanted, [(name, address, port) for name, address, port, _ in recorder.links]


def led_by(
    driver: _engine.MonitorDriver,
    dialect: Dialect,
    pattern: str,
    results: Any,
    link: socket.socket,
) -> list[tuple[str, str, int]]:
    """Where the application's links were to go, with monitors by this driver."""
    chosen = _engine.parse_settings(
        {
            "plugins": "failover,host_monitoring",
            "wrapper_dialect": dialect.name,
            "cluster_instance_host_pattern": pattern,
            "failover_timeout_sec": 0.03,
            "failover_mode": "reader_or_writer",  # tries each host of the topology
        },
        dialect.family,
    )
    session = _engine.Session(chosen, ENDPOINT, driver)
    application = Application(session, dialect, results, link.fileno())
    try:
        if application.open() == "replaced":
            application.lose()
    finally:
        session.close()
        release_resources()
    return application.wanted


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_nothing_off_the_pattern_is_connected_to(link: socket.socket, dialect: Dialect) -> None:
    all_wanted, all_reached = [], []

    @settings(max_examples=60, deadline=None)
    @given(
        rows=st.lists(dialect.topology, max_size=8),
        pattern=patterns,
        own_id=st.one_of(st.just(dialect.good_row[0]), ids),
    )
    def holds(rows: list[Any], pattern: str, own_id: Any) -> None:
        wanted, reached = led_to(dialect, pattern, rows, own_id, link)
        for name, address, port in [*wanted, *reached]:
            assert is_on(pattern, name), name
            assert address in ("", "10.0.0.1", name)  # its own driver tells the name for one
            assert 1 <= port <= 65535
        all_wanted.extend(wanted)
        all_reached.extend(reached)

    holds()
    assert all_wanted, "failovers try the hosts of the topology"
    assert all_reached, "and the monitors look for its writer"


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[list[socket.socket]]:
    """Somebody who would like to be connected to: at an address, and at a socket's path."""
    by_address = socket.create_server(("127.0.77.1", 0))
    port = by_address.getsockname()[1]
    opened = [by_address]
    for name in (f".s.PGSQL.{port}", "mysql.sock"):
        opened.append(socket.socket(socket.AF_UNIX))
        opened[-1].bind(str(tmp_path / name))
        opened[-1].listen()
    yield opened
    for listening in opened:
        listening.close()


def was_reached(listening: socket.socket) -> bool:
    return bool(select.select([listening], [], [], 0)[0])


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_who_listens_off_the_pattern_hears_nothing(
    link: socket.socket, dialect: Dialect, listeners: list[socket.socket], tmp_path: Path
) -> None:
    port = listeners[0].getsockname()[1]
    driver = _engine.mysql_driver() if dialect.family == "mysql" else monitor_driver()
    names = [
        "127.0.77.1",
        str(tmp_path),
        str(tmp_path / "mysql.sock"),
        "a,127.0.77.1",
        "1@127.0.77.1",
    ]

    def look_for_the_writer(pattern: str, label: str) -> None:
        if dialect.has_writer_query:
            good: tuple[Any, ...] = (label, f"{label}.{ENDPOINT.partition('.')[2]}", str(port))
            rows = [good, *((name, name, str(port)) for name in names)]
        else:
            rows = [(one, dialect.no, "1", "0", None) for one in [label, *names]]
        sets = [rows, [(label,)], [(dialect.no,)], [("none",)]]
        led_by(driver, dialect, f"{pattern}:{port}", sets, link)

    look_for_the_writer("?.nowhere.invalid", "a")
    assert [was_reached(one) for one in listeners] == [False] * 3
    # The same does reach who listens where the pattern leads; in its 30 ms, or the next ones.
    for _ in range(100):
        look_for_the_writer("127.0.77.?", "1")
        if was_reached(listeners[0]):
            break
    assert [was_reached(one) for one in listeners] == [True, False, False]


@settings(max_examples=300, deadline=None)
@given(pattern=st.one_of(st.text(max_size=40), st.text("?.:/@,[]ab1- ", max_size=20)))
def test_pattern_is_refused_before_anything_is_sent_or_names_hosts(pattern: str) -> None:
    try:
        chosen = _engine.parse_settings(
            {"cluster_instance_host_pattern": pattern, "wrapper_dialect": "aurora-pg"}
        )
        driver = _engine.recording_driver([], _engine.LinkRecorder())
        session = _engine.Session(chosen, ENDPOINT, driver)
    except _engine.EngineError as error:
        refusal = str(error)
    else:
        refusal = ""
        session.close()
    if refusal:
        assert "cluster_instance_host_pattern" in refusal
    else:
        assert pattern.count("?") == 1
        assert not set(pattern) & set("/@,%\n")
