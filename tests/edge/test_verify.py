"""Each purged URL is looked at until it is fresh or the time is over, politely, and nothing else is asked for."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.listener import Listener
from sandbox.wire import read_request
from tests.conftest import FakeClock, make_scheduler
from ztpurge.calls.clock import Clock
from ztpurge.calls.redaction import Secrets
from ztpurge.changes.contents import MOST_BYTES_UNKNOWN, Content, Unknown
from ztpurge.edge.expected import Gone
from ztpurge.edge.fetch import Edges, Look
from ztpurge.edge.judge import Verdict
from ztpurge.edge.verify import CONNECTIONS, Verification
from ztpurge.errors import ApiError, Failure, ZtpurgeError
from ztpurge.site.urls import host_of
from ztpurge.untrusted import for_log

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping

    from ztpurge.edge.expected import Expected
    from ztpurge.edge.verify import Door

A = "https://a.example/"
PAGE = Content("a" * 40, 5000, is_blob=True)
OUTPUT = Content("b" * 64, 20)
SMALL = Content("c" * 40, 130, is_blob=True)  # may be a pointer of Git LFS
BEHIND = Content("d" * 64, 12345)
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{BEHIND.digest}\nsize 12345\n".encode()
SAID = (("Age", "17"),)
OTHER = Look(200, said=SAID)
FRESH = Look(200, is_match=True, said=SAID)


Answer = Look | ApiError | Callable[[Content | None], Look]

NOT_LOOKED_AT = "not looked at: no time was left (`verify-timeout`, or `timeout` before that)"


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
        on_look: Callable[[str], None] = lambda _url: None,
    ) -> None:
        self._served = {url: list(what) if isinstance(what, Sequence) else [what] for url, what in served.items()}
        self._clock = clock or FakeClock()
        self._on_look = on_look
        self._lock = threading.Lock()
        self.asked: list[tuple[str, Content | None]] = []
        self.times: list[float] = []
        self.timeouts: list[float] = []

    @property
    def urls(self) -> list[str]:
        return [url for url, _ in self.asked]

    def look(self, url: str, expected: Content | None, timeout: float) -> Look:
        with self._lock:
            self.asked.append((url, expected))
            self.times.append(self._clock.now())
            self.timeouts.append(timeout)
            answers = self._served[url]
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self._on_look(url)
        if isinstance(answer, ApiError):
            raise answer
        return answer if isinstance(answer, Look) else answer(expected)

    def shown(self, text: str, *, limit: int) -> str:
        return for_log(text, limit=limit)


def no_pointer(_sha: str) -> Content | None:
    return None


def run(
    expected: Mapping[str, Expected],
    door: Door,
    clock: Clock,
    *,
    seconds: float = 10,
    request_timeout: float = 100,
    purged_at: float | None = None,
    pointer_of: Callable[[str], Content | None] = no_pointer,
    on_verdict: Callable[[Verdict], None] = lambda _verdict: None,
    on_round: Callable[[int], None] = lambda _left: None,
) -> tuple[Verdict, ...]:
    scheduler = make_scheduler(clock, seconds=seconds, request_timeout=request_timeout)
    purged_at = clock.now() if purged_at is None else purged_at
    return Verification(expected, door, scheduler, pointer_of=pointer_of, purged_at=purged_at).run(
        on_verdict=on_verdict, on_round=on_round
    )


BROKEN = ApiError(Failure.UNREACHABLE, "the call broke off: refused")


FOLDER, UNREAD = Gone(is_folder=True), "served compressed with br, which was not asked for and cannot be undone here"
JUDGED: dict[str, tuple[Expected, Look | ApiError, str, str]] = {
    "the content": (PAGE, FRESH, "fresh", ""),
    "a build's content": (OUTPUT, FRESH, "fresh", ""),
    "other content": (PAGE, OTHER, "stale", "serves other content"),
    "other content than the build's": (OUTPUT, OTHER, "stale", "serves other content"),
    "not found": (PAGE, Look(404), "stale", "answers 404"),
    "a part": (PAGE, Look(206), "stale", "answers 206"),
    "not modified": (PAGE, Look(304), "stale", "answers 304"),
    "a redirect to nowhere": (PAGE, Look(302), "stale", "answers 302"),
    "a failure": (PAGE, Look(500), "stale", "answers 500"),
    "br": (PAGE, Look(200, unread="br"), "stale", UNREAD),
    "a file stored in br": (PAGE, Look(200, is_match=True, unread="br"), "fresh", ""),
    "a failure in br": (PAGE, Look(503, unread="br"), "stale", "answers 503"),
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
def test_what_is_seen_is_judged(
    clock: FakeClock, expected: Expected, seen: Look | ApiError, state: str, words: str
) -> None:
    (verdict,) = run({A: expected}, Edge({A: seen}), clock, seconds=1)
    assert verdict.state == state
    assert verdict.reason == (f"{words} (1 look in 0 s)" if state == "stale" else words)
    assert (verdict.url, verdict.looks) == (A, 1)


@pytest.mark.parametrize("what", [PAGE, Gone()], ids=["served", "deleted"])
@pytest.mark.parametrize(
    ("url", "state"),
    [
        pytest.param("http://[::1]/%5Bid%5D.js", "stale", id="as RFC 3986 has it"),
        pytest.param("http://a.example/[id].js", "unverified", id="brackets"),
        pytest.param("http://a.example/a|b.css", "unverified", id="bar"),
        pytest.param("http://a.example/x^y.css", "unverified", id="caret"),
    ],
)
def test_a_server_may_refuse_a_spelling_that_is_not_rfc_3986_s(
    clock: FakeClock, what: Expected, url: str, state: str
) -> None:
    (verdict,) = run({url: what}, Edge({url: Look(400)}), clock, seconds=1)
    assert verdict.state == state
    assert "answers 400" in verdict.reason


@pytest.mark.parametrize(
    ("expected", "words"),
    [
        pytest.param(Unknown("a whole directory"), "a whole directory", id="nobody knows"),
        pytest.param(Content("a" * 64, (1 << 30) + 1), "larger than 1024 MiB", id="too large"),
    ],
)
def test_what_cannot_be_compared_is_not_asked_for_and_not_fresh(
    clock: FakeClock, expected: Expected, words: str
) -> None:
    door = Edge({})
    assert run({A: expected}, door, clock) == (Verdict(A, "unverified", words),)
    assert run({}, door, clock) == ()
    assert (door.asked, clock.slept) == ([], [])


@pytest.mark.parametrize(
    ("head", "words"),
    [
        pytest.param(b"Content-Length: %d\r\n" % (MOST_BYTES_UNKNOWN + 1), "", id="announced"),
        pytest.param(b"", "too long to compare, since the checkout lacks the file and nobody tells its size", id="not"),
    ],
)
def test_a_large_file_of_unknown_size_is_compared_if_its_size_is_announced(head: bytes, words: str) -> None:
    body = bytes(MOST_BYTES_UNKNOWN + 1)
    digest = hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False).hexdigest()

    def serve(connection: socket.socket) -> None:
        with connection.makefile("rb") as stream:
            read_request(stream)
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n" + head + b"\r\n" + body)

    with Listener(serve, bind="127.0.0.1", port=0) as listener:
        url = f"{listener.url}/large"
        (verdict,) = run({url: Content(digest, None, is_blob=True)}, Edges({}, Secrets()), FakeClock(), seconds=1)
    assert verdict.state == ("stale" if words else "fresh")
    assert verdict.reason.startswith(words)


def test_a_url_is_looked_at_until_it_is_fresh(clock: FakeClock) -> None:
    door = Edge({A: [OTHER, BROKEN, Look(404), FRESH]}, clock=clock)
    assert run({A: PAGE}, door, clock) == (Verdict(A, "fresh", looks=4),)
    assert [time - 1000 for time in door.times] == [0, 0.5, 1.5, 3.5]


def test_a_stale_url_is_looked_at_to_the_end_and_shows_what_the_edge_said(clock: FakeClock) -> None:
    door = Edge({A: [Look(404), OTHER]}, clock=clock)
    (verdict,) = run({A: PAGE}, door, clock, seconds=41)
    reason = "serves other content (10 looks in 40 s)"
    assert verdict == Verdict(A, "stale", reason, SAID, 10, served="other content")
    assert clock.slept == [0.5, 1, 2, 4, 8, 8, 8, 8, 0.5]  # growing up to a limit, and the last look before the end


def test_a_look_may_take_no_longer_than_a_request_or_what_is_left(clock: FakeClock) -> None:
    door = Edge({A: OTHER}, clock=clock, on_look=lambda _url: clock.sleep(1))
    run({A: PAGE}, door, clock, seconds=10, request_timeout=3)
    left = [1010 - time for time in door.times]
    assert door.timeouts == [min(3, seconds) for seconds in left]
    assert min(door.timeouts) < 3


def test_fresh_urls_are_not_asked_for_again(clock: FakeClock) -> None:
    served = {f"{A}{number}": [OTHER] * number + [FRESH] for number in range(4)}
    door = Edge(served, clock=clock)
    verdicts = run(dict.fromkeys(served, PAGE), door, clock, seconds=60)
    assert [verdict.looks for verdict in verdicts] == [1, 2, 3, 4]
    assert Counter(door.urls) == {f"{A}{number}": number + 1 for number in range(4)}


@pytest.mark.parametrize(("seconds", "is_stopped"), [(0, False), (-5, False), (10, True)])
def test_without_time_or_after_a_cancellation_nothing_is_looked_at(
    clock: FakeClock, seconds: float, is_stopped: bool
) -> None:
    if is_stopped:
        clock.stop()
    door = Edge({A: FRESH})
    words = "not looked at: the run was cancelled" if is_stopped else NOT_LOOKED_AT
    assert run({A: PAGE}, door, clock, seconds=seconds) == (Verdict(A, "stale", words, is_seen=False),)
    assert door.asked == []


def test_a_cancellation_ends_the_looking(clock: FakeClock) -> None:
    urls = [f"{A}{number}" for number in range(50)]
    door = Edge(dict.fromkeys(urls, OTHER), clock=clock, on_look=lambda _url: clock.stop())
    verdicts = run(dict.fromkeys(urls, PAGE), door, clock)
    assert len(door.asked) <= CONNECTIONS
    for verdict in verdicts:
        looked = verdict.url in door.urls
        ending = "serves other content (1 look in 0 s; the run was cancelled)"
        assert verdict.reason == (ending if looked else "not looked at: the run was cancelled")
        assert verdict.said == (SAID if looked else ())


B = f"{A}b"
ELSEWHERE = "https://elsewhere.example/x"


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
    clock: FakeClock, served: dict[str, Look], state: str, words: str, asked: list[str] | None
) -> None:
    expected: dict[str, Expected] = {A: PAGE, B: PAGE}
    door = Edge({B: FRESH} | served)
    verdict = run(expected, door, clock, seconds=1)[0]
    assert (verdict.state, verdict.reason) == (state, words)
    if asked:
        assert Counter(door.urls) == Counter([*asked, B])  # `b` once for itself
    assert len(door.urls) < 20
    assert all(content == PAGE for _, content in door.asked)
    if words == IN_CIRCLES:  # a deleted file, too
        assert run({A: Gone(), B: Gone()}, Edge({B: FRESH} | served), clock, seconds=1)[0] == verdict


@pytest.mark.parametrize(
    "location", ["http://[", "//", "http://", "javascript:1", "\x00", "http://a.example:x/", "mailto:a", "//[::1"]
)
def test_a_redirect_to_what_is_no_url_is_stale(clock: FakeClock, location: str) -> None:
    (verdict,) = run({A: PAGE}, Edge({A: redirects(location)}), clock, seconds=1)
    assert verdict.state == "stale"
    assert verdict.reason.startswith("answers 301 to ")


def test_where_a_redirect_points_is_made_safe_to_show(clock: FakeClock) -> None:
    target = f"{A}##[error]{'x' * 999}\x1b"
    (verdict,) = run({A: PAGE}, Edge({A: redirects(target)}), clock, seconds=1)
    assert "##[" not in verdict.reason
    assert verdict.reason.isprintable()
    assert len(verdict.reason) < 500


@pytest.mark.parametrize(("status", "state"), [(404, "fresh"), (403, "unverified"), (200, "stale")])
def test_a_deleted_url_that_redirects_is_judged_by_where_it_ends(clock: FakeClock, status: int, state: str) -> None:
    expected: dict[str, Expected] = {A: Gone(is_folder=True), B: Gone(is_folder=True)}
    assert run(expected, Edge({A: redirects("/b"), B: Look(status)}), clock, seconds=1)[0].state == state


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
        pytest.param({B: Unknown("a link")}, FRESH, "unverified", "by way of {} to {}: a link", id="to nobody knows"),
        pytest.param({}, FRESH, "unverified", "answers {} to {}; this run did not purge that", id="elsewhere"),
    ],
)
def test_the_old_url_of_a_renamed_page_may_redirect(
    clock: FakeClock, status: int, there: dict[str, Expected], served: Answer, state: str, words: str
) -> None:
    door = Edge({A: redirects("/b", status), B: served}, clock=clock)
    verdict = run({A: Gone(), **there}, door, clock, seconds=5, pointer_of=pointer_of)[0]
    assert verdict.state == state
    assert verdict.reason.startswith(words.format(status, B))
    assert there or (door.urls, verdict.said) == ([A], SAID)  # it is asked for once


@pytest.mark.parametrize(
    ("location", "state"),
    [
        pytest.param("http://a.example/x", "stale", id="another scheme"),
        pytest.param("https://www.a.example/x", "stale", id="another host"),
        pytest.param("https://www.a.example/y", "unverified", id="another name"),
        pytest.param("/x?y", "unverified", id="a query"),
    ],
)
def test_a_deleted_url_may_still_be_served_by_its_own_name_elsewhere(
    clock: FakeClock, location: str, state: str
) -> None:
    (verdict,) = run({f"{A}x": Gone()}, Edge({f"{A}x": redirects(location)}), clock, seconds=1)
    assert (verdict.state, "this run did not purge that" in verdict.reason) == (state, True)


def noting(read: list[str], found: Content | None = None) -> Callable[[str], Content | None]:
    """Answer what a blob points to, and note that it was read."""

    def pointer_of(sha: str) -> Content | None:
        read.append(sha)
        return found

    return pointer_of


def pointer_of(sha: str) -> Content | None:
    assert sha == SMALL.digest
    return BEHIND


def test_in_the_place_of_a_pointer_its_file_is_served(clock: FakeClock) -> None:
    door = Edge({A: serves(BEHIND)})
    assert run({A: SMALL}, door, clock, pointer_of=pointer_of) == (Verdict(A, "fresh", looks=1),)
    assert door.asked == [(A, SMALL), (A, BEHIND)]


def test_the_file_of_a_pointer_may_be_behind_a_redirect(clock: FakeClock) -> None:
    door = Edge({A: redirects("/b"), B: serves(BEHIND)})
    for verdict in run({A: SMALL, B: SMALL}, door, clock, pointer_of=pointer_of):
        assert verdict.state == "fresh"


@pytest.mark.parametrize("seen", [Look(404), Look(503), Look(200, unread="br"), redirects("/c"), BROKEN], ids=repr)
def test_a_pointer_is_read_only_where_other_content_is_served(clock: FakeClock, seen: Look | ApiError) -> None:
    read: list[str] = []
    assert run({A: SMALL}, Edge({A: seen}), clock, seconds=1, pointer_of=noting(read))[0].looks == 1
    assert read == []


def test_a_bug_in_one_look_leaves_the_others(clock: FakeClock) -> None:
    def fail(_expected: Content | None) -> Look:
        raise ZeroDivisionError("##[error]")

    bad, good = run({A: PAGE, B: PAGE}, Edge({A: fail, B: FRESH}), clock, seconds=1)
    assert (bad.state, good.state) == ("stale", "fresh")
    assert "ztpurge has a bug" in bad.reason
    assert "##[" not in bad.reason


@pytest.mark.parametrize(
    ("expected", "most"),
    [
        pytest.param(Gone(), 15, id="no body"),
        pytest.param(Content("a" * 64, 0), 15 + 8, id="an empty file"),
        pytest.param(Content("a" * 64, 20 << 20), 15 + 10, id="a large file"),
        pytest.param(Content("a" * 40, None, is_blob=True), 15 + 8, id="a file of unknown size"),
    ],
)
def test_a_look_is_given_a_time_by_what_it_has_to_read(clock: FakeClock, expected: Expected, most: float) -> None:
    door = Edge({A: FRESH})
    run({A: expected}, door, clock, seconds=1000, request_timeout=1000)
    assert door.timeouts[0] <= most


def test_a_blob_that_is_served_is_not_read(clock: FakeClock) -> None:
    read: list[str] = []
    found = [
        run({A: SMALL}, Edge({A: serves(SMALL, small=b"page")}), clock, pointer_of=noting(read)),
        run({A: PAGE}, Edge({A: OTHER}), clock, pointer_of=noting(read)),
        run({A: OUTPUT}, Edge({A: OTHER}), clock, pointer_of=noting(read)),
    ]
    assert [verdict.state for (verdict,) in found] == ["fresh", "stale", "stale"]
    assert read == []


@pytest.mark.parametrize("seconds", [1, 10], ids=["one look", "many looks"])
def test_a_pointer_that_is_served_itself_is_stale_and_says_what_to_do(clock: FakeClock, seconds: float) -> None:
    door = Edge({A: serves(SMALL, small=POINTER)})
    (verdict,) = run({A: SMALL}, door, clock, seconds=seconds, pointer_of=pointer_of)
    assert verdict.state == "stale"
    assert "Git LFS" in verdict.reason
    assert "lfs: true" in verdict.reason
    assert verdict.said == SAID


def test_a_pointer_s_file_that_comes_later_is_fresh(clock: FakeClock) -> None:
    door = Edge({A: [serves(PAGE), serves(SMALL, small=POINTER), serves(PAGE), serves(BEHIND)]})
    assert run({A: SMALL}, door, clock, seconds=60, pointer_of=pointer_of)[0].state == "fresh"


def test_a_blob_that_cannot_be_read_hides_nothing_of_what_was_seen(clock: FakeClock) -> None:
    def refuse(_sha: str) -> Content | None:
        raise ZtpurgeError("there is no `github-token` to ask GitHub's API with")

    (verdict,) = run({A: SMALL}, Edge({A: OTHER}), clock, seconds=1, pointer_of=refuse)
    assert verdict.state == "stale"
    assert verdict.said == SAID
    assert "serves other content" in verdict.reason


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        pytest.param("7", 7, id="seconds"),
        pytest.param("9999", 30, id="no longer than is sensible"),
        pytest.param(None, 1, id="not said"),
        pytest.param("soon", 1, id="not readable"),
        pytest.param("0", 1, id="none"),
    ],
)
def test_a_host_that_asks_for_a_pause_gets_it(
    clock: FakeClock, status: int, retry_after: str | None, pause: float
) -> None:
    door = Edge({A: [Look(status, retry_after=retry_after), FRESH]}, clock=clock)
    assert run({A: PAGE}, door, clock, seconds=100)[0].state == "fresh"
    assert [time - 1000 for time in door.times] == [0, pause]


def test_a_pause_holds_for_a_pointer_too(clock: FakeClock) -> None:
    door = Edge({A: [Look(503, retry_after="7"), serves(BEHIND)]}, clock=clock)
    assert run({A: SMALL}, door, clock, seconds=100, pointer_of=pointer_of)[0].state == "fresh"
    assert [time - 1000 for time in door.times] == [0, *[7] * (len(door.times) - 1)]


def test_a_pause_beyond_the_end_ends_the_looking(clock: FakeClock) -> None:
    door = Edge({A: Look(503, retry_after="25")}, clock=clock)
    (verdict,) = run({A: PAGE}, door, clock, seconds=20)
    assert len(door.asked) == 1
    assert verdict.reason == "answers 503 (1 look in 19 s)"


def test_the_pause_of_a_host_holds_no_other() -> None:
    other = "https://b.example/"
    clock = Clock()
    door = Edge({A: Look(503, retry_after="30"), other: [OTHER, FRESH]}, clock=clock)
    held, free = run({A: PAGE, other: PAGE}, door, clock, seconds=1.6)
    assert (held.state, free.state) == ("stale", "fresh")
    assert Counter(door.urls) == {A: 1, other: 2}


def test_a_host_is_asked_by_four_connections_at_once(clock: FakeClock) -> None:
    meeting = threading.Barrier(CONNECTIONS, timeout=20)  # broken unless four are there at the same time
    busiest = Busiest()

    def look(url: str) -> None:
        with busiest.looking(url):
            if url != urls[0]:  # it goes ahead
                meeting.wait()

    urls = [f"{A}{number}" for number in range(1 + CONNECTIONS * 3)]
    verdicts = run(dict.fromkeys(urls, PAGE), Edge(dict.fromkeys(urls, FRESH), on_look=look), clock)
    assert {verdict.state for verdict in verdicts} == {"fresh"}
    assert busiest.most == {"a.example": CONNECTIONS}


class Busiest:
    """Counts how many looks at a host are under way at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    @contextlib.contextmanager
    def looking(self, url: str) -> Iterator[None]:
        host = host_of(url)
        with self._lock:
            self._now[host] += 1
            self.most[host] = max(self.most[host], self._now[host])
        yield
        with self._lock:
            self._now[host] -= 1


