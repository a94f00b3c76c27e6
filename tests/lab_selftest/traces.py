# SPDX-License-Identifier: Apache-2.0
"""What a cluster may leave behind, and must not."""

from __future__ import annotations

from pathlib import Path


def processes_in(folder: str) -> list[int]:
    """Return the living processes whose working directory is in ``folder``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            where = str((entry / "cwd").readlink())
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue  # ended meanwhile, or a zombie
        if where.startswith(folder) and state not in "XZ":
            found.append(int(entry.name))
    return found


def segments_of(folder: str) -> set[str]:
    """Return the ids of the System V segments of the servers whose data are in ``folder``."""
    locks = Path(folder).glob("*/data/postmaster.pid")
    return {lock.read_text().splitlines()[6].split()[1] for lock in locks}


def gone(folder: str, segments: set[str]) -> bool:
    """Tell whether nothing is left of the cluster that had ``folder`` and ``segments``.

    Other clusters of this machine come and go meanwhile, so only its own count.
    """
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()
    column = lines[0].split().index("shmid")
    there = {line.split()[column] for line in lines[1:]}
    return not Path(folder).exists() and not processes_in(folder) and not there & segments
