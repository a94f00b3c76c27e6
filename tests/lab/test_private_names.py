# SPDX-License-Identifier: Apache-2.0
"""Releases of the drivers that lack a name of those that their documentation doesn't promise."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aurora_lab import Cluster

from aws_advanced_python_wrapper._core.private_names import PrivateName, PrivateNames
from aws_advanced_python_wrapper.mysql_connector import _private as of_mysql
from aws_advanced_python_wrapper.psycopg import _private as of_psycopg
from renamed_driver import release_without, run_with

# Prints whose connection it was, and before that what was told: an error, or warnings.
PSYCOPG = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s")
import psycopg
{before}
from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.psycopg import connect

def use(**kwargs):
    with connect(sys.argv[1], autocommit=True, **kwargs) as connection:
        connection.execute("SET application_name = 'it'")
        assert connection.execute("SELECT 1").fetchone() == (1,)
    print("by", type(connection).__module__)

try:
    use()
    use()
except errors.UnsupportedOperationError as error:
    assert isinstance(error, psycopg.NotSupportedError)
    print(error)
    use(plugins="")
"""
MYSQL = """
import logging, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s")
from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.mysql_connector import connect
import mysql.connector
{before}

def use(**kwargs):
    connection = connect(sys.argv[1], use_pure=sys.argv[2] == "pure", **kwargs)
    cursor = connection.cursor()
    cursor.execute("SET @x = 1")
    cursor.execute("SELECT @x")
    assert cursor.fetchall() == [(1,)]
    connection.rollback()
    connection.close()
    print("by", type(connection).__module__)

try:
    use()
    use()
except errors.UnsupportedOperationError as error:
    assert isinstance(error, mysql.connector.NotSupportedError)
    print(error)
    use(plugins="")
"""
MYSQL_ASYNCIO = """
import asyncio, logging, sys
logging.basicConfig(stream=sys.stdout, format="%(message)s")
from aws_advanced_python_wrapper import errors
from aws_advanced_python_wrapper.aio.mysql_connector import connect
import mysql.connector

async def use(**kwargs):
    connection = await connect(sys.argv[1], ssl_disabled=True, **kwargs)
    cursor = await connection.cursor()
    await cursor.execute("SET @x = 1")
    await cursor.execute("SELECT @x")
    assert await cursor.fetchall() == [(1,)]
    await connection.rollback()
    await connection.close()
    print("by", type(connection).__module__)

async def run():
    try:
        await use()
        await use()
    except errors.UnsupportedOperationError as error:
        assert isinstance(error, mysql.connector.NotSupportedError)
        print(error)
        await use(plugins="")

asyncio.run(run())
"""

# Where a name stands, if it is another thing's name, too.
PLACES = {
    "Pipeline.pgconn": (r"(?<=self\.)pgconn", "_pipeline*"),
    "PrepareManager.get": (r"(?<=_prepared\.)get\b|(?<=def )get(?=\(\n)", "*"),
    "aio.MySQLConnection._MySQLConnectionAbstract__charset": (r"(?<=self\.)__charset\b", "*"),
    "network.MySQLTCPSocket.recv": (r"(?<!sock\.)\brecv\b|(?<=\bsock\.)recv(?=\(read_t)", "*"),
}
# Names of a driver's C code can't be others; these go away after the driver has looked them up.
DELETED = {
    "generators.execute": "del psycopg.generators.execute",
    "_encodings.conninfo_encoding": "del psycopg._encodings.conninfo_encoding",
    "_mysql_connector.MySQLInterfaceError": (
        "import _mysql_connector; del _mysql_connector.MySQLInterfaceError"
    ),
}


def check(told: str, names: PrivateNames, one: PrivateName, ours: str) -> None:
    lines = told.splitlines()
    if one.feature:
        warnings = [line for line in lines if one.feature in line]
        assert len(warnings) == 1, "told once"
        assert str(one) in warnings[0]
        assert lines.count(f"by {ours}") == 2
        assert len(lines) == 3, lines
    else:
        error, by = lines
        assert str(one) in error
        assert "plugins=''" in error
        assert by.startswith("by ")
        assert by != f"by {ours}"
        assert error.startswith(names.driver)


@pytest.mark.parametrize("one", of_psycopg.NAMES.table, ids=str)
def test_psycopg_without(one: PrivateName, aurora_cluster: Cluster, tmp_path: Path) -> None:
    before = DELETED.get(str(one), "")
    if not before:
        release_without(one.name, "psycopg", tmp_path, *PLACES.get(str(one), ()))
    told = run_with(tmp_path, PSYCOPG.format(before=before), aurora_cluster.dsn())
    check(told, of_psycopg.NAMES, one, "aws_advanced_python_wrapper.psycopg")


@pytest.mark.parametrize("one", of_mysql.NAMES.table, ids=str)
def test_mysql_connector_without(one: PrivateName, mysql_cluster: Cluster, tmp_path: Path) -> None:
    before = DELETED.get(str(one), "")
    if not before:
        release_without(one.name, "mysql", tmp_path, *PLACES.get(str(one), ()))
    build = "c" if one.owner.startswith(("CMySQL", "_mysql_connector", "cursor_cext")) else "pure"
    told = run_with(tmp_path, MYSQL.format(before=before), mysql_cluster.dsn(), build)
    check(told, of_mysql.NAMES, one, "aws_advanced_python_wrapper.mysql_connector")


@pytest.mark.parametrize("one", of_mysql.NAMES_FOR_ASYNCIO.table, ids=str)
def test_mysql_connector_for_asyncio_without(
    one: PrivateName, mysql_cluster: Cluster, tmp_path: Path
) -> None:
    release_without(one.name, "mysql", tmp_path, *PLACES.get(str(one), ()))
    told = run_with(tmp_path, MYSQL_ASYNCIO, mysql_cluster.dsn())
    check(told, of_mysql.NAMES_FOR_ASYNCIO, one, "aws_advanced_python_wrapper.aio.mysql_connector")


def test_names_are_all_there() -> None:
    async def missing_for_asyncio() -> tuple[PrivateName, ...]:
        return of_mysql.NAMES_FOR_ASYNCIO.missing  # the oldest release needs a loop for an object

    assert of_psycopg.NAMES.missing == ()
    assert of_mysql.NAMES.missing == ()
    assert asyncio.run(missing_for_asyncio()) == ()