BASES = ("https://a.example/", "http://a.example/", "http://a.example:8080/")


@pytest.mark.parametrize(
    "served",
    [
        pytest.param({f"{base}{number}": FRESH for base in BASES for number in range(3)}, id="ports and schemes"),
        pytest.param(
            {f"https://b.example/{number}": redirects(f"{A}{number}") for number in range(CONNECTIONS)}
            | {f"{A}{number}": FRESH for number in range(CONNECTIONS)},
            id="another host that redirects to it",
        ),
    ],
)
def test_all_looks_at_a_host_share_its_connections(clock: FakeClock, served: dict[str, Look]) -> None:
    busiest, waiting = Busiest(), threading.Event()

    def look(url: str) -> None:
        if host_of(url) == "a.example":
            with busiest.looking(url):
                waiting.wait(0.1)

    run(dict.fromkeys(served, PAGE), Edge(served, on_look=look), clock)
    assert busiest.most["a.example"] <= CONNECTIONS


def test_a_host_that_does_not_answer_holds_up_no_other(clock: FakeClock) -> None:
    other_is_fresh = threading.Event()

    def look(url: str) -> None:
        if url.startswith(A):
            assert other_is_fresh.wait(20)

    others = [f"https://b.example/{number}" for number in range(10)]
    dead = [f"{A}{number}" for number in range(10)]
    heard: list[str] = []

    def on_verdict(verdict: Verdict) -> None:
        heard.append(verdict.url)
        if heard.count(others[-1]) and len(heard) == len(others):
            other_is_fresh.set()

    door = Edge(dict.fromkeys([*dead, *others], FRESH), on_look=look)
    verdicts = run(dict.fromkeys([*dead, *others], PAGE), door, clock, on_verdict=on_verdict)
    assert {verdict.state for verdict in verdicts} == {"fresh"}
    assert set(heard[:10]) == set(others)


