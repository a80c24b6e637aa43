"""Shows that the soak can fail: each mutation changes one line of a copy of the tree, and the soak must go red.

`make mutations` runs it. A mutation that stays green, or whose line has moved, ends it with exit code 1.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PARTS = ("action.yml", "entrypoint.py", "ztpurge", "sandbox", "tests")
ROUNDS, PUSHES, HISTORIES = 10, 60, 6  # a round has each way to know what changed, in front of each edge


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is wrong after it, and how it is made: `line`, found exactly once in `file`, becomes `instead`."""

    what: str
    file: str
    line: str
    instead: str

    def make_in(self, tree: Path) -> None:
        """Change the line in a tree; raise ValueError if it is not there."""
        file = tree / "ztpurge" / self.file
        code = file.read_text(encoding="utf-8")
        if code.count(self.line) != 1:
            raise ValueError(f"{self.file} has this {code.count(self.line)} times: {self.line.strip()}")
        file.write_text(code.replace(self.line, self.instead), encoding="utf-8")


# fmt: off
MUTATIONS = (
    Mutation("a file whose purge failed is kept in the manifest as purged", "changes/manifest.py",
             "entries = {**before.files, **dict.fromkeys(changed)}",
             "entries = {**before.files, **{path: now.get(path) for path in changed}}"),
    Mutation("a reqId that is not done counts as done", "cdn/wait.py",
             'return now if task.state == "done" else self._ask_providers(req_id, now, task.kind, scheduler)',
             'return replace(now, state="done")'),
    Mutation("a URL that serves other content counts as fresh", "edge/judge.py",
             'return Verdict(url, "stale", "serves other content", served="other content")',
             'return Verdict(url, "fresh")'),
    Mutation("a deleted file that is still served counts as gone", "edge/judge.py",
             "    if seen.status in _NO_FILE:", "    if seen.status in {*_NO_FILE, 200}:"),
    Mutation("a manifest is trusted over runs that left none", "sources/output.py",
             "if manifest.served != served or not run.number:", "if manifest.served != served or run.number:"),
    Mutation("a run does not note what it is about to purge, nor what failed", "changes/manifest.py",
             "entries = {**before.files, **dict.fromkeys(changed)}",
             "entries = {**dict.fromkeys(changed), **before.files}"),
    Mutation("`last-success` forgets the runs since then", "changes/runs.py",
             "return tuple(dict.fromkeys(since))", "return (success.head,)"),
    Mutation("every deployment is taken for one to staging", "changes/event.py",
             "return Deployed(environment, task, status)", 'return Deployed("staging", task, status)'),
    Mutation("what was deployed since the last success is forgotten", "changes/deployments.py",
             "*dict.fromkeys((deployment.commit, *since)))", "deployment.commit)"),
    Mutation("a deployment counts as purged for, whatever became of its runs", "changes/deployments.py",
             "return bool(since) and all(other.is_success for other in since)", "return True"),
    Mutation("index files do not purge their folder", "site/serving.py",
             'ways += [_Way(f"/{name}", "/", "folder") for name in index_files]', "pass"),
    Mutation("of a URL's variants only the first is purged", "site/serving.py",
             "for variant in self.variants\n        ]", "for variant in self.variants[:1]\n        ]"),
    Mutation("a rule's first URL is lost", "site/rules.py",
             "for template in self.urls for url in template.fill(captures)]",
             "for template in self.urls[1:] for url in template.fill(captures)]"),
    Mutation("a rule gives a submodule or a link to a folder nothing, and nobody says so", "site/rules.py",
             "return self._filled(captures) if is_known else None", "return ()"),
    Mutation("of several sites only the first one's output is looked at", "sources/output.py",
             "    for root in roots:", "    for root in roots[:1]:"),
    Mutation("what is folded needs no directory", "cdn/plan.py",
             "return replace(again, folds=folds)",
             'kept = tuple(batch for batch in again.batches if batch.kind == "urls" or dirs)\n'
             "    return replace(again, batches=kept, folds=folds)"),
    Mutation("what was folded into a directory whose purge failed counts as purged", "report/values.py",
             'if fate.state in MAYBE_STALE or fate.state == "stale"}',
             "if fate.state in MAYBE_STALE and not fate.is_folded}"),
    Mutation("only the first wave is purged", "main.py", "for wave in plan.waves:", "for wave in plan.waves[:1]:"),
    Mutation("a budget is kept to but for a call", "cdn/fold.py", "if forest.calls(()) <= most:",
             "if forest.calls(()) <= (most := most + 1):"),
    Mutation("the origin is not looked at", "main.py",
             "if at_origin := sites.at_origin(self._report.mapped.urls):", "if at_origin := dict[str, str]():"),
    Mutation("what is late at the origin is purged all the same", "main.py",
             "self._report = held_back(self._report, late, is_stopped=self._clock.stopped())\n"
             "                return", "pass"),
    Mutation("of several edges only the first is looked at", "edge/servers.py",
             "for name in (host,) if named == ALL else named:", "for name in (host,) if named == ALL else named[:1]:"),
    Mutation("a URL that is fresh at one edge counts as fresh", "edge/judge.py",
             "state = max((verdict.state for verdict in verdicts), key=_BAD.index)",
             "state = min((verdict.state for verdict in verdicts), key=_BAD.index)"),
    Mutation("no second look is taken", "looks.py",
             "for verdict in verification.look_back(time):", "for verdict in ():"),
    Mutation("a second look is taken only where all is fresh", "looks.py",
             "if scheduler.why_over():\n                return",
             "if verification.stale or scheduler.why_over():\n                return"),
    Mutation("what came back old is fresh once it is seen so again", "edge/verify.py",
             "self._back.add(spot)", "pass"),
)
# fmt: on


