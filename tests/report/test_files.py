"""What went wrong stands at the changed files behind it, each once; what is no file's fault does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.report.reports import A, call, run, see, seen, told
from tests.tables import cases
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.report.endings import broken_off, held_back, refused
from ztpurge.report.files import find_troubles
from ztpurge.site.mapping import Mapped, Target

if TYPE_CHECKING:
    from ztpurge.report.values import Report

AWAY = ApiError(Failure.AWAY, "no connection")


def mapped(**files: str) -> Mapped:
    """Return files with their URLs, which have blanks between them."""
    return Mapped(tuple(Target(A + name, path, "s") for path, names in files.items() for name in names.split()))


def report(*calls: Any, files: Mapped, **facts: Any) -> Report:  # noqa: ANN401 - as `run`
    return run(*calls, mapped=files, **facts)


OOPS = "(the API answered 500: oops)"


# fmt: off
TROUBLES = {
    "all is well": (report(call("done", "1 2"), files=mapped(a="1", b="2"), verdicts=see(fresh="1", unverified="2")),
                    []),
    "not purged": (report(call("failed", "1 2"), call("done", "3"), files=mapped(a="1", b="2", c="3")),
                   [f"a: Not purged: {A}1  {OOPS}", f"b: Not purged: {A}2  {OOPS}"]),
    "partly accepted": (report(call("partial", "1"), files=mapped(a="1")), [f"a: Not purged: {A}1  {OOPS}"]),
    "not confirmed": (report(call("pending", "1 2"), files=mapped(a="1", b="2"), verdicts=see(fresh="2")),
                      [f"a: Not confirmed as purged: {A}1  (still under way (`run`) after 300 s)"]),
    "a directory, and what was folded into it":
        (report(call("failed", "d/", "dirs"), files=mapped(a="d/x"), folded={"d/x": "d/"}),
         [f"a: Not purged: {A}d/x  {OOPS}"]),
    "a rule's directory": (report(call("failed", "d/", "dirs"), files=Mapped((Target(f"{A}d/", "a", "r", "dirs"),))),
                           [f"a: Not purged: {A}d/  {OOPS}"]),
    "a page at a directory's address is another thing":
        (report(call("failed", "d/", "dirs"), call("done", "d/"), files=mapped(a="d/")), []),
    "stale": (report(call("done", "1 2"), files=mapped(a="1", b="2"), verdicts=see(stale="2", fresh="1", reason="old")),
              [f"b: Purged, but not fresh: {A}2  (old)"]),
    "several URLs of a file, the graver first":
        (report(call("done", "1"), call("failed", "2 3"), files=mapped(a="1 2 3"), verdicts=see(stale="1")),
         [f"a: Not purged: {A}2  {OOPS}. And 2 more URLs of this file"]),
    "a URL of several files": (report(call("failed", "1"), files=mapped(a="1", b="1")),
                               [f"{path}: Not purged: {A}1  {OOPS}" for path in "ab"]),
    "not reached": (report(call("done"), files=mapped(a="1"), verdicts=(seen("1", "stale", "x", is_seen=False,
                                                                             looks=2),)),
                    [f"a: Purged, but not seen to be fresh: {A}1  (x)"]),
    "late at the origin":
        (held_back(report(call("planned", "1 2 3"), files=mapped(a="1", b="2", c="3")),
                   (seen("1", "stale", "old", looks=2), seen("3", "stale", "why", is_seen=False))),
         [f"a: Not new at the origin yet: {A}1  (old)"]),
    "never looked at": (report(call("done"), files=mapped(a="1"), verdicts=(seen("1", "stale", is_seen=False),)), []),
    "what bars all": (report(call("failed", error=AWAY), files=mapped(a="1")), []),
    "refused": (refused(report(call("planned"), files=mapped(a="1")), ZtpurgeError("no")), []),
    "a bug": (broken_off(report(call("accepted"), files=mapped(a="1")), (), wait=True, verify=True), []),
    "a dry run": (report(call("planned"), files=mapped(a="1")), []),
    "no file": (report(call("failed"), files=Mapped()), []),
}
# fmt: on


@cases("told of", TROUBLES)
def test_files_are_told_of(told: Report, of: list[str]) -> None:
    assert [f"{trouble.path}: {trouble.message}" for trouble in find_troubles(told)] == of


AT = re.compile(r"::(error|warning) file=([^,]*),title=ztpurge::(.*)")
BORNE = {"fail_on_error": "false"}


@cases("facts inputs levels", {
    "errors": ({}, {}, {"a": "error", "b": "error"}),
    "that are borne": ({}, BORNE, {"a": "warning", "b": "warning"}),
    "stale ones are borne": ({"stale_is_fine": True}, {}, {"a": "error", "b": "warning"}),
})  # fmt: skip
def test_an_annotation_stands_at_a_file_as_grave_as_the_cause(
    facts: dict[str, Any], inputs: dict[str, str], levels: dict[str, str]
) -> None:
    calls = [call("failed", "1"), call("done", "2")]
    found = told(report(*calls, files=mapped(a="1", b="2"), verdicts=see(stale="2"), **facts), **inputs)
    assert {at[2]: at[1] for line in found["log"] if (at := AT.fullmatch(line))} == levels


@pytest.mark.parametrize("hosts", [1, 8, 9, 10, 12])
@pytest.mark.parametrize("number", [1, 2, 9, 10, 400])
def test_files_fill_up_what_the_causes_leave_of_ten(hosts: int, number: int) -> None:
    calls = [call("failed", str(at), host=f"{at}.example") for at in range(hosts - 1)]
    files = mapped(**{f"f{at}": f"{at}" for at in range(number)})
    lines = told(report(call("failed", " ".join(map(str, range(number)))), *calls, files=files))["log"]
    errors = [line for line in lines if line.startswith("::error ")]
    named = [at[2] for line in errors if (at := AT.fullmatch(line))]
    room = max(10 - hosts, 0)
    assert named == [f"f{at}" for at in range(number if number <= room else max(room - 1, 0))]
    assert len(errors) == min(hosts + number, 10)
    counted = re.search(r"and (\d+) more changed files? with such URLs", errors[-1])
    assert int(counted[1] if counted else 0) == (number - len(named) if room else 0)
