"""A few streams through benchmarks/chaos.py: cuts, killed processes, a Redis that comes back empty."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_pages_that_are_cut_off_are_whole_in_the_end() -> None:
    options = {"streams": 8, "tokens": 400, "every": 0.8, "doomed": 0, "seed": 7, "timeout": 120}
    command = [sys.executable, str(ROOT / "benchmarks/chaos.py"), "--json"]
    command += [f"--{name}={value}" for name, value in options.items()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["pages_equal"] == found["readers"] == 12
    assert (found["lost"], found["twice"], found["gaps"]) == (0, 0, 0)
    assert min(found["cuts"], found["resumes"]) >= 12
    assert sum(count for what, count in found["what"].items() if what.split()[0] in ("kill", "freeze")) >= 2
