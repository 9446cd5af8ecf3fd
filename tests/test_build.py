"""The build, from a copy of the sources: what it says when it cannot go on, and what it makes when it can.

The law: a build that stops says what is wrong and what to do, in one message; and our own source distribution
is enough to build from, without a network. The working copy is never touched. No test needs a package index:
pip is given an empty configuration and an index that nobody serves.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOT_SOURCE = shutil.ignore_patterns("vendor", "*.so", "*.pyc", "__pycache__")
PACKED = "cmarkgfm-2025.10.22"
SHA256 = "5bec61007b65b919488442c838c58a6c8bf4741f5103c593b2ef180d39818eda"
EXTRAS = {"channels", "djust", "redis", "llm", "prometheus", "telemetry", "demo", "test"}

# Offline, and with nothing of this machine's settings: a set-up that finds cmark-gfm has it from the test.
SETTINGS = ("PIP_", "DJS_", "DJUST_STREAM_", "PYTHONPATH", "CC", "CFLAGS", "LDFLAGS")
OFFLINE = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "0",
           "PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}  # fmt: skip


def run(*command: str | Path, cwd: Path, check: bool = True, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command offline. Its output is in the failure, when `check` finds one."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(SETTINGS)}
    words = [str(word) for word in command]
    env = {**kept, **OFFLINE, **env}
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def build(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"]
    return run(*command, cwd=folder, check=False, **env)


def complaint(folder: Path, **env: str) -> tuple[str, str]:
    """What is wrong and what to do, of a build that has to fail and to say just that."""
    done = build(folder, **env)
    assert done.returncode == 1
    output = done.stdout + done.stderr
    said = re.fullmatch(r"\ndjust-stream cannot be built: (.+)\n  -> (.+)\n\n", output, re.DOTALL)
    assert said, output
    assert "Traceback" not in output
    assert not list(folder.rglob("*.so"))
    return said[1], said[2]


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """What git holds for a build, copied: no cmark-gfm, nothing compiled."""
    return copy_sources(tmp_path)


def copy_sources(to: Path) -> Path:
    folder = to / "a checkout"  # with a space in it
    folder.mkdir()
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in ("csrc", "djust_stream", "tools"):
        shutil.copytree(ROOT / name, folder / name, ignore=NOT_SOURCE)
    return folder


def quick_compiler(folder: Path) -> str:
    """The compiler, for CC, without optimising: a third of the time."""
    script = folder / "cc"
    script.write_text(f'#!/bin/sh\nexec {os.environ.get("CC") or "cc"} "$@" -O0\n')
    script.chmod(0o755)
    return str(script)


def copy_cmark(to: Path) -> Path:
    """The cmark-gfm that this checkout has been built with, copied, as if unpacked by hand."""
    tree = Path(os.environ.get("DJUST_STREAM_CMARK") or ROOT / "csrc/vendor/cmark")
    assert tree.is_dir(), "build the extension first: make"
    for name in ("third_party/cmark", "generated/unix"):
        shutil.copytree(tree / name, to / name)
    return to


def serve_another(folder: Path, ran: Path) -> None:
    """A folder for pip to fetch from: a sound source distribution of the right name, but another one.

    ran: a file that its code makes when any of it runs.
    """
    backend = """
import pathlib
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    info = pathlib.Path(folder, "cmarkgfm-2025.10.22.dist-info")
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: cmarkgfm\\nVersion: 2025.10.22\\n")
    return info.name
