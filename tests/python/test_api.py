# SPDX-License-Identifier: Apache-2.0
"""The public names, and what is refused before anything is sent."""

from __future__ import annotations

import datetime
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

import aws_advanced_python_wrapper as wrapper
from aws_advanced_python_wrapper import _engine, errors
from aws_advanced_python_wrapper import psycopg as face

NOWHERE = "host=127.0.0.1 port=1 user=u password=hush dbname=d"
FAILOVER_FAMILY = [
    "FailoverError",
    "FailoverSuccessError",
    "FailoverFailedError",
    "TransactionResolutionUnknownError",
]


@pytest.mark.parametrize("name", wrapper.__all__)
def test_exported_name_exists(name: str) -> None:
    assert hasattr(wrapper, name)


def test_version_is_that_of_the_project() -> None:
    version = (Path(__file__).parents[2] / "VERSION").read_text().strip()
    assert wrapper.__version__ == version


def test_type_objects_equal_their_codes() -> None:
    assert wrapper.NUMBER == 23
    assert wrapper.STRING == 253
    assert wrapper.BINARY != 23
    assert wrapper.ROWID == 26
    assert len({wrapper.NUMBER, wrapper.STRING}) == 2


def test_constructors_are_those_of_pep_249() -> None:
    assert wrapper.Date(2026, 1, 2) == datetime.date(2026, 1, 2)
    assert wrapper.Binary(bytearray(b"x")) == b"x"
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5)
    assert wrapper.TimestampFromTicks(moment.timestamp()) == moment
    assert wrapper.DateFromTicks(moment.timestamp()) == moment.date()
    assert wrapper.TimeFromTicks(moment.timestamp()) == moment.time()


def test_face_has_the_drivers_own_classes() -> None:
    assert face.Error is psycopg.Error
    assert face.apilevel == "2.0"
    assert face.adapters is psycopg.adapters
    assert face.pq is psycopg.pq
    assert issubclass(face.PsycopgConnection, psycopg.Connection)
    assert issubclass(face.PsycopgConnection, wrapper.AwsWrapperConnection)
    with pytest.raises(AttributeError, match=r"neither .* nor psycopg has 'nonsense'"):
        face.nonsense  # noqa: B018


@pytest.mark.parametrize("name", FAILOVER_FAMILY)
def test_failover_error_of_the_face_is_ours_and_the_drivers(name: str) -> None:
    public = getattr(errors, name)
    made = getattr(face, name)
    assert issubclass(made, public)
    assert issubclass(made, psycopg.OperationalError)
    assert not issubclass(public, psycopg.Error)
    assert not issubclass(public, errors.AwsWrapperError)
    assert made.__name__ == name
    assert issubclass(made, face.FailoverError)


def test_wrapper_errors_have_their_pep_249_class() -> None:
    assert issubclass(face.UnsupportedOperationError, psycopg.NotSupportedError)
    assert issubclass(face.ReadWriteSplittingError, psycopg.InterfaceError)
    assert issubclass(face.QueryTimeoutError, psycopg.OperationalError)
    assert issubclass(face.AwsConnectError, errors.AwsWrapperError)
    assert not issubclass(face.AwsWrapperError, psycopg.DatabaseError)


@pytest.mark.parametrize("name", [*FAILOVER_FAMILY, "AwsWrapperError", "QueryTimeoutError"])
def test_error_can_be_pickled(name: str) -> None:
    error = getattr(face, name)("text")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == "text"
    assert copy.errno is None
    assert copy.pgcode is None


def test_wrapped_error_keeps_the_innermost_driver_error() -> None:
    driver_error = psycopg.OperationalError("inner")
    middle = errors.AwsWrapperError("middle", original_error=driver_error)
    assert errors.AwsWrapperError("outer", original_error=middle).driver_error is driver_error


@pytest.mark.parametrize("target", [None, "psycopg"])
def test_target_that_is_no_connect_function_is_refused(target: Any) -> None:
    with pytest.raises(errors.AwsWrapperError, match="driver"):
        wrapper.AwsWrapperConnection.connect(target, NOWHERE)


