# SPDX-License-Identifier: Apache-2.0
"""The check for private names of the drivers bites."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "python" / "aws_advanced_python_wrapper"


def check(package: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "tools" / "lint_private_names.py", package],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "line", "told"),
    [
        ("psycopg/_wrapped_connection.py", "connection._tpc = None", "_tpc"),
        ("psycopg/_wrapped_connection.py", "class A:\n    def f(self): self._tpc = None", "_tpc"),
        ("psycopg/_wrapped_connection.py", "class A:\n    _pipeline: object", "_pipeline"),
        (
            "psycopg/_wrapped_connection.py",
            "class A:\n    def _commit_gen(self): ...",
            "_commit_gen",
        ),
        ("psycopg/_wrapped_connection.py", 'getattr(connection, "_commit_gen")', "_commit_gen"),
        ("psycopg/_link.py", "connection._not_in_a_table", "_not_in_a_table"),
        ("psycopg/_link.py", "from psycopg._preparing import Prepare", "psycopg._preparing"),
        ("psycopg/_link.py", "from psycopg import generators", "psycopg.generators"),
        ("mysql_connector/_link.py", "link._cmysql.connected()", "_cmysql"),
        ("mysql_connector/_link.py", "import _mysql_connector", "_mysql_connector"),
        ("mysql_connector/_link.py", "import mysql.connector.network", "mysql.connector.network"),
        ("sqlalchemy_dialects/_rules.py", "connection._socket", "_socket"),
        ("_core/wrapped_connection.py", "self.pgconn._pgconn_ptr", "_pgconn_ptr"),
    ],
)
def test_planted_name_is_found(tmp_path: Path, module: str, line: str, told: str) -> None:
    package = tmp_path / "package"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / module
    path.write_text(f"{path.read_text()}\n{line}\n")
    checked = check(package)
    assert checked.returncode == 1
    (found,) = checked.stdout.splitlines()
    assert found.startswith(f"{module}:")
    assert found.endswith(f" {told} stands in a driver's _private.py only")


def test_package_keeps_private_names_in_their_places() -> None:
    checked = check(PACKAGE)
    assert checked.returncode == 0, checked.stdout