def build_wheel(folder, config_settings=None, metadata_directory=None): ...
def build_sdist(folder, config_settings=None): ...
"""
    files = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: cmarkgfm\nVersion: 2025.10.22\n",
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "backend.py": f"open({str(ran)!r}, 'x').close()\n{backend}",
    }
    folder.mkdir()
    with tarfile.open(folder / f"{PACKED}.tar.gz", "w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{PACKED}/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


# When it cannot go on.


def test_no_network(sources: Path) -> None:
    wrong, remedy = complaint(sources)
    assert wrong.startswith("cmark-gfm could not be fetched (pip download cmarkgfm==2025.10.22).")
    assert "package index" in remedy and "DJUST_STREAM_CMARK" in remedy
    assert not (sources / "csrc/vendor/cmark").exists()


@pytest.mark.parametrize("served", ["another archive", "no archive"])
def test_wrong_hash(sources: Path, tmp_path: Path, served: str) -> None:
    index, ran = tmp_path / "index", tmp_path / "ran"
    serve_another(index, ran)
    if served == "no archive":
        (index / f"{PACKED}.tar.gz").write_bytes(b"<html>Please log in</html>")
    wrong, remedy = complaint(sources, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(index))
    assert re.fullmatch(rf"{PACKED}\.tar\.gz has the SHA-256 [0-9a-f]{{64}}, expected {SHA256}\.", wrong)
    assert "do not use it" in remedy and "DJUST_STREAM_CMARK" in remedy
    assert not ran.exists(), "code that nobody has checked has run"
    assert not (sources / "csrc/vendor/cmark").exists()


@pytest.mark.parametrize(
    "env", [{"CC": "no-such-compiler"}, {"CC": "false"}, {"PATH": "no-such-folder"}], ids=str
)
def test_no_compiler(sources: Path, tmp_path: Path, env: dict[str, str]) -> None:
    tree = copy_cmark(tmp_path / "cmark")
    wrong, remedy = complaint(sources, DJUST_STREAM_CMARK=str(tree), **env)
    assert wrong.startswith("there is no working C compiler (")
    assert env.get("CC", "(") in wrong
    assert "apt-get install gcc libc6-dev" in remedy


def test_named_tree_is_nonsense(sources: Path, tmp_path: Path) -> None:
    wrong, remedy = complaint(sources, DJUST_STREAM_CMARK=str(tmp_path / "nonsense"))
    assert wrong == f"DJUST_STREAM_CMARK={tmp_path}/nonsense has no third_party/cmark/src/blocks.c."
    assert "unset it" in remedy and "cmarkgfm 2025.10.22 source distribution" in remedy


def test_named_tree_has_no_part_in_a_source_distribution(sources: Path, tmp_path: Path) -> None:
    tree = copy_cmark(tmp_path / "cmark")
    done = run(sys.executable, "setup.py", "sdist", cwd=sources, check=False, DJUST_STREAM_CMARK=str(tree))
    assert done.returncode == 1
    assert "djust-stream cannot be built: DJUST_STREAM_CMARK is set.\n  -> unset it" in done.stderr
    assert not (sources / "dist").exists()


# When it can.


def test_named_tree_is_built(sources: Path, tmp_path: Path) -> None:
    tree = copy_cmark(tmp_path / "cmark elsewhere")
    done = build(sources, DJUST_STREAM_CMARK=str(tree), CC=quick_compiler(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (sources / "csrc/vendor").exists()
    [module] = sources.glob("djust_stream/_core*.so")
    assert exported(module) == ["PyInit__core"]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our source distribution, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    sources = copy_sources(folder)
    stamp = copy_cmark(sources / "csrc/vendor/cmark") / "SHA256"
    stamp.write_text(SHA256)  # where the build has fetched cmark-gfm before, it does not fetch it again
    run(sys.executable, "setup.py", "--quiet", "sdist", cwd=sources)
    [packed] = sources.glob("dist/*.tar.gz")
    run("tar", "-xzf", packed, cwd=folder)
    return folder / packed.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    """The wheel built from it."""
    options = ["--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", "wheels"]
    # Offline as it is, a build that fetched anything would fail here.
    run(sys.executable, "-m", "pip", "wheel", *options, ".", cwd=sdist, CC=quick_compiler(sdist))
    [wheel] = sdist.glob("wheels/*.whl")
    return wheel


def exported(module: Path) -> list[str]:
    listing = run("nm", "-D", "--defined-only", module, cwd=module.parent).stdout
    return [line.split()[-1] for line in listing.splitlines()]


def package_files(folder: Path) -> set[str]:
    """The files of the package, relative to what it lies in; no extension, no bytecode."""
    files = (path for path in (folder / "djust_stream").rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in files if path.suffix not in {".so", ".pyc"}}


def test_source_distribution_is_all_a_build_needs(sdist: Path) -> None:
    cmark = sdist / "csrc/vendor/cmark"
    for name in ("COPYING", "src/blocks.c", "src/entities.inc", "extensions/table.c"):
        assert (cmark / "third_party/cmark" / name).is_file(), name
    assert (cmark / "generated/unix/config.h").is_file()
    assert (cmark / "SHA256").read_text() == SHA256
    assert package_files(sdist) == package_files(ROOT)
    for part in ("csrc/core", "csrc/py", "tools"):
        assert sorted(os.listdir(sdist / part)) == sorted(os.listdir(ROOT / part))


def test_wheel_holds_the_package_and_nothing_else(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        [extension] = [name for name in names if name.endswith(".so")]
        assert re.fullmatch(r"djust_stream/_core\.[\w-]+\.so", extension)
        notice = "djust_stream/COPYING.cmark-gfm"
        assert names - {extension, notice} == package_files(ROOT)
        assert b"Redistribution" in archive.read(notice)
        module = Path(archive.extract(extension, tmp_path))
        assert exported(module) == ["PyInit__core"]
        assert b"csrc/vendor" not in module.read_bytes(), "the folders of the machine that built it are in it"
        [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        fields = Parser().parsestr(archive.read(metadata).decode())
    assert fields["Name"] == "djust-stream"
    assert fields["Requires-Python"] == ">=3.10"
    assert set(fields.get_all("Provides-Extra", [])) == EXTRAS
    needs = [need for need in fields.get_all("Requires-Dist", []) if "extra ==" not in need]
    assert needs == ["django>=5.2"]


def test_wheel_works_alone(wheel: Path, tmp_path: Path) -> None:
    """In an environment with nothing else, not even Django: the core needs none."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    python = tmp_path / "venv/bin/python"
    site = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))", cwd=tmp_path
    ).stdout.strip()
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-index",
        "--no-deps",
        "--target",
        site,
        wheel,
        cwd=tmp_path,
    )
    check = "from djust_stream import Stream, _core; print(_core.__file__); print(_core.render('*a* **b'))"
    where, html = run(python, "-c", check, cwd=tmp_path).stdout.splitlines()
    assert Path(where).is_relative_to(site)
    assert html == '<p dir="auto"><em>a</em> **b</p>'
