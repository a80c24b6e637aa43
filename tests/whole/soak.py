"""A random history of pushes to sites behind the CDN, each purged by a whole run, and judged by `judge.py`.

`python -m tests.whole.soak` plays longer histories than the test does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from sandbox import Fault, Provider, Sandbox, Service
from sandbox.runner import read_outputs
from sandbox.varnish import EDGES, EdgeKind, find_varnishd
from tests.standins.github import GitHubApi, Run
from tests.standins.repositories import Repository
from tests.whole.judge import Behind, Ended, Judge, Tally
from tests.whole.layouts import FOLDERS, LINKS, VENDOR, draw
from tests.whole.steps import push_event, started
from tests.whole.worlds import World, draw_world
from ztpurge.changes.manifest import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.standins.github import Deployment
    from ztpurge.changes.contents import Content

Mode = Literal["last-success", "manifest", "deployments"]
MODES: tuple[Mode, ...] = get_args(Mode)
HOSTS, TOKEN = ("127.0.0.1", "localhost"), "soak-token"
# fmt: off
NAMES = (
    "index.html", "about.html", "a/index.html", "a/b/index.html", "css/site.css", "js/a+b&c=d.js", "100%.css",
    "\u6625/\u590f.html", "\u00e9/\u00fc \u00fc.txt", "\u6625/index.html", "q?x=1.html", "h#y.html", "[slug].html",
    "[x^y]/a|b.html", "x'y\".txt", "tilde~/a b.html", "semi;colon,comma.html", "UPPER.html", "upper.html",
    "back\\slash.txt", "raw\udcff.bin", "\U0001f600.html", "two\nlines.txt", "a|b.css", "x^y.css", "swap",
    "swap/index.html", "big.bin", "empty.txt", "a/site.css",
)
# fmt: on
BUDGETS = (0, 0, 0, 0, 1, 2, 3, 4, 6, 12)  # the least that always does is a call a host and kind
STATUS, LIVE, PREFETCH = "/cdn_api/req_status", "/cdn_api/purge/", "/cdn_api/prefetch"
# fmt: off
FAULTS = (
    Fault("status", status=503, headers=(("Retry-After", "0"),), times=2),
    Fault("status", status=500, body="<html>oops</html>", times=6),
    Fault("status", status=400, body=json.dumps({"error": "bad url", "successRate": 50.0}), match="a+b"),
    Fault("status", status=400, body=json.dumps({"error": "invalid token"})),
    Fault("status", status=403, body=json.dumps({"error": "not yours or not ready"})),
    Fault("bad-status-line", times=2), Fault("reset", times=6), Fault("reset-after", times=3),
    Fault("hang", seconds=5), Fault("truncated", times=2), Fault("html", times=2), Fault("no-reqid"),
    Fault("ret", times=6), Fault("partial"),
    Fault("task-failure"), Fault("task-failure", match="index"), Fault("task-stuck"),
    Fault("status", status=500, path=STATUS, times=3),
    Fault("status", status=404, body=json.dumps({"error": "task id can not found"}), path=STATUS),
    Fault("reset", path=STATUS, times=4), Fault("html", path=STATUS, times=2),
    Fault("status", status=500, path=PREFETCH, times=4),
    Fault("html", path=LIVE), Fault("reset", path=LIVE, times=4),  # the first: as where providers cannot be asked
)
# fmt: on
SERVICES = (Service(), Service(tasks_end=False, providers=(Provider("ws_api"), Provider("yy_api", late_by=0.3))))
# fmt: off
INPUTS = {
    "token": TOKEN, "github-token": "gh-token", "retries": "1", "request-timeout": "2", "timeout": "30",
    "wait-timeout": "4", "verify-timeout": "4", "concurrency": "3",
}
# fmt: on


def hosts_of(cdn: Sandbox) -> tuple[str, str]:
    """Return the URLs of the top folders of a CDN's two hosts."""
    return f"{cdn.edge_url}/", f"{cdn.edge_url.replace(*HOSTS)}/"


