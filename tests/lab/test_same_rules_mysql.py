# SPDX-License-Identifier: Apache-2.0
"""No link of ours is opened where the application's own would be refused: MySQL.

Each server is met with each set of options by three links: the application's, the one that a
failover opens, and a monitor's. What is expected is a rule: the application's link tells it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Event
from types import SimpleNamespace
from typing import Any

import mysql.connector
import pytest
from aurora_lab import eventually
from mysql_tls_servers import (
    OTHER_PASSWORD,
    OTHER_USER,
    PASSWORD,
    USER,
    Authority,
    Recorder,
    TlsServers,
    recorded,
)

import aws_advanced_python_wrapper
from aws_advanced_python_wrapper import mysql_connector as face
from aws_advanced_python_wrapper._mysql_link import option, to_host

HOST = "localhost"
OPENED, REFUSED = "opened", "refused"


@dataclass(frozen=True)
class Row:
    """What became of three links with the same options to the same server."""

    build: str
    options: str
    server: str
    application: str
    failover: str
    monitor: str


ROWS: list[Row] = []
"""All rows so far."""


@dataclass(frozen=True)
class House:
    """The servers, by what is particular of them, and the files that options name."""

    ports: dict[str, int]
    ca: str
    certificate: str
    key: str


SERVERS = (
    "no TLS",
    "TLS",
    "wrong name",
    "unknown authority",
    "expired",
    "TLS 1.2 only",
    "TLS 1.3 only",
    "wants a client's certificate",
    "wants TLS",
)


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    servers = TlsServers()
    try:
        authority = Authority(servers.folder, "authority")
        stranger = Authority(servers.folder, "stranger")

        def tls(issued: tuple[Any, Any]) -> tuple[str, ...]:
            for file in issued:
                servers.give(file)
            return f"--ssl-cert={issued[0]}", f"--ssl-key={issued[1]}"

        good = tls(authority.issue(HOST))
        client = authority.issue("client")
        start = servers.start
        ports = (
            start("clear"),
            start("tls", *good),
            start("name", *tls(authority.issue("other.example"))),
            start("stranger", *tls(stranger.issue(HOST))),
            start("expired", *tls(authority.issue(HOST, days=-1))),
            start("tls12", *good, "--tls-version=TLSv1.2"),
            start("tls13", *good, "--tls-version=TLSv1.3"),
            start("x509", *good, f"--ssl-ca={authority.file}", requires="X509"),
            start("ssl", *good, requires="SSL"),
        )
        yield House(
            dict(zip(SERVERS, ports, strict=True)),
            str(authority.file),
            str(client[0]),
            str(client[1]),
        )
    finally:
        servers.close()


def option_sets(house: House) -> dict[str, dict[str, Any]]:
    ca = {"ssl_ca": house.ca}
    client = {"ssl_cert": house.certificate, "ssl_key": house.key}
    return {
        "none": {},
        "ssl_ca": ca,
        "ssl_verify_cert": {"ssl_verify_cert": True},
        "ssl_ca, ssl_verify_cert": {**ca, "ssl_verify_cert": True},
        "ssl_verify_identity": {"ssl_verify_identity": True},
        "ssl_ca, ssl_verify_identity": {**ca, "ssl_verify_identity": True},
        "ssl_ca, both": {**ca, "ssl_verify_cert": True, "ssl_verify_identity": True},
        "ssl_disabled": {"ssl_disabled": True},
        "tls_versions 1.2": {"tls_versions": ["TLSv1.2"]},
        "tls_versions 1.3": {"tls_versions": ["TLSv1.3"]},
        "tls_versions as text": {"tls_versions": "[TLSv1.3]"},
        "tls_ciphersuites of 1.2": {
            "tls_versions": ["TLSv1.2"],
            "tls_ciphersuites": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
        },
        "tls_ciphersuites of 1.3": {"tls_ciphersuites": ["TLS_AES_128_GCM_SHA256"]},
        "tls_ciphersuites the server lacks": {
            "tls_versions": ["TLSv1.2"],
            "tls_ciphersuites": ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
        },
        "ssl_cipher": {"ssl_cipher": "ECDHE-ECDSA-AES256-GCM-SHA384"},
        "ssl_cert, ssl_key": client,
        "ssl_ca, ssl_cert, ssl_key, both": {
            **ca,
            **client,
            "ssl_verify_cert": True,
            "ssl_verify_identity": True,
        },
        "auth_plugin mysql_clear_password": {"auth_plugin": "mysql_clear_password"},
        "auth_plugin mysql_native_password": {"auth_plugin": "mysql_native_password"},
    }


def own(options: dict[str, Any]) -> dict[str, Any]:
    """The options with lists of their own: the driver sorts those that it gets."""
    return {k: list(v) if isinstance(v, list) else v for k, v in options.items()}


def login(port: int) -> dict[str, Any]:
    return {"host": HOST, "port": port, "user": USER, "password": PASSWORD}


def outcome(open_link: Any) -> str:
    try:
        open_link().close()
    except (mysql.connector.Error, OSError):
        return REFUSED
    return OPENED


def application_outcome(recorder: Recorder, options: dict[str, Any], use_pure: bool) -> str:
    """What becomes of the driver's own connection."""
    given = {**login(recorder.port), **own(options)}
    return outcome(lambda: mysql.connector.connect(use_pure=use_pure, **given))


