# SPDX-License-Identifier: Apache-2.0
"""Copies of a data folder that is in use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aurora_lab.mariadb.copying import copy_data


@pytest.mark.parametrize("name", ["ib_logfile0", "tc.log"])
def test_file_that_is_written_to_through_memory_is_copied_whatever_its_time(
    tmp_path: Path, name: str
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    log = source / name
    log.write_text("at first")

    @contextmanager
    def still() -> Iterator[None]:
        long_ago = log.stat().st_mtime - 3600
        log.write_text("and then")
        os.utime(log, (long_ago, long_ago))
        yield

    copy_data(source, target, still, lambda _: None)
    assert (target / name).read_text() == "and then"


def test_what_came_and_went_between_two_passes_is_so_in_the_copy(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "db").mkdir(parents=True)
    (source / "db" / "old.ibd").write_text("old")

    @contextmanager
    def still() -> Iterator[None]:
        (source / "db" / "old.ibd").unlink()
        (source / "db" / "new.ibd").write_text("new")
        yield

    copy_data(source, target, still, lambda _: None)
    assert {path.name for path in (target / "db").iterdir()} == {"new.ibd"}
