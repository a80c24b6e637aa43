"""Each workflow of `examples/` is played as it stands: a real repository, events, and a CDN on loopback.

Only addresses differ, and what is marked as yours is a stand-in.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault, Sandbox
from tests.standins.repositories import ENVIRON, Repository
from tests.whole.workflows import FILES, GITLAB, SHOWN, TOP, Runner, read_yaml, translate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.whole.workflows import Played

ZEROS = "0" * 40
BASE = "https://static.example.com/"
SECRETS = {"ZT_CDN_USERNAME": "site", "ZT_CDN_PASSWORD": "pa $s'w\"rd"}
DEPLOY = """#!/bin/sh
set -e
rm -rf "$SERVED"/*
for folder; do
  case $folder in assets) to=$SERVED/assets ;; *) to=$SERVED ;; esac
  mkdir -p "$to" && cp -R "$folder/." "$to"
done
"""
YOURS = {"deploy": DEPLOY, "smoke-test": "#!/bin/sh\necho tested\n", "Makefile": "dist:\n\tcp -R src dist\n"}
BUILT = [name for name, shown in SHOWN.items() if "'manifest': " in str(shown)]
FAKE_GH = """#!/bin/sh
case "$1 $2" in
  "api "*artifacts?name=ztpurge-manifest*) [ ! -e "$KEPT" ] || echo 7 ;;
  "run download")
    [ "$3 $4 $5 $6" = "7 --name ztpurge-manifest --dir" ] && mkdir -p "$7" && cp "$KEPT" "$7/ztpurge-manifest.json" ;;
esac
"""


class Bench:
    """A site's repository, a CDN that serves what is deployed, and a runner for whom the site's hosts are the CDN's."""

    def __init__(self, folder: Path, cdn: Sandbox, *hosts: str) -> None:
        self.cdn = cdn
        self.site = Repository(folder / "site")
        self.site.write(YOURS)
        self.served = folder / "served"
        bin_folder = folder / "bin"
        bin_folder.mkdir()
        (bin_folder / "gh").write_text(FAKE_GH)
        for program in (bin_folder / "gh", self.site.folder / "deploy", self.site.folder / "smoke-test"):
            program.chmod(0o755)
        edges = (f"{cdn.edge_url}/", f"{cdn.edge_url.replace('127.0.0.1', 'localhost')}/")
        self.addresses = {f"https://{host}/": edge for host, edge in zip(hosts, edges, strict=False)}
        self.runner = Runner(
            self.site,
            folder,
            inputs={"api-url": cdn.api_url, "verify-timeout": "3"},  # a stale URL is looked at for that long
            addresses=self.addresses,
            secrets=SECRETS,
            environ={
                "SERVED": str(self.served),
                "KEPT": str(folder / "kept/ztpurge-manifest"),
                "PATH": f"{bin_folder}:{ENVIRON['PATH']}",
            },
        )
        self._calls = 0
        self.before = self.after = ZEROS

    def commit(self, files: Mapping[str, str | None]) -> None:
        self.before, self.after = self.after, self.site.commit(files)

    def visit(self) -> None:
        """Have the edge keep all that is served now; what is purged counts from here on."""
        self._calls = len(self.cdn.purge_calls)
        for file in self.served.rglob("*"):
            for edge in self.addresses.values():
                self.cdn.get(edge + file.relative_to(self.served).as_posix())

    def play(self, example: str, event: str = "push", **payload: Any) -> Played:  # noqa: ANN401 - the event's
        """Play an example for an event, by default a push of the newest commit, once visitors have seen the site."""
        self.visit()
        shown = SHOWN[example]
        if isinstance(shown, list):
            job = {"permissions": {"contents": "read"}, "steps": [{"uses": "actions/checkout"}, *shown]}
            shown = {"jobs": {"job": job}}
        return self.runner.play(shown, event, payload or {"before": self.before, "after": self.after}, file=example)

    @property
    def purged(self) -> list[str]:
        """What the last run purged, at the site's addresses."""
        text = "\n".join(entry for call in self.cdn.purge_calls[self._calls :] for entry in call.entries)
        return sorted(translate(text, {edge: address for address, edge in self.addresses.items()}).splitlines())


def is_seen_fresh(played: Played) -> bool:
    """Tell whether the last step waited for the CDN and then looked."""
    return re.search(r"purged and reported done in .*, all seen fresh", played.ours[-1].log) is not None


@pytest.fixture
def cdn(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """Open a CDN that takes as many seconds to purge as a test says, by default none."""
    (tmp_path / "served").mkdir()
    username, password = SECRETS.values()
    seconds = getattr(request, "param", 0.0)
    with Sandbox(tmp_path / "served", username=username, password=password, propagation=seconds) as sandbox:
        yield sandbox


@pytest.fixture
def bench(tmp_path: Path, cdn: Sandbox) -> Bench:
    return Bench(tmp_path, cdn, "static.example.com")


def test_deploy_then_purge_makes_up_for_a_run_that_failed(bench: Bench) -> None:
    bench.commit({"public/a.css": "1", "public/b.css": "1", "public/c.css": "1"})
    assert bench.play("deploy-then-purge.yml").red == set()
    bench.commit({"public/a.css": "2"})
    bench.cdn.add_faults(Fault("task-failure"))
    assert (bench.play("deploy-then-purge.yml").red, bench.purged) == ({"deploy"}, [f"{BASE}a.css"])
    assert bench.cdn.get(translate(f"{BASE}a.css", bench.addresses)).body == b"1"
    bench.commit({"public/b.css": None})
    played = bench.play("deploy-then-purge.yml")
    assert (played.red, bench.purged, is_seen_fresh(played)) == (set(), [f"{BASE}a.css", f"{BASE}b.css"], True)
    assert bench.cdn.get(translate(f"{BASE}a.css", bench.addresses)).body == b"2"


@pytest.mark.parametrize("example", BUILT)
def test_built_site_keeps_its_manifest_from_run_to_run(bench: Bench, example: str) -> None:
    found = []
    for text, faults in (("1", []), ("2", [Fault("task-failure", times=2)]), ("2", []), ("2", [])):
        bench.commit({"src/a.css": text, "src/b.css": "1"})
        bench.cdn.add_faults(*faults)
        found.append((bool(bench.play(example).red), sorted({*bench.purged})))
        bench.cdn.clear_faults()
    a, b = f"{BASE}a.css", f"{BASE}b.css"
    assert found == [(False, [a, b]), (True, [a]), (False, [a]), (False, [])]


def test_several_sites_purges_each_file_where_its_site_is(tmp_path: Path, cdn: Sandbox) -> None:
    bench = Bench(tmp_path, cdn, "shop.example.com", "docs.example.com")
    configuration = (TOP / "examples/several-sites/.ztpurge.yml").read_text(encoding="utf-8")
    bench.commit(
        {".ztpurge.yml": translate(configuration, bench.addresses), "assets/b.css": "1", "shop/public/c.js": "1"}
    )
    changed = ("assets/a.css", "docs/public/d/index.html", "shop/public/c.js", "shop/public/c.js.map")
    bench.commit(dict.fromkeys(changed, "2"))
    played = bench.play("several-sites.yml")
    docs, shop = "https://docs.example.com/", "https://shop.example.com/"
    purged = [f"{docs}assets/a.css", f"{docs}d/", f"{docs}d/index.html", f"{shop}assets/a.css", f"{shop}c.js"]
    assert (played.red, bench.purged, is_seen_fresh(played)) == (set(), purged, True)


def test_pull_request_plan_purges_nothing_and_needs_no_secret(bench: Bench) -> None:
    bench.commit({"public/a.css": "1"})
    bench.commit({"public/a.css": "2", "public/b/index.html": "1"})
    bench.runner.secrets = {}
    pull_request = {"base": {"sha": bench.before}, "head": {"sha": bench.after}}
    played = bench.play("pull-request-plan.yml", "pull_request", pull_request=pull_request)
    assert (played.red, bench.cdn.calls) == (set(), ())
    planned = [translate(BASE + name, bench.addresses) for name in ("a.css", "b/index.html", "b/")]
    assert json.loads(played.ours[0].outputs["planned-urls"]) == planned
    assert played.log == "::notice::A merge would make 1 purge call(s)\n"


@pytest.mark.parametrize("cdn", [0.3], indirect=True, ids=["0.3 s"])
@pytest.mark.parametrize("fault", [None, Fault("task-failure")], ids=["done", "failed"])
def test_ask_later_asks_after_what_the_first_job_purged(bench: Bench, fault: Fault | None) -> None:
    bench.commit({"public/a.css": "1"})
    bench.cdn.add_faults(*filter(None, [fault]))
    played = bench.play("ask-later.yml")
    purge, ask = played.ours
    (call,) = bench.cdn.purge_calls
    assert (purge.exit_code, bench.purged, played.log) == (0, [f"{BASE}a.css"], "tested\n")
    assert json.loads(purge.outputs["req-ids"]) == json.loads(ask.outputs["req-ids"]) == [call.req_id]
    assert (ask.outputs["result"], played.red) == (("failed", {"ask"}) if fault else ("done", set()))


def test_purge_all_purges_the_site_for_whoever_types_its_host(bench: Bench) -> None:
    bench.commit({"public/a.css": "1"})
    for typed, red, purged in (("", {"purge"}, []), ("static.example.com", set(), [BASE])):
        played = bench.play("purge-all.yml", "workflow_dispatch", inputs={"host": typed})
        assert (played.red, bench.purged, "type static.example.com" in played.log) == (red, purged, bool(red))
    assert "reported done" in played.ours[-1].log


def test_nightly_purges_what_changed_since_it_last_went_well_and_is_red_for_what_is_old(bench: Bench) -> None:
    bench.commit({"public/a.css": "1", "public/b.css": "1"})
    bench.site.git("tag", "v1")
    bench.commit({"public/a.css": "2"})
    bench.served.joinpath("a.css").write_text("2")
    played = bench.play("nightly.yml", "workflow_dispatch", inputs={"since": "v1"})
    assert (played.red, bench.purged) == (set(), [f"{BASE}a.css"])
    bench.commit({"public/b.css": "2"})  # whose deployment went missing
    found = []
    for text in ("1", "2", "2"):
        bench.served.joinpath("b.css").write_text(text)
        found.append((bench.play("nightly.yml", "schedule", schedule="23 3 * * *").red, bench.purged))
    once_more = [f"{BASE}b.css"] * 2  # since it stays as it is
    assert found == [({"look"}, once_more), (set(), once_more[:1]), (set(), [])]


def test_gitea_purges_what_a_push_changed(bench: Bench) -> None:
    for text in "12":
        bench.commit({"public/a.css": text, "public/b.css": "1"})
        played = bench.play("gitea.yml")
        assert (played.red, is_seen_fresh(played)) == (set(), True)
    assert bench.purged == [f"{BASE}a.css"]


def test_gitlab_purges_what_a_push_changed(bench: Bench, tmp_path: Path) -> None:
    ztpurge = Repository(tmp_path / "ztpurge")
    shutil.copytree(TOP / "ztpurge", ztpurge.folder / "ztpurge", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("entrypoint.py", "requirements.txt"):
        shutil.copy(TOP / name, ztpurge.folder / name)
    text = translate(FILES[GITLAB], bench.addresses).replace(ZEROS, ztpurge.commit())
    job = read_yaml(text.replace("      env\n", f"      env\n      INPUT_API-URL={bench.cdn.api_url}\n"))["deploy"]
    environ = ENVIRON | SECRETS | job["variables"] | {"SERVED": str(bench.served)}
    environ |= {"PATH": f"{Path(sys.executable).parent}:{ENVIRON['PATH']}", "PIP_NO_INDEX": "1"}  # all is installed
    environ |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{ztpurge.folder}.insteadOf"}
    environ |= {"GIT_CONFIG_VALUE_0": "https://github.com/OWNER/ztpurge"}
    found = []
    for name in ("public/a.css", "public/b.css"):
        bench.commit({name: "1"})
        bench.visit()
        finished = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(job["script"])],
            cwd=bench.site.folder,
            env=environ | {"CI_COMMIT_BEFORE_SHA": bench.before, "CI_COMMIT_SHA": bench.after},
            check=False,
            capture_output=True,
            text=True,
        )
        report = json.loads((bench.site.folder / job["artifacts"]["paths"][0]).read_bytes())
        found.append((finished.returncode, report["result"], bench.purged))
        assert SECRETS["ZT_CDN_PASSWORD"] not in finished.stdout + finished.stderr
    assert found == [(0, "purged", [f"{BASE}a.css"]), (0, "purged", [f"{BASE}b.css"])]


def test_each_example_has_a_row_in_the_table_and_begins_with_when_it_is_for() -> None:
    table = (TOP / "examples/README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| \[([\w-]+\.yml)\]\(\1\) \|", table, re.MULTILINE)) == sorted(FILES)
    for name, text in FILES.items():
        assert re.match(r"# When .*\n(#.*\n){1,3}[^#]", text), name


def test_the_readme_s_workflow_is_the_one_to_copy() -> None:
    assert SHOWN["README.md-1"] == SHOWN["deploy-then-purge.yml"]
