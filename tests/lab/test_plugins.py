# SPDX-License-Identifier: Apache-2.0
"""The small plugins, and the order of all."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from aurora_lab import Cluster

import aws_advanced_python_wrapper
from aws_advanced_python_wrapper import errors, mysql_connector
from aws_advanced_python_wrapper.psycopg import PsycopgConnection

ALL = "null,connect_time,execute_time,failover,host_monitoring"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the plugins have told so far."""
    caplog.set_level(logging.DEBUG, logger="aws_advanced_python_wrapper")

    def read() -> list[str]:
        aws_advanced_python_wrapper.statistics()
        return [record.getMessage() for record in caplog.records]

    return read


def has(told: list[str], pattern: str) -> bool:
    return any(re.search(pattern, text) for text in told)


def run_through_each_hook(connection: Any, cluster: Cluster) -> None:
    connection.execute("SELECT 1").fetchall()
    connection.read_only = True
    connection.read_only = False
    cluster.failover(how="crash")
    with pytest.raises(errors.FailoverSuccessError):
        connection.execute("SELECT 2")
    connection.close()


def check_each_hook(told: list[str], old: str, new: str) -> None:
    assert has(told, rf"null, on a server without an id: a link was opened to {old} within \d+ ns")
    assert has(told, rf"null, on {old}: the link to {old} is in use")
    assert has(told, rf"null, on {old}: a call took \d+ ns")
    assert has(told, rf"null, on {old}: read_only is set to true")
    assert has(told, rf"null, on {old}: a link was opened to {new} within \d+ ns")
    assert has(told, rf"null, on {new}: the link to {new} is in use")
    assert has(told, rf"null, on {new}: the link to {new} is closed")
    assert sum("Connected in" in text for text in told) >= 2, "failover's link, too"
    assert has(told, r"Executed in \d+ nanos\.")


def test_null_plugin_of_psycopg_tells_what_each_hook_sees(told: Callable[[], list[str]]) -> None:
    with Cluster(readers=1, domain="hooks.us-east-1.rds.amazonaws.com") as cluster:
        connection = PsycopgConnection.connect(cluster.dsn(), plugins=ALL, autocommit=True)
        old = cluster.truth().writer
        run_through_each_hook(connection, cluster)
        check_each_hook(told(), old, cluster.truth().writer)


@pytest.mark.parametrize("use_pure", [True, False], ids=["pure", "C"])
def test_null_plugin_of_mysql_tells_what_each_hook_sees(
    told: Callable[[], list[str]], use_pure: bool
) -> None:
    domain = f"hooks{use_pure}.us-east-1.rds.amazonaws.com".lower()
    with Cluster(engine="mysql", readers=1, domain=domain) as cluster:
        connection = mysql_connector.connect(
            cluster.dsn(), plugins=ALL, autocommit=True, use_pure=use_pure
        )
        old = cluster.truth().writer
        run_through_each_hook(connection, cluster)
        check_each_hook(told(), old, cluster.truth().writer)


def test_plugins_stand_in_the_order_given_if_they_are_not_to_be_sorted(
    aurora_cluster: Cluster, told: Callable[[], list[str]]
) -> None:
    def first_told(**settings: Any) -> str:
        before = len(told())
        plugins = "null,connect_time"
        PsycopgConnection.connect(aurora_cluster.dsn(), plugins=plugins, **settings).close()
        return next(text for text in told()[before:] if "opened" in text or "Connected" in text)

    # The innermost one tells first that the link is open.
    assert first_told().startswith("null")
    assert first_told(auto_sort_wrapper_plugin_order=False).startswith("Connected")