def test_a_look_that_never_ends_is_left_at_the_end_of_the_time(clock: FakeClock) -> None:
    released = threading.Event()

    def look(url: str) -> None:
        if url == A:
            clock.sleep(30)
            released.wait(20)

    other = "https://b.example/"
    door = Edge({A: FRESH, other: FRESH}, on_look=look)
    hung, seen = run({A: PAGE, other: PAGE}, door, clock, seconds=20)
    released.set()
    assert hung == Verdict(A, "stale", NOT_LOOKED_AT, is_seen=False)
    assert seen.state in {"fresh", "stale"}


HOSTS = ("https://a.example/", "https://b.example/", "http://c.example:8080/")
URLS = [f"{host}{name}" for host in HOSTS for name in ("", "x", "y/")]
LOOKS = st.one_of(
    st.sampled_from(
        [FRESH, OTHER, Look(404), Look(403), Look(503, retry_after="3"), Look(429), Look(200, unread="br")]
    ),
    st.sampled_from([*URLS, ELSEWHERE, "//", "x", "?q"]).map(redirects),
)
EXPECTED: st.SearchStrategy[Expected] = st.sampled_from(
    [PAGE, SMALL, OUTPUT, Gone(), Gone(is_folder=True), Unknown("?")]
)


@given(
    expected=st.dictionaries(st.sampled_from(URLS), EXPECTED),
    looks=st.fixed_dictionaries({url: st.lists(LOOKS, min_size=1, max_size=3) for url in URLS}),
    seconds=st.sampled_from([0.5, 5, 60]),
)
def test_whatever_is_seen_only_purged_urls_are_asked_for_and_each_gets_its_verdict(
    expected: dict[str, Expected], looks: dict[str, list[Look]], seconds: float
) -> None:
    clock = FakeClock()
    heard: list[Verdict] = []
    door = Edge(looks, clock=clock)
    verdicts = run(expected, door, clock, seconds=seconds, pointer_of=lambda _sha: BEHIND, on_verdict=heard.append)
    assert {*door.urls} <= {*expected}
    assert [verdict.url for verdict in verdicts] == list(expected)
    for verdict in verdicts:
        assert verdict.state == "fresh" or verdict.reason
        if isinstance(expected[verdict.url], Unknown):
            assert verdict == Verdict(verdict.url, "unverified", "?")
    settled = [verdict for verdict in verdicts if verdict.is_settled and verdict.looks]
    assert Counter(verdict.url for verdict in heard) == Counter(verdict.url for verdict in settled)
    assert {*heard} == {*settled}