class History:
    """One site with its repository, its CDN and its workflow."""

    def __init__(self, folder: Path, *, seed: int, mode: Mode, world: World, cdn: Sandbox, served: Path) -> None:
        self.tally = Tally()
        self._dice = random.Random(seed)  # noqa: S311 - the same history each time
        self._mode = mode
        self._world = world
        self._cdn = cdn
        top = "dist" if mode == "manifest" else "public"
        self._layout = draw(
            self._dice,
            top=top,
            hosts=hosts_of(cdn),
            built=mode == "manifest",
            most_rules=0 if world.needs_sight else 3,
            origin=f"{cdn.origin_url}/" if world.has_origin else "",
            edges=world.told_edges,
        )
        self._judge = Judge(self._layout, cdn, self.tally, needs_sight=world.needs_sight)
        self._served, self._folder = served, folder
        self._site = Repository(folder / "site")
        self._manifest = folder / "site/.ztpurge/manifest.json"
        (folder / "site/.git/info/exclude").write_text("/dist/\n/.ztpurge/\n")  # the build, and what is kept of it
        if self._layout.configuration:
            self._site.write({".ztpurge.yml": self._layout.configuration})
        self._site.write({f"public/{folder}/kept.txt": "" for folder in FOLDERS})
        self._head = ""
        self._runs: list[Run] = []  # by their numbers, which count from 1
        self._befores: list[str] = []  # the commit before each push
        self._deployments: list[Deployment] = []
        self._started = datetime(2026, 1, 1, tzinfo=UTC)
        self._deployed: set[str] = set()
        self._behind_until = 0.0
        self._lost: set[str] = set()  # files of deployments since the last manifest that was kept
        self.tally.counts["histories: sites of a file"] += bool(self._layout.configuration)
        self.tally.counts["histories: rules"] += bool(self._layout.rules)
        self.tally.counts["histories: two edges"] += len(world.edges) > 1
        self.tally.counts["histories: an origin to look at"] += world.has_origin
        self.tally.counts["histories: an origin that lags"] += world.lags
        self.tally.counts["histories: edges that lose purges or bring old copies back"] += world.forgets

    def play(self, pushes: int) -> Tally:
        """Push so many times."""
        for push in range(pushes):
            calm = push == 0
            if not calm and self._dice.random() < 0.15:
                self._run_again()
                continue
            self._befores.append(self._head)
            self._edit(calm=calm)
            number = len(self._befores)
            self._runs.append(Run(self._head, status="in_progress", conclusion=None, run_id=number))
            self._run(number, calm=calm, may_be_lost=True)
        return self.tally

    def _run_again(self) -> None:
        """Run the workflow of one of the last pushes once more, which deploys its commit once more."""
        last = range(max(1, len(self._runs) - 3), len(self._runs) + 1)
        failed = [number for number in last if self._runs[number - 1].conclusion == "failure"]
        # "Re-run failed jobs": the one that purges, while the deployment stands as it is
        is_job = self._mode == "last-success" and bool(failed) and self._dice.random() < 0.6
        number = self._dice.choice(failed if is_job else last)
        self._site.git("checkout", "--quiet", "--detach", self._runs[number - 1].head_sha)
        self.tally.counts["runs: failed jobs again"] += is_job
        # of what an older run again deployed before it died a manifest tells only with the API's help
        self._run(number, calm=False, may_be_lost=self._mode == "last-success", deploys=not is_job)
        self._site.git("checkout", "--quiet", "main")

    def _run(self, number: int, *, calm: bool, may_be_lost: bool, deploys: bool = True) -> None:
        run = self._runs[number - 1]
        attempt = 1 if run.status == "in_progress" else run.attempt + 1
        self._started += timedelta(minutes=1)
        started = self._started.strftime("%Y-%m-%dT%H:%M:%SZ")
        created = run.created_at or started
        run = replace(
            run, status="in_progress", conclusion=None, attempt=attempt, created_at=created, started_at=started
        )
        self._runs[number - 1] = run
        self._visit(6)
        if deploys:
            self._deploy()
            self._visit(6)
        if may_be_lost and not calm and self._dice.random() < 0.1:
            self._note(run, "never began", conclusion="cancelled")
            self._lost |= self._deployed
            return
        is_built = self._mode == "manifest"
        forgotten = self._lost - self._deployed - self._read_manifest()[1].keys() if is_built else set()
        self.tally.counts["deleted files that no manifest knew"] += len(forgotten - self._judge.unknowable)
        self._judge.unknowable |= forgotten
        self._lost.clear()
        ended = self._purge(run, calm=calm)
        self._cdn.release_origin()
        writer, files = self._read_manifest()
        if is_built and writer != (run.run_id, run.attempt):
            self._lost |= self._deployed
            files = {}
        else:
            self._judge.unknowable -= self._deployed
        vendor = self._site.git("ls-tree", run.head_sha, f"public/{VENDOR}")
        claimed = {name for name, content in files.items() if content}
        self._judge.judge(ended, is_whole=deploys or self._mode == "deployments", vendor=vendor, claimed=claimed)

    def _edit(self, *, calm: bool) -> None:
        """Change the sources and commit; sometimes go back to an earlier commit first, as a force push does."""
        dice = self._dice
        public = self._site.folder / "public"
        if calm:
            for name in dice.sample(NAMES, 18):
                self._write(name)
        elif dice.random() < 0.15:
            depth = int(self._site.git("rev-list", "--count", "HEAD")) - 1
            self._site.git("reset", "--quiet", "--hard", f"HEAD~{min(dice.randrange(1, 5), depth)}")
            self.tally.counts["force pushes"] += 1
        for _ in range(0 if calm else dice.randrange(5)):
            there = sorted(name for name in NAMES if (public / name).is_file())
            match dice.randrange(4):
                case 0 if there:
                    (public / dice.choice(there)).unlink()
                    self.tally.counts["deletes"] += 1
                case 1 if there:
                    old, new = dice.choice(there), dice.choice(NAMES)
                    data = (public / old).read_bytes()
                    (public / old).unlink()
                    self._write(new, data)
                    self.tally.counts["renames"] += 1
                case _:
                    self._write(dice.choice(NAMES))
                    self.tally.counts["edits"] += 1
        if not calm and dice.random() < 0.2:
            name = dice.choice([*LINKS])
            (public / name).unlink(missing_ok=True)
            if dice.random() < 0.7:
                (public / name).symlink_to(dice.choice(LINKS[name]))
            self.tally.counts["links changed"] += 1
        self._site.write({"layout.txt": str(dice.randrange(3))})
        if self._mode == "last-success" and dice.random() < 0.15:
            (public / VENDOR).mkdir(parents=True, exist_ok=True)
            pointer = f"160000,{dice.choice('abc') * 40},public/{VENDOR}"
            self._site.git("update-index", "--add", "--cacheinfo", pointer)
            self.tally.counts["submodules moved"] += 1
        self._head = self._site.commit()

    def _write(self, name: str, data: bytes | None = None) -> None:
        path = self._site.folder / "public" / name
        if path.is_dir():
            shutil.rmtree(path)
        if path.parent.is_file():
            path.parent.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        if data is None:  # few different contents, so that files often go back to what they were
            data = b"" if name == "empty.txt" else f"{name!a} {self._dice.randrange(3)}\n".encode()
            data *= 20_000 if name == "big.bin" else 1
        path.write_bytes(data)

    def _deploy(self) -> None:
        """Serve what the commit holds, or what is built of it: pages with the layout's text after them."""
        public, dist = self._site.folder / "public", self._site.folder / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        dist.mkdir()
        if public.is_dir():
            shutil.copytree(public, dist, symlinks=True, dirs_exist_ok=True)
        if self._mode == "manifest":
            layout = (self._site.folder / "layout.txt").read_bytes()
            for page in dist.rglob("*.html"):
                if not page.is_symlink():
                    page.write_bytes(page.read_bytes() + layout)
        files = (Path(at, name) for at, _, names in os.walk(dist, followlinks=True) for name in names)
        tree = {str(file.relative_to(dist)): file.read_bytes() for file in files if file.is_file()}
        self._deployed = {*tree}
        self._judge.see_deployed(tree)
        lag = self._world.draw_lag(self._dice)
        if lag:
            self._cdn.hold_origin()
        for left in self._served.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        for path, data in self._layout.serve(tree).items():
            file = self._served / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        self._behind_until = time.monotonic() + lag
        if lag:
            self._cdn.hold_origin(seconds=lag)
            self.tally.counts["deployments: the origin lags"] += 1
        else:
            self._cdn.release_origin()

    def _purge(self, run: Run, *, calm: bool) -> Ended:
        dice = self._dice
        how = "undisturbed"
        self._cdn.clear_faults()
        if not calm and dice.random() < 0.45:
            how = "faults"
            self._cdn.add_faults(*dice.sample(FAULTS, dice.randrange(1, 4)))
            if dice.random() < 0.4:  # the edge stays as it is, though the purge was accepted
                self._cdn.add_faults(Fault("task-failure"))
        faults = () if calm else self._world.draw_faults(dice)
        self._cdn.add_faults(*faults)
        for kind in {fault.kind for fault in faults}:
            how = f"{how}, edges: {kind}"
        end = None
        if not calm and dice.random() < 0.2:
            how = f"{how}, cancelled"
            end = (dice.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL]), dice.random() * 1.5)
        inputs = {"api-url": self._cdn.api_url, **INPUTS, **self._layout.inputs}
        ways = self._world.ways(has_rules=bool(self._layout.rules))
        inputs |= dict.fromkeys(dice.choice(ways).split(), "true")
        is_built = self._mode == "manifest"
        inputs |= {"manifest": ".ztpurge/manifest.json"} if is_built else {"since": "last-success"}
        budget = 0 if calm else dice.choice(BUDGETS)
        if budget:
            how = f"{how}, within a budget"
            inputs["max-requests"] = str(budget)
        sent = len(self._cdn.purge_calls)
        is_behind = self._world.has_origin and self._behind_until > time.monotonic()
        behind = self._judge.find_behind(self._behind_until) if is_behind else Behind()
        kept = self._manifest.read_bytes() if self._manifest.exists() else None
        with (
            GitHubApi(self._site.folder, runs=reversed(self._runs), deployments=self._deployments) as api,
            self._visitors(),
        ):
            ended = run_step(self._site.folder, inputs, self._event(run) | {"GITHUB_API_URL": api.url}, end)
        if is_built and kept and not calm and dice.random() < 0.1:
            how = f"{how}, manifest not saved"
            self._manifest.write_bytes(kept)
        conclusion = "success" if ended.exit_code == 0 else "cancelled" if end else "failure"
        self._note(run, how, conclusion=conclusion)
        calls = self._cdn.purge_calls[sent:]
        which = f"run {run.run_id}, attempt {run.attempt} ({how})"
        self.tally.counts["runs: purged something again"] += ended.log.count("::group::Purge ") > 1
        return replace(ended, which=which, budget=budget, was_cancelled=end is not None, calls=calls, behind=behind)

    def _note(self, run: Run, how: str, *, conclusion: str) -> None:
        self._runs[run.run_id - 1] = replace(run, status="completed", conclusion=conclusion)
        for what in how.split(", "):
            self.tally.counts[f"runs: {what}"] += 1
        self.tally.counts["pushes" if run.attempt == 1 else "runs: again"] += 1

    def _event(self, run: Run) -> dict[str, str]:
        number = str(run.run_id)
        return push_event(self._folder, self._befores[run.run_id - 1] or "0" * 40, run.head_sha) | {
            "GITHUB_REF_NAME": "main",
            "GITHUB_RUN_ID": number,
            "GITHUB_RUN_NUMBER": number,
            "GITHUB_RUN_ATTEMPT": str(run.attempt),
            "GITHUB_WORKFLOW_REF": "owner/site/.github/workflows/purge.yml@refs/heads/main",
        }

    def _read_manifest(self) -> tuple[tuple[int, int], dict[str, Content | None]]:
        """Return which run and attempt wrote the manifest, and the files it knows."""
        if self._mode != "manifest" or not self._manifest.exists():
            return (0, 0), {}
        manifest = parse_manifest(self._manifest.read_bytes())
        files = {self._layout.shared + path: content for path, content in manifest.files.items()}
        return (manifest.run, manifest.attempt), files

    def _visit(self, times: int) -> None:
        urls = [*self._judge.watched()]
        for _ in range(times if urls else 0):
            self._cdn.get(self._dice.choice(urls), edge=self._dice.choice(self._cdn.edges))

    @contextlib.contextmanager
    def _visitors(self) -> Iterator[None]:
        """Have somebody ask for pages all the while."""
        over = threading.Event()
        urls = [*self._judge.watched()]
        dice = random.Random(self._dice.random())  # noqa: S311 - the same

        def visit() -> None:
            while urls and not over.wait(0.01):
                self._cdn.get(dice.choice(urls), edge=dice.choice(self._cdn.edges))

        thread = threading.Thread(target=visit)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def run_step(
    workspace: Path, inputs: dict[str, str], environ: dict[str, str], end: tuple[signal.Signals, float] | None
) -> Ended:
    """Run the entrypoint as the runner does; `end`: a signal that it gets after so many seconds."""
    with tempfile.TemporaryDirectory(prefix="runner-") as folder:
        output = Path(folder, "output")
        output.touch()
        told = environ | {"GITHUB_OUTPUT": str(output)}
        with started(workspace, inputs, environ=told, stderr=subprocess.STDOUT) as process:
            timer = threading.Timer(end[1], process.send_signal, [end[0]]) if end else None
            if timer:
                timer.start()
            log, _ = process.communicate(timeout=120)
            if timer:
                timer.cancel()
        return Ended(process.returncode, read_outputs(output.read_bytes()), log)


