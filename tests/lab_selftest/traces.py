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


def shared_memory() -> set[str]:
    """Return the ids of the System V segments of this machine that nobody uses."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()
    rows = [dict(zip(lines[0].split(), line.split(), strict=False)) for line in lines[1:]]
    return {row["shmid"] for row in rows if row["nattch"] == "0"}


def gone(folder: str, segments: set[str]) -> bool:
    """Tell whether nothing is left of the cluster that was in ``folder``."""
    return not Path(folder).exists() and not processes_in(folder) and shared_memory() <= segments
