# SPDX-License-Identifier: Apache-2.0
"""What ours adds to a driver's connection class hides nothing of the application's own class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mysql.connector
import mysql.connector.aio
import psycopg
import pytest

from aws_advanced_python_wrapper import AwsWrapperConnection, errors
from aws_advanced_python_wrapper import psycopg as face
from aws_advanced_python_wrapper.aio import psycopg as aio_face
from aws_advanced_python_wrapper.mysql_connector._connection import face_of as mysql_face_of
from aws_advanced_python_wrapper.mysql_connector._connection_async import (
    face_of as async_mysql_face_of,
)

FACES: list[tuple[type[Any], Callable[[type[Any]], type[Any]]]] = [
    (psycopg.Connection, face.face_of),
    (psycopg.AsyncConnection, aio_face.face_of),
    (mysql.connector.MySQLConnection, mysql_face_of),
    (mysql.connector.CMySQLConnection, mysql_face_of),
    (mysql.connector.aio.MySQLConnection, async_mysql_face_of),
]
PUBLIC = {name for name in vars(AwsWrapperConnection) if not name.startswith("_")}
PUBLIC_OF_MYSQL = {"closed", "execute", "read_only", "set_autocommit", "set_read_only"}
# Attributes that the drivers' own code gives to an object, and not to its class.
OF_THE_DRIVERS = {"pgconn", "_expire_at", "_pool", "_read_only", "_socket"}


@pytest.mark.parametrize(("driver_class", "face_of"), FACES)
def test_private_names_have_one_prefix(
    driver_class: type[Any], face_of: Callable[[type[Any]], type[Any]]
) -> None:
    added = set(dir(face_of(driver_class))) - set(dir(driver_class)) - PUBLIC - OF_THE_DRIVERS
    if "mysql" in driver_class.__module__:
        added -= PUBLIC_OF_MYSQL
    assert added
    assert {name for name in added if not name.startswith(("_aws_", "__"))} == set()


@pytest.mark.parametrize("name", ["topology", "current_host", "_aws_session"])
@pytest.mark.parametrize(("driver_class", "face_of"), FACES)
def test_name_of_a_subclass_that_ours_would_hide_is_an_error(
    driver_class: type[Any], face_of: Callable[[type[Any]], type[Any]], name: str
) -> None:
    mine = type("Mine", (driver_class,), {name: "mine", "__module__": "application"})
    with pytest.raises(errors.AwsWrapperError, match=f"class Mine defines {name}, which"):
        face_of(mine)


def test_name_of_a_class_beside_ours_that_ours_would_hide_is_an_error() -> None:
    beside = type("Beside", (), {"topology": "mine", "__module__": "application"})
    with pytest.raises(errors.AwsWrapperError, match="class Beside defines topology, which"):
        type("Mine", (face.PsycopgConnection, beside), {"__module__": "application"})


def test_subclass_of_ours_may_override_what_it_likes() -> None:
    class Mine(face.PsycopgConnection[Any]):
        current_host = "mine"

    assert Mine.current_host == "mine"


@pytest.mark.parametrize(("driver_class", "face_of"), FACES)
def test_other_names_of_a_subclass_are_its_own(
    driver_class: type[Any], face_of: Callable[[type[Any]], type[Any]]
) -> None:
    contents = {"_settings": "mine", "_session": "mine", "_note": "mine", "_state": "mine"}
    made = face_of(type("Mine", (driver_class,), {**contents, "__module__": "application"}))
    assert {name: getattr(made, name) for name in contents} == contents