def test_after_each_round_it_is_told_how_many_are_left(clock: FakeClock) -> None:
    left: list[int] = []
    served = {f"{A}{number}": [OTHER] * number + [FRESH] for number in range(4)}
    run(dict.fromkeys(served, PAGE), Edge(served), clock, seconds=60, on_round=left.append)
    assert left == [3, 2, 1]


@pytest.mark.parametrize(
    ("there", "state"),
    [
        pytest.param({"https://a.example/swap/": PAGE}, "fresh", id="a page of this run"),
        pytest.param({"https://a.example/swap/": Gone(is_folder=True)}, "stale", id="no page any more"),
        pytest.param({}, "unverified", id="nobody knows"),
    ],
)
def test_a_file_in_whose_place_there_is_a_folder_now_is_gone(
    clock: FakeClock, there: dict[str, Expected], state: str
) -> None:
    file, folder = "https://a.example/swap", "https://a.example/swap/"
    door = Edge({file: Look(301, location="/swap/"), folder: FRESH})
    assert run({file: Gone(), **there}, door, clock, seconds=20)[0].state == state


def test_a_file_of_git_lfs_that_is_too_large_is_not_fetched(clock: FakeClock) -> None:
    door = Edge({A: Look(200)})
    (seen,) = run(
        {A: Content("a" * 40, 130, is_blob=True)}, door, clock, pointer_of=lambda _: Content("b" * 64, 2 << 30)
    )
    assert (seen.state, seen.reason, seen.looks) == ("unverified", "larger than 1024 MiB", 1)


