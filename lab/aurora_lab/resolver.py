# SPDX-License-Identifier: Apache-2.0
"""Names as the clients of the lab see them: one hosts file, and a library that reads it."""

from __future__ import annotations

import contextlib
import ctypes.util
import fcntl
import glob
import itertools
import json
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from .errors import LabError
from .processes import alive

log = logging.getLogger("aurora_lab")

_SOURCE = Path(__file__).with_name("names.c")
_MARK = "AURORA_LAB_RESOLVER"
_tags = itertools.count(1)


def _preloadable(folder: Path) -> str:
    """Return the library that makes a process read the hosts file in ``folder``.

    Our own, compiled in about 0.1 s, wherever there is a compiler. Else libnss-wrapper, which
    may crash a process that looks names up in several threads while the file changes. Raises
    ``LabError`` without both.
    """
    library = folder / "names.so"
    if library.exists():
        return str(library)
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is not None:
        new = folder / f"names.{os.getpid()}.so"
        command = [*compiler.split(), "-O2", "-fPIC", "-shared", "-o", str(new), str(_SOURCE)]
        done = subprocess.run(
            [*command, "-ldl"], check=False, capture_output=True, text=True, timeout=60
        )
        if done.returncode == 0:
            os.replace(new, library)
            return str(library)
        log.warning("%s failed: %s", " ".join(command), done.stderr.strip())
    wrapper = ctypes.util.find_library("nss_wrapper")
    # Debian's linker cache doesn't always know the unversioned file.
    wrapper = wrapper or next(iter(sorted(glob.glob("/usr/lib*/**/libnss_wrapper.so*"))), None)
    if wrapper is None:
        raise LabError("names need a C compiler, or the package libnss-wrapper")
    log.warning("no C compiler: with libnss-wrapper, programs with threads may crash")
    return wrapper


class Resolver:
    """A hosts file that maps endpoint names to addresses, named by ``NSS_WRAPPER_HOSTS``.

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

        Raises ``LabError`` without a C compiler and libnss-wrapper.
        """
        preload = [_preloadable(self.folder)]
        preload += [
            p for p in os.environ.get("LD_PRELOAD", "").split(":") if p and p not in preload
        ]
        return {
            "LD_PRELOAD": ":".join(preload),
            "NSS_WRAPPER_HOSTS": str(self.path),
            _MARK: str(self.folder),
        }

    def adopt(self) -> None:
        """Move this process, which runs under some view already, to this one."""
        os.environ["NSS_WRAPPER_HOSTS"] = str(self.path)
        os.environ[_MARK] = str(self.folder)

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
