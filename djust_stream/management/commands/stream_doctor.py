"""``manage.py stream_doctor``: see djust_stream.doctor."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from djust_stream.doctor import Finding, examine, versions

_WIDEST = 110
_INDENT = 10


class Command(BaseCommand):
    help = "Tells what breaks streaming in this deployment, and the remedy. Status 1 when there are errors."
    requires_system_checks = ()  # their faults are findings

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--url", action="append", default=[], metavar="URL",
            help="a page, an event stream or a WebSocket (ws://…) of the deployed site; may be repeated",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="one JSON object, for machines")
        parser.add_argument(
            "--timeout", type=float, default=30, metavar="S", help="seconds for each URL (default: 30)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0.5 <= options["timeout"] <= 600:
            raise CommandError(f"--timeout lies between 0.5 and 600 seconds, not {options['timeout']:g}")
        found: list[Finding] = []
        try:
            for finding in examine(options["url"], options["timeout"]):
                found.append(finding)
                if not options["json"]:
                    self._show(finding)
        except ValueError as fault:
            raise CommandError(str(fault)) from None
        errors = sum(finding.level == "error" for finding in found)
        warnings = sum(finding.level == "warning" for finding in found)
        if options["json"]:
            findings = [{**finding._asdict(), "see": finding.see} for finding in found]
            report = {"errors": errors, "warnings": warnings, "findings": findings, "versions": versions()}
            self.stdout.write(json.dumps(report))
        else:
            self._line(
                self.style.NOTICE, "versions", ", ".join(" ".join(item) for item in versions().items())
            )
            self.stdout.write(f"\n{_count(errors, 'error')}, {_count(warnings, 'warning')}")
        if errors:
            sys.exit(1)

    def _show(self, finding: Finding) -> None:
        styles = {"error": self.style.ERROR, "warning": self.style.WARNING, "ok": self.style.SUCCESS}
        self._line(styles[finding.level], finding.level, finding.says)
        if finding.remedy:
            self._line(str, "", finding.remedy)
            self._line(str, "", finding.see)

    def _line(self, style: Callable[[str], str], head: str, text: str) -> None:
        """The head in its column; lines of the text after the first begin under the first."""
        width = min(_WIDEST, shutil.get_terminal_size((_WIDEST, 0)).columns) - _INDENT
        lines = textwrap.wrap(text, max(40, width), break_long_words=False, break_on_hyphens=False)
        self.stdout.write(style(f"{head:<{_INDENT}}") + f"\n{' ' * _INDENT}".join(lines))


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}{'' if number == 1 else 's'}"
