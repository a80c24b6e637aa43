"""What became of each entry, from planned to fresh; nothing that may be stale is left out, and red says so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.reports import A, call, numbered, run, see, told
from tests.tables import cases
from ztpurge.cdn.plan import make_plan
from ztpurge.edge.judge import Verdict, confirm_by_sight
from ztpurge.errors import BUG
from ztpurge.report.endings import broken_off
from ztpurge.report.fates import accepted_directories, accepted_urls
from ztpurge.report.outputs import exit_code
from ztpurge.report.values import Report
from ztpurge.site.mapping import Mapped, Sites, Target
from ztpurge.site.serving import Site

if TYPE_CHECKING:
    from ztpurge.cdn.purge import State

B = "http://b.example/"
PATHS = {"1": "1", "2": "2", "d/x.html": "d/x", "d/x": "d/x", "3": "3"}
TARGETS = Mapped((*(Target(A + name, path, "") for name, path in PATHS.items()), Target(B + "1", "1", "")))


@pytest.mark.parametrize(
    ("states", "seen", "paths"),
    [
        pytest.param("accepted accepted accepted", {}, "1 2 d/x 3", id="all"),
        pytest.param("failed accepted accepted", {}, "d/x", id="URLs failed"),
        pytest.param("pending accepted accepted", {}, "d/x", id="URLs not confirmed"),
        pytest.param("partial accepted accepted", {}, "d/x", id="URLs partly accepted"),
        pytest.param("accepted accepted failed", {}, "2 d/x 3", id="one of two hosts failed"),
        pytest.param("accepted failed accepted", {}, "1 2 3", id="the directory above failed"),
        pytest.param("accepted accepted accepted", {"stale": "2"}, "1 d/x 3", id="one stale"),
        pytest.param("accepted accepted accepted", {"stale": "d/x"}, "1 2 3", id="one of two URLs of a file stale"),
        pytest.param("accepted accepted accepted", {"unverified": "2 d/x"}, "1 2 d/x 3", id="some not verified"),
    ],
)
@pytest.mark.parametrize("is_fine", [True, False])
def test_a_path_is_purged_if_all_its_urls_are(states: str, seen: dict[str, str], paths: str, is_fine: bool) -> None:
    plan = make_plan([target.url for target in TARGETS.targets], [A + "d/"])
    assert [batch.kind + batch.host for batch in plan.batches] == ["urlsa.example", "dirsa.example", "urlsb.example"]
    outcomes = tuple(
        replace(call(state), entries=batch.entries, kind=batch.kind)  # type: ignore[arg-type]
        for state, batch in zip(states.split(), plan.batches, strict=True)
    )
    made = Report(mapped=TARGETS, plan=plan, outcomes=outcomes, verdicts=see(**seen), stale_is_fine=is_fine)
    assert " ".join(made.purged_paths) == paths


@pytest.mark.parametrize(
    ("urls", "directory", "accepted", "directories"),
    [
        pytest.param("accepted", "accepted", "1 d/x", "d/", id="all, folded ones too"),
        pytest.param("accepted", "failed", "1", "", id="the directory failed"),
        pytest.param("done", "pending", "1 d/x", "d/", id="the directory is under way"),
        pytest.param("pending", "failed", "1", "", id="the URLs are under way"),
        pytest.param("partial", "done", "d/x", "d/", id="the URLs were partly accepted"),
        pytest.param("failed", "failed", "", "", id="nothing"),
    ],
)
def test_what_was_accepted_includes_what_was_folded_but_directories(
    urls: State, directory: State, accepted: str, directories: str
) -> None:
    made = run(call(urls), call(directory, "d/", "dirs"), folded={"d/x": "d/"})
    plan = replace(made.plan, folded=(*made.plan.folded, *make_plan([], [A + "d/", A + "d/e/"]).folded))
    assert [url.removeprefix(A) for url in accepted_urls(plan, made.outcomes)] == accepted.split()
    assert [url.removeprefix(A) for url in accepted_directories(made.outcomes)] == directories.split()


@given(
    urls=st.lists(st.sampled_from([A + name for name in ("1", "2", "d/", "d/1", "d/2", "d/e/3")]), max_size=6),
    dirs=st.lists(st.sampled_from([A + "d/", A + "d/e/"]), max_size=2),
    data=st.data(),
)
def test_nothing_that_may_be_stale_is_left_out_and_red_says_so(
    urls: list[str], dirs: list[str], data: st.DataObject
) -> None:
    plan = make_plan(urls, dirs)
    states = st.sampled_from(["accepted", "failed", "partial", "pending"])
    before = tuple(
        replace(call(data.draw(states)), entries=batch.entries, kind=batch.kind)  # type: ignore[arg-type]
        for batch in plan.batches
    )
    looks = st.sampled_from(["fresh", "stale", "unverified"])
    verdicts = tuple(Verdict(url, data.draw(looks)) for url in accepted_urls(plan, before))  # type: ignore[arg-type]
    mapped = Mapped(tuple(Target(url, f"path of {url}", "") for url in urls))
    outcomes = confirm_by_sight(before, verdicts)
    made = Report(
        mapped=mapped, plan=plan, outcomes=outcomes, verdicts=verdicts, stale_is_fine=data.draw(st.booleans())
    )
    purged = [outcome for outcome in before if outcome.state == "accepted"]
    seen = {verdict.url: verdict.state for verdict in verdicts}
    stale = {url for url in accepted_urls(plan, purged) if seen[url] == "stale"}
    good = {url for url in accepted_urls(plan, purged) if url not in stale} | {u for u in seen if seen[u] == "fresh"}
    directories = {*accepted_directories(purged)}
    directories |= {folded.url for folded in plan.folded if folded.kind == "dirs" and folded.directory in directories}
    assert {verdict.url for verdict in made.seen("stale")} == stale
    maybe_stale = {(fate.kind, fate.url) for fate in made.maybe_stale}
    assert {url for kind, url in maybe_stale if kind == "urls"} == {*urls} - good - stale
    assert {url for kind, url in maybe_stale if kind == "dirs"} == {*dirs} - directories
    bad = {url for kind, url in maybe_stale if kind == "urls"}
    assert {f"path of {url}" for url in urls if url in good and url not in bad} == {*made.purged_paths}
    in_doubt = {"failed", "partial", "pending"} & {outcome.state for outcome in outcomes}
    assert made.is_red == (exit_code(made, fail_on_error=True) == 1)
    assert made.is_red == (bool(in_doubt) or (bool(stale) and not made.stale_is_fine))
    assert made.is_red == (made.result in {"partial", "failed"})
    sent = [fate for fate in made.maybe_stale if not fate.is_folded]
    assert len(sent) + len(made.purged("urls")) + len(made.purged("dirs")) == plan.size


@pytest.mark.parametrize(
    ("wait", "verify", "short"),
    [
        pytest.param(False, False, "❌ partial 66.6 purged purged failed | 1 d/ | 2", id="not sent"),
        pytest.param(False, True, "❌ partial 66.6 purged purged failed | 1 d/ | 2 | 1 d/x", id="nor looked at"),
        pytest.param(True, False, "❌ failed 0.0 pending pending failed |  | 1 d/ 2 d/x", id="nor asked after"),
        pytest.param(True, True, "❌ failed 0.0 pending pending failed |  | 1 d/ 2 d/x", id="none of these"),
    ],
)
def test_of_a_run_that_broke_off_what_was_still_to_be_done_failed(wait: bool, verify: bool, short: str) -> None:
    whole = run(call("accepted"), call("accepted", "d/", "dirs"), call("accepted", "2"), folded={"d/x": "d/"})
    heard = numbered(whole.outcomes[:2])
    found = told(broken_off(replace(whole, outcomes=()), reversed(heard), wait=wait, verify=verify))
    assert found["in short"] == short
    assert (found["code"], found["error"][0]) == (1, BUG)


@pytest.mark.parametrize("has_begun", [False, True], ids=["between the waves", "in the second"])
def test_of_a_run_that_broke_off_after_its_first_wave_the_second_failed(has_begun: bool) -> None:
    whole = run(call("done"), call("accepted", "2"), call("accepted", "3"), call("accepted", "4"))
    heard = [replace(outcome, state="accepted") for outcome in whole.outcomes[: 3 if has_begun else 2]]
    found = told(broken_off(replace(whole, outcomes=whole.outcomes[:2]), heard, wait=True, verify=False))
    third = "pending" if has_begun else "failed"
    assert found["in short"] == f"❌ partial 25.0 purged pending {third} failed | 1 | 2 3 4"


@cases("directory is_whole", {
    "a site's": (f"{A}docs/", True), "a host's": ("http://b.example/", True), "a folder's": (f"{A}docs/a/", False),
    "what holds a site": (f"{A[:-1]}:8080/x/", True),
})  # fmt: skip
def test_a_directory_may_be_a_whole_site(directory: str, is_whole: bool) -> None:
    report = Report(
        sites=Sites((Site(base_urls=(f"{A}docs/", f"{A[:-1]}:8080/x/y/")),)), plan=make_plan([], [directory])
    )
    assert report.whole_sites == ((directory,) if is_whole else ())


def test_files_that_a_build_named_by_their_content_are_counted_by_site() -> None:
    names = ["app.3f2a1b9c.js", "vendor.0c4d5e6f.js", "a.9b8a7c6d.css", "index.html"]
    targets = tuple(Target(A + name, f"dist/{name}", "site 1") for name in names)
    sites = Sites((Site(base_urls=(A,), root="dist", name="site 1"), Site(base_urls=(B,), name="site 2")))
    report = Report(sites=sites, mapped=Mapped(targets))
    assert [(name, found.count, found.total) for name, found in report.hashed.items()] == [("site 1", 3, 4)]