def test_target_of_an_unknown_driver_is_refused() -> None:
    with pytest.raises(errors.UnsupportedOperationError, match="supported are psycopg"):
        wrapper.AwsWrapperConnection.connect(print, NOWHERE)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (
            {"plugins": "failover,nope"},
            "there is no plugin 'nope'; there are: execute_time, .*failover",
        ),
        ({"failover_mode": "sometimes"}, "failover_mode.*sometimes.*strict_writer"),
        ({"failover_timeout_sec": -1}, "failover_timeout_sec.*-1"),
        ({"enable_failover": "maybe"}, "enable_failover.*maybe"),
        ({"failure_detection_count": 0}, "failure_detection_count.*0"),
        ({"wrapper_dialect": "oracle"}, "wrapper_dialect.*oracle.*aurora-pg"),
        ({"cluster_instance_host_pattern": "no-mark"}, "cluster_instance_host_pattern"),
        ({"monitoring-connect_timeout": 0}, "monitoring-connect_timeout"),
        ({"topology_refresh_ms": "soon"}, "topology_refresh_ms.*soon"),
    ],
)
def test_impossible_property_is_refused_before_anything_is_sent(
    properties: dict[str, Any], message: str
) -> None:
    with pytest.raises(errors.AwsWrapperError, match=message) as caught:
        face.connect(NOWHERE, **properties)
    assert "hush" not in str(caught.value)


def test_unknown_name_is_refused_by_the_driver_and_completed_by_us() -> None:
    with pytest.raises(psycopg.ProgrammingError, match='did you mean "failover_mode"') as caught:
        face.connect(NOWHERE, failover_mod="strict_writer")
    assert 'invalid connection option "failover_mod"' in str(caught.value)


def test_malformed_conninfo_is_the_drivers_complaint() -> None:
    with pytest.raises(psycopg.ProgrammingError) as stock:
        psycopg.connect("host= 'unterminated")
    with pytest.raises(psycopg.ProgrammingError) as ours:
        face.connect("host= 'unterminated")
    assert str(ours.value) == str(stock.value)


def test_refused_connection_is_the_drivers_error() -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        face.connect(NOWHERE)
    assert type(caught.value) is psycopg.OperationalError


def test_subclass_of_psycopg_connection_becomes_a_subclass_of_both() -> None:
    class Mine(psycopg.Connection[Any]):
        pass

    made = face.face_of(Mine)
    assert issubclass(made, Mine)
    assert issubclass(made, wrapper.AwsWrapperConnection)
    assert face.face_of(Mine) is made
    with pytest.raises(psycopg.OperationalError):
        wrapper.AwsWrapperConnection.connect(Mine.connect, NOWHERE)


def test_files_of_upstreams_distribution_are_recognised(tmp_path: Path) -> None:
    package = Path(wrapper.__file__).parent
    copy = tmp_path / "aws_advanced_python_wrapper"
    copy.mkdir()
    for path in package.glob("*.py"):
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "wrapper.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-c", "import aws_advanced_python_wrapper"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "are both installed" in done.stderr


def test_entry_points_and_typing_marker_are_installed() -> None:
    from importlib.metadata import entry_points

    (dialect,) = entry_points(group="sqlalchemy.dialects", name="postgresql.aws_wrapper_psycopg")
    assert dialect.load().driver == "aws_wrapper_psycopg"
    assert (Path(wrapper.__file__).parent / "py.typed").exists()
    assert (Path(wrapper.__file__).parent / "_engine.pyi").exists()


def test_set_logger_adds_one_handler(capsys: pytest.CaptureFixture[str]) -> None:
    import logging

    name = "aws_advanced_python_wrapper.test_set_logger"
    wrapper.set_logger(name, level=logging.INFO)
    wrapper.set_logger(name, level=logging.DEBUG)
    logger = logging.getLogger(name)
    assert len(logger.handlers) == 1
    logger.info("heard")
    logger.debug("not heard")
    out = capsys.readouterr().out
    assert "heard" in out
    assert "not heard" not in out
    logger.handlers.clear()


def test_secrets_are_masked_for_logs() -> None:
    given = {"password": "x", "host": "h", "monitoring-password": "y", "idp_password": "z"}
    assert _engine.masked(given) == (
        "password=***, host=h, monitoring-password=***, idp_password=***"
    )
    assert given["password"] == "x"


def test_property_page_is_that_of_the_table() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, root / "tools" / "property_page.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == (root / "docs" / "guide" / "properties.md").read_text()


def test_log_of_a_connect_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "aws_advanced_python_wrapper")
    with pytest.raises(psycopg.OperationalError):
        face.connect(NOWHERE)
    assert "password=***" in caplog.text
    assert "hush" not in caplog.text
