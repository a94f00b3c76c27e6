# SPDX-License-Identifier: Apache-2.0
"""Checks the import contracts of pyproject.toml: lint_imports.py [PACKAGE_FOLDER].

The linter knows modules by their files of Python, so the extension gets one in a copy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "aws_advanced_python_wrapper"


def main() -> int:
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "python" / PACKAGE
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / PACKAGE
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "_engine.py").touch()
        linter = Path(sys.executable).with_name("lint-imports")
        command = [str(linter), str(ROOT / "pyproject.toml"), "--no-cache"]
        return subprocess.run(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": folder}, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
