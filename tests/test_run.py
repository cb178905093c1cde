"""`./run` itself, with a Python that only writes down what it is asked to do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stonks.config import ROOT

SCRIBE = '#!/bin/sh\nprintf "%s\\n" "$*" >> "$(dirname "$0")/asked"\n'


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project's start, in a folder with a space, its environment made already but empty."""
    project = tmp_path / "my stonks"
    (project / ".venv" / "bin").mkdir(parents=True)
    for name in ("run", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, project / name)
    python = project / ".venv" / "bin" / "python"
    python.write_text(SCRIBE)
    python.chmod(0o755)
    return project


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([project / "run", *arguments], cwd="/", capture_output=True, text=True)


def asked(project: Path) -> list[str]:
    log = project / ".venv" / "bin" / "asked"
    lines = log.read_text().splitlines()
    log.unlink()
    return [line for line in lines if line != "-c import pip"]


def test_the_first_start_installs_with_hashes_and_the_second_only_starts(copy: Path) -> None:
    assert run(copy).returncode == 0
    install, start = asked(copy)
    assert install.startswith("-m pip install")
    assert "--require-hashes" in install
    assert start == f"{copy}/app.py"
    run(copy)
    assert asked(copy) == [start]


def test_changed_requirements_are_installed_again(copy: Path) -> None:
    run(copy)
    asked(copy)
    with (copy / "requirements.txt").open("a") as file:
        file.write("# changed\n")
    run(copy)
    assert len(asked(copy)) == 2


def test_words_are_passed_on_as_they_are(copy: Path) -> None:
    run(copy, "test", "-k", "one or two", "tests/core")
    assert asked(copy)[-1].endswith(" -k one or two tests/core")
    run(copy, "demo")
    assert asked(copy)[-1] == f"{copy}/app.py demo"


def test_an_unknown_word_gets_the_usage(copy: Path) -> None:
    done = run(copy, "dmeo")
    assert done.returncode == 2
    assert "usage" in done.stderr
