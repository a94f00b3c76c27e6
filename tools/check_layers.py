#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that arrows point down: which part of the source tree may include or import which.

The rules are those of the design page: model <- dialect, driver <- monitor <- pipeline <- plugins
on the one side, the public headers <- bindings <- python on the other, and a lab that knows none
of it. Prints each violation as file:line and ends with 1 if there is one.

    check_layers.py [ROOT]      check a tree; the repository by default
    check_layers.py --self-test check that a tree full of violations is told apart from a clean one
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
IMPORT = re.compile(r"^\s*(?:from|import)\s+([\w.]+)")

# Public headers by the part that they belong to; those of `pipeline` are the engine's face.
MODEL_HEADERS = {
    "clock",
    "database_family",
    "error",
    "event",
    "host",
    "parameters",
    "profiles",
    "property",
    "settings",
    "sql_state",
    "topology",
    "embed/abort_reason",
    "embed/conninfo",
    "embed/core_properties",
    "embed/credentials",
    "embed/document",
    "embed/result_set",
    "embed/secret",
    "embed/sql_text",
    "embed/statements",
}
DRIVER_HEADERS = MODEL_HEADERS | {
    "embed/answer_limit",
    "embed/drivers",
    "embed/link",
    "embed/name_lookup",
    "embed/socket_peer",
}
MONITOR_HEADERS = MODEL_HEADERS | {"embed/link", "embed/name_lookup", "embed/socket_deadline"}
ALL = None  # every public header

# Folder of src -> (its own folders, public headers, may use asio). The deepest folder decides.
RULES: dict[str, tuple[tuple[str, ...], set[str] | None, bool]] = {
    "model": (("model/",), MODEL_HEADERS, False),
    "dialect": (("dialect/", "model/"), MODEL_HEADERS, False),
    "driver": (("driver/",), DRIVER_HEADERS, True),
    "driver/null": (("driver/",), DRIVER_HEADERS, True),
    "driver/pg": (("driver/",), DRIVER_HEADERS, False),
    "driver/mysql": (("driver/",), DRIVER_HEADERS, True),
    "monitor": (("monitor/", "driver/", "dialect/", "model/"), MONITOR_HEADERS, True),
    "pipeline": (("pipeline/", "monitor/", "driver/", "dialect/", "model/"), ALL, False),
    "plugins": (("pipeline/", "plugins/", "dialect/", "model/"), ALL, False),
}
# A plugin's process-wide half, plugins/<name>/monitor.*, sees the engine's thread, too.
MONITOR_OF_PLUGIN = (
    "monitor/monitor.hpp",
    "driver/driver.hpp",
    "driver/asio_wait.hpp",
    "driver/resolve.hpp",
)
LEAVES = ("driver/pg/", "driver/mysql/")  # joined at link time, included by nobody else
LIBPQ = re.compile(r"^(libpq-fe|libpq-events|postgres_ext|pg_config)\.h$|^libpq/")
LIBMARIADB = re.compile(r"^(mysql|errmsg|mysqld_error|ma_\w+|mariadb_\w+)\.h$|^(mysql|mariadb)/")
PYTHON = re.compile(r"^(Python\.h$|nanobind/)")
ASIO = re.compile(r"^asio(\.hpp$|/)")


