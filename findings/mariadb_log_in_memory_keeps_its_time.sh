#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# MariaDB 10.11.19 (Debian 12): with its data folder in /dev/shm, the redo log changes while the time of its file stands still.
#
# Expected: what copies, backs up or watches a data folder by the times of its files sees the same whether the folder is on a
# disk or in memory.
# Seen: InnoDB takes whatever lies on the file system of /dev/shm for persistent memory, says "memory-mapped" in its log, and
# writes through that. A page that was written to once is written to again without a word to the file system. So after a commit the
# content of ib_logfile0 is another one, and its time of modification is what it was; on a disk that changes, too. A copy by
# times takes an old log with newer tables, and a server that starts on that is not what its source was at any moment.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for package in mariadb-server-core=1:10.11.19-0+deb12u1 libaio1 liburing2 libnuma1; do
    apt-get download --quiet "$package" >/dev/null 2>&1
done
for package in ./*.deb; do
    dpkg -x "$package" unpacked
done
LD_LIBRARY_PATH=$(echo "$folder"/unpacked/usr/lib/*-linux-gnu) python3 - "$folder/unpacked" <<'PROGRAM'
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

unpacked = Path(sys.argv[1])
as_root = ["--user=root"] if os.geteuid() == 0 else []


def look(where: str) -> tuple[bool, bool, bool]:
    """Whether a commit changed the log's content, and its time; and whether the log is mapped."""
    folder = Path(tempfile.mkdtemp(dir=where))
    data = folder / "data"
    data.mkdir()
    with open(folder / "told", "w") as told:
        server = subprocess.Popen(
            [
                unpacked / "usr/sbin/mariadbd",
                "--no-defaults",
                "--bootstrap",
                *as_root,
                f"--datadir={data}",
                f"--lc-messages-dir={unpacked}/usr/share/mysql",
                f"--character-sets-dir={unpacked}/usr/share/mysql/charsets",
            ],
            stdin=subprocess.PIPE,
            stdout=told,
            stderr=told,
            text=True,
        )
        assert server.stdin is not None

        def say(sql: str) -> None:
            server.stdin.write(sql + ";\n")
            server.stdin.flush()

        def state() -> tuple[str, int]:
            time.sleep(2)
            log = data / "ib_logfile0"
            return hashlib.sha256(log.read_bytes()).hexdigest(), log.stat().st_mtime_ns

        say("CREATE DATABASE d")
        say("CREATE TABLE d.t (n INT PRIMARY KEY) ENGINE=InnoDB")
        say("INSERT INTO d.t VALUES (1)")
        until = time.monotonic() + 30
        while not (data / "d/t.ibd").exists():
            if time.monotonic() > until or server.poll() is not None:
                raise SystemExit((folder / "told").read_text())
            time.sleep(0.05)
        before = state()
        say("INSERT INTO d.t VALUES (2)")
        after = state()
        server.stdin.close()
        server.wait(60)
    is_mapped = "memory-mapped" in (folder / "told").read_text()
    shutil.rmtree(folder)
    return before[0] != after[0], before[1] != after[1], is_mapped


for where, expected in (("/dev/shm", (True, False, True)), ("/var/tmp", (True, True, False))):
    seen = look(where)
    print(f"{where}: content changed {seen[0]}, time changed {seen[1]}, memory-mapped {seen[2]}")
    assert seen == expected
PROGRAM
echo "as described"
