#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mysql-connector-python 26.10.0 (pure build), Debian 12: a process that has no free descriptor is told
# that the name of its server does not exist.
#
# Expected: the operating system's reason, "Too many open files", as for a numeric address.
# Seen: connect(host="localhost") raises InterfaceError 2003 with "Name or service not known", the error
# of a name that leads nowhere. glibc opens its configuration of name services for the first look-up of a
# process, fails, and answers EAI_NONAME. So a program that runs out of descriptors looks like one with
# a wrong host name; what waits for "the host is gone" (2003) moves to another host for nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mysql-connector-python==26.10.0
"$folder/venv/bin/python" - <<'PROGRAM'
import os
import resource

import mysql.connector


def refusal(host: str) -> tuple[int, str]:
    try:
        mysql.connector.connect(host=host, port=5, use_pure=True)
    except mysql.connector.Error as error:
        return error.errno, str(error)
    raise SystemExit("somebody listens at port 5")


code, text = refusal("127.0.0.1")  # all modules are loaded now, and no name was looked up
assert code == 2003 and "Connection refused" in text, text
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
kept = []
try:
    while True:
        kept.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
address, name = refusal("127.0.0.1"), refusal("localhost")
for descriptor in kept:
    os.close(descriptor)
print("by address:", *address)
print("by name:   ", *name)
assert address[0] == 2003 and "Too many open files" in address[1]
assert name[0] == 2003 and "Name or service not known" in name[1]
PROGRAM
echo "as described"