def includes(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[2]


def sources(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix in {".hpp", ".cpp", ".h", ".c"})


def is_test(path: Path) -> bool:
    return path.stem.endswith("_test")


def layer_of(path: Path) -> str:
    parts = path.parts[:-1]
    for length in (2, 1):
        if (name := "/".join(parts[:length])) in RULES:
            return name
    return parts[0] if parts else ""


def wrong_in_source(relative: Path, name: str, known: set[str]) -> str | None:
    """Why a file of src (by its path there) may not include `name`; None if it may."""
    layer = layer_of(relative)
    if layer not in RULES:
        return f"src/{layer or relative} is not a part of the engine that the design names"
    own, headers, asio = RULES[layer]
    if layer == "plugins" and relative.stem == "monitor":
        own, asio = own + MONITOR_OF_PLUGIN, True
    if PYTHON.match(name):
        return "only bindings may know Python"
    if LIBPQ.match(name) and layer != "driver/pg":
        return "only driver/pg may know libpq"
    if LIBMARIADB.match(name) and layer != "driver/mysql":
        return "only driver/mysql may know libmariadb"
    if ASIO.match(name) and not asio:
        return f"{layer} knows no asio"
    if name.startswith("aws_wrapper/"):
        header = name.removeprefix("aws_wrapper/").removesuffix(".hpp")
        if headers is not None and header not in headers:
            return f"{layer} may not use <{name}>"
        return None
    if name not in known:
        return None  # another library
    for leaf in LEAVES:
        if name.startswith(leaf) and not str(relative).startswith(leaf):
            return f"{leaf} is joined at link time"
    if not name.startswith(own):
        return f"{layer} may not include {name.split('/')[0]}/"
    if layer == "plugins" and name.startswith("plugins/"):
        folder = relative.parts[1] if len(relative.parts) > 2 else None
        if folder is not None and name.split("/")[1] != folder:
            return "a plugin knows no other plugin"
    return None


def check_sources(root: Path) -> Iterator[str]:
    src = root / "src"
    files = sources(src) if src.is_dir() else []
    known = {str(path.relative_to(src)) for path in files}
    for path in files:
        if is_test(path):
            continue  # tests see all
        for number, name in includes(path):
            if why := wrong_in_source(path.relative_to(src), name, known):
                yield f"{path.relative_to(root)}:{number}: {why} ({name})"


def check_public_headers(root: Path) -> Iterator[str]:
    folder = root / "include"
    if not folder.is_dir():
        return
    private = {str(p.relative_to(root / "src")) for p in sources(root / "src")}
    for path in sources(folder):
        own = str(path.relative_to(folder / "aws_wrapper").with_suffix(""))
        for number, name in includes(path):
            why = None
            if any(p.match(name) for p in (ASIO, LIBPQ, LIBMARIADB, PYTHON)):
                why = "a public header shows no asio, client library or Python"
            elif name in private:
                why = "a public header includes no private one"
            elif name.startswith("aws_wrapper/embed/") and not own.startswith("embed/"):
                why = "what programs use needs nothing of embed/"
            elif own in MODEL_HEADERS and name.startswith("aws_wrapper/"):
                if name.removeprefix("aws_wrapper/").removesuffix(".hpp") not in MODEL_HEADERS:
                    why = "a header of the model includes only those of the model"
            if why:
                yield f"{path.relative_to(root)}:{number}: {why} ({name})"


def check_bindings(root: Path) -> Iterator[str]:
    folder = root / "bindings"
    if not folder.is_dir():
        return
    private = {str(p.relative_to(root / "src")) for p in sources(root / "src")}
    for path in sources(folder):
        for number, name in includes(path):
            foreign = any(p.match(name) for p in (ASIO, LIBPQ, LIBMARIADB)) or name in private
            if foreign or name.startswith(("../", "src/")):
                yield (
                    f"{path.relative_to(root)}:{number}: "
                    f"bindings use <aws_wrapper/...> only ({name})"
                )


def check_lab(root: Path) -> Iterator[str]:
    folder = root / "lab"
    for path in sorted(folder.rglob("*.py")) if folder.is_dir() else []:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = IMPORT.match(line)
            if match and match[1].split(".")[0] == "aws_advanced_python_wrapper":
                where = f"{path.relative_to(root)}:{number}"
                yield f"{where}: the lab judges us and imports nothing of ours"


def violations(root: Path) -> list[str]:
    found: list[str] = []
    for check in (check_sources, check_public_headers, check_bindings, check_lab):
        found.extend(check(root))
    return found


# Each file of these trees with one line; the violating ones are wrong each by that line alone.
CLEAN = {
    "include/aws_wrapper/host.hpp": "#include <string>",
    "include/aws_wrapper/embed/session.hpp": "#include <aws_wrapper/host.hpp>",
    "src/model/host.cpp": "#include <aws_wrapper/host.hpp>",
    "src/model/text.hpp": "#include <string>",
    "src/dialect/survey.cpp": "#include <model/text.hpp>",
    "src/driver/driver.hpp": "#include <asio/awaitable.hpp>",
    "src/driver/pg/pg_driver.cpp": "#include <libpq-fe.h>",
    "src/driver/pg/own.hpp": "#include <string>",
    "src/driver/mysql/mysql_driver.cpp": "#include <mysql/mysql.h>",
    "src/driver/mysql/own.hpp": "#include <string>",
    "src/monitor/runtime.hpp": '#include "driver/driver.hpp"',
    "src/monitor/any_test.cpp": '#include "plugins/one/info.hpp"',
    "src/pipeline/plugin.hpp": '#include "monitor/runtime.hpp"',
    "src/plugins/builtin.cpp": '#include "plugins/one/info.hpp"',
    "src/plugins/one/info.hpp": '#include "pipeline/plugin.hpp"',
    "src/plugins/two/info.hpp": '#include "pipeline/plugin.hpp"',
    "src/plugins/two/monitor.cpp": '#include "monitor/monitor.hpp"',
    "src/plugins/two/monitor.hpp": "#include <asio/awaitable.hpp>",
    "src/monitor/monitor.hpp": "#include <asio/io_context.hpp>",
    "bindings/engine.cpp": "#include <aws_wrapper/embed/session.hpp>",
    "lab/cluster.py": "import subprocess",
    "demo/ledger.py": "import aws_advanced_python_wrapper",
}
VIOLATING = {
    "include/aws_wrapper/error.hpp": "#include <aws_wrapper/embed/session.hpp>",
    "include/aws_wrapper/engine.hpp": "#include <asio/io_context.hpp>",
    "include/aws_wrapper/topology.hpp": "#include <aws_wrapper/embed/session.hpp>",
    "include/aws_wrapper/embed/drivers.hpp": "#include <libpq-fe.h>",
    "include/aws_wrapper/embed/task.hpp": '#include "pipeline/plugin.hpp"',
    "src/model/a.cpp": '#include "dialect/survey.hpp"',
    "src/model/b.cpp": "#include <aws_wrapper/embed/io.hpp>",
    "src/model/c.cpp": "#include <asio/io_context.hpp>",
    "src/dialect/survey.hpp": '#include "monitor/runtime.hpp"',
    "src/dialect/d.cpp": "#include <aws_wrapper/embed/session.hpp>",
    "src/driver/e.cpp": '#include "monitor/runtime.hpp"',
    "src/driver/f.cpp": "#include <Python.h>",
    "src/monitor/g.cpp": '#include "pipeline/plugin.hpp"',
    "src/monitor/h.cpp": '#include "driver/pg/own.hpp"',
    "src/monitor/i.cpp": "#include <libpq-fe.h>",
    "src/monitor/j.cpp": "#include <aws_wrapper/embed/io.hpp>",
    "src/monitor/s.cpp": "#include <mysql/mysql.h>",
    "src/monitor/t.cpp": '#include "driver/mysql/own.hpp"',
    "src/driver/pg/u.cpp": "#include <mysql.h>",
    "src/driver/mysql/v.cpp": "#include <libpq-fe.h>",
    "include/aws_wrapper/host.cpp": "#include <mysql.h>",
    "src/pipeline/k.cpp": '#include "plugins/one/info.hpp"',
    "src/plugins/one/l.cpp": '#include "plugins/two/info.hpp"',
    "src/plugins/one/m.cpp": '#include "monitor/runtime.hpp"',
    "src/plugins/one/monitor.cpp": '#include "monitor/runtime.hpp"',
    "src/plugins/one/v.cpp": '#include "monitor/monitor.hpp"',
    "src/plugins/one/n.cpp": "  #  include <nanobind/nanobind.h>",
    "src/stray/o.cpp": "#include <string>",
    "bindings/p.cpp": '#include "monitor/runtime.hpp"',
    "bindings/q.cpp": "#include <asio.hpp>",
    "lab/r.py": "from aws_advanced_python_wrapper.errors import FailoverError",
}


def self_test() -> list[str]:
    def written(root: Path, files: dict[str, str]) -> Path:
        for name, line in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(line + "\n", encoding="utf-8")
        return root

    with tempfile.TemporaryDirectory() as clean, tempfile.TemporaryDirectory() as dirty:
        problems = [f"wrongly reported: {v}" for v in violations(written(Path(clean), CLEAN))]
        found = violations(written(Path(dirty), CLEAN | VIOLATING))
    for name in VIOLATING:
        if sum(v.startswith(f"{name}:1:") for v in found) != 1:
            problems.append(f"not reported exactly once: {name}")
    problems += [f"wrongly reported: {v}" for v in found if v.split(":")[0] not in VIOLATING]
    return problems


def main(arguments: list[str]) -> int:
    if arguments == ["--self-test"]:
        problems = self_test()
    else:
        root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
        if not (root / "src").is_dir():
            problems = [f"{root}: there is no src folder to check"]
        else:
            problems = violations(root)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