def failover_outcome(recorder: Recorder, options: dict[str, Any], watched: Any) -> str:
    """What becomes of the link that a failover opens to a host, for a connection like this."""
    host = SimpleNamespace(name=HOST, port=recorder.port)
    parameters = to_host({**login(1), **own(options)}, host, 5)
    return outcome(lambda: watched._new_link(parameters))


@contextmanager
def monitors(
    port: int, sets: dict[str, dict[str, Any]], expected: set[str], use_pure: bool
) -> Iterator[dict[str, tuple[str, Recorder]]]:
    """What becomes of real monitors' links, one for each set of options, and what they said.

    Each belongs to a connection that another user opened without any option, and whose
    ``monitoring-`` properties say what is asked here. A busy machine may have an attempt fail by
    its deadline: those that are ``expected`` to log in get time to.
    """
    with ExitStack() as stack:
        stack.callback(aws_advanced_python_wrapper.release_resources)
        stop = Event()
        pool = stack.enter_context(ThreadPoolExecutor(len(sets)))
        stack.callback(stop.set)
        recorders = {}
        calls = []
        for name, options in sets.items():
            recorders[name] = stack.enter_context(recorded(port))
            of_monitor = {"user": USER, "password": PASSWORD, **own(options)}
            connection = stack.enter_context(
                face.connect(
                    host=HOST,
                    port=recorders[name].port,
                    user=OTHER_USER,
                    password=OTHER_PASSWORD,
                    use_pure=use_pure,
                    plugins="host_monitoring_v2",
                    failure_detection_count=1000,  # no call is to be ended
                    **{f"monitoring-{k}": option(k, v) for k, v in of_monitor.items()},
                )
            )
            calls.append(pool.submit(call_until, stop, connection))

        def logged_in() -> set[str]:
            ports = ports_of_links(port)
            return {name for name, recorder in recorders.items() if ports & recorder.ports()}

        def settled() -> bool:
            clusters = aws_advanced_python_wrapper.statistics()["clusters"]
            tried = [one for one in clusters if one["links_opened"] + one["links_refused"]]
            opened = [one for one in clusters if one["links_opened"]]
            now = logged_in()
            return len(tried) == len(sets) and len(opened) == len(now) and expected <= now

        eventually(settled, within=60)
        found = logged_in()
        stop.set()
        for call in calls:
            call.result()
        yield {
            name: (OPENED if name in found else REFUSED, recorder)
            for name, recorder in recorders.items()
        }


def call_until(stop: Event, connection: Any) -> None:
    """Calls that are long enough for the monitors."""
    while not stop.is_set():
        connection.cmd_query("SELECT SLEEP(1.2)")
        connection.get_rows()


def ports_of_links(port: int) -> set[int]:
    """Where the links of the user under test come from that the server has."""
    with mysql.connector.connect(
        host="127.0.0.1", port=port, user=OTHER_USER, password=OTHER_PASSWORD, use_pure=True
    ) as admin:
        cursor = admin.cursor()
        cursor.execute(f"SELECT host FROM information_schema.processlist WHERE user = '{USER}'")
        return {int(host.rpartition(":")[2]) for (host,) in cursor.fetchall()}


@pytest.mark.filterwarnings("ignore:ssl.:DeprecationWarning")
@pytest.mark.parametrize("use_pure", [True, False], ids=["pure", "c"])
@pytest.mark.parametrize("server", SERVERS)
def test_no_link_is_less_strict_than_the_applications(
    house: House, server: str, use_pure: bool
) -> None:
    port = house.ports[server]
    sets = option_sets(house)
    by_driver = {}
    with face.connect(
        host=HOST,
        port=port,
        user=OTHER_USER,
        password=OTHER_PASSWORD,
        use_pure=use_pure,
        plugins="",
    ) as watched:
        for name, options in sets.items():
            with recorded(port) as recorder:
                application = application_outcome(recorder, options, use_pure)
                in_clear = recorder.heard(USER)
            with recorded(port) as recorder:
                failover = failover_outcome(recorder, options, watched)
                assert recorder.heard(USER) == in_clear, (name, server)
            by_driver[name] = application, failover, in_clear
    expected = {
        name
        for name, (application, *_) in by_driver.items()
        if application == OPENED and (name, server) not in STRICTER
    }
    with monitors(port, sets, expected, use_pure) as by_monitors:
        for name, (application, failover, in_clear) in by_driver.items():
            monitor, recorder = by_monitors[name]
            row = Row("pure" if use_pure else "C", name, server, application, failover, monitor)
            ROWS.append(row)
            assert failover == application, row
            assert monitor == REFUSED or application == OPENED, row
            # The user's name comes with the hash of the password, or before the password.
            assert in_clear or not recorder.heard(USER), row
            assert not recorder.heard(PASSWORD), row


STRICTER = {
    (name, "no TLS")
    for name in (
        "ssl_verify_cert",
        "ssl_verify_identity",
        "ssl_ca, ssl_verify_cert",
        "ssl_ca, ssl_verify_identity",
        "auth_plugin mysql_clear_password",
    )
}
"""Where a build of the driver goes on in clear, and a monitor does not."""