@pytest.mark.parametrize(
    ("expected", "seen", "since_purge", "blame"),
    [
        pytest.param(PAGE, Look(200, age=4), 5, "origin", id="fetched after the purge"),
        pytest.param(PAGE, Look(200, age=0), 5, "origin", id="fetched just now"),
        pytest.param(PAGE, Look(200, age=5), 5.5, "", id="in the second of the purge"),
        pytest.param(PAGE, Look(200, age=0), 0.1, "", id="just now, like the purge"),
        pytest.param(PAGE, Look(200, age=6), 5.5, "edge", id="kept from before the purge"),
        pytest.param(PAGE, Look(200, age=86400), 5, "edge", id="kept for long"),
        pytest.param(PAGE, Look(200), 5, "", id="no age"),
        pytest.param(PAGE, Look(404, age=1), 5, "address", id="no file, and no other"),
        pytest.param(Gone(), Look(200, age=1), 5, "origin", id="a deleted file that was fetched after the purge"),
        pytest.param(Gone(), Look(200, age=9), 5, "edge", id="a deleted file that was kept"),
        pytest.param(PAGE, Look(500, age=1), 5, "", id="a failure is no old copy"),
        pytest.param(PAGE, Look(200, unread="br", age=1), 5, "", id="what cannot be read may be new"),
        pytest.param(SMALL, Look(200, is_match=True, small=POINTER, age=1), 5, "", id="a pointer of Git LFS"),
        pytest.param(PAGE, Look(200, is_match=True, age=1), 5, "", id="fresh"),
    ],
)
def test_by_its_age_a_stale_copy_tells_where_it_is_from(
    clock: FakeClock, expected: Expected, seen: Look, since_purge: float, blame: str
) -> None:
    door = Edge({A: seen}, clock=clock)
    (verdict,) = run({A: expected}, door, clock, seconds=1, purged_at=clock.now() - since_purge)
    assert verdict.blame == blame


