#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# mysql-connector-python 26.10.0: its connections for asyncio take no certificate of an authority alone.
#
# Expected: ssl_ca=FILE, as the blocking connections take it and as RDS's documentation gives it.
# Seen: mysql.connector.aio raises AttributeError, which is no error of PEP 249, "ssl_key and ssl_cert need
# to be both specified, or neither", though neither was. With a client's key and certificate besides, the
# same ssl_ca is taken. The message is that of a pair of which one is missing, so the cause is hard to find.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    mysql-connector-python==26.10.0 certifi==2026.10.19.post1
"$folder/venv/bin/python" - <<'PROGRAM'
import asyncio

import certifi
import mysql.connector
import mysql.connector.aio

given = {"host": "127.0.0.1", "port": 5, "user": "john", "ssl_ca": certifi.where()}


async def awaited(**more: str) -> Exception:
    try:
        await mysql.connector.aio.connect(**given, **more)
    except Exception as error:
        return error
    raise SystemExit("somebody listens at port 5")


def blocking() -> Exception:
    try:
        mysql.connector.connect(**given, use_pure=True)
    except Exception as error:
        return error
    raise SystemExit("somebody listens at port 5")


pair = {"ssl_cert": certifi.where(), "ssl_key": certifi.where()}
for name, error in (
    ("blocking, ssl_ca:", blocking()),
    ("asyncio, ssl_ca: ", asyncio.run(awaited())),
    ("asyncio, ssl_ca and a client's pair:", asyncio.run(awaited(**pair))),
):
    print(name, type(error).__name__, error)
assert isinstance(blocking(), mysql.connector.Error)
refused = asyncio.run(awaited())
assert type(refused) is AttributeError and not isinstance(refused, mysql.connector.Error)
assert "both specified, or neither" in str(refused)
assert type(asyncio.run(awaited(**pair))) is not AttributeError
PROGRAM
echo "as described"
