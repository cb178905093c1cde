"""Who is gone and who is only slow, asked of real processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stonks import presence
from stonks.config import ROOT

ENTER = """
import pathlib, sys
from stonks import presence
presence.enter(pathlib.Path(sys.argv[1]))
print(presence.name(), flush=True)
sys.stdin.read()
"""


class Present:
    """A process that has entered."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", ENTER, str(folder)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.name = self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Present, Present]]:
    present = Present(tmp_path), Present(tmp_path)
    yield present
    for one in present:
        one.kill()


def buried(folder: Path) -> list[str]:
    names: list[str] = []
    presence.bury(folder, names.append)
    return names


def test_only_whoever_is_gone_is_buried_and_only_once(two: tuple[Present, Present], tmp_path: Path) -> None:
    first, second = two
    assert buried(tmp_path) == []
    first.kill()
    assert buried(tmp_path) == [first.name]
    assert buried(tmp_path) == []
    second.process.communicate("")  # an end in peace is an end too
    assert buried(tmp_path) == [second.name]
    assert list(tmp_path.iterdir()) == []


def test_one_whose_affairs_could_not_be_settled_is_found_again(two: tuple[Present, Present], tmp_path: Path) -> None:
    def stumble(_name: str) -> None:
        raise RuntimeError("the database is away")

    two[0].kill()
    with pytest.raises(RuntimeError):
        presence.bury(tmp_path, stumble)
    assert buried(tmp_path) == [two[0].name]


def test_a_folder_that_cannot_be_written_leaves_a_process_without_a_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    presence.enter(tmp_path / "file" / "workers")
    assert presence.name() is None
    assert buried(tmp_path / "nowhere") == []
