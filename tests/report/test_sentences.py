"""What people read of one thing: a line a call, a reqId, a URL."""

from __future__ import annotations

import pytest

from tests.report.reports import ERROR, NO_ANSWER, A, call
from ztpurge.calls.transport import Exchange
from ztpurge.cdn.fold import Fold
from ztpurge.cdn.plan import Batch, Folded, Plan
from ztpurge.errors import ApiError, Failure
from ztpurge.report.sentences import (
    away_line,
    count,
    duration,
    entry_counts,
    exchange_line,
    fold_line,
    folds_line,
    lost_runs,
    manifest_line,
    outcome_lines,
    plan_line,
    progress_line,
    size_of,
    skip_counts,
    url_line,
)
from ztpurge.site.mapping import Mapped, Skip

SKIPPED = Mapped(skipped=(Skip("a", "x"), Skip("b", "y"), Skip("c", "y")))
PLAN = Plan((Batch("urls", "a", ("1", "2")), Batch("dirs", "a", ("d/",))), (Folded("d/x", "d/"),))
AT = "[ 1/12] a.example       "
LINE = outcome_lines(Plan((Batch("urls", "longer.example", ("x",)),) * 12))
OOPS = "the API answered 500: oops. Wait"
LOST = "no answer within 100 s. Wait"
LATE = ("`x` says `y`", "`z` does not answer")


