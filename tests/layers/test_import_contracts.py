# SPDX-License-Identifier: Apache-2.0
"""The check of the package's import contracts bites."""

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
        [sys.executable, ROOT / "tools" / "lint_imports.py", package],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "line", "told"),
    [
        ("_core/waits.py", "from ..psycopg import _link", "_core is not allowed to import"),
        ("psycopg/_link.py", "from ..mysql_connector import _link", "psycopg is not allowed"),
        (
            "psycopg/_link.py",
            "from ._connection import WrappedPsycopgConnection",
            "_link is not allowed",
        ),
        ("_core/connection.py", "from .. import connect", "_core is not allowed"),
        ("_core/stray.py", "", "stray"),
    ],
    ids=["upward", "across", "within a room", "by the package", "module without a place"],
)
def test_planted_import_is_found(tmp_path: Path, module: str, line: str, told: str) -> None:
    package = tmp_path / "package"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    path = package / module
    text = path.read_text() if path.exists() else ""
    path.write_text(f"{text}\n{line}\n")
    checked = check(package)
    assert checked.returncode == 1, checked.stdout
    assert told in " ".join(checked.stdout.split())


def test_package_keeps_its_contracts() -> None:
    checked = check(PACKAGE)
    assert checked.returncode == 0, checked.stdout
