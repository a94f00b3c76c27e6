# SPDX-License-Identifier: Apache-2.0
"""What the application demands of its link holds for those that the engine makes: MySQL.

Each server is met with each set of options by three links: the application's, the one that a
failover opens, and a monitor's. What is expected is a rule: the application's link tells it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import mysql.connector
import pytest
from mysql_tls_servers import (
    OTHER_PASSWORD,
    OTHER_USER,
    PASSWORD,
    USER,
    Recorder,
    TlsServers,
    recorded,
)

from aws_advanced_python_wrapper import _engine
from aws_advanced_python_wrapper import mysql_connector as face
from aws_advanced_python_wrapper.mysql_connector._link import facts, to_host
from rules_table import Rules, Verdicts
from tls_help import Authority

HOST = "localhost"
WITHIN = 10.0


@dataclass(frozen=True)
class House:
    """The servers, by what is particular of them, and the files that options name."""

    ports: dict[str, int]
    ca: str
    certificate: str
    key: str


SERVERS = (
    "without TLS",
    "TLS, all well",
    "a certificate for another name",
    "a certificate of another authority",
    "a certificate that has expired",
    "TLS 1.2 at most",
    "TLS 1.3 alone",
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

        good = tls(authority.sign(HOST))
        client = authority.sign("client")
        start = servers.start
        ports = (
            start("clear", "--skip-ssl"),  # from 11.4 on MariaDB makes a certificate of its own
            start("tls", *good),
            start("name", *tls(authority.sign("other.example"))),
            start("stranger", *tls(stranger.sign(HOST))),
            start("expired", *tls(authority.sign(HOST, expired=True))),
            start("tls12", *good, "--tls-version=TLSv1.2"),
            start("tls13", *good, "--tls-version=TLSv1.3"),
            start("x509", *good, f"--ssl-ca={authority.ca_file}", requires="X509"),
            start("ssl", *good, requires="SSL"),
        )
        yield House(
            dict(zip(SERVERS, ports, strict=True)),
            str(authority.ca_file),
            str(client[0]),
            str(client[1]),
        )
    finally:
        servers.close()


def option_sets(house: House) -> dict[str, dict[str, Any]]:
    ca = {"ssl_ca": house.ca}
    client = {"ssl_cert": house.certificate, "ssl_key": house.key}
    return {
        "nothing": {},
        "ssl_ca=FILE": ca,
        "ssl_verify_cert=True": {"ssl_verify_cert": True},
        "ssl_ca=FILE ssl_verify_cert=True": {**ca, "ssl_verify_cert": True},
        "ssl_verify_identity=True": {"ssl_verify_identity": True},
        "ssl_ca=FILE ssl_verify_identity=True": {**ca, "ssl_verify_identity": True},
        "ssl_ca=FILE ssl_verify_cert=True ssl_verify_identity=True": {
            **ca,
            "ssl_verify_cert": True,
            "ssl_verify_identity": True,
        },
        "ssl_disabled=True": {"ssl_disabled": True},
        "tls_versions=['TLSv1.2']": {"tls_versions": ["TLSv1.2"]},
        "tls_versions=['TLSv1.3']": {"tls_versions": ["TLSv1.3"]},
        "tls_versions='[TLSv1.3]'": {"tls_versions": "[TLSv1.3]"},
        "tls_versions=['TLSv1.2'] tls_ciphersuites=[...]": {
            "tls_versions": ["TLSv1.2"],
            "tls_ciphersuites": ["TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"],
        },
        "tls_ciphersuites=[...] (of TLS 1.3)": {"tls_ciphersuites": ["TLS_AES_128_GCM_SHA256"]},
        "tls_versions=['TLSv1.2'] tls_ciphersuites=[...] (not the server's)": {
            "tls_versions": ["TLSv1.2"],
            "tls_ciphersuites": ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
        },
        "ssl_cipher=...": {"ssl_cipher": "ECDHE-ECDSA-AES256-GCM-SHA384"},
        "ssl_cert=FILE ssl_key=FILE": client,
        "ssl_ca=FILE ssl_verify_cert=True ssl_cert=FILE ssl_key=FILE": {
            **ca,
            **client,
            "ssl_verify_cert": True,
        },
        "auth_plugin=mysql_clear_password": {"auth_plugin": "mysql_clear_password"},
        "auth_plugin=mysql_native_password": {"auth_plugin": "mysql_native_password"},
    }


def own(options: dict[str, Any]) -> dict[str, Any]:
    """The options with lists of their own: the driver sorts those that it gets."""
    return {k: list(v) if isinstance(v, list) else v for k, v in options.items()}


def login(port: int) -> dict[str, Any]:
    return {"host": HOST, "port": port, "user": USER, "password": PASSWORD}


def refusal(open_link: Any) -> str | None:
    try:
        open_link().close()
    except (mysql.connector.Error, OSError) as error:
        return str(error)
    return None


def of_the_application(recorder: Recorder, options: dict[str, Any], use_pure: bool) -> str | None:
    given = {**login(recorder.port), **own(options)}
    return refusal(lambda: mysql.connector.connect(use_pure=use_pure, **given))


def of_the_failover(recorder: Recorder, options: dict[str, Any], live: Any) -> str | None:
    """The link that a failover of a connection with these options opens to a host."""
    host = SimpleNamespace(name=HOST, port=recorder.port)
    parameters = to_host({**login(1), **own(options)}, host, WITHIN)
    return refusal(lambda: live._aws_new_link(parameters))


def of_the_monitor(recorder: Recorder, options: dict[str, Any], live: Any) -> str | None:
    told = facts(live, {**login(1), **own(options)}, None)["options"]
    return _engine.mysql_driver().try_to_connect(
        HOST, "127.0.0.1", recorder.port, live._aws_session.monitor_options(told), WITHIN
    )


@pytest.mark.filterwarnings("ignore:ssl.:DeprecationWarning")
@pytest.mark.parametrize("use_pure", [True, False], ids=["pure", "c"])
def test_no_link_of_the_engine_is_weaker_than_the_applications(
    house: House, rules_table: Rules, use_pure: bool
) -> None:
    family = f"mysql-connector, {'pure' if use_pure else 'C'} build"
    for demand, options in option_sets(house).items():
        for server, port in house.ports.items():
            live = face.connect(
                host=HOST,
                port=port,
                user=OTHER_USER,
                password=OTHER_PASSWORD,
                use_pure=use_pure,
                plugins="host_monitoring_v2",
            )
            with (
                live,
                recorded(port) as by_application,
                recorded(port) as by_failover,
                recorded(port) as by_monitor,
            ):
                verdicts = Verdicts(
                    of_the_application(by_application, options, use_pure),
                    of_the_failover(by_failover, options, live),
                    of_the_monitor(by_monitor, options, live),
                )
                # The user's name comes with the hash of the password, or before the password.
                in_clear = by_application.heard(USER)
                assert by_failover.heard(USER) == in_clear, (demand, server)
                assert in_clear or not by_monitor.heard(USER), (demand, server)
                assert not by_monitor.heard(PASSWORD), (demand, server)
            rules_table.add(family, demand, server, verdicts)
    rules_table.check(family)
