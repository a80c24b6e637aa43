"""How quickly the image starts, and what bytecode does for it: medians and ratios of one run.

`make e2e` builds the image; then, as root: `python3 benchmarks/image_start.py [IMAGE] [RUNS]`. The image's files are
unpacked and started by chroot, since starting a container costs more than what is measured. Standard library only.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DRY_RUN = {"INPUT_DRY-RUN": "true", "INPUT_FILES": "a.css", "INPUT_BASE-URL": "http://a.example"}
ONE_CALL = {
    "INPUT_TOKEN": "t",
    "INPUT_API-URL": "http://127.0.0.1:1",  # where nobody listens: all is imported, nothing waited for
    "INPUT_RETRIES": "0",
    "INPUT_URLS": "http://a.example/",
}


def main(image: str = "ztpurge:e2e", runs: str = "15") -> None:
    """Unpack, start alternately, print."""
    with tempfile.TemporaryDirectory() as folder:
        shipped, bare, sourceless = (Path(folder, name) for name in ("shipped", "without bytecode", "bytecode only"))
        unpack(image, shipped)
        for variant in (bare, sourceless):
            shutil.copytree(shipped, variant, symlinks=True)
        drop_bytecode(bare)
        drop_sources(sourceless)
        variants = (shipped, bare, sourceless)
        for job, environ in (("dry run", DRY_RUN), ("one call", ONE_CALL)):
            times: dict[Path, list[float]] = {variant: [] for variant in variants}
            for _ in range(int(runs)):
                for variant in variants:
                    times[variant].append(start(variant, environ))
            medians = {variant: statistics.median(times[variant]) for variant in variants}
            for variant, seconds in medians.items():
                print(f"{job:9} {variant.name:17} {seconds * 1000:5.0f} ms  {seconds / medians[shipped]:4.1f} x")
        for variant in variants:
            print(f"{variant.name:27} {size(variant) / 1e6:5.1f} MB, {packed(variant) / 1e6:5.1f} MB to pull")


def unpack(image: str, folder: Path) -> None:
    """Put the files of an image into a folder."""
    folder.mkdir()
    container = subprocess.run(["docker", "create", image], check=True, capture_output=True, text=True).stdout.strip()
    with subprocess.Popen(["docker", "export", container], stdout=subprocess.PIPE) as export:
        subprocess.run(["tar", "-C", folder, "-xf", "-"], stdin=export.stdout, check=True)
    subprocess.run(["docker", "rm", container], check=True, stdout=subprocess.DEVNULL)


def drop_bytecode(root: Path) -> None:
    """Leave what the official images ship of the standard library: sources."""
    for file in root.rglob("*.pyc"):
        file.unlink()


def drop_sources(root: Path) -> None:
    """Leave bytecode in the place of each source, but for the entrypoint."""
    for file in root.rglob("*.pyc"):
        source = file.parent.parent / f"{file.name.partition('.')[0]}.py"
        if source.name != "entrypoint.py":
            file.rename(source.with_suffix(".pyc"))
            source.unlink()


def start(root: Path, environ: dict[str, str]) -> float:
    """Return the seconds of a whole run."""
    program = ["/opt/ztpurge/venv/bin/python3", "-I", "-B", "/opt/ztpurge/entrypoint.py"]
    began = time.perf_counter()
    finished = subprocess.run(["/usr/sbin/chroot", root, *program], env=environ, stdout=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - began
    assert b"1 URL" in finished.stdout, finished
    return seconds


def size(root: Path) -> int:
    """Return the bytes of all files."""
    return sum(file.lstat().st_size for file in root.rglob("*") if not file.is_dir())


def packed(root: Path) -> int:
    """Return the bytes of the folder as a registry would send it."""
    with subprocess.Popen(["tar", "-C", root, "-czf", "-", "."], stdout=subprocess.PIPE) as tar:
        stream = tar.stdout
        assert stream
        return sum(map(len, iter(lambda: stream.read(1 << 20), b"")))


if __name__ == "__main__":
    main(*sys.argv[1:])
