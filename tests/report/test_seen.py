"""What people read of URLs that were looked at: at the edges, at the origin, and what to do about them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.listener import Listener
from sandbox.wire import read_request
from tests.report.reports import A, see, seen
from tests.tables import cases
from ztpurge.edge.judge import Sight, Verdict
from ztpurge.report.seen import (
    advice,
    again_line,
    command_to_look,
    late_advice,
    late_headline,
    late_title,
    sight_lines,
    unreachable_line,
    verdict_counts,
    verdict_line,
)

if TYPE_CHECKING:
    import socket

    from sandbox.wire import Request
    from ztpurge.edge.judge import Freshness

AGED = (("Age", "7"), ("Via", "x"))


def sight(server: str, state: Freshness = "stale", reason: str = "", *, place: str = "", **facts: Any) -> Sight:  # noqa: ANN401 - as Sight
    return Sight(server, place, state, reason, **facts)


# fmt: off
SAID = {
    "1,234 seen fresh, 2 STILL STALE, 1 NOT SEEN, 1 not verified":
        verdict_counts((*see(unverified="1", stale="2 3", fresh="4 " * 1234), seen("5", "stale", is_seen=False))),
    # and with what was seen of it
    f"{A}1": verdict_line(seen("1", "fresh")),
    f"{A}1  (old)": verdict_line(seen("1", "stale", "old")),
    f"{A}1  (old; Age: 7, Via: x)": verdict_line(seen("1", "stale", "old", said=AGED)),
    f"{A}1  (Age: 7, Via: x)": verdict_line(seen("1", "stale", said=AGED)),
    f"{A}1  (old; fetched after the purge; Age: 7, Via: x)":
        verdict_line(seen("1", "stale", "old", said=AGED, blame="origin")),
    f"{A}1  (old; kept from before the purge)": verdict_line(seen("1", "stale", "old", blame="edge")),
    f"{A}%E6%98%A5  \u6625  (gone)": verdict_line(seen("%E6%98%A5", "stale", "gone", blame="address")),
    # a URL that was purged twice
    f"{A}1  id-2  fresh now": again_line(f"{A}1", "id-2", {f"{A}1": "fresh"}),
    f"{A}%25  %  id-2  still stale": again_line(f"{A}%25", "id-2", {f"{A}%25": "stale"}),
    f"{A}1  no reqId": again_line(f"{A}1", None, {}),
    "a.example: 1 edge not looked at, since this machine has no route there: 2001:db8::7":
        unreachable_line("a.example", ["2001:db8::7"]),
}
# fmt: on


@pytest.mark.parametrize(("text", "said"), SAID.items())
def test_what_was_seen_is_said_in_a_line(text: str, said: str) -> None:
    assert said == text


OLD = sight("192.0.2.8", reason="serves other content", place="LHR", said=AGED)
FRESH = sight("192.0.2.7", "fresh", place="FRA50-P3")


@cases("sights lines", {
    "one server": ((), []),
    "the worst first": ((FRESH, OLD), [
        "192.0.2.8 (LHR): serves other content; Age: 7, Via: x", "192.0.2.7 (FRA50-P3): fresh",
    ]),
    "by way of a redirect": ((sight("e1", "fresh", "by way of 301 to x"),), ["e1: fresh; by way of 301 to x"]),
    "nobody can tell": ((sight("e1", "unverified", "a link"),), ["e1: not verified; a link"]),
    "by the host's name": ((sight("", reason="not seen"),), ["the host's name: not seen"]),
    "nine": ((FRESH,) * 9, ["192.0.2.7 (FRA50-P3): fresh"] * 9),
    "more": ((FRESH,) * 11 + (OLD,), [
        "192.0.2.8 (LHR): serves other content; Age: 7, Via: x", *["192.0.2.7 (FRA50-P3): fresh"] * 7,
        "and 4 more servers",
    ]),
})  # fmt: skip
def test_what_each_server_served_is_told_in_few_lines(sights: tuple[Sight, ...], lines: list[str]) -> None:
    assert sight_lines(sights) == lines


TWO_PURGES = {"": "A second", "origin": "The edge", "edge": "Two purges", "address": "None of"}


@cases("blames served twice beginnings", {
    "nothing of the site": ([""], "", 0, []),
    "an old file of nobody knows whom": ([""], "other content", 0, ["What answered"]),
    "an old file, and the edge's": (["", "edge"], "other content", 0, ["The purge"]),
    "the most first": (["edge", *[""] * 3, *["origin"] * 2], "", 0, ["The edge", "The purge"]),
    "no file": (["address"], "", 0, ["None of"]),
    **{f"purged twice, {blame or 'whoever it was'}": ([blame], "other content", 1, [words])
       for blame, words in TWO_PURGES.items()},
    "one of two purged twice": (["edge", "edge"], "other content", 1, ["The purge"]),
    "each of two": (["edge", "edge"], "other content", 2, ["Two purges"]),
})  # fmt: skip
def test_what_was_seen_tells_what_to_do(blames: list[str], served: str, twice: int, beginnings: list[str]) -> None:
    verdicts = [seen(str(number), "stale", blame=blame, served=served) for number, blame in enumerate(blames)]
    found = advice(verdicts, again=[verdict.url for verdict in verdicts[:twice]])
    assert [" ".join(sentence.split()[:2]) for sentence in found] == beginnings


@pytest.mark.parametrize("blame", ["", "edge", "origin"])
def test_what_came_back_old_has_a_cause_of_its_own(blame: str) -> None:
    back = seen("1", "stale", served="other content", blame=blame, is_back=True)
    assert [" ".join(sentence.split()[:2]) for sentence in advice([back], again=())] == ["What came"]
    old = seen("2", "stale", served="other content", blame="edge")
    assert [" ".join(one.split()[:2]) for one in advice([back, old], again=())] == ["The purge", "What came"]


SOON = seen("1", "stale", "at the origin: serves other content", served="other content", looks=9)
MISSING = seen("2", "stale", "at the origin: answers 404", served="no file", looks=9, blame="address")
ODD = seen("3", "stale", "at the origin: answers 421", looks=9)
SILENT = seen("4", "stale", "at the origin: not seen: no connection", looks=9, is_seen=False)
UNTOLD = seen("5", "stale", "what it must serve is not known", is_seen=False)


@cases("late title headline beginnings", {
    "old": ([SOON], "Not new at the origin yet", "the origin is not new yet for 1 of 12 URLs", ["The deployment"]),
    "none there": ([MISSING], "Not new at the origin yet", "the origin is not new yet for 1 of 12 URLs", ["None of"]),
    "one there, but old": (
        [MISSING, SOON], "Not new at the origin yet", "the origin is not new yet for 2 of 12 URLs", ["The deployment"],
    ),
    "an error": ([ODD], "Not new at the origin yet", "the origin is not new yet for 1 of 12 URLs", ["The origin"]),
    "no answer": ([SILENT], "Not seen at the origin", "the origin did not answer for 1 of 12 URLs", ["The origin"]),
    "old, and no answer": (
        [SOON, SILENT], "Not new at the origin yet", "the origin is not new yet for 2 of 12 URLs",
        ["The deployment", "The origin"],
    ),
    "nobody looked": (
        [UNTOLD], "Not seen at the origin", "whether the origin is new could not be told for 1 of 12 URLs", [],
    ),
})  # fmt: skip
def test_a_late_origin_is_told_with_what_to_do(
    late: list[Any], title: str, headline: str, beginnings: list[str]
) -> None:
    assert (late_title(late), late_headline(late, 12)) == (title, f"Nothing was purged: {headline}")
    assert [" ".join(sentence.split()[:2]) for sentence in late_advice(late)] == beginnings


@cases("url at command", {
    "by the name": ("https://a.example/b", "", "curl -sI https://a.example/b"),
    "an edge": ("https://a.example/b", "https://192.0.2.7/b", "curl -sI --connect-to ::192.0.2.7:443 https://a.example/b"),
    "an edge's port": (
        "http://a.example:8080/b", "http://192.0.2.7:8080/b",
        "curl -sI --connect-to ::192.0.2.7:8080 http://a.example:8080/b",
    ),
    "IPv6": ("http://a.example/b", "http://[::1]/b", "curl -sI --connect-to '::[::1]:80' http://a.example/b"),
    "an origin with a folder of its own": (
        "https://a.example/b", "http://o.example:81/x/b", "curl -sI --connect-to ::o.example:81 http://a.example/x/b",
    ),
    "what a shell and curl take for patterns": ("http://a.example/[1]'", "", """curl -sIg 'http://a.example/[1]'"'"''"""),
})  # fmt: skip
def test_a_command_shows_what_the_very_server_answers(url: str, at: str, command: str) -> None:
    assert command_to_look(Verdict(url, "stale", at=at)) == command


@pytest.mark.skipif(not shutil.which("curl"), reason="the command is curl's")
def test_the_command_asks_that_server_in_the_host_s_name() -> None:
    asked: list[Request | None] = []

    def serve(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            asked.append(read_request(stream))
            connection.sendall(b"HTTP/1.1 200 OK\r\nAge: 86\r\nContent-Length: 0\r\n\r\n")

    with Listener(serve, bind="127.0.0.1", port=0) as listener:
        verdict = Verdict("https://static.example.com/a%20[1].html", "stale", at=f"{listener.url}/x/a%20[1].html")
        shown = subprocess.run(shlex.split(command_to_look(verdict)), check=True, capture_output=True, text=True)
    assert "Age: 86" in shown.stdout
    (request,) = asked
    assert request
    assert (request.target, request.headers["Host"]) == (b"/x/a%20[1].html", "static.example.com")
