"""What planning costs: a long list of changed files with patterns, to a dry run's end, and the memory that it takes.

One thread computes all the while, so processor time is what a quiet machine takes in seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import HERE, Figure, Step, alternate, figure, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measuring import Run, Service

# in `peers/plan.py` they are one expression
INCLUDE = ("*.html", "*.css", "*.js", "assets/**", "/img/*.png")
EXCLUDE = (
    *("*.map", "*.md", "*.txt", "*.bak", "*.swp", "*.orig", "*.rej", "*.tmp", "*.log"),
    *("drafts/", "private/", "tests/", ".cache/", "/internal/", "draft-*.html"),
)
SKIPPED_EACH = 100  # of the files, so that patterns leave something out


@contextmanager
def planning(files: int) -> Iterator[Step]:
    """Yield the step that plans the purge of so many files, and really purges once it is told of whom."""
    with tempfile.TemporaryDirectory(prefix="ztpurge-bench-") as name:
        folder = Path(name)
        endings = ("html", "css", "js")
        with (folder / "all").open("w") as listed:
            for number in range(files):
                kind = "draft" if number % SKIPPED_EACH == 1 else "file"
                listed.write(f"shop/{number // 1000}/{number // 100 % 10}/{kind}-{number}.{endings[number % 3]}\n")
        (folder / "few").write_text("elsewhere.html\n")
        yield Step(
            folder,
            {
                "base-url": "http://a.example/",
                "files-from": "all",
                "include": "\n".join(INCLUDE),
                "exclude": "\n".join(EXCLUDE),
                "max-urls": "1000000",
                "dry-run": "true",
                "token": "token",
            },
        )


def measure_planning(*, files: int, rounds: int) -> Iterator[Figure]:
    """Measure a dry run of many files, less one of a single file, against the least that Python needs for it."""
    with planning(files) as step:

        def bare(listed: str) -> Run:
            return run([sys.executable, "-I", HERE / "peers/plan.py", step.folder / listed])

        batches = json.loads(bare("all").said)
        assert len(batches) == step.call_count(), "both must plan the same"
        taken = alternate(
            rounds,
            {
                "one": step.having(files_from="few").run,
                "all": step.run,
                "bare one": lambda: bare("few"),
                "bare all": lambda: bare("all"),
            },
        )
    what = f"{files:,} changed files and {len(INCLUDE + EXCLUDE)} patterns, dry run"
    yield figure(f"{what}: processor time", taken, lambda one: one["all"].processor, unit="s", is_held=False)
    yield figure(
        f"{what}: processor time against the least that Python needs",
        taken,
        lambda one: (
            (one["all"].processor - one["one"].processor) / (one["bare all"].processor - one["bare one"].processor)
        ),
    )


def measure_growth(*, files: int, times: int, rounds: int) -> Iterator[Figure]:
    """Measure a dry run of many times as many files against that of the files."""
    with planning(files) as few, planning(files * times) as many:
        taken = alternate(rounds, {"few": few.run, "many": many.run})
    what = f"{files * times:,} changed files, dry run"
    yield figure(f"{what}: processor time", taken, lambda one: one["many"].processor, unit="s", is_held=False)
    yield figure(
        f"{what}: processor time against {files:,}", taken, lambda one: one["many"].processor / one["few"].processor
    )


def measure_memory(service: Service, *, files: int, rounds: int) -> Iterator[Figure]:
    """Measure the peak of a dry run and of a real one, each by what its own process tells."""
    with planning(files) as step:
        real = step.having(dry_run="false", api_url=service.url(0), concurrency="16", timeout="3600")
        for how, one in (("dry run", step), ("really purged", real)):
            peaks = tuple(one.look_inside("peak") for _ in range(rounds))
            yield Figure(f"{files:,} changed files, {how}: peak of memory", peaks, unit="MB")
