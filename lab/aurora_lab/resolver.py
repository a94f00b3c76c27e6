# SPDX-License-Identifier: Apache-2.0
"""Names as the clients of the lab see them: one hosts file for nss_wrapper."""

from __future__ import annotations

import contextlib
import ctypes.util
import fcntl
import glob
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import LabError
from .processes import alive

_MARK = "AURORA_LAB_RESOLVER"
_tags = itertools.count(1)


def wrapper_library() -> str:
    """Return what to put in ``LD_PRELOAD``. Raises ``LabError`` without libnss-wrapper."""
    found = ctypes.util.find_library("nss_wrapper")
    if found is None:
        # Debian keeps it out of the linker's cache when there is only the unversioned file.
        for path in ("/usr/lib/*/libnss_wrapper.so*", "/usr/lib*/libnss_wrapper.so*"):
            for candidate in sorted(glob.glob(path)):
                return candidate
        raise LabError("libnss_wrapper.so is missing: install the package libnss-wrapper")
    return found


class Resolver:
    """A hosts file that maps endpoint names to addresses, for ``NSS_WRAPPER_HOSTS``.

    Several clusters, in several processes, may put their names in one file. Every change
    replaces the file as a whole, and a process under ``environment()`` sees it in its next
    look-up. ``folder`` is where the file is; without it a temporary folder is made, which
    ``close()`` removes.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._own = folder is None
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix=f"aurora-lab-resolver-{os.getpid()}-"))
            folder.chmod(0o755)
        self.folder = folder
        self.path = folder / "hosts"
        self._state = folder / "names.json"
        if not self.path.exists():
            with self._changing():
                pass

    @classmethod
    def of_this_process(cls) -> Resolver | None:
        """Return the resolver that this process runs under, if it is one of the lab's."""
        folder = os.environ.get(_MARK)
        return cls(Path(folder)) if folder and Path(folder).is_dir() else None

    def environment(self) -> dict[str, str]:
        """Return the variables that put a new process under this view.

        Raises ``LabError`` without libnss-wrapper.
        """
        preload = [wrapper_library()]
        preload += [
            p for p in os.environ.get("LD_PRELOAD", "").split(":") if p and p not in preload
        ]
        return {
            "LD_PRELOAD": ":".join(preload),
            "NSS_WRAPPER_HOSTS": str(self.path),
            _MARK: str(self.folder),
        }

    def new_tag(self) -> str:
        """Return a key under which one cluster of this process keeps its names."""
        return f"{os.getpid()}.{next(_tags)}"

    def put(self, tag: str, names: Mapping[str, str]) -> None:
        """Make ``names`` (name to address) all that ``tag`` maps; an empty mapping removes it.

        Raises ``LabError`` if another living cluster holds one of the names.
        """
        with self._changing() as entries:
            entries.pop(tag, None)
            for other, theirs in entries.items():
                taken = names.keys() & theirs.keys()
                if taken:
                    raise LabError(
                        f"{min(taken)} belongs to another cluster ({other}) of this resolver: "
                        "give this one another name or domain"
                    )
            if names:
                entries[tag] = dict(names)

    def lookup(self, name: str) -> str:
        """Return the address that ``name`` has now. Raises ``LabError`` if it has none."""
        for line in self.path.read_text().splitlines():
            address, _, known = line.partition(" ")
            if known == name.lower().rstrip("."):
                return address
        raise LabError(f"{name} has no address in {self.path}")

    def close(self) -> None:
        """Remove the temporary folder, if this object made it."""
        if self._own:
            self.remove()

    def remove(self) -> None:
        """Remove the folder, whoever made it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, dict[str, str]]]:
        with open(self.folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries: dict[str, dict[str, str]] = {}
            if self._state.exists():
                entries = json.loads(self._state.read_text())
            for tag in [t for t in entries if not alive(int(t.partition(".")[0]))]:
                del entries[tag]
            yield entries
            _replace(self._state, json.dumps(entries))
            # nss_wrapper refuses the whole file for a comment or an empty one.
            lines = ["127.0.0.1 localhost"]
            lines += [f"{a} {n.lower()}" for names in entries.values() for n, a in names.items()]
            _replace(self.path, "\n".join(lines) + "\n")


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.chmod(0o644)
    if path.exists():
        # nss_wrapper compares whole seconds: two changes within one must still differ.
        stamp = int(path.stat().st_mtime) + 1
        os.utime(new, (stamp, stamp))
    os.replace(new, path)
