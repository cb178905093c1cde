"""The house's rules about who may import whom, held by reading the code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [*ROOT.glob("*.py"), *sorted((ROOT / "stonks").rglob("*.py"))]

# The first prefix that fits a module gives its level; an import must point to a lower level, or stay within its part.
LEVELS = {
    "app": 6,
    "worker": 6,
    "stonks.factory": 5,
    "stonks.supervisor": 5,
    "stonks.migrating": 5.5,
    "stonks.serve": 5.5,
    "stonks.demo_data": 5.5,
    "stonks.web": 4,
    "stonks.health": 3.5,
    "stonks.cli_statement": 3.5,
    "stonks.cli": 4,
    "stonks.tasks": 4,
    "stonks.sync": 3,
    "stonks.ledger": 2,
    "stonks.accounts": 2,
    "stonks.services": 1.5,
    "stonks.core": 0,
    "stonks.config": 0,
    "stonks": 1,
}
PLACES = {  # who alone may do it
    "rq": {"stonks.queue", "worker"},
    # The one file of each folder that speaks to the outside, so that time-outs, sizes and secrets are bounded in one place.
    "requests": {"stonks.brokers.ibkr.client", "stonks.prices.tiingo.client"},
}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def level(module: str) -> float:
    return next(value for prefix, value in LEVELS.items() if module == prefix or module.startswith(prefix + "."))


def part(module: str) -> str:
    return ".".join(module.split(".")[:2])


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    guarded = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in guarded:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" if node.module == "stonks" else node.module for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_point_downwards(path: Path) -> None:
    module = name_of(path)
    for imported in imports(path):
        top = imported.split(".")[0]
        if top in PLACES:
            assert module in PLACES[top], f"only {PLACES[top]} may import {top}"
        if top in ("stonks", "app", "worker") and imported != "stonks" and part(imported) != part(module):
            assert level(imported) < level(module) or (level(imported) == level(module) == 1), f"{module} -> {imported}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_only_the_database_module_commits(path: Path) -> None:
    calls = {node.func.attr for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}  # fmt: skip
    assert "commit" not in calls or name_of(path) == "stonks.db"


@pytest.mark.parametrize(
    "path", [f for f in FILES if set(f.parts) & {"core", "portfolio", "brokers", "ledger", "prices"}], ids=name_of
)
def test_money_never_meets_float(path: Path) -> None:
    names = {node.func.id for node in ast.walk(ast.parse(path.read_text()))
             if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
    assert "float" not in names


@pytest.mark.parametrize("pure", ["core", "portfolio"])
def test_pure_parts_need_nothing_installed(pure: str) -> None:
    import sys

    for path in (ROOT / "stonks" / pure).rglob("*.py"):
        foreign = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"stonks"}
        assert not foreign, f"{path.name} imports {foreign}"
