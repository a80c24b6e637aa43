"""A reqId ends as done, failed or pending with the reason why; no hiccup on the way makes one of the other."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import FakeClock
from ztpurge.calls.pace import Pace
from ztpurge.calls.retry import Limits
from ztpurge.cdn.answers import Live, Provider, Task
from ztpurge.cdn.plan import Batch
from ztpurge.cdn.purge import Outcome
from ztpurge.cdn.wait import Progress, as_outcome, ask_after, confirm
from ztpurge.edge.judge import Verdict, confirm_by_sight
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ztpurge.cdn.answers import TaskKind
    from ztpurge.cdn.purge import State

A, REMEDY = "http://a.example", "Wait longer"
RUN, DONE, FAILED = Task("pending", "run"), Task("done", "success"), Task("failed", "failure")
UNKNOWN = ApiError(Failure.UNKNOWN_TASK, "the API answered 404: task id can not found", remedy="Check the reqId")
OOPS = ApiError(Failure.SERVER, "the API answered 500: oops")
REFUSED = ApiError(Failure.AUTH, "the API answered 400: invalid token", remedy="Renew the token")
HICCUPS = [
    pytest.param(OOPS, id="5xx"),
    pytest.param(ApiError(Failure.BUSY, "the API answered 503", retry_after=7), id="busy"),
    pytest.param(ApiError(Failure.UNREADABLE, "the API answered 200 without a task: <html>"), id="unreadable"),
    pytest.param(ApiError(Failure.TIMEOUT, "no answer within 100 s"), id="no answer"),
    pytest.param(ApiError(Failure.UNREACHABLE, "the call broke off"), id="unreachable"),
    pytest.param(ApiError(Failure.REJECTED, "the API answered 404: no such page"), id="404 of a proxy"),
]


class Service:
    """Says of each reqId what its script holds, the last of it for ever."""

    seconds = 0.0  # that an answer takes

    def __init__(self, clock: FakeClock, **scripts: list[Task | ApiError]) -> None:
        self.clock = clock
        self.scripts = scripts
        self.asked: list[str] = []
        self.starts: list[float] = []
        self.timeouts: list[float] = []

    def __call__(self, req_id: str, timeout: float) -> Task:
        self.asked.append(req_id)
        self.starts.append(self.clock.now() - 1000.0)
        self.timeouts.append(timeout)
        script = self.scripts[req_id]
        said = script.pop(0) if len(script) > 1 else script[0]
        if self.seconds:
            self.clock.sleep(self.seconds)
        if isinstance(said, ApiError):
            raise said
        return said


def said(*words: str) -> Live:
    states: dict[str, Literal["done", "failed"]] = {"success": "done", "failure": "failed"}
    return Live(tuple(Provider(f"{n}_api", states.get(word, "pending"), word) for n, word in enumerate(words)))


class Providers:
    """Say of each reqId what the script holds, the last of it for ever."""

    def __init__(self, clock: FakeClock, *script: Live | ApiError) -> None:
        self.clock = clock
        self.script = list(script)
        self.asked: list[str] = []
        self.starts: list[float] = []
        self.timeouts: list[float] = []

    def __call__(self, req_id: str, kind: TaskKind, timeout: float) -> Live:
        self.asked.append(f"{kind} {req_id}")
        self.starts.append(self.clock.now() - 1000.0)
        self.timeouts.append(timeout)
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(said, ApiError):
            raise said
        return said


def wait_for(
    ask: Callable[[str, float], Task],
    req_ids: tuple[str, ...],
    clock: FakeClock,
    *,
    again: bool = True,
    seconds: float = 60,
    concurrency: int = 1,
    pace: float = 0,
    retries: int = 2,
    on_end: Callable[[Progress], None] = lambda _progress: None,
    on_round: Callable[[int, tuple[str, ...]], None] = lambda _left, _late: None,
    ask_live: Callable[[str, TaskKind, float], Live] = lambda _req_id, _kind, _timeout: Live(has_call=False),
) -> tuple[Progress, ...]:
    return ask_after(
        req_ids,
        ask=ask,
        ask_live=ask_live,
        again=again,
        remedy=REMEDY if again else "",
        concurrency=concurrency,
        limits=Limits(retries=retries, request_timeout=100, deadline=clock.now() + seconds),
        pace=Pace(pace, clock),
        clock=clock,
        jitter=lambda: 1.0,
        on_end=on_end,
        on_round=on_round,
    )


def wait_for_one(clock: FakeClock, *script: Task | ApiError, again: bool = True, seconds: float = 60) -> Progress:
    (progress,) = wait_for(Service(clock, x=list(script)), ("x",), clock, again=again, seconds=seconds)
    return progress


@pytest.mark.parametrize(
    ("script", "state", "error", "attempts"),
    [
        pytest.param([DONE], "done", None, 1, id="done at once"),
        pytest.param([RUN, RUN, DONE], "done", None, 3, id="done in the end"),
        pytest.param([FAILED], "failed", "the service reports `failure` for it. Run the job again", 1, id="failed"),
        pytest.param([RUN, Task("failed", "error")], "failed", "the service reports `error`", 2, id="failed later"),
        pytest.param([OOPS, DONE], "done", None, 2, id="done after a hiccup"),
        pytest.param([RUN, OOPS, OOPS, DONE], "done", None, 4, id="done after hiccups on the way"),
        pytest.param([UNKNOWN, DONE], "done", None, 2, id="not known at first"),
        pytest.param([UNKNOWN, UNKNOWN, RUN, UNKNOWN, UNKNOWN, DONE], "done", None, 6, id="not known now and then"),
        pytest.param([UNKNOWN], "failed", "404: task id can not found. Check the reqId", 5, id="never known"),
        pytest.param([RUN, UNKNOWN], "failed", "404: task id can not found. Check the reqId", 6, id="forgotten"),
    ],
)
def test_a_req_id_has_an_end(
    clock: FakeClock, script: list[Task | ApiError], state: State, error: str | None, attempts: int
) -> None:
    progress = wait_for_one(clock, *script)
    assert (progress.state, progress.attempts, progress.is_settled) == (state, attempts, True)
    assert progress.error is None if error is None else error in str(progress.error)
    assert progress.seconds == sum(clock.slept)


@pytest.mark.parametrize("hiccup", HICCUPS)
def test_no_hiccup_is_an_end(clock: FakeClock, hiccup: ApiError) -> None:
    assert wait_for_one(clock, hiccup, RUN, hiccup, hiccup, hiccup, hiccup, DONE, seconds=300).state == "done"


@pytest.mark.parametrize(
    ("script", "why"),
    [
        pytest.param([RUN], "still under way after 59 s: the CDN still reports `run`", id="still running"),
        pytest.param(
            [Task("pending", "unknow")],
            "still under way after 59 s: the CDN still reports `unknow`",
            id="the service's own word",
        ),
        pytest.param([OOPS], "it could not be told whether it is done: the API answered 500: oops", id="never told"),
        pytest.param([RUN, OOPS], "could not be told whether it is done: the API answered 500", id="not told last"),
        pytest.param([OOPS, RUN], "still under way after 59 s: the CDN still reports `run`", id="told last"),
    ],
)
def test_what_is_pending_at_the_end_says_why(clock: FakeClock, script: list[Task | ApiError], why: str) -> None:
    progress = wait_for_one(clock, *script)
    assert progress.state == "pending"
    assert why in str(progress.error)
    assert str(progress.error).endswith(f". {REMEDY}")
    assert sum(clock.slept) == 59  # the last look is a second before the end


def test_an_id_unknown_at_the_very_end_is_pending(clock: FakeClock) -> None:
    progress = wait_for_one(clock, RUN, UNKNOWN, seconds=3)
    assert (progress.state, progress.misses) == ("pending", 2)
    assert "could not be told whether it is done: the API answered 404" in str(progress.error)


def test_without_time_nobody_is_asked_and_that_is_said(clock: FakeClock) -> None:
    service = Service(clock, x=[DONE])
    (progress,) = wait_for(service, ("x",), clock, seconds=0)
    assert (progress.state, progress.attempts, service.asked) == ("pending", 0, [])
    assert "no time was left to ask whether it is done" in str(progress.error)


def test_nothing_is_asked_for_no_req_ids(clock: FakeClock) -> None:
    service = Service(clock)
    assert wait_for(service, (), clock) == ()
    assert (service.asked, clock.slept) == ([], [])


def test_progress_comes_in_the_given_order(clock: FakeClock) -> None:
    service = Service(clock, a=[RUN, RUN, DONE], b=[FAILED], c=[RUN])
    found = wait_for(service, ("c", "a", "b"), clock, concurrency=3)
    assert [(progress.req_id, progress.state) for progress in found] == [
        ("c", "pending"),
        ("a", "done"),
        ("b", "failed"),
    ]


def test_who_listens_hears_of_each_end_once(clock: FakeClock) -> None:
    ended: list[str] = []
    left: list[int] = []
    service = Service(clock, a=[RUN, RUN, DONE], b=[FAILED], c=[RUN])
    wait_for(
        service,
        ("a", "b", "c"),
        clock,
        seconds=5,
        on_end=lambda progress: ended.append(f"{progress.req_id} {progress.state}"),
        on_round=lambda number, _late: left.append(number),
    )
    assert ended == ["b failed", "a done"]
    assert left == [2, 2, 1]


NO_CALL, SAYS_NOTHING = Live(has_call=False), Live()
LATE = "still under way after 59 s: the CDN still reports `run`; of its providers "


@pytest.mark.parametrize(
    ("live", "state", "error"),
    [
        pytest.param([said("success")], "done", "None", id="the only one is done"),
        pytest.param([said("success", "success")], "done", "None", id="all are done"),
        pytest.param([said("wait", "success"), said("success", "success")], "done", "None", id="all in the end"),
        pytest.param([OOPS, SAYS_NOTHING, said("success")], "done", "None", id="after hiccups"),
        pytest.param([said("success", "run")], "pending", f"{LATE}`1_api` says `run`", id="one is late"),
        pytest.param([said("success", "")], "pending", f"{LATE}`1_api` does not answer", id="one is silent"),
        pytest.param([said(*"abcdef")], "pending", "`3_api` says `d` and 2 more. ", id="many are late"),
        pytest.param([said("wait"), OOPS], "pending", f"{LATE}`0_api` says `wait`", id="what was said last stands"),
        pytest.param(
            [said("success", "failure", "wait")],
            "failed",
            "of the providers behind the service `1_api` says `failure`. Run the job again",
            id="one failed",
        ),
        pytest.param([said("failure", "failure")], "failed", "`0_api` says `failure`, `1_api` says", id="all failed"),
        pytest.param([SAYS_NOTHING], "pending", "the CDN still reports `run`. ", id="an answer without a provider"),
        pytest.param([OOPS], "pending", "the CDN still reports `run`. ", id="no answer"),
        pytest.param([REFUSED], "pending", "the CDN still reports `run`. ", id="not for users"),
        pytest.param([NO_CALL], "pending", "the CDN still reports `run`. ", id="no such call"),
    ],
)
def test_while_a_task_is_under_way_each_provider_has_its_say(
    clock: FakeClock, live: list[Live | ApiError], state: State, error: str
) -> None:
    providers = Providers(clock, *live)
    (progress,) = wait_for(Service(clock, x=[RUN]), ("x",), clock, ask_live=providers)
    assert progress.state == state
    assert error in str(progress.error)


@pytest.mark.parametrize("task", [DONE, FAILED, UNKNOWN, OOPS, REFUSED])
def test_the_providers_are_not_asked_if_the_task_says_it_or_nobody_does(
    clock: FakeClock, task: Task | ApiError
) -> None:
    providers = Providers(clock, said("success"))
    wait_for(Service(clock, x=[task]), ("x",), clock, ask_live=providers, again=False, retries=0)
    assert providers.asked == []


def test_the_end_of_a_task_counts_where_a_provider_is_late(clock: FakeClock) -> None:
    (progress,) = wait_for(Service(clock, x=[RUN, DONE]), ("x",), clock, ask_live=Providers(clock, said("wait")))
    assert (progress.state, progress.error) == ("done", None)


@pytest.mark.parametrize("word", ["run", "wait", "init", "prepare", "unknow", "new word"])
def test_any_word_that_is_no_end_has_the_providers_asked(clock: FakeClock, word: str) -> None:
    service = Service(clock, x=[Task("pending", word)])
    (progress,) = wait_for(service, ("x",), clock, ask_live=Providers(clock, said("success")), again=False)
    assert progress.state == "done"


def test_a_call_that_a_server_lacks_is_not_made_again_but_that_for_prefetches_may_be_there(clock: FakeClock) -> None:
    service = Service(clock, a=[RUN], b=[RUN], p=[Task("pending", "run", "prefetch")])
    providers = Providers(clock, NO_CALL, said("wait"))
    wait_for(service, ("a", "b", "p"), clock, ask_live=providers, seconds=5)
    assert (providers.asked[0], {*providers.asked[1:]}) == ("urls a", {"prefetch p"})


def test_each_round_asks_a_provider_once_and_within_the_time(clock: FakeClock) -> None:
    service = Service(clock, x=[RUN])
    providers = Providers(clock, OOPS)
    wait_for(service, ("x",), clock, ask_live=providers, seconds=100, retries=4)
    assert len(providers.asked) == len(service.asked)
    assert max(providers.timeouts) == 40  # the service asks one provider after another
    assert all(timeout <= 100 - start for timeout, start in zip(providers.timeouts, providers.starts, strict=True))


def test_who_listens_hears_which_providers_are_late(clock: FakeClock) -> None:
    late: list[tuple[str, ...]] = []
    service = Service(clock, a=[RUN, DONE], b=[RUN])
    providers = Providers(clock, said("wait"), said("success", ""), said("success"))
    wait_for(service, ("a", "b"), clock, ask_live=providers, on_round=lambda _left, providers: late.append(providers))
    assert late == [("`0_api` says `wait`", "`1_api` does not answer")]


def test_a_bug_in_a_question_for_providers_loses_no_req_id(clock: FakeClock) -> None:
    def ask(_req_id: str, _kind: TaskKind, _timeout: float) -> Live:
        raise ZeroDivisionError

    found = wait_for(Service(clock, a=[RUN], b=[DONE]), ("a", "b"), clock, ask_live=ask)
    assert [progress.state for progress in found] == ["pending", "done"]
    assert "ztpurge has a bug" in str(found[0].error)


def test_what_a_provider_says_is_shown_safely(clock: FakeClock) -> None:
    hostile = Live((Provider("\n::error::x\u202e", "pending", "x" * 99), Provider("##[error]")))
    (progress,) = wait_for(Service(clock, x=[RUN]), ("x",), clock, ask_live=Providers(clock, hostile))
    assert progress.late == (
        f"`\\n::error::x\\u202e` says `{'x' * 40}... (99 characters)`",
        "`#\\#[error]` does not answer",
    )


def test_a_refused_token_ends_everything_and_says_so(clock: FakeClock) -> None:
    service = Service(clock, done=[DONE], refused=[RUN, REFUSED], a=[RUN], b=[RUN])
    found = wait_for(service, ("done", "refused", "a", "b"), clock)
    assert service.asked == ["done", "refused", "a", "b", "refused"]  # nobody after that
    assert [progress.state for progress in found] == ["done", "pending", "pending", "pending"]
    assert [progress.error for progress in found] == [None, REFUSED, REFUSED, REFUSED]
    assert clock.slept == [1.0]


def test_a_refused_token_is_what_is_said_of_a_cancelled_run_too(clock: FakeClock) -> None:
    def ask(_req_id: str, _timeout: float) -> Task:
        clock.stop()
        raise REFUSED

    (progress,) = wait_for(ask, ("x",), clock)
    assert progress.error is REFUSED


@pytest.mark.parametrize("again", [True, False])
def test_a_run_that_is_cancelled_asks_no_more(clock: FakeClock, again: bool) -> None:
    asked = []

    def ask(req_id: str, _timeout: float) -> Task:
        asked.append(req_id)
        if req_id == "b":
            clock.stop()
        return RUN

    found = wait_for(ask, ("a", "b", "c"), clock, again=again)
    assert asked == ["a", "b"]
    assert {str(progress.error).partition(".")[0] for progress in found} == {"the run was cancelled before it was done"}
    assert clock.slept == []


def test_a_bug_in_one_question_loses_no_other_req_id(clock: FakeClock) -> None:
    def ask(req_id: str, _timeout: float) -> Task:
        return Task("done", "success", entries=("x",) * (1 // (req_id != "b")))

    found = wait_for(ask, ("a", "b", "c"), clock, seconds=3)
    assert [progress.state for progress in found] == ["done", "pending", "done"]
    assert "ZeroDivisionError" in str(found[1].error)


def test_a_question_that_hangs_does_not_take_the_time_of_the_others(clock: FakeClock) -> None:
    service = Service(clock, quick=[RUN, DONE])

    def ask(req_id: str, timeout: float) -> Task:
        if req_id == "hangs":
            clock.sleep(timeout)
            raise ApiError(Failure.TIMEOUT, f"no answer within {timeout:g} s")
        return service(req_id, timeout)

    hangs, quick = wait_for(ask, ("hangs", "quick"), clock, concurrency=1)
    assert (hangs.state, quick.state) == ("pending", "done")


def test_who_had_no_turn_in_the_last_round_was_told_all_the_same(clock: FakeClock) -> None:
    service = Service(clock, a=[RUN], b=[RUN], c=[RUN])
    service.seconds = 20
    found = wait_for(service, ("a", "b", "c"), clock, seconds=70)
    assert [progress.attempts for progress in found] == [2, 1, 1]  # the first round takes a minute
    assert {str(progress.error).partition(" after ")[0] for progress in found} == {"still under way"}


def test_what_to_do_about_what_could_not_be_told_is_told(clock: FakeClock) -> None:
    no_api = ApiError(Failure.REJECTED, "the API answered 404: nginx", remedy="Check that `api-url` is the CDN's API")
    for again in (True, False):
        assert "Check that `api-url` is" in str(wait_for_one(clock, no_api, again=again).error)


def test_a_question_may_use_only_what_is_left(clock: FakeClock) -> None:
    timeouts = []

    def ask(_req_id: str, timeout: float) -> Task:
        timeouts.append((timeout, 1004.5 - clock.now()))
        clock.sleep(0.5)
        return RUN

    wait_for(ask, ("a", "b", "c"), clock, seconds=4.5)
    assert len(timeouts) > 5
    assert all(0 < timeout <= left for timeout, left in timeouts)


def test_questions_keep_the_pace(clock: FakeClock) -> None:
    service = Service(clock, a=[RUN, DONE], b=[RUN, DONE])
    providers = Providers(clock, said("wait"))
    wait_for(service, ("a", "b"), clock, pace=1.5, ask_live=providers)
    assert (service.starts, providers.starts) == ([0, 3, 6, 7.5], [1.5, 4.5])


def test_a_pause_that_the_service_asks_for_is_kept(clock: FakeClock) -> None:
    service = Service(clock, a=[ApiError(Failure.BUSY, "slow down", retry_after=7), DONE], b=[DONE])
    found = wait_for(service, ("a", "b"), clock)
    assert service.starts == [0, 7, 8]
    assert {progress.state for progress in found} == {"done"}


def test_as_many_questions_at_once_as_allowed(clock: FakeClock) -> None:
    meeting = threading.Barrier(3, timeout=20)  # broken unless three are there at the same time
    lock = threading.Lock()
    inside = most = 0

    def ask(_req_id: str, _timeout: float) -> Task:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        meeting.wait()
        with lock:
            inside -= 1
        meeting.wait()
        return DONE

    wait_for(ask, tuple("abcdef"), clock, concurrency=3)
    assert most == 3


@pytest.mark.parametrize(
    ("script", "state", "error", "attempts"),
    [
        pytest.param([DONE], "done", "None", 1, id="done"),
        pytest.param([FAILED], "failed", "reports `failure`", 1, id="failed"),
        pytest.param([RUN, DONE], "pending", "None", 1, id="under way: that is the answer"),
        pytest.param([UNKNOWN, DONE], "failed", "task id can not found", 1, id="unknown: that is the answer"),
        pytest.param([OOPS, OOPS, RUN], "pending", "None", 3, id="hiccups are survived"),
        pytest.param(
            [OOPS], "pending", "could not be told whether it is done: the API answered 500", 3, id="no answer"
        ),
        pytest.param([REFUSED], "pending", "invalid token. Renew the token", 1, id="token refused"),
    ],
)
def test_asked_once_the_answer_is_the_answer(
    clock: FakeClock, script: list[Task | ApiError], state: State, error: str, attempts: int
) -> None:
    progress = wait_for_one(clock, *script, again=False)
    assert (progress.state, progress.attempts) == (state, attempts)
    assert error in str(progress.error)
    assert "wait-timeout" not in str(progress.error)


SAID = st.sampled_from([RUN, DONE, FAILED, UNKNOWN, OOPS, Task("pending", "unknow")])


@given(
    scripts=st.dictionaries(st.sampled_from("abcde"), st.lists(SAID, min_size=1, max_size=8)),
    again=st.booleans(),
    seconds=st.floats(0, 500),
)
def test_done_is_only_what_the_service_calls_done(
    scripts: dict[str, list[Task | ApiError]], again: bool, seconds: float
) -> None:
    clock = FakeClock()
    service = Service(clock, **{req_id: list(script) for req_id, script in scripts.items()})
    found = wait_for(service, tuple(scripts), clock, again=again, seconds=seconds)
    assert [progress.req_id for progress in found] == list(scripts)
    asked = Counter(service.asked)
    for progress in found:
        heard = (scripts[progress.req_id] + [scripts[progress.req_id][-1]] * 99)[: asked[progress.req_id]]
        assert (progress.state == "done") == (heard[-1:] == [DONE])
        assert DONE not in heard[:-1]  # nobody is asked after what is done
        assert progress.attempts == len(heard)
        assert progress.error or progress.state == "done" or (progress.state == "pending" and not again)
    assert clock.now() <= 1000 + seconds


def outcome(status: State = "accepted", req_id: str | None = "x", error: ApiError | None = None) -> Outcome:
    return Outcome.of(1, Batch("urls", "a.example", (f"{A}/1",)), status, req_id, 1, 0.5, error)


@pytest.mark.parametrize(
    ("before", "progress", "status", "error"),
    [
        pytest.param(outcome(), Progress("x", "done"), "done", None, id="done"),
        pytest.param(outcome(), Progress("x", "failed", error=OOPS), "failed", OOPS, id="failed"),
        pytest.param(outcome(), Progress("x", "pending", error=OOPS), "pending", OOPS, id="pending"),
        pytest.param(outcome(), Progress("y", "failed", error=OOPS), "accepted", None, id="another reqId"),
        pytest.param(outcome("partial", error=UNKNOWN), Progress("x", "done"), "partial", UNKNOWN, id="partial, done"),
        pytest.param(
            outcome("partial", error=UNKNOWN), Progress("x", "failed", error=OOPS), "partial", UNKNOWN, id="partial"
        ),
        pytest.param(
            outcome("failed", None, OOPS), Progress("", "failed", error=UNKNOWN), "failed", OOPS, id="failed before"
        ),
        pytest.param(outcome("planned", None), Progress("", "failed", error=OOPS), "planned", None, id="dry run"),
    ],
)
def test_only_what_was_purged_is_confirmed_or_not(
    before: Outcome, progress: Progress, status: State, error: ApiError | None
) -> None:
    (after,) = confirm([before], [progress])
    assert (after.state, after.error) == (status, error)
    assert (after.number, after.entries, after.req_id, after.attempts) == (
        1,
        before.entries,
        before.req_id,
        before.attempts,
    )


@pytest.mark.parametrize(
    ("before", "fresh", "status"),
    [
        pytest.param(outcome("pending", error=OOPS), [f"{A}/1"], "done", id="all seen fresh"),
        pytest.param(outcome("pending", error=OOPS), [f"{A}/2"], "pending", id="not all"),
        pytest.param(outcome("failed", error=OOPS), [f"{A}/1"], "failed", id="a failure stays one"),
        pytest.param(outcome("partial", error=OOPS), [f"{A}/1"], "partial", id="so does a part"),
    ],
)
def test_what_is_seen_confirms_only_what_is_under_way(before: Outcome, fresh: list[str], status: State) -> None:
    verdicts = [*(Verdict(url, "fresh") for url in fresh), Verdict(f"{A}/3", "stale")]
    (after,) = confirm_by_sight([before], verdicts)
    seen = ", but each of its URLs was seen fresh" if status == "done" else ""
    assert (after.state, after.error and after.error.cause) == (status, f"{OOPS.cause}{seen}")
    assert confirm_by_sight([before], [Verdict(f"{A}/1", "unverified")]) == (before,)


def test_outcomes_with_the_same_req_id_share_its_end() -> None:
    after = confirm([outcome(), outcome()], [Progress("x", "failed", error=OOPS)])
    assert [ended.state for ended in after] == ["failed", "failed"]


@pytest.mark.parametrize(
    ("task", "batch"),
    [
        pytest.param(None, Batch("urls", "", ()), id="no answer"),
        pytest.param(Task("done", "success"), Batch("urls", "", ()), id="nothing listed"),
        pytest.param(
            Task("done", "success", "urls", (f"{A}/1,2", f"{A}/3")),
            Batch("urls", "a.example", (f"{A}/1,2", f"{A}/3")),
            id="URLs",
        ),
        pytest.param(
            Task("done", "success", "dirs", (f"{A}/d/",)), Batch("dirs", "a.example", (f"{A}/d/",)), id="directories"
        ),
        pytest.param(
            Task("done", "success", "prefetch", ("https://a.example:8443/1",)),
            Batch("prefetch", "a.example", ("https://a.example:8443/1",)),
            id="prefetch",
        ),
        pytest.param(Task("done", "success", "urls", ("no URL",)), Batch("urls", "", ("no URL",)), id="no URL"),
    ],
)
def test_a_status_is_the_outcome_of_a_call(task: Task | None, batch: Batch) -> None:
    progress = Progress("x", "done", task, attempts=3, seconds=1.5)
    assert as_outcome(7, progress) == Outcome.of(7, batch, "done", "x", 3, 1.5)


@pytest.mark.parametrize(
    "entry",
    [
        "http://[",
        "http://a\u2100.example/",
        "http://a`|<b>x/1",
        "http://a\x1b[31m/1",
        "http://\u202ea/1",
        "\ud800",
    ],
    ids=ascii,
)
def test_a_host_that_is_none_is_not_shown_for_one(entry: str) -> None:
    made = as_outcome(1, Progress("x", "failed", Task("failed", "failure", "urls", (entry,)), OOPS))
    assert made.host == ""


@pytest.mark.parametrize("is_cut", [True, False])
def test_a_list_that_was_cut_is_known_to_be_cut(is_cut: bool) -> None:
    task = Task("failed", "failure", "urls", (f"{A}/1",), is_cut=is_cut)
    made = as_outcome(1, Progress("x", "failed", task, OOPS))
    assert (made.is_cut, made.error) == (is_cut, OOPS)
    assert not as_outcome(1, Progress("x", "pending", None, OOPS)).is_cut
