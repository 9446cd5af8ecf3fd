"""What ``import djust_stream`` and its names take after Django: ms, the median of fresh interpreters.

    python benchmarks/imports.py

Which modules come with it, tests/test_settings.py says. MISS marks more than 60 ms.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

RUNS = 15
LIMIT_MS = 60
CODE = """
import time
import django
from django.conf import settings
settings.configure()
django.setup()
begin = time.perf_counter()
{}
print((time.perf_counter() - begin) * 1000)
"""
STATEMENTS = [
    "import djust_stream",
    "from djust_stream import Stream",
    "from djust_stream import StreamingMixin, Conversation, Budget, collect_stream",
    "from djust_stream import StreamConsumer",
]


def took_ms(statement: str) -> float:
    command = [sys.executable, "-c", CODE.format(statement)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    for statement in STATEMENTS:
        ms = statistics.median(took_ms(statement) for _ in range(RUNS))
        miss = "  MISS" if ms > LIMIT_MS and statement == STATEMENTS[0] else ""
        print(f"{ms:7.1f} ms  {statement}{miss}")


if __name__ == "__main__":
    main()
