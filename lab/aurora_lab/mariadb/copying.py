# SPDX-License-Identifier: Apache-2.0
"""Copies of a data folder that cost the server that works in it next to no time."""

from __future__ import annotations

import fnmatch
import os
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

# What belongs to the running process, or to its part in replication.
_NOT_COPIED = ("server.sock", "server.pid", "ibtmp*", "relay*", "*.info")
# Mapped into memory by the server where the folder is in memory (InnoDB takes /dev/shm for
# persistent memory), and then no time tells that they were written to.
_MAPPED = ("ib_logfile*", "tc.log")
_PASSES = 2
"""The second is the shorter one, so that the last finds little to do."""
_CLOCK_STEP = 0.1
"""The times of files advance in steps, in seconds; this is longer than any."""


def copy_data(
    source: Path,
    target: Path,
    still: Callable[[], AbstractContextManager[None]],
    give: Callable[[Path], None],
) -> None:
    """Make ``target`` a copy of ``source`` as it is at one moment.

    Nothing may change ``source`` under ``still()``, in which only what changed during the pass
    before is copied. ``give`` is called on everything in ``target``.
    """
    since = 0.0
    for _ in range(_PASSES):
        began = time.time() - _CLOCK_STEP
        _mirror(source, target, since)
        since = began
    with still():
        _mirror(source, target, since)
    for place, _, names in os.walk(target):
        for path in (Path(place), *(Path(place, name) for name in names)):
            give(path)


def _may_have_changed(entry: os.DirEntry[str], since: float) -> bool:
    is_mapped = any(fnmatch.fnmatch(entry.name, pattern) for pattern in _MAPPED)
    return is_mapped or entry.stat().st_mtime >= since


def _mirror(source: Path, target: Path, since: float) -> None:
    """Copy what was changed after ``since``, and remove what is no longer there."""
    target.mkdir(mode=0o700, exist_ok=True)
    wanted = set()
    for entry in os.scandir(source):
        if any(fnmatch.fnmatch(entry.name, pattern) for pattern in _NOT_COPIED):
            continue
        wanted.add(entry.name)
        copy = target / entry.name
        if entry.is_dir():
            _mirror(Path(entry.path), copy, since)
            continue
        try:
            if _may_have_changed(entry, since) or not copy.exists():
                shutil.copyfile(entry.path, copy)
        except FileNotFoundError:
            continue  # removed meanwhile: the next pass removes the copy as well
    for entry in os.scandir(target):
        if entry.name not in wanted:
            shutil.rmtree(entry) if entry.is_dir() else os.unlink(entry)