# fmt: off
SAID = {
    "1 file": count(1, "file"),
    "2 calls": count(2, "call"),
    "0 tries": count(0, "try"),
    "1,234 directories": count(1234, "directory"),
    "1 url": size_of(call("done", "1")),
    "1 dir": size_of(call("done", "d/", "dirs")),
    "2 urls": size_of(call("done", "1 2", "prefetch")),
    "2 y, 1 x": skip_counts(SKIPPED),
    "0.4 s": duration(0.44),
    "45 s": duration(45.4),
    "1 min": duration(60),
    "2 min 5 s": duration(125.9),
    "1 h": duration(3600.5),
    "23 h 59 min": duration(86399),
    "1 day": duration(86400),
    "7 days 1 h": duration(7 * 86400 + 3600),
    "24,855 days 3 h": duration(2.0**31),
    "3 changed files, 3 skipped; 2 URLs and 1 directory to purge in 2 calls, 1 folded into a directory above":
        plan_line(SKIPPED, PLAN, 3),
    "0 changed files; nothing to purge in 0 calls": plan_line(Mapped(), Plan(), 0),
    "The API is away (x); all calls wait until it is back": away_line(ApiError(Failure.AWAY, "x")),
    "The API is back": away_line(None),
    'POST http://a/b {"a": 1} -> 200 in 0.12 s  age: 7, via: x  {}': exchange_line(
        Exchange("POST", "http://a/b", '{"a": 1}', 200, (("age", "7"), ("via", "x")), "{}", "", 0.123)),
    "GET http://a/b -> no answer in 100.00 s  oops": exchange_line(
        Exchange("GET", "http://a/b", "", None, (), "", "oops", 100.0)),
    f"PUT a {'x' * 1000}... (9999 characters) -> 500 in 0.00 s  {'y' * 1000}... (9999 characters)  oops": exchange_line(
        Exchange("PUT", "a", "x" * 9999, 500, (), "y" * 9999, "oops", 0.0)),
    "1 NOT ACCEPTED, 2 NOT CONFIRMED, 1 NOT ACCEPTED BY ALL PROVIDERS, 1 STILL UNDER WAY, 3 accepted, 1 done":
        entry_counts([call("done"), call("accepted", "1 2"), call("accepted"), call("pending"), call("partial"),
                      call("failed", "1 2", error=NO_ANSWER), call("failed")]),
    "1,000 accepted": entry_counts([call("accepted", "x " * 1000)]),
    "manifest: 1,234 files in dist, 1 not as last purged": manifest_line("dist", files=1234, changed=1, gone=0),
    "manifest: 1 file in the workspace, 0 not as last purged, 2 files gone":
        manifest_line("the workspace", files=1, changed=0, gone=2),
    "2 directories in the place of 12 entries, to keep within max-requests; 3 unchanged files along with them":
        folds_line([Fold("a", 10, 3), Fold("b", 2, 0)]),
    "1 directory in the place of 1 entry, to keep within max-requests; no unchanged file along with them":
        folds_line([Fold("a", 1, 0)]),
    "1 directory in the place of 1 entry, to keep within max-requests; of 1 directory it is not known what else is "
    "below": folds_line([Fold("a", 1, None)]),
    "http://a.example/x/  (10 entries, 1 unchanged file along)": fold_line(Fold("http://a.example/x/", 10, 1)),
    "http://a.example/%25/  %/  (1 entry, no other file)": fold_line(Fold("http://a.example/%25/", 1, 0)),
    "http://a.example/  (1 entry, what else it holds is not known)": fold_line(Fold("http://a.example/", 1, None)),
    # a URL, with the name that people wrote where that differs
    f"{A}a/b.css": url_line(f"{A}a/b.css"),
    A: url_line(A),
    "http://a.example": url_line("http://a.example"),
    "no URL%20": url_line("no URL%20"),
    f"{A}100%25.css  100%.css": url_line(f"{A}100%25.css"),
    f"{A}%E6%98%A5.html  \u6625.html": url_line(f"{A}%E6%98%A5.html"),
    f"{A}%FF  \\xff": url_line(f"{A}%FF"),
    f"{A}%23%23[x]%0A%E2%80%AE%E2%80%8B  #\\#[x]\\n\\u202e\\u200b": url_line(f"{A}%23%23[x]%0A%E2%80%AE%E2%80%8B"),
    # a call that ended, in line with the others
    f"{AT} 2 urls  reqId i  0.21 s": LINE(call("accepted", "1 2", attempts=1, seconds=0.21)),
    f"{AT}  1 url  reqId i  3 tries  4.00 s": LINE(call("accepted", attempts=3, seconds=4.0)),
    f"{AT}  1 url  dry run: not sent": LINE(call("planned")),
    f"{AT}  1 url  NOT SENT  {OOPS}": LINE(call("failed")),
    f"{AT}  1 url  NOT PURGED  5 tries  9.50 s  {OOPS}": LINE(call("failed", attempts=5, seconds=9.5)),
    f"{AT}  1 url  PARTIAL  reqId i  0.10 s  {OOPS}": LINE(call("partial", attempts=1, seconds=0.1)),
    f"{AT}  1 url  NOT PREFETCHED  0.00 s  {OOPS}": LINE(call("failed", "1", "prefetch", attempts=1)),
    f"{AT}  1 dir  MAY HAVE BEEN PURGED  0.00 s  {LOST}": LINE(call("failed", "d/", "dirs", error=NO_ANSWER)),
    f"{AT}  1 url  MAY HAVE BEEN PREFETCHED  0.00 s  {LOST}":
        LINE(call("failed", "1", "prefetch", attempts=1, error=NO_ANSWER)),
    # a reqId that was asked after
    "done    reqId i  a.example  2 urls": progress_line(call("done", "1 2")),
    f"FAILED  reqId i  a.example  1 dir  {OOPS}": progress_line(call("failed", "d/", "dirs", req_id="i")),
    "pending  reqId i": progress_line(call("pending", "", error=None)),
    "pending  reqId i  a.example  2 urls (the service lists no more)  `x` says `y`, `z` does not answer":
        progress_line(call("pending", "1 2", error=None, is_cut=True, late=LATE)),
    f"PENDING  reqId i  a.example  1 url  {OOPS}": progress_line(call("pending", error=ERROR, late=LATE)),
}
# fmt: on


@pytest.mark.parametrize(("text", "said"), SAID.items())
def test_one_thing_is_said_in_a_line(text: str, said: str) -> None:
    assert said == text


@pytest.mark.parametrize(
    ("numbers", "are_known", "runs"),
    [
        ((5,), True, "1 run of this workflow (5)"),
        ((5, 6, 8), True, "3 runs of this workflow (5 to 8)"),
        ((5,), False, "1 run of this workflow (5)"),
        ((), False, "runs that came after the one that is run again here, if any, of this workflow"),
    ],
)
def test_runs_that_left_no_manifest_are_named(numbers: tuple[int, ...], are_known: bool, runs: str) -> None:
    line = lost_runs(numbers, are_known=are_known)
    assert line.startswith(f"{runs} left no manifest")
    assert "all files count as changed" in line
    assert ("`actions: read`" in line) != are_known
