"""Who may import whom.

The law: arrows point at what is imported, and nothing points back.

    mixin -> resume -> streams -> stream -> reader, clock, ops, counts, limits, record -> _core, stores
    sinks -> what a frame is written with           stores -> _core
    sse, mixin -> answer, budget -> sources         sources -> nothing of ours, and no SDK
    Django edge -> all but demo
    demo -> only names the README shows             nothing -> demo

So ``stream`` and what it stands on run without Django, and a part can be read without the parts above it.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "djust_stream"
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))

# Part -> the parts it may import. A part is a module or a folder at the top of the package; "" is __init__.
ALLOWED: dict[str, set[str]] = {
    "": {"budget", "collector", "consumer", "conversation", "counts", "fragment", "markdown", "mixin"}
    | {"sources", "stream"},
    "collector": set(),
    "counts": {"_core"},
    "prometheus": {"counts"},
    "telemetry": {"counts"},
    "outbox": set(),
    "clock": {"_core", "counts", "outbox"},
    "ops": {"_core"},
    "stores": {"_core"},
    "record": {"_core", "ops", "stores"},
    "cursor": {"reader", "record", "stores"},  # of reader only the type
    "limits": set(),
    "reader": {"_core", "counts"},
    "stream": {"_core", "clock", "counts", "limits", "ops", "reader", "record"},
    "streams": {"limits", "ops", "reader", "record", "stores", "stream"},
    "access": set(),
    "resume": {"access", "cursor", "ops", "record", "stores", "stream", "streams"},
    "fragment": {"_core"},
    "markdown": {"_core"},
    "conf": {"_core", "limits", "stores"},
    "sinks": {"_core", "ops", "outbox"},
    "sources": set(),
    "budget": {"conf", "sources"},
    "conversation": {"sources"},
    "answer": {"fragment", "ops", "sources"},
    "smooth": {"_core", "clock", "sources"},
    "mixin": {
        "_core",
        "answer",
        "budget",
        "conf",
        "ops",
        "reader",
        "resume",
        "sinks",
        "smooth",
        "sources",
        "stream",
        "streams",
        "markdown",
    },
    "sse": {"_core", "access", "conf", "mixin", "ops", "record", "sources", "stores"},
    "consumer": {"_core", "mixin", "sinks", "streams"},
    "checks": {"", "conf"},
    "apps": {"checks"},
    "doctor": {"", "_core", "mixin"},
    "management": {"doctor"},
    "templatetags": {"conf", "markdown"},
    "demo": {""},
    "testing": {"_core", "mixin"},
}
WITHOUT_DJANGO = [
    "stores.memory",
    "record",
    "sources",
    "smooth",
    "sources.router",
    "conversation",
    "clock",
    "counts",
    "ops",
    "streams",
    "sinks.channels",
]


def part_of(path: Path) -> str:
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if name == "__init__" else name


def imported_parts(path: Path) -> set[str]:
    """The parts of the package that a file imports, its own left out."""
    package = ["djust_stream", *path.relative_to(PACKAGE).parts[:-1]]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        for name in names:
            first, *rest = name.split(".")
            if first == "djust_stream":
                found.add(rest[0] if rest and rest[0] in ALLOWED.keys() | {"_core"} else "")
    return found - {part_of(path)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_arrows(path: Path) -> None:
    assert part_of(path) in ALLOWED, "a new part: say here what it may import"
    assert imported_parts(path) <= ALLOWED[part_of(path)]


def test_demo_uses_only_names_of_the_readme() -> None:
    readme = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    for path in PACKAGE.glob("demo/*.py"):
        for names in re.findall(r"from djust_stream import (.+)", path.read_text(encoding="utf-8")):
            for name in map(str.strip, names.split(",")):
                assert name in readme, f"{path.name} uses {name}, which the README does not show"


@pytest.mark.parametrize("module", WITHOUT_DJANGO)
def test_streams_need_no_django(module: str) -> None:
    check = f"import sys, djust_stream.{module}; sys.exit('django' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_core_knows_no_python() -> None:
    for path in (PACKAGE.parent / "csrc/core").iterdir():
        source = path.read_text(encoding="utf-8")
        assert "Python.h" not in source, path.name
        assert not re.search(r'#include "(?:\.\./)?py/', source), path.name
