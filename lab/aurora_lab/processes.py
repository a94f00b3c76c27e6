# SPDX-License-Identifier: Apache-2.0
"""Stopping, resuming and killing every process of a server at once.

Children of a PostgreSQL postmaster lead sessions of their own, so process groups don't hold them
together. Their working directory does: every process of the lab works inside the lab's folder. A
MariaDB server is one process there.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from .errors import LabError

_IPC_RMID = 0


def inside(folder: Path) -> list[int]:
    """Return the ids of the processes whose working directory is ``folder`` or below it."""
    root = os.path.realpath(folder)
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            where = os.readlink(f"/proc/{entry}/cwd")
        except OSError:
            continue  # ended meanwhile, or belongs to someone else
        if where == root or where.startswith(root + "/"):
            found.append(int(entry))
    return found


def state_of(pid: int, where: Path = Path("/proc")) -> str:
    """Return the kernel's state letter of a process; ``X`` when there is no such process.

    ``where`` is ``/proc``, or a process's folder of its threads.
    """
    try:
        text = (where / str(pid) / "stat").read_text()
    except OSError:
        return "X"  # no entry: it is gone
    return text.rpartition(")")[2].split()[0]


def stopped(pid: int) -> bool:
    """Tell whether no thread of a process runs, as one is stopped or there is none."""
    threads = Path(f"/proc/{pid}/task")
    try:
        return all(state_of(int(thread), threads) in "tTXZ" for thread in os.listdir(threads))
    except OSError:
        return True  # no entry: it is gone


def alive(pid: int) -> bool:
    """Tell whether a process exists and isn't a zombie."""
    return state_of(pid) not in "XZ"


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each process; those that are gone are passed over."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue  # ended by itself: nothing left to signal


def freeze(folder: Path, leader: int) -> None:
    """SIGSTOP the server in ``folder``: the process ``leader`` first, then its children.

    A stopped postmaster can't fork, so nobody is missed. Returns when all threads of all are
    stopped. Raises ``LabError`` after 5 s.
    """
    send([leader], signal.SIGSTOP)
    _until(lambda: stopped(leader), f"process {leader} doesn't stop")
    members = inside(folder)
    send(members, signal.SIGSTOP)
    _until(lambda: all(map(stopped, members)), f"processes {members} don't stop")


def thaw(folder: Path) -> None:
    """SIGCONT every process in ``folder``."""
    send(inside(folder), signal.SIGCONT)


def kill(folder: Path, leader: int) -> None:
    """SIGKILL the server in ``folder`` at once, and wait until nothing of it runs.

    Raises ``LabError`` after 5 s.
    """
    # Stopped first: a running postmaster would answer the death of its children.
    send([leader], signal.SIGSTOP)
    _until(lambda: state_of(leader) in "TXZ", f"process {leader} doesn't stop")
    members = inside(folder)
    # The leader last: its children would notice its end, and tell their clients of it.
    send([*(pid for pid in members if pid != leader), leader], signal.SIGKILL)
    _until(lambda: not any(map(alive, members)), f"processes {members} don't end")


def sweep(folder: Path) -> None:
    """Kill what runs in ``folder``, free its shared memory and remove it.

    Raises ``LabError`` if something still runs there after 5 s.
    """

    def nobody_left() -> bool:
        left = [pid for pid in inside(folder) if alive(pid)]
        send(left, signal.SIGKILL)
        return not left

    _until(nobody_left, f"processes in {folder} don't end")
    for lock in folder.glob("*/data/postmaster.pid"):
        free_shared_memory(lock)
    shutil.rmtree(folder, ignore_errors=True)


def free_shared_memory(lock: Path) -> None:
    """Remove the System V segment that a killed server left; ``lock`` is its postmaster.pid."""
    if not lock.exists():
        return
    lines = lock.read_text().splitlines()  # line 7 is "key id"
    words = lines[6].split() if len(lines) > 6 else []
    if len(words) == 2:
        ctypes.CDLL(None).shmctl(int(words[1]), _IPC_RMID, None)


def _until(condition: object, complaint: str, within: float = 5.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"{complaint} within {within:g} s")
        time.sleep(0.001)
