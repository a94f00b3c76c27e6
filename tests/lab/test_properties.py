# SPDX-License-Identifier: Apache-2.0
"""Properties as an application gives them: what is taken, refused, hidden, kept from the driver."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from aurora_lab import Cluster

from aws_advanced_python_wrapper import _engine, errors, mysql_connector, psycopg

_PREFIXES = (
    "monitoring-",
    "topology-monitoring-",
    "blue-green-monitoring-",
    "frt-",
    "limitless-router-monitor-",
)


def everything_to_come() -> dict[str, Any]:
    """A value for each property whose plugin is not there yet, and something behind each prefix."""
    rows = [row for row in _engine.property_table() if row["effect"] == "to come"]
    values = {row["name"]: row["default"] or (row["choices"] or ["1"])[0] for row in rows}
    assert values, "if all plugins are there, this test is over"
    return {
        **values,
        **{f"{prefix}connect_timeout": 3 for prefix in _PREFIXES},
        **{f"{prefix}socket_timeout": "2.5" for prefix in _PREFIXES},
    }


def test_configuration_for_upstream_is_taken_as_it_is_by_psycopg(aurora_cluster: Cluster) -> None:
    with psycopg.connect(aurora_cluster.dsn(), **everything_to_come()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("use_pure", [True, False], ids=["pure", "c"])
def test_configuration_for_upstream_is_taken_as_it_is_by_mysql_connector(
    mysql_cluster: Cluster, use_pure: bool
) -> None:
    with mysql_connector.connect(
        mysql_cluster.dsn(), use_pure=use_pure, **everything_to_come()
    ) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize("face", [psycopg, mysql_connector])
@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("bg_interval_high_ms", "soon", "a whole number of milliseconds from 1 to"),
        ("limitless_wait_for_transaction_router_info", "maybe", "true, 1, yes"),
        ("limitless_max_retries_ms", -1, "a whole number from 0 to"),
        ("telemetry_traces_backend", "jaeger", "one of OTLP, XRAY, NONE"),
        ("frt-socket_timeout", "soon", "a number of seconds"),
        ("blue-green-monitoring-bg_id", True, "a text"),
    ],
)
def test_wrong_value_is_refused_before_anything_is_sent(
    face: Any, name: str, value: Any, allowed: str
) -> None:
    with pytest.raises(errors.AwsWrapperError, match=f'"{name}".* {allowed}'):
        face.connect("host=127.0.0.1 port=1", **{name: value})


@pytest.mark.parametrize("face", [psycopg, mysql_connector])
def test_secret_is_shown_neither_in_the_log_nor_in_an_error(
    face: Any, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = {"idp_password": "hunter2", "frt-password": "hunter2", "password": "hunter2"}
    with caplog.at_level(logging.DEBUG), pytest.raises(errors.AwsWrapperError) as told:
        face.connect("host=127.0.0.1 port=1", **secrets, failover_mode="fastest")
    assert "hunter2" not in caplog.text
    assert "idp_password=***" in caplog.text
    assert "hunter2" not in str(told.value)


def test_plugin_that_is_not_there_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        errors.AwsWrapperError, match=r"no plugin 'iam'; there are: execute_time, .*failover"
    ):
        psycopg.connect("host=127.0.0.1 port=1", plugins="failover,iam")
