"""Whole runs that look at the origin first and at every edge afterwards, and purge once more what came back old."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sandbox import Fault, Sandbox
from sandbox.record import most_at_once
from tests.standins.repositories import Repository
from tests.tables import cases
from tests.whole.steps import push_event, run_inside

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sandbox.runner import Step
    from sandbox.varnish import EdgeKind

TOKEN = "a-token-that-nobody-may-see"
EDGES = ("127.0.0.1", "127.0.0.2")
OLD = {"a.css": "1", "b.css": "1", "index.html": "old", "gone.html": "1", "same.txt": "1"}
NEW: dict[str, str | None] = {"a.css": "2", "b.css": "2", "index.html": "new", "gone.html": None, "n.js": "1"}
CHANGED = ["", "a.css", "b.css", "gone.html", "index.html", "n.js"]
IN_TIME = {"verify": "true", "verify_timeout": "20"}
SOON = {"verify": "true", "verify_timeout": "3"}


class Site:
    """A repository whose folder `public` an origin behind several edges serves, and the step that purges it."""

    def __init__(self, folder: Path, cdn: Sandbox, repository: Repository) -> None:
        self.cdn = cdn
        self._folder = folder
        self._repository = repository
        self.base = f"{cdn.edge_url}/"
        self.before = repository.commit({f"public/{name}": text for name, text in OLD.items()})
        for edge in cdn.edges:
            for name in ("", *OLD):
                assert cdn.get(self.base + name, edge=edge).status == 200

    def purge(
        self, new: Mapping[str, str | None] = NEW, /, *, origin: str = "", edges: str = "", **inputs: str
    ) -> Step:
        """Push the new files and run the step for them, with a configuration that says where origin and edges are."""
        site = {"root": "public", "urls": self.base, "origin": origin, "edges": edges}
        told = "".join(f"\n    {key}: {value}" for key, value in site.items() if value)
        self._repository.write({".ztpurge.yml": f"version: 1\nsites:\n  - {told.lstrip()}\n"})
        after = self._repository.commit({f"public/{name}": text for name, text in new.items()})
        given = {"token": TOKEN, "api_url": self.cdn.api_url, "report_file": "r.json", **inputs}
        return run_inside(
            self._repository.folder,
            {name.replace("_", "-"): value for name, value in given.items()},
            environ=push_event(self._folder, self.before, after),
        )

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self._repository.folder / "r.json").read_text())
        return found

    def purged(self) -> list[list[str]]:
        return [sorted(entry.removeprefix(self.base) for entry in call.entries) for call in self.cdn.purge_calls]

    def names(self, step: Step, output: str) -> list[str]:
        return sorted(url.removeprefix(self.base) for url in json.loads(step.outputs[output]))

    def stale_edges(self) -> dict[str, list[str]]:
        """Return what each edge serves that is not what the folder holds."""
        found = {}
        for edge in self.cdn.edges:
            served = {name: self.cdn.get(self.base + name, edge=edge) for name in CHANGED}
            folder = {name: self.cdn.get_from_folder(self.base + name) for name in CHANGED}
            found[edge] = [name for name in CHANGED if served[name].body != folder[name].body]
        return found


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[Site]:  # noqa: ANN401 - Sandbox's
    repository = Repository(folder / "site")
    (repository.folder / "public").mkdir()
    given: dict[str, Any] = {"hosts": ("127.0.0.1",), "token": TOKEN, "edges": EDGES, "propagation": (0.1, 0.4)}
    with Sandbox(repository.folder / "public", **(given | options)) as cdn:
        yield Site(folder, cdn, repository)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with served(tmp_path) as site:
        yield site


@pytest.fixture
def on_edge(tmp_path: Path, edge_kind: EdgeKind) -> Iterator[Site]:
    with served(tmp_path, edge=edge_kind) as site:
        yield site


NAMED = f"[{', '.join(EDGES)}]"


class TestOriginFirst:
    def test_nothing_is_purged_before_the_origin_is_new(self, on_edge: Site) -> None:
        on_edge.cdn.hold_origin(answers=3)
        step = on_edge.purge(origin=on_edge.cdn.origin_url, edges=NAMED, **IN_TIME)
        assert (step.exit_code, step.outputs["result"]) == (0, "purged")
        assert on_edge.stale_edges() == {edge: [] for edge in EDGES}
        assert on_edge.purged() == [CHANGED]
        assert re.search(r"^  6 not fresh yet after .*\n(.*\n)*Origin: 6 seen fresh", step.log, re.MULTILINE)
        assert [stage["name"] for stage in on_edge.report["stages"]][:3] == ["What changed", "Origin", "Purge"]

    @cases("inputs", {"with verify": {"verify": "true"}, "without": {}, "only to be reported": {"verify": "warn"}})
    def test_an_origin_that_stays_old_is_red_and_nothing_is_purged(self, site: Site, inputs: Mapping[str, str]) -> None:
        site.cdn.hold_origin()
        step = site.purge(origin=site.cdn.origin_url, verify_timeout="1.5", **inputs)
        assert (step.exit_code, step.outputs["result"]) == (1, "failed")
        assert (site.cdn.purge_calls, step.outputs["req-ids"]) == ((), "[]")
        assert site.names(step, "failed-urls") == CHANGED
        assert (site.names(step, "purged-urls"), site.names(step, "stale-urls")) == ([], [])
        late = {row["url"].removeprefix(site.base): row["reason"] for row in site.report["late"]}
        assert sorted(late) == CHANGED
        there = f"at the origin, {site.cdn.origin_url}"
        assert late["a.css"].startswith(f"{there}/a.css: serves other content (")
        assert late["gone.html"].startswith(f"{there}/gone.html: answers 200, but the file is deleted (")
        assert late["n.js"].startswith(f"{there}/n.js: answers 404 (")
        why = "Nothing was purged: the origin is not new yet for 6 of 6 URLs"
        assert f"::error title=ztpurge::{why}. The deployment has to end before this step" in step.log
        assert f"\nNot new at the origin yet\n  {site.base}" in step.log
        assert step.log.splitlines()[-1].startswith(f"{why}; 6 URLs may be stale (")
        asked = f"curl -sI --connect-to ::{site.cdn.origin_url[len('http://') :]} {site.base}a.css"
        assert f"<code>{asked}</code>" in step.summary
        assert len([visit for visit in site.cdn.visits if "ztpurge" in visit.headers.get("User-Agent", "")]) == 0

    def test_an_origin_that_does_not_answer_is_red_and_says_so(self, site: Site) -> None:
        step = site.purge(origin="http://127.0.0.1:9/", verify_timeout="1")
        assert (step.exit_code, site.cdn.purge_calls) == (1, ())
        assert all(": not seen: no connection: " in row["reason"] for row in site.report["late"])

    def test_the_origin_is_asked_in_the_name_of_the_site(self, tmp_path: Path) -> None:
        with served(tmp_path, hosts=("127.0.0.1", "static.example.com")) as site:
            site.base = "http://static.example.com/"
            step = site.purge(origin=site.cdn.origin_url, verify_timeout="5")
            assert (step.exit_code, site.purged()) == (0, [CHANGED])
            assert "Origin: 6 seen fresh" in step.log

    def test_a_dry_run_asks_nobody_and_says_whom_a_real_one_would(self, site: Site) -> None:
        step = site.purge(origin="http://127.0.0.1:9/site/", edges=NAMED, dry_run="true")
        assert (step.exit_code, step.outputs["result"]) == (0, "dry-run")
        asked = f"http://127.0.0.1:9/site/a.css is asked for {site.base}a.css"
        assert f"Nothing would be purged before the origin is new: {asked}, and so on" in step.log
        assert "`verify` would look at 127.0.0.1, 127.0.0.2 for 127.0.0.1" in step.log


class TestEveryEdge:
    def test_fresh_is_what_each_edge_serves(self, on_edge: Site) -> None:
        step = on_edge.purge(edges=NAMED, **IN_TIME)
        assert (step.exit_code, site_sights(on_edge)) == (0, {edge: {"fresh"} for edge in EDGES})
        assert "\n5 purged URLs may stay in browsers for an unknown time" in step.log
        assert ", all seen fresh at 2 edges" in step.log.splitlines()[-1]
        assert on_edge.stale_edges() == {edge: [] for edge in EDGES}

    def test_an_edge_that_stays_old_is_named_with_what_it_said(self, on_edge: Site) -> None:
        on_edge.cdn.add_faults(Fault("lost", edge=EDGES[1], times=9))
        step = on_edge.purge(edges=NAMED, **SOON)
        stale = ["", "a.css", "b.css", "gone.html", "index.html"]
        assert (step.exit_code, on_edge.names(step, "stale-urls")) == (1, stale)
        assert on_edge.stale_edges() == {EDGES[0]: [], EDGES[1]: stale}
        assert "fresh at 1 of 2 edges" in step.log
        row = next(row for row in on_edge.report["verified"] if row["url"].endswith("a.css"))
        states = {sight["server"]: (sight["state"], sight["said"].get("Age") is not None) for sight in row["sights"]}
        assert states == {EDGES[0]: ("fresh", False), EDGES[1]: ("stale", True)}
        asked = f"curl -sI --connect-to ::{on_edge.base[len('http://') : -1].replace(EDGES[0], EDGES[1])} {row['url']}"
        assert f"<code>{asked}</code>" in step.summary
        assert re.search(rf"<code>{EDGES[0]}( \([^)]*\))?: fresh</code>", step.summary)

    def test_one_edge_tells_nothing_of_the_other(self, site: Site) -> None:
        site.cdn.add_faults(Fault("lost", edge=EDGES[1], times=9))
        step = site.purge(edges="one", **SOON)
        assert (step.exit_code, site.stale_edges()[EDGES[1]] != []) == (0, True)

    def test_an_address_that_does_not_answer_is_not_seen(self, site: Site) -> None:
        step = site.purge(edges="[127.0.0.1, 127.0.0.3]", **SOON)
        assert (step.exit_code, site.names(step, "stale-urls")) == (1, CHANGED)
        assert re.search(r"a\.css  \(not seen: no connection: .* at 127\.0\.0\.3; fresh at 1 of 2 edges", step.log)

    def test_a_busy_edge_is_asked_less_and_later(self, site: Site) -> None:
        site.cdn.add_faults(Fault("busy", edge=EDGES[0], seconds=1, times=2))
        step = site.purge(edges=NAMED, concurrency="16", **IN_TIME)
        assert step.exit_code == 0
        looks = [visit for visit in site.cdn.visits if "ztpurge" in visit.headers.get("User-Agent", "")]
        first = next(visit for visit in looks if visit.status == 429)
        assert first.ended is not None
        pause = [visit for visit in looks if 0.2 < visit.started - first.ended < 0.9]
        assert (pause, most_at_once(looks) <= 16) == ([], True)


class TestAgain:
    def test_what_stays_old_is_purged_once_more(self, on_edge: Site) -> None:
        on_edge.cdn.add_faults(Fault("lost", edge=EDGES[1]))
        step = on_edge.purge(edges=NAMED, **(IN_TIME | {"verify_timeout": "4"}))
        assert (step.exit_code, step.outputs["result"]) == (0, "purged")
        assert on_edge.stale_edges() == {edge: [] for edge in EDGES}
        first, again = on_edge.purged()
        assert (first, again) == (CHANGED, ["", "a.css", "b.css", "gone.html", "index.html"])
        assert json.loads(step.outputs["req-ids"]) == [call.req_id for call in on_edge.cdn.purge_calls]
        new = on_edge.cdn.purge_calls[1].req_id
        assert [call["reqId"] for call in on_edge.report["again"]] == [new]
        assert f"\n::group::Purged again, since they were stale\n  {on_edge.base}" in step.log
        assert step.log.count(f"  {new}  fresh now\n") == len(again)
        assert "<summary>Purged again, since they were stale (5)</summary>" in step.summary

    @cases("answers", {"at the second look": 1, "at once": 0})
    def test_what_comes_back_old_is_purged_once_more(self, site: Site, answers: int) -> None:
        site.cdn.add_faults(Fault("comes-back", match="a.css", answers=answers))
        step = site.purge(edges=NAMED, **(IN_TIME | {"verify_timeout": "6"}))
        assert (step.exit_code, site.stale_edges()) == (0, {edge: [] for edge in EDGES})
        assert site.purged() == [CHANGED, ["a.css"]]

    def test_what_comes_back_old_is_named_beside_what_was_never_fresh(self, site: Site) -> None:
        site.cdn.add_faults(
            Fault("comes-back", match="a.css", times=9), Fault("busy", match="b.css", status=500, times=999)
        )
        step = site.purge(edges=NAMED, **SOON)
        assert (step.exit_code, site.names(step, "stale-urls")) == (1, ["a.css", "b.css"])
        assert site.purged() == [CHANGED, ["a.css"]]

    def test_a_new_file_whose_absence_the_edge_has_kept_is_purged_once_more(self, site: Site) -> None:
        assert site.cdn.get(f"{site.base}n.js").status == 404
        site.cdn.add_faults(Fault("lost"))
        step = site.purge({"n.js": "1"}, **(IN_TIME | {"verify_timeout": "4"}))
        assert (step.exit_code, site.purged()) == (0, [["n.js"], ["n.js"]])

    def test_what_nobody_can_compare_goes_with_the_rest_of_its_call(self, site: Site) -> None:
        site.cdn.add_faults(Fault("lost", match="feed"))
        other = "\n".join(f"{site.base}{name}" for name in ("feed.xml", "other.xml"))
        step = site.purge(urls=other, dirs=f"{site.base}d/", **(IN_TIME | {"verify_timeout": "4"}))
        stale = ["", "a.css", "b.css", "feed.xml", "gone.html", "index.html", "other.xml"]
        assert (step.exit_code, site.purged()[-1]) == (0, stale)
        assert site.stale_edges() == {edge: [] for edge in site.cdn.edges}

    def test_a_directory_under_which_something_stays_stale_is_purged_once_more(self, site: Site) -> None:
        site.cdn.add_faults(Fault("lost", match="127.0.0.1"))
        step = site.purge(dirs=site.base, **(IN_TIME | {"verify_timeout": "4"}))
        assert (step.exit_code, site.purged()) == (0, [[""], [""]])
        assert {call.kind for call in site.cdn.purge_calls} == {"dirs"}

    def test_what_is_purged_once_more_in_vain_is_stale(self, site: Site) -> None:
        site.cdn.add_faults(Fault("lost", times=9))
        step = site.purge(edges=NAMED, **SOON)
        assert (step.exit_code, len(site.cdn.purge_calls)) == (1, 2)
        assert site.names(step, "stale-urls") == ["", "a.css", "b.css", "gone.html", "index.html"]

    @cases("budget again words", {
        "max-urls": ({"max_urls": "8"}, 2, "3 stale entries cannot be purged again"),
        "no more of max-urls": ({"max_urls": "6"}, 0, "5 stale entries cannot be purged again"),
        "max-requests": ({"max_requests": "1"}, 0, "5 stale entries cannot be purged again"),
        "enough": ({"max_requests": "2", "max_urls": "11"}, 5, ""),
    })  # fmt: skip
    def test_budgets_hold_for_it_too(self, site: Site, budget: Mapping[str, str], again: int, words: str) -> None:
        site.cdn.add_faults(Fault("lost", edge=EDGES[1], times=9))
        step = site.purge(edges=NAMED, **SOON, **budget)
        assert [len(names) for names in site.purged()] == [6, *([again] if again else [])]
        assert words in step.log
        assert step.exit_code == 1

    def test_a_call_that_fails_then_leaves_the_urls_stale(self, site: Site) -> None:
        site.cdn.add_faults(Fault("lost", edge=EDGES[1]), Fault("status", status=400, body="{}", times=9))
        step = site.purge(edges=NAMED, **SOON)
        assert (step.exit_code, len(json.loads(step.outputs["req-ids"]))) == (1, 1)
        assert site.names(step, "stale-urls") == ["", "a.css", "b.css", "gone.html", "index.html"]

    def test_what_does_not_answer_is_not_purged_again(self, site: Site) -> None:
        site.cdn.add_faults(Fault("busy", status=500, times=999))
        step = site.purge(edges=NAMED, **SOON)
        assert (step.exit_code, len(site.cdn.purge_calls)) == (1, 1)


def site_sights(site: Site) -> dict[str, set[str]]:
    """Return in which states each edge was seen."""
    found: dict[str, set[str]] = {}
    for row in site.report["verified"]:
        for sight in row["sights"]:
            found.setdefault(sight["server"], set()).add(sight["state"])
    return found
