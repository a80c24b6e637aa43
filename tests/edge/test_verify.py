"""Each purged URL is looked at until it is fresh or the time is over, politely, and nothing else is asked for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import FakeClock, make_scheduler
from tests.tables import cases
from ztpurge.calls.clock import Clock
from ztpurge.changes.contents import Content, Unknown
from ztpurge.edge.expected import Gone
from ztpurge.edge.fetch import Look
from ztpurge.edge.judge import Verdict
from ztpurge.edge.looking import Terms
from ztpurge.edge.verify import Verification
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.site.urls import host_of
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ztpurge.calls.scheduler import Scheduler
    from ztpurge.edge.expected import Expected

CONNECTIONS = 4
A, B, ELSEWHERE = "https://a.example/", "https://a.example/b", "https://elsewhere.example/x"
OTHER_HOST = "https://b.example/"
PAGE = Content("a" * 40, 5000, is_blob=True)
OUTPUT, LARGE, EMPTY = Content("b" * 64, 20), Content("a" * 64, 2 << 20), Content("a" * 64, 0)
UNSIZED = Content("a" * 40, None, is_blob=True)
SMALL = Content("c" * 40, 130, is_blob=True)  # may be a pointer of Git LFS
BEHIND = Content("d" * 64, 12345)
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{BEHIND.digest}\nsize 12345\n".encode()
FOLDER = Gone(is_folder=True)
SAID = (("Age", "17"),)
OTHER, FRESH = Look(200, said=SAID), Look(200, is_match=True, said=SAID)
BROKEN = ApiError(Failure.UNREACHABLE, "the call broke off: refused")
Answer = Look | ApiError | Callable[[Content | None], Look]


def serves(content: Content, *, small: bytes = b"") -> Answer:
    """Serve a content: it matches if that is expected."""

    def look(expected: Content | None) -> Look:
        matches = expected == content
        return Look(200, is_match=matches, said=SAID, small=small if matches else b"")

    return look


def redirects(location: str, status: int = 301) -> Look:
    return Look(status, said=SAID, location=location)


class Edge:
    """Edges whose answers are told beforehand, one after another, the last for ever; notes what it is asked for."""

    def __init__(
        self,
        served: Mapping[str, Answer | Sequence[Answer]],
        *,
        clock: Clock | None = None,
        on_look: Callable[[str], object] = lambda _url: None,
    ) -> None:
        self._served = {url: list(what) if isinstance(what, Sequence) else [what] for url, what in served.items()}
        self.clock = clock or FakeClock()
        self._began = self.clock.now()
        self.on_look = on_look
        self.lock = threading.Lock()
        self.under_way: Counter[str] = Counter()
        self.busiest: Counter[str] = Counter()  # looks at a host at once
        self.asked: list[tuple[str, Content | None]] = []
        self.times: list[float] = []
        self.timeouts: list[float] = []

    @property
    def urls(self) -> list[str]:
        return [url for url, _ in self.asked]

    def look(self, url: str, at: str, expected: Content | None, timeout: float) -> Look:
        host = host_of(url)
        with self.lock:
            self.under_way[host] += 1
            self.busiest |= self.under_way
            self.asked.append((at, expected))
            self.times.append(self.clock.now() - self._began)
            self.timeouts.append(timeout)
            answers = self._served[at]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.on_look(url)
        with self.lock:
            self.under_way[host] -= 1
        if isinstance(answer, ApiError):
            raise answer
        return answer if isinstance(answer, Look) else answer(expected)

    def shown(self, text: str, *, limit: int) -> str:
        return for_log(text, limit=limit)

    def run(
        self,
        expected: Mapping[str, Expected],
        *,
        seconds: float = 10,
        request_timeout: float = 100,
        since_purge: float = 0,
        pointer_of: Callable[[str], Content | None] = lambda _sha: None,
        on_verdict: Callable[[Verdict], None] = lambda _verdict: None,
        on_round: Callable[[int], None] = lambda _left: None,
        concurrency: int = CONNECTIONS,
        is_origin: bool = False,
    ) -> tuple[Verdict, ...]:
        scheduler = make_scheduler(
            self.clock, seconds=seconds, request_timeout=request_timeout, concurrency=concurrency
        )
        purged_at = self.clock.now() - since_purge
        terms = Terms(pointer_of=pointer_of, purged_at=lambda _url: purged_at, is_origin=is_origin)
        verification = Verification(expected, self, scheduler, terms)
        verification.run(scheduler, on_verdict=on_verdict, on_round=on_round)
        return verification.verdicts

    def watch(self, *urls: str, servers: Sequence[str] = ("",), seconds: float = 60) -> Watch:
        """Return what looks at URLs, at each of several servers, for so long."""
        scheduler, began = make_scheduler(self.clock, seconds=seconds, concurrency=CONNECTIONS), self.clock.now()
        terms = Terms(pointer_of=pointer_of, purged_at=lambda _url: began, asked_at=lambda url: ways(url, servers))
        return Watch(Verification(dict.fromkeys(urls, PAGE), self, scheduler, terms), scheduler)


def ways(url: str, servers: Sequence[str]) -> dict[str, str]:
    return {server: url.replace(host_of(url), server) if server else url for server in servers}


@dataclass
class Watch:
    """URLs that are looked at in several goes, and whoever heard that one is settled."""

    verification: Verification
    scheduler: Scheduler
    heard: list[str] = field(default_factory=list)

    def run(self, seconds: float = 60) -> str:
        """Look for so long, and return the states."""
        self.verification.run(
            self.scheduler.within(seconds, "x"),
            on_verdict=lambda verdict: self.heard.append(verdict.url),
            on_round=lambda _left: None,
        )
        return self.states

    def look_back(self) -> list[str]:
        return [verdict.url for verdict in self.verification.look_back(self.scheduler)]

    @property
    def states(self) -> str:
        return " ".join(verdict.state for verdict in self.verification.verdicts)


UNREAD = "served compressed with br, which was not asked for and cannot be undone here"
TOO_LONG = "too long to compare, since the checkout lacks the file and nobody tells its size"
JUDGED: dict[str, tuple[Expected, Look | ApiError, str, str]] = {
    "the content": (PAGE, FRESH, "fresh", ""),
    "other content": (PAGE, OTHER, "stale", "serves other content"),
    "not found": (PAGE, Look(404), "stale", "answers 404"),
    "a part": (PAGE, Look(206), "stale", "answers 206"),
    "not modified": (PAGE, Look(304), "stale", "answers 304"),
    "a redirect to nowhere": (PAGE, Look(302), "stale", "answers 302"),
    "a failure": (PAGE, Look(500), "stale", "answers 500"),
    "br": (PAGE, Look(200, unread="br"), "stale", UNREAD),
    "a file stored in br": (PAGE, Look(200, is_match=True, unread="br"), "fresh", ""),
    "a failure in br": (PAGE, Look(503, unread="br"), "stale", "answers 503"),
    "of a length that nobody tells": (UNSIZED, Look(200, is_too_long=True), "stale", TOO_LONG),
    "no answer": (PAGE, BROKEN, "stale", "not seen: the call broke off: refused"),
    "deleted and not found": (Gone(), Look(404), "fresh", ""),
    "deleted and gone": (Gone(), Look(410), "fresh", ""),
    "deleted and served": (Gone(), Look(200), "stale", "answers 200, but the file is deleted"),
    "deleted and forbidden": (Gone(), Look(403), "stale", "answers 403, but the file is deleted"),
    "deleted and failing": (Gone(), Look(503), "stale", "answers 503, but the file is deleted"),
    "deleted and no answer": (Gone(), BROKEN, "stale", "not seen: the call broke off: refused"),
    "deleted index and not found": (FOLDER, Look(404), "fresh", ""),
    "deleted index and served": (FOLDER, Look(200), "stale", "answers 200, but the file is deleted"),
    "deleted index and forbidden": (
        FOLDER, Look(403), "unverified", "answers 403, as servers do for a folder without an index"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("expected", "seen", "state", "words"), JUDGED.values(), ids=JUDGED)
def test_what_is_seen_is_judged(expected: Expected, seen: Look | ApiError, state: str, words: str) -> None:
    (verdict,) = Edge({A: seen}).run({A: expected}, seconds=1)
    assert verdict.state == state
    assert verdict.reason == (f"{words} (1 look in 0 s)" if state == "stale" else words)
    assert (verdict.url, verdict.looks) == (A, 1)


@pytest.mark.parametrize("what", [PAGE, Gone()], ids=["served", "deleted"])
@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("http://[::1]/%5Bid%5D.js", "stale"), ("http://a.example/[id].js", "unverified"),
        ("http://a.example/a|b.css", "unverified"), ("http://a.example/x^y.css", "unverified"),
    ],
)  # fmt: skip
def test_a_server_may_refuse_a_spelling_that_is_not_rfc_3986_s(what: Expected, url: str, state: str) -> None:
    (verdict,) = Edge({url: Look(400)}).run({url: what}, seconds=1)
    assert (verdict.state, "answers 400" in verdict.reason) == (state, True)


@pytest.mark.parametrize(
    ("expected", "words"),
    [(Unknown("a folder"), "a folder"), (Content("a" * 64, (1 << 30) + 1), "larger than 1024 MiB")],
)
def test_what_cannot_be_compared_is_not_asked_for_and_not_fresh(
    clock: FakeClock, expected: Expected, words: str
) -> None:
    door = Edge({}, clock=clock)
    assert door.run({A: expected}) == (Verdict(A, "unverified", words),)
    assert door.run({}) == ()
    assert (door.asked, clock.slept) == ([], [])


def test_a_url_is_looked_at_until_it_is_fresh() -> None:
    door = Edge({A: [OTHER, BROKEN, Look(404), FRESH]})
    (verdict,) = door.run({A: PAGE})
    assert (verdict, verdict.seconds) == (Verdict(A, "fresh", looks=4), 3.5)
    assert door.times == [0, 0.5, 1.5, 3.5]


def test_a_stale_url_is_looked_at_to_the_end_and_shows_what_the_edge_said(clock: FakeClock) -> None:
    (verdict,) = Edge({A: [Look(404), OTHER]}, clock=clock).run({A: PAGE}, seconds=41)
    assert verdict == Verdict(A, "stale", "serves other content (10 looks in 40 s)", SAID, 10, served="other content")
    assert clock.slept == [0.5, 1, 2, 4, 8, 8, 8, 8, 0.5]  # growing up to a limit, and the last look before the end


def test_a_look_may_take_no_longer_than_a_request_or_what_is_left(clock: FakeClock) -> None:
    door = Edge({A: OTHER}, clock=clock, on_look=lambda _url: clock.sleep(1))
    door.run({A: PAGE}, seconds=10, request_timeout=3)
    assert door.timeouts == [min(3, 10 - time) for time in door.times]
    assert min(door.timeouts) < 3


@pytest.mark.parametrize(
    ("expected", "most"), [(Gone(), 15), (EMPTY, 15 + 8), (Content("a" * 64, 20 << 20), 15 + 10), (UNSIZED, 15 + 8)]
)
def test_a_look_is_given_a_time_by_what_it_has_to_read(expected: Expected, most: float) -> None:
    door = Edge({A: FRESH})
    door.run({A: expected}, seconds=1000, request_timeout=1000)
    assert door.timeouts[0] <= most


def test_fresh_urls_are_not_asked_for_again_and_each_round_tells_how_many_are_left() -> None:
    left: list[int] = []
    served = {f"{A}{number}": [OTHER] * number + [FRESH] for number in range(4)}
    door = Edge(served)
    verdicts = door.run(dict.fromkeys(served, PAGE), seconds=60, on_round=left.append)
    assert [verdict.looks for verdict in verdicts] == [1, 2, 3, 4]
    assert Counter(door.urls) == {f"{A}{number}": number + 1 for number in range(4)}
    assert left == [3, 2, 1]


NOT_LOOKED_AT = "not looked at: no time was left (`verify-timeout`, or `timeout` before that)"
CANCELLED = "not looked at: the run was cancelled"


@pytest.mark.parametrize(("seconds", "words"), [(0, NOT_LOOKED_AT), (-5, NOT_LOOKED_AT), (10, CANCELLED)])
def test_without_time_or_after_a_cancellation_nothing_is_looked_at(seconds: float, words: str) -> None:
    door = Edge({A: FRESH})
    if words == CANCELLED:
        door.clock.stop()
    assert door.run({A: PAGE}, seconds=seconds) == (Verdict(A, "stale", words, is_seen=False),)
    assert door.asked == []


def test_a_cancellation_ends_the_looking(clock: FakeClock) -> None:
    urls = [f"{A}{number}" for number in range(50)]
    door = Edge(dict.fromkeys(urls, OTHER), clock=clock, on_look=lambda _url: clock.stop())
    verdicts = door.run(dict.fromkeys(urls, PAGE))
    assert len(door.asked) <= CONNECTIONS
    for verdict in verdicts:
        ending = "serves other content (1 look in 0 s; the run was cancelled)"
        told = (ending, SAID) if verdict.url in door.urls else (CANCELLED, ())
        assert (verdict.reason, verdict.said) == told


TO_B, LOOK, NOT_PURGED = f"by way of 301 to {B}", "(1 look in 0 s)", "this run did not purge that (1 look in 0 s)"
IN_CIRCLES = f"answers 301 to {A}; redirects too often {LOOK}"
REDIRECTED: dict[str, tuple[dict[str, Look], str, str, list[str] | None]] = {
    "path": ({A: redirects("/b")}, "fresh", TO_B, [A, B]),
    "relative": ({A: redirects("b")}, "fresh", TO_B, [A, B]),
    "full": ({A: redirects(B)}, "fresh", TO_B, [A, B]),
    "scheme": ({A: redirects("//a.example/b")}, "fresh", TO_B, [A, B]),
    "fragment": ({A: redirects(f"{B}#top")}, "fresh", TO_B, [A, B]),
    "another spelling": ({A: redirects("https://A.example:443/b")}, "fresh", TO_B, [A, B]),
    "other content there": (
        {A: redirects("/b", 302), B: OTHER}, "stale", f"by way of 302 to {B}: serves other content {LOOK}", [A, B]
    ),
    "not purged": ({A: redirects("/c")}, "stale", f"answers 301 to {A}c; {NOT_PURGED}", [A]),
    "another query": ({A: redirects("/b?c")}, "stale", f"answers 301 to {B}?c; {NOT_PURGED}", [A]),
    "another host": ({A: redirects(ELSEWHERE)}, "stale", f"answers 301 to {ELSEWHERE}; {NOT_PURGED}", [A]),
    "another scheme": (
        {A: redirects("http://a.example/")}, "stale", f"answers 301 to http://a.example/; {NOT_PURGED}", [A]
    ),
    "from there to another": (
        {A: redirects("/b"), B: redirects("/c")}, "stale", f"answers 301 to {A}c; {NOT_PURGED}", [A, B]
    ),
    "itself": ({A: redirects("/")}, "stale", IN_CIRCLES, None),
    "a loop": ({A: redirects("/b"), B: redirects("/")}, "stale", IN_CIRCLES, None),
}  # fmt: skip


@pytest.mark.parametrize(("served", "state", "words", "asked"), REDIRECTED.values(), ids=REDIRECTED)
def test_a_redirect_is_followed_to_what_was_purged(
    served: dict[str, Look], state: str, words: str, asked: list[str] | None
) -> None:
    door = Edge({B: FRESH} | served)
    verdict = door.run({A: PAGE, B: PAGE}, seconds=1)[0]
    assert (verdict.state, verdict.reason) == (state, words)
    if asked:
        assert Counter(door.urls) == Counter([*asked, B])  # `b` once for itself
    assert len(door.urls) < 20
    assert all(content == PAGE for _, content in door.asked)
    if words == IN_CIRCLES:  # a deleted file, too
        assert Edge({B: FRESH} | served).run({A: Gone(), B: Gone()}, seconds=1)[0] == verdict


@pytest.mark.parametrize(
    "location",
    [
        "http://[", "//", "http://", "javascript:1", "\x00", "http://a.example:x/", "mailto:a", "//[::1",
        pytest.param(f"{A}##[error]{'x' * 999}\x1b", id="long, with a command to the runner"),
    ],
)  # fmt: skip
def test_a_redirect_to_what_is_no_url_is_stale_and_safe_to_show(location: str) -> None:
    (verdict,) = Edge({A: redirects(location)}).run({A: PAGE}, seconds=1)
    assert (verdict.state, verdict.reason.startswith("answers 301 to ")) == ("stale", True)
    assert "##[" not in verdict.reason
    assert verdict.reason.isprintable()
    assert len(verdict.reason) < 500


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    ("there", "served", "state", "words"),
    [
        pytest.param({B: PAGE}, FRESH, "fresh", "by way of {} to {}", id="to its new name"),
        pytest.param({B: SMALL}, serves(BEHIND), "fresh", "by way of {} to {}", id="to its new name, by Git LFS"),
        pytest.param({B: PAGE}, OTHER, "stale", "by way of {} to {}: serves other content", id="to an old file"),
        pytest.param({B: PAGE}, Look(404), "stale", "by way of {} to {}: answers 404", id="to what is not there"),
        pytest.param({B: Gone()}, Look(404), "fresh", "by way of {} to {}", id="to what is gone too"),
        pytest.param({B: Gone()}, Look(200), "stale", "by way of {} to {}: answers 200, but", id="to what should be"),
        pytest.param({B: FOLDER}, Look(403), "unverified", "by way of {} to {}: answers 403", id="to a folder"),
        pytest.param({B: Unknown("a link")}, FRESH, "unverified", "by way of {} to {}: a link", id="to nobody knows"),
        pytest.param({}, FRESH, "unverified", "answers {} to {}; this run did not purge that", id="elsewhere"),
    ],
)
def test_the_old_url_of_a_renamed_page_may_redirect(
    status: int, there: dict[str, Expected], served: Answer, state: str, words: str
) -> None:
    door = Edge({A: redirects("/b", status), B: served})
    verdict = door.run({A: Gone(), **there}, seconds=5, pointer_of=pointer_of)[0]
    assert verdict.state == state
    assert verdict.reason.startswith(words.format(status, B))
    assert there or (door.urls, verdict.said) == ([A], SAID)  # it is asked for once


@pytest.mark.parametrize(
    ("location", "state"),
    [
        ("http://a.example/x", "stale"), ("https://www.a.example/x", "stale"),
        ("https://www.a.example/y", "unverified"), ("/x?y", "unverified"), ("/x/", "unverified"),
    ],
)  # fmt: skip
def test_a_deleted_url_may_still_be_served_by_its_own_name_elsewhere(location: str, state: str) -> None:
    (verdict,) = Edge({f"{A}x": redirects(location)}).run({f"{A}x": Gone()}, seconds=1)
    assert (verdict.state, "this run did not purge that" in verdict.reason) == (state, True)


def pointer_of(sha: str) -> Content | None:
    assert sha == SMALL.digest
    return BEHIND


def test_in_the_place_of_a_pointer_its_file_is_served_maybe_behind_a_redirect() -> None:
    door = Edge({A: serves(BEHIND)})
    assert door.run({A: SMALL}, pointer_of=pointer_of) == (Verdict(A, "fresh", looks=1),)
    assert door.asked == [(A, SMALL), (A, BEHIND)]
    door = Edge({A: redirects("/b"), B: serves(BEHIND)})
    assert {verdict.state for verdict in door.run({A: SMALL, B: SMALL}, pointer_of=pointer_of)} == {"fresh"}


AS_POINTER = serves(SMALL, small=POINTER)
IS_POINTER = "serves the pointer of Git LFS, not the file; check out with `lfs: true`"
UNREADABLE = ZtpurgeError("there is no `github-token` to ask GitHub's API with")
NOT_KNOWN = f"serves other content; whether it is a pointer of Git LFS is not known: {UNREADABLE}"


@pytest.mark.parametrize(
    ("served", "found", "seconds", "state", "words"),
    [
        pytest.param([serves(PAGE), AS_POINTER, serves(PAGE), serves(BEHIND)], BEHIND, 60, "fresh", "", id="late"),
        pytest.param(AS_POINTER, BEHIND, 1, "stale", IS_POINTER, id="itself in one look"),
        pytest.param(AS_POINTER, BEHIND, 10, "stale", IS_POINTER, id="itself in many looks"),
        pytest.param(Look(200), Content("b" * 64, 2 << 30), 10, "unverified", "larger than 1024 MiB", id="too large"),
        pytest.param(OTHER, UNREADABLE, 1, "stale", NOT_KNOWN, id="not to be read"),
    ],
)
def test_what_is_served_in_the_place_of_a_pointer_is_judged(
    served: Answer, found: Content | ZtpurgeError, seconds: float, state: str, words: str
) -> None:
    def read(_sha: str) -> Content:
        if isinstance(found, ZtpurgeError):
            raise found
        return found

    (verdict,) = Edge({A: served}).run({A: SMALL}, seconds=seconds, pointer_of=read)
    assert (verdict.state, verdict.reason.startswith(words)) == (state, True)
    assert verdict.said == (SAID if state == "stale" else ())
    assert state != "unverified" or verdict.looks == 1


NO_CONTENT = (Look(404), Look(503), Look(200, unread="br"), redirects("/c"), BROKEN)


@pytest.mark.parametrize(
    ("what", "served", "state"),
    [
        *(pytest.param(SMALL, seen, "stale", id=repr(seen)) for seen in NO_CONTENT),
        pytest.param(SMALL, serves(SMALL, small=b"page"), "fresh", id="it is served"),
        pytest.param(PAGE, OTHER, "stale", id="too large for a pointer"),
        pytest.param(OUTPUT, OTHER, "stale", id="of a build"),
    ],
)
def test_a_blob_is_read_only_where_it_may_be_a_pointer_and_other_content_is_served(
    what: Content, served: Answer, state: str
) -> None:
    read: list[str] = []
    (verdict,) = Edge({A: served}).run({A: what}, seconds=1, pointer_of=read.append)
    assert (verdict.state, verdict.looks, read) == (state, 1, [])


def test_a_bug_in_one_look_leaves_the_others() -> None:
    def fail(_expected: Content | None) -> Look:
        raise ZeroDivisionError("##[error]")

    bad, good = Edge({A: fail, B: FRESH}).run({A: PAGE, B: PAGE}, seconds=1)
    assert (bad.state, good.state) == ("stale", "fresh")
    assert "ztpurge has a bug" in bad.reason
    assert "##[" not in bad.reason


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(("retry_after", "pause"), [("7", 7), ("40", 40), (None, 1), ("soon", 1), ("0", 1)])
def test_a_host_that_asks_for_a_pause_gets_it(status: int, retry_after: str | None, pause: float) -> None:
    door = Edge({A: [Look(status, retry_after=retry_after), FRESH]})
    assert door.run({A: PAGE}, seconds=100)[0].state == "fresh"
    assert door.times == [0, pause]


def test_a_pause_holds_for_a_pointer_too_and_one_beyond_the_end_ends_the_looking() -> None:
    door = Edge({A: [Look(503, retry_after="7"), serves(BEHIND)]})
    assert door.run({A: SMALL}, seconds=100, pointer_of=pointer_of)[0].state == "fresh"
    assert door.times == [0, *[7] * (len(door.times) - 1)]
    door = Edge({A: Look(503, retry_after="25")})
    (verdict,) = door.run({A: PAGE}, seconds=20)
    assert (len(door.asked), verdict.reason) == (1, "answers 503 (1 look in 19 s)")


def test_the_pause_of_a_host_holds_no_other() -> None:
    door = Edge({A: Look(503, retry_after="30"), OTHER_HOST: [OTHER, FRESH]}, clock=Clock())
    held, free = door.run({A: PAGE, OTHER_HOST: PAGE}, seconds=1.6)
    assert (held.state, free.state) == ("stale", "fresh")
    assert Counter(door.urls) == {A: 1, OTHER_HOST: 2}


@pytest.mark.parametrize(("concurrency", "at_once"), [(1, 1), (4, 4), (16, 16), (64, 16)])
def test_a_host_is_asked_by_as_many_connections_as_calls_are_made_but_no_more_than_sixteen(
    concurrency: int, at_once: int
) -> None:
    meeting = threading.Barrier(at_once, timeout=20)  # broken unless so many are there at the same time
    urls = [f"{A}{number}" for number in range(1 + at_once * 3)]
    door = Edge(dict.fromkeys(urls, FRESH), on_look=lambda url: url == urls[0] or meeting.wait())  # that one goes ahead
    verdicts = door.run(dict.fromkeys(urls, PAGE), concurrency=concurrency)
    assert {verdict.state for verdict in verdicts} == {"fresh"}
    assert door.busiest == {"a.example": at_once}


def test_a_host_that_asks_for_a_pause_is_asked_by_half_as_many_at_once() -> None:
    urls = [f"{A}{number}" for number in range(17)]
    together, waiting = threading.Barrier(16, timeout=20), threading.Event()
    busiest: list[int] = []

    def look(_url: str) -> None:
        if not 1 < len(door.asked) <= 17:  # the one that goes ahead, and the looks after the pause
            busiest.append(door.under_way["a.example"])
            waiting.wait(0.05)
        else:
            together.wait()

    door = Edge({url: [Look(429), FRESH] if url != urls[0] else FRESH for url in urls}, on_look=look)
    verdicts = door.run(dict.fromkeys(urls, PAGE), concurrency=16, seconds=10_000)
    assert {verdict.state for verdict in verdicts} == {"fresh"}
    assert max(busiest) <= 12  # eight, and one more for each answer


BASES = (A, "http://a.example/", "http://a.example:8080/")
REDIRECTING = [(f"{OTHER_HOST}{number}", f"{A}{number}") for number in range(CONNECTIONS)]


@pytest.mark.parametrize(
    "served",
    [
        pytest.param({f"{base}{number}": FRESH for base in BASES for number in range(3)}, id="ports and schemes"),
        pytest.param(
            {old: redirects(new) for old, new in REDIRECTING} | {new: FRESH for _, new in REDIRECTING},
            id="another host that redirects to it",
        ),
    ],
)
def test_all_looks_at_a_host_share_its_connections(served: dict[str, Look]) -> None:
    waiting = threading.Event()
    door = Edge(served, on_look=lambda url: host_of(url) == "a.example" and waiting.wait(0.1))
    door.run(dict.fromkeys(served, PAGE))
    assert door.busiest["a.example"] <= CONNECTIONS


def test_a_host_that_does_not_answer_holds_up_no_other() -> None:
    other_is_fresh = threading.Event()
    heard: list[str] = []

    def look(url: str) -> None:
        assert not url.startswith(A) or other_is_fresh.wait(20)

    def on_verdict(verdict: Verdict) -> None:
        heard.append(verdict.url)
        if {*heard} == {*others}:
            other_is_fresh.set()

    dead, others = ([f"{host}{number}" for number in range(10)] for host in (A, OTHER_HOST))
    door = Edge(dict.fromkeys([*dead, *others], FRESH), on_look=look)
    verdicts = door.run(dict.fromkeys([*dead, *others], PAGE), on_verdict=on_verdict)
    assert {verdict.state for verdict in verdicts} == {"fresh"}
    assert {*heard[:10]} == {*others}


def test_a_look_that_never_ends_is_left_at_the_end_of_the_time(clock: FakeClock) -> None:
    released = threading.Event()

    def look(url: str) -> None:
        if url == A:
            clock.sleep(30)
            released.wait(20)

    door = Edge({A: FRESH, OTHER_HOST: FRESH}, clock=clock, on_look=look)
    hung, seen = door.run({A: PAGE, OTHER_HOST: PAGE}, seconds=20)
    released.set()
    assert hung == Verdict(A, "stale", NOT_LOOKED_AT, is_seen=False)
    assert seen.state in {"fresh", "stale"}


URLS = [f"{host}{name}" for host in (A, OTHER_HOST, "http://c.example:8080/") for name in ("", "x", "y/")]
SEEN = (FRESH, OTHER, Look(404), Look(403), Look(503, retry_after="3"), Look(429), Look(200, unread="br"))
LOOKS = st.sampled_from(SEEN) | st.sampled_from([*URLS, ELSEWHERE, "//", "x", "?q"]).map(redirects)
EXPECTED: st.SearchStrategy[Expected] = st.sampled_from([PAGE, SMALL, OUTPUT, Gone(), FOLDER, Unknown("?")])


@given(
    expected=st.dictionaries(st.sampled_from(URLS), EXPECTED),
    looks=st.fixed_dictionaries({url: st.lists(LOOKS, min_size=1, max_size=3) for url in URLS}),
    seconds=st.sampled_from([0.5, 5, 60]),
)
def test_whatever_is_seen_only_purged_urls_are_asked_for_and_each_gets_its_verdict(
    expected: dict[str, Expected], looks: dict[str, list[Look]], seconds: float
) -> None:
    heard: list[Verdict] = []
    door = Edge(looks)
    verdicts = door.run(expected, seconds=seconds, pointer_of=lambda _sha: BEHIND, on_verdict=heard.append)
    assert {*door.urls} <= {*expected}
    assert [verdict.url for verdict in verdicts] == list(expected)
    for verdict in verdicts:
        assert verdict.state == "fresh" or verdict.reason
        if isinstance(expected[verdict.url], Unknown):
            assert verdict == Verdict(verdict.url, "unverified", "?")
    settled = [verdict for verdict in verdicts if verdict.is_settled and verdict.looks]
    assert Counter(heard) == Counter(settled)


@pytest.mark.parametrize(
    ("expected", "seen", "since_purge", "blame"),
    [
        pytest.param(PAGE, [Look(200, age=4)], 5, "origin", id="fetched after the purge"),
        pytest.param(PAGE, [Look(200, age=0)], 5, "origin", id="fetched just now"),
        pytest.param(PAGE, [Look(200, age=5)], 5.5, "", id="in the second of the purge"),
        pytest.param(PAGE, [Look(200, age=0)], 0.1, "", id="just now, like the purge"),
        pytest.param(PAGE, [Look(200, age=6)], 5.5, "edge", id="kept from before the purge"),
        pytest.param(PAGE, [Look(200, age=86400)], 5, "edge", id="kept for long"),
        pytest.param(PAGE, [Look(200)], 5, "", id="no age"),
        pytest.param(PAGE, [Look(404, age=1)], 5, "address", id="no file, and no other"),
        pytest.param(Gone(), [Look(200, age=1)], 5, "origin", id="a deleted file that was fetched after the purge"),
        pytest.param(Gone(), [Look(200, age=9)], 5, "edge", id="a deleted file that was kept"),
        pytest.param(PAGE, [Look(500, age=1)], 5, "", id="a failure is no old copy"),
        pytest.param(PAGE, [Look(200, unread="br", age=1)], 5, "", id="what cannot be read may be new"),
        pytest.param(SMALL, [Look(200, is_match=True, small=POINTER, age=1)], 5, "", id="a pointer of Git LFS"),
        pytest.param(PAGE, [Look(200, is_match=True, age=1)], 5, "", id="fresh"),
        # looked at 0.8, 1.2 or 1.3, and 2.2 seconds after the purge
        pytest.param(PAGE, [Look(200, age=0), Look(200, age=0)], 0.8, "origin", id="told by the second look"),
        pytest.param(PAGE, [Look(200, age=age) for age in (0, 0, 2)], 0.8, "origin", id="not told by the last look"),
        pytest.param(PAGE, [Look(200, age=9), Look(200, age=0)], 0.8, "origin", id="fetched again"),
        pytest.param(PAGE, [Look(200, age=9), Look(500)], 0.8, "", id="a failure at last"),
        pytest.param(PAGE, [Look(200, age=9), Look(200, is_match=True)], 0.8, "", id="fresh at last"),
    ],
)
def test_by_its_age_a_stale_copy_tells_where_it_is_from(
    expected: Expected, seen: list[Look], since_purge: float, blame: str
) -> None:
    (verdict,) = Edge({A: seen}).run({A: expected}, seconds=len(seen) - 0.6, since_purge=since_purge)
    assert (verdict.looks, verdict.blame) == (len(seen), blame)


def test_the_time_that_a_look_takes_is_no_proof(clock: FakeClock) -> None:
    door = Edge({A: Look(200, age=3)}, clock=clock, on_look=lambda _url: clock.sleep(2))
    assert door.run({A: PAGE}, seconds=1.5, since_purge=2)[0].blame == ""


class Cached:
    """A URL at an edge that forgets it at `purged`, and keeps what the origin serves, a new file from `deployed` on."""

    def __init__(self, clock: Clock, *, purged: float, deployed: float) -> None:
        self._clock = clock
        self._purged, self._deployed = clock.now() + purged, clock.now() + deployed
        self._since, self._is_new = 0.0, False

    def __call__(self, _expected: Content | None) -> Look:
        now = self._clock.now()
        if self._since < self._purged <= now:
            self._since, self._is_new = now, now >= self._deployed
        return Look(200, is_match=self._is_new, age=int(now - self._since), said=SAID)


MANY = [f"{A}{number}" for number in range(100)]


@pytest.mark.parametrize("purged", [0, 5], ids=["at once", "after a while"])
@pytest.mark.parametrize(("deployed", "stale"), [(0, []), (20, MANY[:1]), (300, MANY)])
def test_no_more_than_one_old_file_is_fetched_while_the_origin_is_old(
    clock: FakeClock, purged: float, deployed: float, stale: list[str]
) -> None:
    door = Edge({url: Cached(clock, purged=purged, deployed=deployed) for url in MANY}, clock=clock)
    verdicts = door.run(dict.fromkeys(MANY, PAGE), seconds=120, since_purge=0.6)
    found = {verdict.url: verdict.blame for verdict in verdicts if verdict.state == "stale"}
    assert found == dict.fromkeys(stale, "origin")


@pytest.mark.parametrize(
    ("expected", "ahead"),
    [
        pytest.param({A: Gone(), B: PAGE}, B, id="a file before what is gone"),
        pytest.param({A: LARGE, B: PAGE}, B, id="a small one"),
        pytest.param({A: UNSIZED, B: PAGE}, A, id="the first"),
        pytest.param({A: Gone(), B: Gone()}, A, id="nothing is there"),
    ],
)
def test_the_url_that_goes_ahead_is_soon_compared(expected: dict[str, Expected], ahead: str) -> None:
    door = Edge({A: OTHER, B: OTHER})
    door.run(expected, seconds=20)
    assert {url for url, time in zip(door.urls, door.times, strict=True) if time < 9} == {ahead}
    assert {*door.urls} == {A, B}


@pytest.mark.parametrize(
    ("what", "seen"),
    [*((PAGE, seen) for seen in (Look(404), Look(503), Look(403), redirects(ELSEWHERE), BROKEN)), (LARGE, OTHER)],
    ids=repr,
)
def test_nothing_waits_for_a_url_that_is_not_old_or_a_large_file(what: Content, seen: Look | ApiError) -> None:
    door = Edge({A: seen, B: FRESH})
    door.run({A: what, B: what}, seconds=20)
    assert door.times[door.urls.index(B)] <= (0 if what == LARGE else 1)


@pytest.mark.parametrize(("seconds", "most"), [(60, 10 + 8), (120, 12 + 8), (600, 60 + 8)])
def test_a_host_without_any_of_the_files_is_not_looked_at_for_long(seconds: float, most: float) -> None:
    door = Edge(dict.fromkeys([*MANY[:3], B], Look(404)))
    verdicts = door.run({**dict.fromkeys(MANY[:3], PAGE), B: Gone()}, seconds=seconds)
    assert door.clock.now() - 1000 <= most
    assert [(verdict.state, verdict.blame) for verdict in verdicts] == [*[("stale", "address")] * 3, ("fresh", "")]
    assert verdicts[0].looks > 3


def test_files_that_appear_in_a_moment_are_fresh() -> None:
    verdicts = Edge(dict.fromkeys(MANY, [Look(404)] * 4 + [FRESH])).run(dict.fromkeys(MANY, PAGE), seconds=120)
    assert {(verdict.state, verdict.blame) for verdict in verdicts} == {("fresh", "")}


@pytest.mark.parametrize(
    ("seen", "blame"),
    [
        pytest.param([Look(404)], "address", id="one file"),
        pytest.param([Look(404), Look(410)], "address", id="two files"),
        pytest.param([Look(404), Look(404), Look(404), FRESH], "", id="another is there"),
        pytest.param([Look(404), Look(404), Look(404), OTHER], "", id="another is old"),
        pytest.param([Look(404), Look(404), Look(404), BROKEN], "", id="another was not seen"),
    ],
)
def test_files_that_are_not_there_may_come_late(seen: list[Look | ApiError], blame: str) -> None:
    door = Edge(dict(zip(MANY, seen, strict=False)))
    verdict = door.run(dict.fromkeys(MANY[: len(seen)], PAGE), seconds=60)[0]
    assert (verdict.state, verdict.blame) == ("stale", blame)
    assert door.times[-1] > 50


def test_files_that_the_origin_lacks_are_waited_for_all_the_time() -> None:
    door = Edge(dict.fromkeys(MANY[:3], Look(404)))
    assert {verdict.state for verdict in door.run(dict.fromkeys(MANY[:3], PAGE), is_origin=True)} == {"stale"}
    assert door.times[-1] == 9  # of 10 s


EDGES = ("192.0.2.1", "192.0.2.2")
AT = [A.replace("a.example", edge) for edge in EDGES]


def test_a_url_is_fresh_when_each_of_its_edges_serves_it() -> None:
    door = Edge({AT[0]: FRESH, AT[1]: [OTHER, BROKEN, FRESH]})
    watch = door.watch(A, servers=EDGES)
    assert watch.run() == "fresh"
    assert (door.urls, watch.heard) == ([*AT, AT[1], AT[1]], [A])  # what is fresh is not asked for again
    (verdict,) = watch.verification.verdicts
    assert [(sight.server, sight.state) for sight in verdict.sights] == [(edge, "fresh") for edge in EDGES]


@pytest.mark.parametrize(
    ("seen", "reason", "is_seen"),
    [
        (OTHER, "serves other content at 192.0.2.2; fresh at 1 of 2 edges", True),
        (BROKEN, "not seen: the call broke off: refused at 192.0.2.2; fresh at 1 of 2 edges", False),
    ],
)
def test_an_edge_that_is_old_or_does_not_answer_is_named(seen: Answer, reason: str, is_seen: bool) -> None:
    watch = Edge({AT[0]: FRESH, AT[1]: seen}).watch(A, servers=EDGES)
    assert (watch.run(1), watch.heard) == ("stale", [])
    (verdict,) = watch.verification.verdicts
    assert (verdict.reason, verdict.is_seen) == (f"{reason} (1 look in 0 s)", is_seen)
    assert verdict.sights[0].reason == ""


def test_a_redirect_is_followed_at_the_same_edge() -> None:
    there = [f"{at}b" for at in AT]
    door = Edge({**dict.fromkeys(AT, redirects(B)), there[0]: FRESH, there[1]: [OTHER, OTHER, FRESH]})
    assert door.watch(A, B, servers=EDGES).run() == "fresh fresh"
    assert {*door.urls} == {*AT, *there}


def test_of_the_url_that_goes_ahead_each_edge_is_asked() -> None:
    urls = [f"{A}{number}" for number in range(5)]
    served = {
        at: [OTHER, OTHER, FRESH] if at.startswith(AT[1]) else FRESH for url in urls for at in ways(url, EDGES).values()
    }
    door = Edge(served)
    assert door.watch(*urls, servers=EDGES).run() == " ".join(["fresh"] * 5)
    assert {*door.urls[:4]} == {f"{at}0" for at in AT}


def test_what_is_stale_is_looked_at_again_in_a_second_go_and_nothing_else() -> None:
    door = Edge({A: FRESH, B: [OTHER] * 5 + [FRESH]})
    watch = door.watch(A, B)
    assert watch.run(1) == "fresh stale"
    assert [verdict.url for verdict in watch.verification.stale] == [B]
    assert watch.run() == "fresh fresh"
    assert (Counter(door.urls), watch.heard) == ({A: 1, B: 6}, [A, B])
    assert watch.verification.verdicts[1].looks == 6


NOT_PURGED_AFTER = "this run did not purge that, after it served the new content (2 looks in 0 s)"


@pytest.mark.parametrize(
    ("second", "state", "reason"),
    [
        (OTHER, "stale", "serves other content, after it served the new content (2 looks in 0 s)"),
        (Look(404), "stale", "answers 404, after it served the new content (2 looks in 0 s)"),
        (FRESH, "fresh", ""),
        (redirects("/c"), "stale", f"answers 301 to {A}c; {NOT_PURGED_AFTER}"),
        *((seen, "fresh", "") for seen in (BROKEN, Look(503), Look(200, unread="br"))),
    ],
)  # fmt: skip
def test_a_second_look_sees_what_came_back_old(second: Answer, state: str, reason: str) -> None:
    door = Edge({A: [FRESH, second], B: FRESH})
    watch = door.watch(A, B)
    assert (watch.run(), watch.heard) == ("fresh fresh", [A, B])
    assert watch.look_back() == ([A] if state == "stale" else [])
    (verdict, other) = watch.verification.verdicts
    assert (verdict.state, verdict.reason, other.state) == (state, reason, "fresh")
    assert Counter(door.urls) == {A: 2, B: 2}


def test_what_came_back_is_looked_at_until_it_is_fresh_for_good() -> None:
    door = Edge({A: [FRESH, OTHER, OTHER, FRESH]})
    watch = door.watch(A)
    watch.run()
    assert (watch.look_back(), watch.run(), watch.look_back()) == ([A], "stale", [])  # until it was seen fresh twice
    assert (watch.states, watch.heard) == ("fresh", [A])
    assert not watch.verification.verdicts[0].is_back


@cases("seen reason", {
    "old again": (OTHER, "serves other content, after it served the new content"),
    "no answer then": (BROKEN, "not seen: the call broke off: refused"),
})  # fmt: skip
def test_what_came_back_and_stays_is_said_to_have_come_back(seen: Answer, reason: str) -> None:
    watch = Edge({A: [FRESH, OTHER, seen]}).watch(A)
    watch.run()
    watch.look_back()
    assert watch.run(1) == "stale"
    (verdict,) = watch.verification.verdicts
    assert (verdict.is_back, verdict.reason.partition(" (")[0]) == (True, reason)


@cases("seen most", {
    "the old copy's": ([replace(OTHER, in_browsers=600), replace(FRESH, in_browsers=60)], 600),
    "the new copy's": ([replace(OTHER, in_browsers=60), replace(FRESH, in_browsers=600)], 600),
    "without a bound": ([replace(OTHER, in_browsers=None), replace(FRESH, in_browsers=60)], None),
    "no answer between": ([replace(OTHER, in_browsers=60), BROKEN, FRESH], 60),
})  # fmt: skip
def test_how_long_browsers_keep_a_url_is_the_longest_of_all_looks(seen: list[Answer], most: float | None) -> None:
    watch = Edge({A: seen}).watch(A)
    assert watch.run() == "fresh"
    assert watch.verification.verdicts[0].in_browsers == most


def test_of_what_is_stale_it_is_known_where_that_was_seen() -> None:
    served = {AT[0]: FRESH, AT[1]: OTHER, B: OTHER}
    for urls, servers, at in ((A, EDGES, AT[1]), (A, EDGES[1:], AT[1]), (B, ("",), "")):
        watch = Edge(served).watch(urls, servers=servers)
        watch.run(1)
        assert watch.verification.verdicts[0].at == at


def test_a_deleted_file_that_is_served_again_came_back() -> None:
    door = Edge({A: [Look(404), Look(200)]})
    scheduler = make_scheduler(door.clock)
    verification = Verification({A: Gone()}, door, scheduler, Terms(pointer_of=pointer_of, purged_at=lambda _url: 0))
    verification.run(scheduler, on_verdict=lambda _verdict: None, on_round=lambda _left: None)
    assert [verdict.url for verdict in verification.look_back(scheduler)] == [A]


def test_a_host_that_has_none_of_the_files_is_not_purged_again() -> None:
    door = Edge({**dict.fromkeys(MANY[:3], Look(404)), OTHER_HOST: OTHER})
    watch = door.watch(*MANY[:3], OTHER_HOST, seconds=30)
    watch.run()
    assert [verdict.url for verdict in watch.verification.stale] == [OTHER_HOST]


def test_files_that_come_late_and_old_are_not_blamed_on_the_address() -> None:
    door = Edge(dict.fromkeys(MANY[:3], [Look(404)] * 8 + [OTHER]))
    watch = door.watch(*MANY[:3], seconds=600)
    watch.run(20)
    assert {verdict.blame for verdict in watch.verification.verdicts} == {"address"}
    watch.run(500)
    assert {(verdict.served, verdict.blame) for verdict in watch.verification.verdicts} == {("other content", "")}


def test_what_came_back_is_old_until_it_is_seen_fresh_twice() -> None:
    door = Edge({A: [FRESH, OTHER, FRESH]})
    watch = door.watch(A, seconds=3)
    watch.run()
    assert (watch.look_back(), watch.run(2)) == ([A], "stale")
    door.clock.sleep(10)  # no time is left for the second look
    assert watch.look_back() == []
    (verdict,) = watch.verification.verdicts
    assert (verdict.state, verdict.is_back) == ("stale", True)
    assert verdict.reason.startswith("served the old content again after the new, and was not seen fresh twice since")


def test_a_second_look_is_taken_once_and_what_had_none_is_counted() -> None:
    door = Edge({A: FRESH, B: [OTHER, FRESH]})
    watch = door.watch(A, B)
    watch.run()
    assert watch.verification.seen_once == 2
    assert (watch.look_back(), watch.look_back(), watch.verification.seen_once) == ([], [], 0)
    assert Counter(door.urls) == {A: 2, B: 3}


def test_a_server_that_takes_no_connection_does_not_hold_up_the_others() -> None:
    urls = [f"{A}{number}" for number in range(50)]
    dead = ApiError(Failure.AWAY, "no connection: timed out")
    served = {at: dead if EDGES[1] in at else FRESH for url in urls for at in ways(url, EDGES).values()}
    door = Edge(served)
    watch = door.watch(*urls, servers=EDGES)
    watch.run(5)
    asked = Counter(EDGES[1] in url for url in door.urls)
    assert asked[False] == 50
    assert asked[True] < 15  # three, those that were under way, and then one from time to time
    verdicts = watch.verification.verdicts
    assert all("not seen: no connection: timed out at 192.0.2.2" in verdict.reason for verdict in verdicts)


def test_a_server_that_takes_connections_again_is_looked_at() -> None:
    urls = [f"{A}{number}" for number in range(9)]
    clock = FakeClock()

    def look(_expected: Content | None) -> Look:
        if clock.now() < 1006:
            raise ApiError(Failure.AWAY, "no connection: refused")
        return FRESH

    assert Edge(dict.fromkeys(urls, look), clock=clock).watch(*urls).run() == " ".join(["fresh"] * 9)


def test_one_origin_of_many_hosts_is_asked_as_politely_as_one_host() -> None:
    urls = [f"https://{number}.example/" for number in range(12)]
    waiting = threading.Event()
    door = Edge({f"http://192.0.2.9/{number}": FRESH for number in range(12)}, on_look=lambda _url: waiting.wait(0.05))
    scheduler = make_scheduler(door.clock, seconds=60, concurrency=CONNECTIONS)
    at = {url: {"": f"http://192.0.2.9/{number}"} for number, url in enumerate(urls)}
    terms = Terms(pointer_of=pointer_of, purged_at=lambda _url: 0, asked_at=at.__getitem__, is_origin=True)
    verification = Verification(dict.fromkeys(urls, PAGE), door, scheduler, terms)
    most = 0

    def count(_verdict: Verdict) -> None:
        nonlocal most
        most = max(most, sum(door.under_way.values()))

    verification.run(scheduler, on_verdict=count, on_round=lambda _left: None)
    assert {verdict.state for verdict in verification.verdicts} == {"fresh"}
    assert most <= CONNECTIONS


def test_what_a_cancelled_run_saw_but_once_may_come_back_old() -> None:
    door = Edge({A: FRESH, B: FRESH})
    watch = door.watch(A, B)
    watch.run()
    watch.look_back()
    door.clock.stop()
    assert watch.states == "fresh fresh"
    watch = (door := Edge({A: FRESH})).watch(A)
    watch.run()
    door.clock.stop()
    (verdict,) = watch.verification.verdicts
    assert verdict.state == "stale"
    assert verdict.reason.startswith("seen fresh once, and not a second time (1 look in 0 s; the run was cancelled)")