def violations(tree: Path, *, seed: int) -> int:
    """Play one round of the soak in a tree and return how often it was violated; raise RuntimeError if it broke."""
    options = [f"--{name}={value}" for name, value in (("pushes", PUSHES), ("histories", HISTORIES), ("seed", seed))]
    finished = subprocess.run(
        [sys.executable, "-m", "tests.whole.soak", *options], cwd=tree, capture_output=True, text=True, check=False
    )
    counted = re.search(r"^violations +([0-9,]+) ", finished.stdout, re.MULTILINE)
    if counted is None:
        raise RuntimeError(f"the soak did not come to its end:\n{finished.stdout}\n{finished.stderr}")
    return int(counted[1].replace(",", ""))


def attempt(mutation: Mutation) -> str:
    """Make a mutation in a copy of the tree and return how it was found; raise ValueError if it was not."""
    with tempfile.TemporaryDirectory(prefix="ztpurge-mutation-") as name:
        tree = Path(name)
        for part in PARTS:
            source = TOP / part
            shutil.copytree(source, tree / part) if source.is_dir() else shutil.copy(source, tree)
        mutation.make_in(tree)
        for number in range(1, ROUNDS + 1):
            found = violations(tree, seed=number * HISTORIES)
            if found:
                return f"{found:3} in {number * PUSHES} pushes"
        raise ValueError(f"green after {ROUNDS * PUSHES} pushes")


def main() -> int:
    """Try each mutation, print what came of it, and return 1 unless the soak saw all of them and nothing else."""
    began = time.monotonic()
    unchanged = violations(TOP, seed=HISTORIES)
    print(f"{'nothing':65} {unchanged:3} in {PUSHES} pushes", flush=True)
    unseen = int(unchanged > 0)
    for mutation in MUTATIONS:
        try:
            found = attempt(mutation)
        except ValueError as error:
            found = f"NOT SEEN: {error}"
            unseen += 1
        print(f"{mutation.what:65} {found}", flush=True)
    print(f"in {time.monotonic() - began:.0f} s")
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
