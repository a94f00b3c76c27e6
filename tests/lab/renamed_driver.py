# SPDX-License-Identifier: Apache-2.0
"""Releases of the drivers that there aren't yet: a name of theirs is another one, throughout."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

from lab_help import user_environment


def release_without(
    name: str, package: str, folder: Path, pattern: str = "", files: str = "*"
) -> Path:
    """A copy of a package that works as ever, but for ``name``, which it calls otherwise.

    ``pattern`` and ``files`` tell where in its sources that name stands, unless each such word is
    meant.
    """
    place = re.compile(pattern or rf"\b{re.escape(name)}\b")
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    source = Path(found.origin).parent
    for path in source.rglob("*"):
        copy = folder / package / path.relative_to(source)
        if path.suffix != ".py":
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        renamed = place.sub(f"{name}_anew", text) if path.match(files) else text
        if renamed == text:
            copy.symlink_to(path)
        else:
            copy.write_text(renamed, encoding="utf-8")
    for path in list((folder / package).rglob(f"{name}.py")):
        path.rename(path.with_name(f"{name}_anew.py"))
    return folder


def run_with(folder: Path, program: str, *arguments: str) -> str:
    """What a program printed in a process of its own, to which the copy is the driver."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={**user_environment(), "PYTHONPATH": os.fspath(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