def edges() -> tuple[EdgeKind, ...]:
    """Return the kinds of edge that there are on this machine."""
    return EDGES if find_varnishd() else EDGES[:1]


def play(*, seed: int, mode: Mode, edge: EdgeKind, pushes: int) -> Tally:
    """Play one history on a CDN of its own, or on one for each of two environments."""
    from tests.whole.environments import Environments  # noqa: PLC0415 - it plays what is told here in its own way

    service = SERVICES[seed // 2 % len(SERVICES)]
    with tempfile.TemporaryDirectory(prefix="ztpurge-soak-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        places: list[tuple[Sandbox, Path]] = []
        world = draw_world(random.Random(f"world {seed}"))  # noqa: S311 - the same
        if mode == "deployments":
            world = world.plain
        for number in range(2 if mode == "deployments" else 1):
            served = folder / f"served-{number}"
            served.mkdir()
            cdn = Sandbox(
                served,
                hosts=HOSTS,
                token=TOKEN,
                propagation=world.propagation,
                edge=edge,
                edges=world.edges,
                service=service,
            )
            places.append((stack.enter_context(cdn), served))
        if mode == "deployments":
            return Environments(folder, seed=seed, world=world, places=places).play(pushes)
        cdn, served = places[0]
        return History(folder, seed=seed, mode=mode, world=world, cdn=cdn, served=served).play(pushes)


def play_side_by_side(*, seed: int, edges: Sequence[EdgeKind], histories: int, pushes: int) -> Tally:
    """Play histories of so many pushes each, over the ways to know what changed and the edges in turn."""
    kinds = [(mode, edge) for edge in edges for mode in MODES]
    total = Tally()

    def one(number: int) -> Tally:
        mode, edge = kinds[number % len(kinds)]
        return play(seed=seed + number, mode=mode, edge=edge, pushes=pushes)

    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:  # they mostly wait
        for number, tally in enumerate(pool.map(one, range(histories))):
            total.counts += tally.counts
            mode, edge = kinds[number % len(kinds)]
            total.violations += [f"history {seed + number} ({mode}, {edge}), {what}" for what in tally.violations]
    return total


def main(arguments: Sequence[str] | None = None) -> int:
    """Play histories, print what happened, and return 1 if anything was violated."""
    parser = argparse.ArgumentParser(prog="python -m tests.whole.soak", description=__doc__)
    parser.add_argument("--pushes", type=int, default=1000, help="pushes in all (default: %(default)s)")
    parser.add_argument("--histories", type=int, default=20, help="that many histories (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first (default: %(default)s)")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    print(f"{options.histories} histories, edges: {', '.join(edges())}", flush=True)
    total = play_side_by_side(
        seed=options.seed, edges=edges(), histories=options.histories, pushes=options.pushes // options.histories
    )
    for what, number in sorted(total.counts.items()):
        print(f"{what:40} {number:7,}")
    print(f"{'violations':40} {len(total.violations):7,}   in {time.monotonic() - began:.0f} s")
    print("\n\n".join(total.violations))
    return 1 if total.violations else 0


if __name__ == "__main__":
    sys.exit(main())
