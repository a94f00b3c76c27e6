# SPDX-License-Identifier: Apache-2.0
"""A program under gevent: a greenlet's heart beats while another one's connection is lost.

usage: gevent_program.py DRIVER CONNINFO, where DRIVER is psycopg, pure or c. Each line of its
output is an event: ``connected``, ``beat N`` with the number of refusals that monitors have met so
far, and how the query ended.
"""

import _mysql_connector  # noqa: F401  # before what loads the system's OpenSSL
from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

import aws_advanced_python_wrapper  # noqa: E402
from aws_advanced_python_wrapper import errors  # noqa: E402


def tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def beat() -> None:
    while True:
        gevent.sleep(0.01)
        clusters = aws_advanced_python_wrapper.statistics()["clusters"]
        tell(f"beat {sum(int(one['links_refused']) for one in clusters)}")


def connect(driver: str, conninfo: str) -> Any:
    if driver == "psycopg":
        from aws_advanced_python_wrapper.psycopg import connect as by_psycopg

        return by_psycopg(conninfo, autocommit=True)
    from aws_advanced_python_wrapper.mysql_connector import connect as by_mysql

    return by_mysql(conninfo, use_pure=driver == "pure", autocommit=True)


def main() -> None:
    driver, conninfo = sys.argv[1:]
    connection = connect(driver, conninfo)
    tell("connected")
    heart = gevent.spawn(beat)
    try:
        connection.execute("SELECT pg_sleep(600)" if driver == "psycopg" else "SELECT SLEEP(600)")
    except errors.FailoverError as error:
        tell(type(error).__name__)
    heart.kill()
    tell(f"on {connection.current_host}")


main()
