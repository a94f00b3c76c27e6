# SPDX-License-Identifier: Apache-2.0
"""Where MariaDB's programs are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import final

from .. import programs
from ..errors import LabError

_NEEDED = {
    "mariadbd": ("mariadbd", "mysqld"),
    "mariadb-install-db": ("mariadb-install-db", "mysql_install_db"),
}
_SISTERS = ("bin", "sbin", "scripts")
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/libexec", "/usr/local/mysql/bin", "/usr/local/mysql/scripts")


@final
class Programs(programs.Programs):
    """MariaDB of the ``PATH`` and the folders where systems put servers; tested: 10.11.

    Of ``bindir``, if it is a ``bin``, ``sbin`` or ``scripts``, the other two are looked into as
    well. Raises ``LabError`` as the base class does.
    """

    accounts = ("mysql", "nobody")

    def __init__(self, bindir: Path | None = None) -> None:
        super().__init__(bindir)
        version = self.run("mariadbd", "--no-defaults", "--version", cwd=Path("/"))
        if "MariaDB" not in version:
            raise LabError(f"{self.path('mariadbd')} isn't MariaDB: {version}")

    def _find(self, bindir: Path | None) -> Mapping[str, Path]:
        if bindir is not None:
            folders = [str(bindir)]
            if bindir.name in _SISTERS:
                folders += [str(bindir.parent / name) for name in _SISTERS]
        else:
            folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), *_SYSTEM_FOLDERS]
        search = os.pathsep.join(folders)
        found = {}
        for name, spellings in _NEEDED.items():
            place = next(filter(None, (shutil.which(s, path=search) for s in spellings)), None)
            if place is None:
                raise LabError(
                    f"{bindir} has no {name}: is it a server's bindir?"
                    if bindir
                    else f"no {name}: install a MariaDB server, or give bindir (--bindir)"
                )
            found[name] = Path(place).resolve()
        return found