@pytest.mark.parametrize(
    ("ages", "blame"),
    [
        pytest.param([Look(200, age=0), Look(200, age=0)], "origin", id="told by the second look"),
        pytest.param([Look(200, age=0), Look(200, age=0), Look(200, age=2)], "origin", id="not told by the last look"),
        pytest.param([Look(200, age=9), Look(200, age=0)], "origin", id="fetched again"),
        pytest.param([Look(200, age=9), Look(500)], "", id="a failure"),
        pytest.param([Look(200, age=9), Look(200, is_match=True)], "", id="fresh"),
    ],
)
def test_one_look_tells_for_the_others(clock: FakeClock, ages: list[Look], blame: str) -> None:
    door = Edge({A: ages}, clock=clock)  # at 0.8, 1.2 or 1.3, and 2.2 seconds after the purge
    (verdict,) = run({A: PAGE}, door, clock, seconds=len(ages) - 0.6, purged_at=clock.now() - 0.8)
    assert (verdict.looks, verdict.blame) == (len(ages), blame)


def test_the_time_that_a_look_takes_is_no_proof(clock: FakeClock) -> None:
    door = Edge({A: Look(200, age=3)}, clock=clock, on_look=lambda _url: clock.sleep(2))
    assert run({A: PAGE}, door, clock, seconds=1.5, purged_at=clock.now() - 2)[0].blame == ""


