# SPDX-License-Identifier: Apache-2.0
"""A write on a server that was demoted behind PgBouncer, which goes on to tell the contrary."""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg
import pytest
from aurora_lab import Cluster, eventually

from async_help import off_loop, run
from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.aio import psycopg as aio_face
from proxies import Proxy, before, bouncer, login

AS_IT_IS: dict[str, Any] = {"prepare_threshold": None, "plugins": "failover,host_monitoring"}
"""A connection that is left where it is, though its host is not the writer any more."""


def demote(cluster: Cluster) -> str:
    """The writer crashes, and is back as a reader at its address."""
    old = cluster.writer.id
    cluster.failover(how="crash")
    eventually(lambda: cluster.truth().failovers[-1].rejoined is not None, within=30)
    return old


def leads_to_a_standby(connection: psycopg.Connection[Any]) -> None:
    """Whatever was lost on the way, and though the pooler goes on to tell the contrary."""

    def asked() -> bool:
        try:
            row = connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone()
        except psycopg.OperationalError:
            return False
        return row == (True,)

    eventually(asked, within=30)
    assert connection.info.parameter_status("in_hot_standby") == "off"


def test_write_on_a_server_that_was_demoted_behind_pgbouncer_is_a_failover(
    aurora_cluster: Cluster,
) -> None:
    with bouncer(aurora_cluster) as proxy:
        arguments = login(aurora_cluster, proxy)
        connection = face.connect(**arguments, **AS_IT_IS)
        old = demote(aurora_cluster)
        assert connection.current_host == old
        leads_to_a_standby(connection)
        with pytest.raises(errors.FailoverSuccessError):
            connection.execute("CREATE TABLE by_pgbouncer ()")
        assert connection.current_host == aurora_cluster.writer.id
        connection.execute("CREATE TABLE by_pgbouncer ()")
        connection.execute("DROP TABLE by_pgbouncer")
        connection.close()


def test_write_in_a_transaction_behind_pgbouncer_is_one_too(aurora_cluster: Cluster) -> None:
    with bouncer(aurora_cluster) as proxy:
        arguments = {**login(aurora_cluster, proxy), "autocommit": False}
        connection = face.connect(**arguments, **AS_IT_IS)
        demote(aurora_cluster)
        leads_to_a_standby(connection)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        with pytest.raises(errors.TransactionResolutionUnknownError):
            connection.execute("CREATE TABLE by_pgbouncer ()")
        connection.rollback()
        assert connection.current_host == aurora_cluster.writer.id
        connection.close()


def test_asyncio_moves_from_a_demoted_server_behind_pgbouncer(aurora_cluster: Cluster) -> None:
    async def body(proxy: Proxy) -> None:
        arguments = login(aurora_cluster, proxy)
        connection = await aio_face.connect(**arguments, **AS_IT_IS)
        await off_loop(demote, aurora_cluster)
        for sql in ("SELECT 1", "SELECT 1"):  # the first one may meet the end of its server
            with contextlib.suppress(psycopg.OperationalError):
                await connection.execute(sql)
        with pytest.raises(errors.FailoverSuccessError):
            await connection.execute("CREATE TABLE by_pgbouncer ()")
        assert connection.current_host == aurora_cluster.writer.id
        await connection.close()

    with bouncer(aurora_cluster) as proxy:
        run(body(proxy))


@pytest.mark.parametrize("autocommit", [True, False])
def test_read_only_transaction_of_the_applications_stays_its_own(
    aurora_cluster: Cluster, autocommit: bool
) -> None:
    """Behind PgBouncer and HAProxy, and on a direct link."""
    with bouncer(aurora_cluster) as pooler, before(aurora_cluster, aurora_cluster.writer) as proxy:
        ways: list[dict[str, Any]] = [
            login(aurora_cluster, pooler),
            login(aurora_cluster, proxy),
            {"conninfo": aurora_cluster.dsn()},
        ]
        for way in ways:
            arguments = {**way, "autocommit": autocommit, "prepare_threshold": None}
            connection = face.connect(**arguments)
            if autocommit:
                connection.execute("BEGIN READ ONLY")
            else:
                connection.read_only = True
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("CREATE TABLE never ()")
            connection.rollback()
            assert connection.failover_report is None
            assert connection.current_host == aurora_cluster.writer.id
            connection.close()


def test_read_only_session_in_autocommit_stays_the_applications(aurora_cluster: Cluster) -> None:
    with before(aurora_cluster, aurora_cluster.writer) as proxy:
        connection = face.connect(**login(aurora_cluster, proxy))
        connection.execute("SET default_transaction_read_only = on")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("CREATE TABLE never ()")
        assert connection.failover_report is None
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("CREATE TABLE behind_haproxy ()")
        connection.execute("DROP TABLE behind_haproxy")
        connection.close()
