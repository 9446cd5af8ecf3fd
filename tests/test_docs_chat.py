"""docs/chat.md is true: its Python runs, its example's names exist, its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import project  # noqa: F401  (sets Django up)
import pytest

from djust_stream import Budget, conf

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs/chat.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def run(code: str) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "docs"}
    exec(compile(code, "docs/chat.md", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("code", BLOCKS)
def test_python_runs(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    run(code)


def test_the_settings_are_settings() -> None:
    [code] = [code for code in BLOCKS if "DJUST_STREAM" in code]
    assert conf.problems(run(code)["DJUST_STREAM"]) == []


def test_a_budget_of_ones_own() -> None:
    class User:
        plan, pk = "gold", 5

    [code] = [code for code in BLOCKS if "stream_budget" in code]
    view = run(code)["Chat"]()
    view.scope = {"user": User()}
    budget = view.stream_budget("reply")
    assert isinstance(budget, Budget) and budget.user == "plan:gold:5" and budget.reserve == 1000


def test_links_and_commands_lead_somewhere() -> None:
    pages = [PAGE, (ROOT / "docs/sources.md").read_text(encoding="utf-8")]
    for target in re.findall(r"\]\(([^)]+)\)", "".join(pages)):
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        text = (ROOT / "docs" / path).read_text(encoding="utf-8") if path else PAGE
        headings = [
            re.sub(r"[^\w -]", "", line).lower().replace(" ", "-")
            for line in re.findall("^#+ (.*)", text, re.M)
        ]
        assert not anchor or anchor in headings, target
    for command in re.findall(r"^python (\S+)", PAGE, re.MULTILINE):
        assert (ROOT / command).exists()