class Caching:
    """An edge that forgets what it has at `purged`, and keeps what the origin serves, new files from `deployed` on."""

    def __init__(self, clock: Clock, *, purged: float, deployed: float) -> None:
        self._clock = clock
        self._purged, self._deployed = clock.now() + purged, clock.now() + deployed
        self._cached: dict[str, tuple[float, bool]] = {}

    def look(self, url: str, _expected: Content | None, _timeout: float) -> Look:
        now = self._clock.now()
        since, is_new = self._cached.get(url, (0.0, False))
        if since < self._purged <= now:
            since, is_new = self._cached[url] = now, now >= self._deployed
        return Look(200, is_match=is_new, age=int(now - since), said=SAID)

    def shown(self, text: str, *, limit: int) -> str:
        return for_log(text, limit=limit)


MANY = [f"{A}{number}" for number in range(100)]


@pytest.mark.parametrize("purged", [0, 5], ids=["at once", "after a while"])
@pytest.mark.parametrize(("deployed", "stale"), [(0, []), (20, MANY[:1]), (300, MANY)])
def test_no_more_than_one_old_file_is_fetched_while_the_origin_is_old(
    clock: FakeClock, purged: float, deployed: float, stale: list[str]
) -> None:
    door = Caching(clock, purged=purged, deployed=deployed)
    verdicts = run(dict.fromkeys(MANY, PAGE), door, clock, seconds=120, purged_at=clock.now() - 0.6)
    assert [verdict.url for verdict in verdicts if verdict.state == "stale"] == stale
    assert {verdict.blame for verdict in verdicts if verdict.state == "stale"} == ({"origin"} if stale else set())


