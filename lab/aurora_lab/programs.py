# SPDX-License-Identifier: Apache-2.0
"""The server programs: as whom they run, and how they are started."""

from __future__ import annotations

import os
import pwd
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from .errors import LabError

_ACCOUNTS = ("postgres", "mysql", "nobody")


class Programs(ABC):
    """The programs of one kind of server, run as an unprivileged account when we are root.

    ``bindir`` is the folder that the user named, ``None`` to look where systems put them. Raises
    ``LabError`` when there are none, or when the account can't run them.
    """

    accounts: ClassVar[Sequence[str]]
    """Whom root runs servers as: the first of these that exists."""

    def __init__(self, bindir: Path | None = None) -> None:
        self._paths = self._find(bindir)
        self._account = self._service_account() if os.geteuid() == 0 else None

    @abstractmethod
    def _find(self, bindir: Path | None) -> Mapping[str, Path]:
        """Return where each program is, by name."""

    def path(self, name: str) -> Path:
        """Return where a program is."""
        return self._paths[name]

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
    ) -> str:
        """Run a program to its end, ``extra`` added to its environment, and return its output.

        Raises ``LabError`` with the output if it fails or takes longer than ``within`` seconds.
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
        text = output.decode(errors="replace").strip()
        if process.returncode:
            raise LabError(f"{name} failed with exit code {process.returncode}: {text}")
        return text

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
                [str(self.path(name)), *arguments],
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
            raise LabError(f"{who} can't run {self.path(name)} in {cwd}: {error}") from error

    def _service_account(self) -> pwd.struct_passwd:
        for name in self.accounts:
            try:
                return pwd.getpwnam(name)
            except KeyError:
                continue  # try the next name
        raise LabError(f"root needs an account to run servers as: {' or '.join(self.accounts)}")


def service_uids() -> set[int]:
    """Return the user ids that root's servers may run as."""
    found = set()
    for name in _ACCOUNTS:
        try:
            found.add(pwd.getpwnam(name).pw_uid)
        except KeyError:
            continue  # this system has no such account
    return found
