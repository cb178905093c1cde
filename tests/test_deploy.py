"""What deploy/ names, exists: modules, files, arguments and settings. No container or service manager is started."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from stonks.config import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
INSTALLED = "/opt/stonksfolio/"
OF_COMPOSE_ITSELF = {"STONKS_ADDRESS"}
SETTING = re.compile(r"\b(STONKS_[A-Z_]+|DATABASE_URL|REDIS_URL)\b")


def commands(text: str) -> list[str]:
    """What is told to Python, with the project as its folder."""
    in_compose = re.findall(r"^ +command: python (.+)$", text, re.MULTILINE)
    in_units = re.findall(r"^ExecStart=\S+/\.venv/bin/python (.+)$", text, re.MULTILINE)
    in_image = [" ".join(re.findall(r'"([^"]+)"', line)[1:]) for line in re.findall(r"^CMD (.+)$", text, re.MULTILINE)]
    return [*in_compose, *in_units, *in_image]


@pytest.mark.parametrize("path", [DEPLOY / "compose.yaml", DEPLOY / "Dockerfile", *UNITS], ids=lambda path: path.name)
def test_every_command_is_a_program_of_the_project_with_arguments_that_it_takes(path: Path) -> None:
    told = commands(path.read_text())
    assert told
    for command in told:
        program, *arguments = command.split()
        if program == "-m":
            module = find_spec(arguments[0])
            assert module is not None, command
            assert module.origin is not None
            source, arguments = Path(module.origin), arguments[1:]
        else:
            assert path.suffix != ".service" or program.startswith(INSTALLED) or "WorkingDirectory=" in path.read_text()
            source = ROOT / program.removeprefix(INSTALLED)
        text = source.read_text()
        assert '__name__ == "__main__"' in text
        assert all(f'"{argument}"' in text for argument in arguments), command


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_every_variable_is_a_setting(path: Path) -> None:
    known = set(SETTING.findall((ROOT / "stonks" / "config.py").read_text())) | OF_COMPOSE_ITSELF
    assert set(SETTING.findall(path.read_text())) <= known


def test_what_compose_wants_to_be_told_stands_in_the_example() -> None:
    wanted = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    assert set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE)) == wanted


def test_every_file_that_is_named_exists() -> None:
    texts = [path.read_text() for path in DEPLOY.iterdir()] + [(ROOT / "docs" / "operations.md").read_text()]
    named = {name for text in texts for name in re.findall(r"\bdeploy/([\w.@-]+\w)", text)} - {".env"}
    assert named >= {"compose.yaml", "Dockerfile", "Caddyfile", "stonksfolio.service"}
    assert all((DEPLOY / name).is_file() for name in named), named
    image = (DEPLOY / "Dockerfile").read_text()
    assert all((ROOT / name).exists() for name in re.findall(r"^COPY (\S+)", image, re.MULTILINE))


def test_the_proxy_asks_where_the_web_listens() -> None:
    port = re.search(r'"STONKS_PORT", (\d+)', (ROOT / "stonks" / "config.py").read_text())
    assert port is not None
    assert f"reverse_proxy 127.0.0.1:{port[1]}\n" in (DEPLOY / "Caddyfile").read_text()
    assert f"--to web:{port[1]}\n" in (DEPLOY / "compose.yaml").read_text()