@pytest.mark.parametrize(
    ("expected", "ahead"),
    [
        pytest.param({A: Gone(), B: PAGE}, B, id="a file before what is gone"),
        pytest.param({A: Content("a" * 64, 2 << 20), B: PAGE}, B, id="a small one"),
        pytest.param({A: Content("a" * 40, None, is_blob=True), B: PAGE}, A, id="the first"),
        pytest.param({A: Gone(), B: Gone()}, A, id="nothing is there"),
    ],
)
def test_the_url_that_goes_ahead_is_soon_compared(clock: FakeClock, expected: dict[str, Expected], ahead: str) -> None:
    door = Edge({A: OTHER, B: OTHER}, clock=clock)
    run(expected, door, clock, seconds=20)
    alone = [url for url, time in zip(door.urls, door.times, strict=True) if time < 1009]
    assert {*alone} == {ahead}
    assert {*door.urls} == {A, B}


@pytest.mark.parametrize("seen", [Look(404), Look(503), Look(403), redirects(ELSEWHERE), BROKEN], ids=repr)
def test_nothing_waits_for_a_url_that_is_not_old(clock: FakeClock, seen: Look | ApiError) -> None:
    door = Edge({A: seen, B: FRESH}, clock=clock)
    run({A: PAGE, B: PAGE}, door, clock, seconds=20)
    assert door.times[door.urls.index(B)] - 1000 <= 1


def test_large_files_wait_for_none(clock: FakeClock) -> None:
    door = Edge({A: OTHER, B: OTHER}, clock=clock)
    run(dict.fromkeys([A, B], Content("a" * 64, 2 << 20)), door, clock, seconds=20)
    assert door.times[:2] == [1000, 1000]


@pytest.mark.parametrize(("seconds", "most"), [(60, 10 + 8), (120, 12 + 8), (600, 60 + 8)])
def test_a_host_without_any_of_the_files_is_not_looked_at_for_long(
    clock: FakeClock, seconds: float, most: float
) -> None:
    expected: dict[str, Expected] = {**dict.fromkeys(MANY[:3], PAGE), B: Gone()}
    door = Edge({**dict.fromkeys(MANY[:3], Look(404)), B: Look(404)}, clock=clock)
    verdicts = run(expected, door, clock, seconds=seconds)
    assert clock.now() - 1000 <= most
    assert [(verdict.state, verdict.blame) for verdict in verdicts] == [*[("stale", "address")] * 3, ("fresh", "")]
    assert verdicts[0].looks > 3


def test_files_that_appear_in_a_moment_are_fresh(clock: FakeClock) -> None:
    door = Edge(dict.fromkeys(MANY, [Look(404)] * 4 + [FRESH]), clock=clock)
    verdicts = run(dict.fromkeys(MANY, PAGE), door, clock, seconds=120)
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
def test_files_that_are_not_there_may_come_late(clock: FakeClock, seen: list[Look | ApiError], blame: str) -> None:
    served = dict(zip(MANY, seen, strict=False))
    door = Edge(served, clock=clock)
    verdict = run(dict.fromkeys(served, PAGE), door, clock, seconds=60)[0]
    assert (verdict.state, verdict.blame) == ("stale", blame)
    assert door.times[-1] - 1000 > 50
