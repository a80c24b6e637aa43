"""What finding the changed files costs: 1,000 among 100,000, from the checkout's objects, in one run.

`.venv/bin/python -m benchmarks.changes`. Compares ztpurge's door to git and a whole dry run with git alone and, where
it is installed, dulwich. For `make bench`, whole runs against git alone.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measuring import Step, alternate, beside, run
from ztpurge.changes.git import Git

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measuring import Figure

FILES, CHANGED, RUNS = 100_000, 1_000, 9
WHO = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "b"), ("EMAIL", "b@example.com"))
}
NO_INDEX = {"GIT_INDEX_FILE": "/nonexistent/index"}  # which git would read for nothing
DULWICH = """
import sys
from dulwich.repo import Repo
from dulwich.diff_tree import tree_changes
repo = Repo(sys.argv[1])
trees = [repo[commit.encode()].tree for commit in sys.argv[2:]]
print(sum(1 for _ in tree_changes(repo.object_store, *trees)))
"""


def main() -> None:
    """Make the repository, time each way in turn, print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        base, head = make_history(folder, files=FILES, changed=CHANGED)

        def ours() -> int:
            return len(Git(folder, os.environ, why_over=str).differing_paths(base, head) or ())

        def git_alone() -> int:
            return run(diff_tree(base, head), folder=folder, environ=os.environ | NO_INDEX).said.count(b"\0")

        def dulwich() -> int:
            return int(run([sys.executable, "-c", DULWICH, folder, base, head]).said)

        ways: dict[str, Callable[[], int]] = {
            "git alone": git_alone,
            "ztpurge's door to git": ours,
            "a process with dulwich": dulwich,
            "a whole dry run": lambda: 10 * push(folder, base, head).call_count(),
        }
        try:
            dulwich()
        except SystemExit:
            del ways["a process with dulwich"]
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(RUNS):
            for way, work in ways.items():
                began = time.perf_counter()
                assert work() == CHANGED
                times[way].append(time.perf_counter() - began)
        reference = statistics.median(times["git alone"])
        for way, measured in times.items():
            median = statistics.median(measured)
            print(f"{way:24} {median * 1000:6.1f} ms  {median / reference:5.1f} x")
        print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")


def diff_tree(base: str, head: str) -> list[str]:
    """Return git's command that does the same."""
    return ["git", "diff-tree", "-r", "-z", "--no-renames", "--name-only", base, head]


def push(folder: Path, base: str, head: str) -> Step:
    """Return the dry run of a push."""
    event = folder / "event.json"
    event.write_text(f'{{"before": "{base}", "after": "{head}"}}')
    environ = {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(event)}
    return Step(folder, {"dry-run": "true", "base-url": "http://a.example"}, environ)


def measure_range(*, files: int, changed: int, rounds: int) -> Iterator[Figure]:
    """Measure the dry run of a push against `git diff-tree`."""
    with tempfile.TemporaryDirectory(prefix="ztpurge-bench-") as name:
        folder = Path(name)
        base, head = make_history(folder, files=files, changed=changed)
        step = push(folder, base, head)
        taken = alternate(
            rounds,
            {
                "ours": step.run,
                "git": lambda: run(diff_tree(base, head), folder=folder, environ=os.environ | NO_INDEX),
            },
        )
    assert all(one["git"].said.count(b"\0") == changed for one in taken)
    yield from beside(
        f"a git range of {changed:,} files among {files:,}, dry run: against `git diff-tree`", taken, "ours", "git"
    )


def make_history(folder: Path, *, files: int, changed: int) -> tuple[str, str]:
    """Make two commits without a work tree; return their ids."""

    def git(*arguments: str, data: str = "") -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(
            command, env=os.environ | WHO, input=data, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    blobs = [git("hash-object", "-w", "--stdin", data=text) for text in ("old", "new")]
    commits: list[str] = []
    for is_new in (False, True):
        lines = []
        for number in range(files):
            blob = blobs[is_new and not number % (files // changed)]
            lines.append(f"100644 {blob}\t{number // 1000}/{number // 100 % 10}/file-{number}.html")
        git("update-index", "--index-info", data="\n".join(lines) + "\n")
        parents = [f"-p{commits[0]}"] if commits else []
        commits.append(git("commit-tree", git("write-tree"), *parents, data="change"))
    git("gc", "--quiet")
    return commits[0], commits[1]


if __name__ == "__main__":
    main()
