"""Outcomes become one word, counts, lists and an exit code; nothing that may be stale is left out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ztpurge.cdn.plan import Batch, Folded, Plan, make_plan
from ztpurge.cdn.purge import Outcome
from ztpurge.edge.judge import Verdict, confirm_by_sight
from ztpurge.errors import ApiError, Failure
from ztpurge.report.values import (
    MAX_OUTPUT,
    Report,
    accepted_directories,
    accepted_urls,
    exit_code,
    fit,
    outputs,
    refused_outputs,
    render_json,
)
from ztpurge.site.mapping import Mapped, Skip, Target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ztpurge.cdn.purge import State
    from ztpurge.edge.judge import Freshness

URLS = Batch("urls", "a.example", ("http://a.example/1", "http://a.example/2"))
DIRS = Batch("dirs", "a.example", ("http://a.example/d/",))
TWICE = ("accepted", "accepted")
ERROR = ApiError(Failure.SERVER, "the API answered 500", remedy="Wait")


def batches_of(outcomes: Iterable[Outcome]) -> tuple[Batch, ...]:
    return tuple(Batch(outcome.kind, outcome.host, outcome.entries) for outcome in outcomes)


def report(*statuses: str) -> Report:
    outcomes = tuple(
        Outcome.of(
            number,
            batch,
            status,  # type: ignore[arg-type]
            req_id=f"id-{number}" if status in {"accepted", "partial"} else None,
            attempts=0 if status == "planned" else 1,
            error=ERROR if status in {"failed", "partial"} else None,
        )
        for number, (batch, status) in enumerate(zip((URLS, DIRS), statuses, strict=False), start=1)
    )
    plan = Plan(
        batches_of(outcomes),
        (Folded("http://a.example/d/x", "http://a.example/d/"),),
    )
    mapped = Mapped((Target("http://a.example/1", "1"),), (Skip("caf\udce9", "outside root x"),))
    return Report(mapped, plan, outcomes, seconds=1.5)


@pytest.mark.parametrize(
    ("statuses", "result", "code", "rate"),
    [
        pytest.param((), "nothing", 0, "100.0", id="no calls"),
        pytest.param(("accepted", "accepted"), "purged", 0, "100.0", id="all purged"),
        pytest.param(("accepted", "failed"), "partial", 1, "66.6", id="one failed"),
        pytest.param(("accepted", "partial"), "partial", 1, "66.6", id="one partly accepted"),
        pytest.param(("failed", "failed"), "failed", 1, "0.0", id="all failed"),
        pytest.param(("partial",), "failed", 1, "0.0", id="partly accepted only"),
        pytest.param(("planned", "planned"), "dry-run", 0, "0.0", id="dry run"),
    ],
)
def test_a_run_in_one_word(statuses: tuple[str, ...], result: str, code: int, rate: str) -> None:
    made = report(*statuses)
    assert (made.result, exit_code(made, fail_on_error=True)) == (result, code)
    assert exit_code(made, fail_on_error=False) == 0
    assert outputs(made)["success-rate"] == rate


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        pytest.param(
            ("accepted", "failed"),
            {
                "req-ids": ["id-1"],
                "purged-urls": list(URLS.entries),
                "purged-dirs": [],
                "failed-urls": ["http://a.example/d/", "http://a.example/d/x"],
                "url-count": 2,
                "dir-count": 0,
                "failed-count": 1,
            },
            id="directory failed, with what was folded into it",
        ),
        pytest.param(
            ("partial", "accepted"),
            {
                "req-ids": ["id-1", "id-2"],
                "purged-urls": [],
                "purged-dirs": ["http://a.example/d/"],
                "failed-urls": list(URLS.entries),
                "url-count": 0,
                "dir-count": 1,
                "failed-count": 2,
            },
            id="partly accepted, with its reqId",
        ),
        pytest.param(
            ("planned", "planned"),
            {
                "req-ids": [],
                "purged-urls": [],
                "purged-dirs": [],
                "failed-urls": [],
                "url-count": 0,
                "request-count": 2,
            },
            id="dry run",
        ),
    ],
)
def test_outputs_count_and_list(statuses: tuple[str, ...], expected: dict[str, object]) -> None:
    values = {name: json.loads(value) for name, value in outputs(report(*statuses)).items() if name in expected}
    assert values == expected


def test_refused_runs_have_every_output_in_its_empty_form() -> None:
    assert refused_outputs().keys() == outputs(report()).keys()
    assert (refused_outputs()["result"], refused_outputs()["failed-urls"]) == ("failed", "[]")


@pytest.mark.parametrize(("size", "emptied"), [(MAX_OUTPUT, ()), (MAX_OUTPUT + 1, ("failed-urls",))])
def test_only_lists_that_are_too_long_are_emptied(size: int, emptied: tuple[str, ...]) -> None:
    values, names = fit({"failed-urls": "x" * size, "url-count": "1"})
    assert names == emptied
    assert values == {"failed-urls": "[]" if emptied else "x" * size, "url-count": "1"}


def test_the_json_report_is_ascii_and_whole() -> None:
    text = render_json(report("accepted", "failed"))
    assert text.isascii()
    document = json.loads(text)
    assert document["skipped"] == [{"path": "caf\\xe9", "reason": "outside root x"}]
    assert [call["purge"] for call in document["requests"]] == [list(URLS.entries), list(DIRS.entries)]
    assert document["requests"][1]["error"] == "the API answered 500. Wait"
    assert document["folded"] == [{"url": "http://a.example/d/x", "directory": "http://a.example/d/"}]
    assert (document["result"], document["seconds"]) == ("partial", 1.5)


FRESH, STALE, UNVERIFIED = (
    Verdict(URLS.entries[0], "fresh", looks=1),
    Verdict(URLS.entries[0], "stale", "serves other content (3 looks in 120 s)", (("Age", "86400"),), 3),
    Verdict(URLS.entries[0], "unverified", "larger than 1024 MiB"),
)
ALL_STALE = tuple(Verdict(url, "stale", "serves other content") for url in URLS.entries)
TIME_OVER = ApiError(Failure.TIMEOUT, "still under way (`run`) after 300 s")


def waited(status: State, *, number: int = 1, batch: Batch = URLS) -> Outcome:
    return Outcome.of(
        number, batch, status, f"id-{number}", 1, error=None if status in {"accepted", "done"} else TIME_OVER
    )


@pytest.mark.parametrize(
    ("outcomes", "verdicts", "is_fine", "result", "code"),
    [
        pytest.param(("pending",), (), False, "failed", 1, id="none confirmed"),
        pytest.param(("accepted", "pending"), (), False, "partial", 1, id="one not confirmed"),
        pytest.param(("accepted", "failed"), (), False, "partial", 1, id="one failed on the way"),
        pytest.param(("accepted",), (FRESH,), False, "purged", 0, id="fresh"),
        pytest.param(("accepted",), (UNVERIFIED,), False, "purged", 0, id="not verified"),
        pytest.param(("accepted",), (STALE,), False, "partial", 1, id="one stale"),
        pytest.param(("accepted",), ALL_STALE, False, "failed", 1, id="all stale"),
        pytest.param(("accepted", "accepted"), ALL_STALE, False, "partial", 1, id="all stale but a directory"),
        pytest.param(("accepted",), (STALE,), True, "purged", 0, id="one stale, which is fine"),
        pytest.param(("accepted",), ALL_STALE, True, "purged", 0, id="all stale, which is fine"),
        pytest.param(
            ("accepted", "failed"), ALL_STALE, True, "partial", 1, id="one failed, the rest stale, which is fine"
        ),
        pytest.param(("pending", "accepted"), (STALE,), True, "partial", 1, id="stale is fine, not confirmed is not"),
    ],
)
def test_a_run_that_waited_or_looked_in_one_word(
    outcomes: tuple[State, ...], verdicts: tuple[Verdict, ...], is_fine: bool, result: str, code: int
) -> None:
    ended = tuple(
        waited(status, number=number, batch=batch)
        for number, (status, batch) in enumerate(zip(outcomes, (URLS, DIRS), strict=False), start=1)
    )
    plan = Plan(batches_of(ended))
    made = Report(plan=plan, outcomes=ended, waited=True, verdicts=verdicts, stale_is_fine=is_fine)
    assert (made.result, exit_code(made, fail_on_error=True)) == (result, code)
    assert exit_code(made, fail_on_error=False) == 0
    # whatever it is called, a later step can read what is stale, once
    named = [url for name in ("failed-urls", "stale-urls") for url in json.loads(outputs(made)[name])]
    assert {verdict.url for verdict in verdicts if verdict.state == "stale"} <= {*named}
    assert len(named) == len({*named})


@pytest.mark.parametrize("status", ["failed", "partial", "pending"])
def test_a_prefetch_that_failed_does_not_fail_the_run(status: State) -> None:
    prefetched = Outcome.of(1, Batch("prefetch", "a.example", URLS.entries), status, "pre-1", error=ERROR)
    made = replace(report("accepted", "accepted"), prefetched=(prefetched,))
    assert (made.result, exit_code(made, fail_on_error=True)) == ("purged", 0)
    assert json.loads(outputs(made)["prefetch-req-ids"]) == ["pre-1"]
    assert json.loads(outputs(made)["req-ids"]) == ["id-1", "id-2"]
    assert outputs(made)["failed-urls"] == "[]"


def test_what_was_not_confirmed_is_failed_with_its_req_id() -> None:
    made = Report(plan=Plan((URLS,)), outcomes=(waited("pending"),), waited=True)
    values = outputs(made)
    assert json.loads(values["failed-urls"]) == list(URLS.entries)
    assert json.loads(values["req-ids"]) == ["id-1"]
    assert json.loads(values["requests"])[0]["status"] == "pending"
    assert (values["purged-urls"], values["failed-count"], values["success-rate"]) == ("[]", "2", "0.0")


def status_of(*statuses: State, error: ApiError | None = None) -> Report:
    outcomes = tuple(
        Outcome.of(number, Batch("urls", "a.example", ()), status, f"id-{number}", 1, error=error)
        for number, status in enumerate(statuses, start=1)
    )
    return Report(
        plan=Plan(batches_of(outcomes)),
        outcomes=outcomes,
        is_status=True,
    )


@pytest.mark.parametrize(
    ("made", "result", "code", "rate"),
    [
        pytest.param(status_of(), "done", 0, "100.0", id="nothing asked"),
        pytest.param(status_of("done", "done"), "done", 0, "100.0", id="done"),
        pytest.param(status_of("done", "done", "pending"), "pending", 0, "66.6", id="one under way: only asked"),
        pytest.param(status_of("pending", error=TIME_OVER), "pending", 1, "0.0", id="under way: waited for"),
        pytest.param(status_of("failed", error=ERROR), "failed", 1, "0.0", id="failed"),
    ],
)
def test_a_status_in_one_word(made: Report, result: str, code: int, rate: str) -> None:
    assert (made.result, exit_code(made, fail_on_error=True)) == (result, code)
    assert outputs(made)["success-rate"] == rate
    assert len(json.loads(outputs(made)["req-ids"])) == len(made.outcomes)


def test_of_a_failure_and_one_under_way_the_failure_counts() -> None:
    made = Report(outcomes=(waited("pending"), waited("failed"), waited("done")), is_status=True)
    assert (made.result, exit_code(made, fail_on_error=True)) == ("failed", 1)


def test_what_a_status_lists_as_done_was_purged() -> None:
    prefetch = Batch("prefetch", "a.example", ("http://a.example/p",))
    outcomes = (waited("done"), waited("done", batch=DIRS), waited("done", batch=prefetch))
    values = outputs(Report(outcomes=outcomes, is_status=True))
    assert json.loads(values["purged-urls"]) == list(URLS.entries)
    assert json.loads(values["purged-dirs"]) == list(DIRS.entries)


A = "http://a.example"
TARGETS = (
    Target(f"{A}/1", "src/1"),
    Target(f"{A}/2", "src/2"),
    Target(f"{A}/d/x.html", "src/d/x.html"),
    Target(f"{A}/d/x", "src/d/x.html"),
    Target(f"{A}/3", "src/3"),
    Target("http://b.example/1", "src/1"),
)


@pytest.mark.parametrize(
    ("first", "last", "directory", "stale", "paths"),
    [
        pytest.param("accepted", "accepted", "accepted", (), ["src/1", "src/2", "src/d/x.html", "src/3"], id="all"),
        pytest.param("failed", "accepted", "accepted", (), ["src/d/x.html"], id="URLs failed"),
        pytest.param("pending", "accepted", "accepted", (), ["src/d/x.html"], id="URLs not confirmed"),
        pytest.param("partial", "accepted", "accepted", (), ["src/d/x.html"], id="URLs partly accepted"),
        pytest.param(
            "accepted", "failed", "accepted", (), ["src/2", "src/d/x.html", "src/3"], id="one of two hosts failed"
        ),
        pytest.param(
            "accepted", "accepted", "failed", (), ["src/1", "src/2", "src/3"], id="the directory above failed"
        ),
        pytest.param(
            "accepted", "accepted", "accepted", (f"{A}/2",), ["src/1", "src/d/x.html", "src/3"], id="one stale"
        ),
        pytest.param(
            "accepted",
            "accepted",
            "accepted",
            (f"{A}/d/x",),
            ["src/1", "src/2", "src/3"],
            id="one of two URLs of a file stale",
        ),
    ],
)
@pytest.mark.parametrize("is_fine", [True, False])
def test_a_path_counts_as_purged_if_all_its_urls_do(
    first: State, last: State, directory: State, stale: tuple[str, ...], paths: list[str], is_fine: bool
) -> None:
    plan = make_plan([target.url for target in TARGETS], [f"{A}/d/"])
    assert [batch.kind + batch.host for batch in plan.batches] == ["urlsa.example", "dirsa.example", "urlsb.example"]
    outcomes = tuple(
        waited(status, number=number, batch=batch)
        for number, (status, batch) in enumerate(zip((first, directory, last), plan.batches, strict=True), start=1)
    )
    verdicts = tuple(Verdict(url, "stale", "serves other content") for url in stale)
    made = Report(Mapped(TARGETS), plan, outcomes, verdicts=verdicts, stale_is_fine=is_fine)
    assert list(made.purged_paths) == paths


def test_what_could_not_be_verified_counts_as_purged() -> None:
    made = Report(Mapped((TARGETS[0],)), Plan((URLS,)), (waited("accepted"),), verdicts=(UNVERIFIED,))
    assert made.purged_paths == ("src/1",)


@pytest.mark.parametrize(
    ("urls", "directory", "purged", "directories"),
    [
        pytest.param("accepted", "accepted", [f"{A}/1", f"{A}/d/x"], [f"{A}/d/"], id="all, folded ones too"),
        pytest.param("accepted", "failed", [f"{A}/1"], [], id="the directory failed"),
        pytest.param("accepted", "pending", [f"{A}/1", f"{A}/d/x"], [f"{A}/d/"], id="the directory is under way"),
        pytest.param("pending", "failed", [f"{A}/1"], [], id="the URLs are under way"),
        pytest.param("partial", "accepted", [f"{A}/d/x"], [f"{A}/d/"], id="the URLs were partly accepted"),
        pytest.param("failed", "failed", [], [], id="nothing"),
    ],
)
def test_what_was_accepted_includes_what_was_folded(
    urls: State, directory: State, purged: list[str], directories: list[str]
) -> None:
    plan = make_plan([f"{A}/1", f"{A}/d/x"], [f"{A}/d/"])
    outcomes = tuple(waited(status, batch=batch) for status, batch in zip((urls, directory), plan.batches, strict=True))
    assert (list(accepted_urls(plan, outcomes)), list(accepted_directories(outcomes))) == (purged, directories)


def test_a_directory_that_was_folded_is_no_url_to_look_at() -> None:
    plan = make_plan([], [f"{A}/d/", f"{A}/d/e/"])
    assert accepted_urls(plan, (waited("accepted", batch=plan.batches[0]),)) == ()


STATUSES: st.SearchStrategy[State] = st.sampled_from(["accepted", "failed", "partial", "pending"])
STATES: st.SearchStrategy[Freshness] = st.sampled_from(["fresh", "stale", "unverified"])


@given(
    urls=st.lists(st.sampled_from([f"{A}/{name}" for name in ("1", "2", "d/1", "d/2", "d/e/3")]), max_size=6),
    dirs=st.lists(st.sampled_from([f"{A}/d/", f"{A}/d/e/"]), max_size=2),
    data=st.data(),
)
def test_nothing_that_may_be_stale_is_left_out_and_red_says_so(
    urls: list[str], dirs: list[str], data: st.DataObject
) -> None:
    plan = make_plan(urls, dirs)
    before = tuple(waited(data.draw(STATUSES), batch=batch) for batch in plan.batches)
    verdicts = tuple(Verdict(url, data.draw(STATES)) for url in accepted_urls(plan, before))
    is_fine = data.draw(st.booleans())
    mapped = Mapped(tuple(Target(url, f"path of {url}") for url in urls))
    outcomes = confirm_by_sight(before, verdicts)
    made = Report(mapped, plan, outcomes, verdicts=verdicts, stale_is_fine=is_fine)
    values = outputs(made)
    purged = [outcome for outcome in before if outcome.state == "accepted"]
    seen = {verdict.url: verdict.state for verdict in verdicts}
    stale = {url for url in accepted_urls(plan, purged) if seen[url] == "stale"}
    good = {url for url in accepted_urls(plan, purged) if url not in stale} | made.fresh
    assert {*made.stale} == stale
    directories = {*accepted_directories(purged)}
    directories |= {folded.url for folded in plan.folded if folded.kind == "dirs" and folded.directory in directories}
    assert {*made.maybe_stale} == {*urls, *dirs} - good - stale - directories
    assert {f"path of {url}" for url in urls if url in good} == {*made.purged_paths}
    in_doubt = {"failed", "partial", "pending"} & {outcome.state for outcome in outcomes}
    assert (exit_code(made, fail_on_error=True) == 1) == (bool(in_doubt) or (bool(stale) and not is_fine))
    assert made.is_red == (values["result"] in {"partial", "failed"})
    assert not {*made.purged("urls")} & {*made.maybe_stale}
    assert len(made.failed_entries) + len(made.purged("urls")) + len(made.purged("dirs")) == plan.size
    assert values.keys() == refused_outputs().keys()


TWO = Batch("urls", "a.example", (f"{A}/1", f"{A}/2"))


def test_of_a_req_id_that_is_under_way_only_what_was_not_seen_fresh_may_be_stale() -> None:
    pending = Outcome.of(1, TWO, "pending", "i", error=TIME_OVER)
    verdicts = (Verdict(f"{A}/1", "fresh"), Verdict(f"{A}/2", "stale", "answers 500"))
    made = Report(plan=Plan((TWO,)), outcomes=confirm_by_sight([pending], verdicts), verdicts=verdicts, waited=True)
    values = outputs(made)
    assert (values["purged-urls"], values["failed-urls"]) == (f'["{A}/1"]', f'["{A}/2"]')
    assert (values["result"], values["success-rate"], values["stale-urls"]) == ("partial", "50.0", "[]")
    assert (json.loads(values["requests"])[0]["status"], made.seen("stale"), made.unreported) == ("pending", (), ())


def test_what_was_all_seen_fresh_is_purged_though_nobody_reports_it_done() -> None:
    pending = Outcome.of(1, TWO, "pending", "i", error=TIME_OVER)
    verdicts = tuple(Verdict(url, "fresh") for url in TWO.entries)
    made = Report(plan=Plan((TWO,)), outcomes=confirm_by_sight([pending], verdicts), verdicts=verdicts, waited=True)
    values = outputs(made)
    assert (values["result"], values["failed-urls"], values["url-count"]) == ("purged", "[]", "2")
    assert (json.loads(values["requests"])[0]["status"], made.unreported) == ("purged", made.outcomes)


def test_every_list_that_is_too_long_is_emptied() -> None:
    lists = {name for name, value in outputs(Report()).items() if value == "[]"}
    assert {"stale-urls", "prefetch-req-ids"} <= lists
    values, emptied = fit(dict.fromkeys(outputs(Report()), "x" * (MAX_OUTPUT + 1)))
    assert set(emptied) == lists
    assert {name for name, value in values.items() if value == "[]"} == lists


def test_refused_runs_promise_nothing() -> None:
    values = refused_outputs()
    assert {name for name, value in values.items() if value not in {"[]", "0", ""}} == {"result", "success-rate"}
    assert (values["result"], values["success-rate"]) == ("failed", "0.0")


def test_the_json_report_tells_what_was_seen_and_prefetched() -> None:
    prefetched = Outcome.of(1, Batch("prefetch", "a.example", URLS.entries), "failed", None, 5, error=ERROR)
    verdict = replace(STALE, reason="by way of 301 to \u202ex\udce9", said=(("Via", 'é"'),), blame="origin")
    document = json.loads(render_json(replace(report("accepted"), verdicts=(verdict,), prefetched=(prefetched,))))
    assert document["stale_urls"] == [URLS.entries[0]]
    seen = {"state": "stale", "reason": verdict.reason, "said": {"Via": 'é"'}, "looks": 3, "blame": "origin"}
    assert document["verified"] == [{"url": STALE.url, **seen}]
    assert document["prefetch"] == [
        {
            "kind": "prefetch",
            "host": "a.example",
            "entries": 2,
            "reqId": None,
            "attempts": 5,
            "status": "failed",
            "error": "the API answered 500. Wait",
            "urls": list(URLS.entries),
        }
    ]
