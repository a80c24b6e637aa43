"""A reqId ends as done, failed or pending with the reason why; no hiccup on the way makes one of the other."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import FakeClock, make_scheduler
from ztpurge.calls.pace import Pace
from ztpurge.cdn.answers import Live, Provider, Task
from ztpurge.cdn.plan import Batch
from ztpurge.cdn.purge import Outcome
from ztpurge.cdn.wait import Waiting
from ztpurge.edge.judge import Verdict, confirm_by_sight
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


def said(*words: str) -> Live:
    states: dict[str, Literal["done", "failed"]] = {"success": "done", "failure": "failed"}
    return Live(tuple(Provider(f"{n}_api", states.get(word, "pending"), word) for n, word in enumerate(words)))


NO_CALL, SAYS_NOTHING = Live(has_call=False), Live()


class Service:
    """Says of each reqId what its script holds, and what the providers say what `live` holds, the last for ever."""

    def __init__(
        self,
        clock: FakeClock,
        *,
        live: Sequence[Live | ApiError] = (NO_CALL,),
        on_question: Callable[[str, float], None] = lambda _req_id, _timeout: None,
        **scripts: Sequence[Task | ApiError],
    ) -> None:
        self.clock = clock
        self.scripts = {req_id: [*script] for req_id, script in scripts.items()}
        self.script = [*live]
        self.on_question = on_question
        self.asked: list[str] = []
        self.asked_live: list[str] = []
        self.times: list[tuple[float, float]] = []  # of all questions: when, and how many seconds they may take

    def status(self, req_id: str, timeout: float) -> Task:
        self.asked.append(req_id)
        said: Task | ApiError = self._say(self.scripts[req_id], timeout)
        self.on_question(req_id, timeout)
        if isinstance(said, ApiError):
            raise said
        return said

    def live(self, req_id: str, kind: TaskKind, timeout: float) -> Live:
        self.asked_live.append(f"{kind} {req_id}")
        said: Live | ApiError = self._say(self.script, timeout)
        if isinstance(said, ApiError):
            raise said
        return said

    def _say(self, script: list[Any], timeout: float) -> Any:  # noqa: ANN401 - one of the script
        self.times.append((self.clock.now() - 1000, timeout))
        return script.pop(0) if len(script) > 1 else script[0]

    def ask(
        self,
        *,
        again: bool = True,
        ended: list[str] | None = None,
        rounds: list[tuple[int, tuple[str, ...]]] | None = None,
        **changes: Any,  # noqa: ANN401 - as make_scheduler
    ) -> tuple[Outcome, ...]:
        """Ask after all that there is a script for, as reqIds of another step."""
        ended, rounds = [] if ended is None else ended, [] if rounds is None else rounds
        waiting = Waiting(
            self, make_scheduler(self.clock, **({"seconds": 60} | changes)), again=again, remedy=REMEDY if again else ""
        )
        return waiting.ask_after(
            (Outcome(number, "urls", "", (), "accepted", req_id) for number, req_id in enumerate(self.scripts, 1)),
            on_end=lambda outcome: ended.append(f"{outcome.req_id} {outcome.state}"),
            on_round=lambda left, late: rounds.append((left, late)),
        )


def ask_for_one(
    clock: FakeClock,
    *script: Task | ApiError,
    live: Sequence[Live | ApiError] = (NO_CALL,),
    **changes: Any,  # noqa: ANN401 - as make_scheduler
) -> Outcome:
    (outcome,) = Service(clock, x=script, live=live).ask(**changes)
    return outcome


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
    outcome = ask_for_one(clock, *script)
    assert (outcome.state, outcome.attempts, outcome.seconds) == (state, attempts, sum(clock.slept))
    assert outcome.error is None if error is None else error in str(outcome.error)


@pytest.mark.parametrize("hiccup", HICCUPS)
def test_no_hiccup_is_an_end(clock: FakeClock, hiccup: ApiError) -> None:
    assert ask_for_one(clock, hiccup, RUN, hiccup, hiccup, hiccup, hiccup, DONE, seconds=300).state == "done"


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
    outcome = ask_for_one(clock, *script)
    assert outcome.state == "pending"
    assert why in str(outcome.error)
    assert str(outcome.error).endswith(f". {REMEDY}")
    assert sum(clock.slept) == 59  # the last look is a second before the end


@pytest.mark.parametrize(
    ("script", "seconds", "attempts", "why"),
    [
        pytest.param([RUN, UNKNOWN], 3, 3, "could not be told whether it is done: the API answered 404", id="at last"),
        pytest.param([DONE], 0, 0, "no time was left to ask whether it is done", id="no time"),
    ],
)
def test_without_time_for_an_end_it_is_pending(
    clock: FakeClock, script: list[Task | ApiError], seconds: float, attempts: int, why: str
) -> None:
    outcome = ask_for_one(clock, *script, seconds=seconds)
    assert (outcome.state, outcome.attempts) == ("pending", attempts)
    assert why in str(outcome.error)


def test_nothing_is_asked_for_no_req_ids(clock: FakeClock) -> None:
    assert (Service(clock).ask(), clock.slept) == ((), [])


def test_who_listens_hears_of_each_end_once_and_outcomes_keep_their_order(clock: FakeClock) -> None:
    ended: list[str] = []
    rounds: list[tuple[int, tuple[str, ...]]] = []
    service = Service(clock, c=[RUN], a=[RUN, RUN, DONE], b=[FAILED])
    outcomes = service.ask(seconds=5, concurrency=3, ended=ended, rounds=rounds)
    states = [(outcome.number, outcome.req_id, outcome.state) for outcome in outcomes]
    assert states == [(1, "c", "pending"), (2, "a", "done"), (3, "b", "failed")]
    assert (ended, rounds) == (["b failed", "a done"], [(2, ()), (2, ()), (1, ())])


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
    outcome = ask_for_one(clock, RUN, live=live)
    assert outcome.state == state
    assert error in str(outcome.error)
    assert bool(outcome.late) == ("of its providers" in error or "and 2 more" in error)


@pytest.mark.parametrize("task", [DONE, FAILED, UNKNOWN, OOPS, REFUSED])
def test_the_providers_are_not_asked_if_the_task_says_it_or_nobody_does(
    clock: FakeClock, task: Task | ApiError
) -> None:
    service = Service(clock, x=[task], live=[said("success")])
    service.ask(again=False, retries=0)
    assert service.asked_live == []


def test_the_end_of_a_task_counts_where_a_provider_is_late(clock: FakeClock) -> None:
    outcome = ask_for_one(clock, RUN, DONE, live=[said("wait")])
    assert (outcome.state, outcome.error, outcome.late) == ("done", None, ())


@pytest.mark.parametrize("word", ["run", "wait", "init", "prepare", "unknow", "new word"])
def test_any_word_that_is_no_end_has_the_providers_asked(clock: FakeClock, word: str) -> None:
    assert ask_for_one(clock, Task("pending", word), live=[said("success")], again=False).state == "done"


def test_a_call_that_a_server_lacks_is_not_made_again_but_that_for_prefetches_may_be_there(clock: FakeClock) -> None:
    prefetch = Task("pending", "run", "prefetch")
    service = Service(clock, a=[RUN], b=[RUN], p=[prefetch], live=[NO_CALL, said("wait")])
    service.ask(seconds=5)
    assert (service.asked_live[0], {*service.asked_live[1:]}) == ("urls a", {"prefetch p"})


@pytest.mark.parametrize("pace", [0, 1.5])
def test_questions_keep_pace_and_time_and_are_asked_once_a_round(clock: FakeClock, pace: float) -> None:
    service = Service(clock, x=[RUN], y=[OOPS], live=[OOPS])
    service.ask(seconds=100, retries=4, pace=Pace(pace, clock))
    assert 0 <= service.asked.count("x") - len(service.asked_live) <= 1
    assert service.asked[:4] == ["x", "y"] * 2
    first = [timeout for start, timeout in service.times if start < 50]
    assert {*first} == {15, 40}  # the service asks one provider after another
    assert all(0 < timeout <= 100 - start for start, timeout in service.times)
    starts = [start for start, _ in service.times]
    assert all(later - start >= pace for start, later in itertools.pairwise(starts))


def test_who_listens_hears_which_providers_are_late(clock: FakeClock) -> None:
    rounds: list[tuple[int, tuple[str, ...]]] = []
    live = [said("wait"), said("success", ""), said("success")]
    Service(clock, a=[RUN, DONE], b=[RUN], live=live).ask(rounds=rounds)
    assert rounds == [(2, ("`0_api` says `wait`", "`1_api` does not answer"))]


def test_what_a_provider_says_is_shown_safely(clock: FakeClock) -> None:
    hostile = Live((Provider("\n::error::x\u202e", "pending", "x" * 99), Provider("##[error]")))
    assert ask_for_one(clock, RUN, live=[hostile], again=False).late == (
        f"`\\n::error::x\\u202e` says `{'x' * 40}... (99 characters)`",
        "`#\\#[error]` does not answer",
    )


def test_a_refused_token_ends_everything_and_says_so(clock: FakeClock) -> None:
    ended: list[str] = []
    service = Service(clock, done=[DONE], refused=[RUN, REFUSED], a=[RUN], b=[RUN])
    outcomes = service.ask(ended=ended)
    assert service.asked == ["done", "refused", "a", "b", "refused"]  # nobody after that
    assert [outcome.state for outcome in outcomes] == ["done", "pending", "pending", "pending"]
    assert [outcome.error for outcome in outcomes] == [None, REFUSED, REFUSED, REFUSED]
    assert (ended, clock.slept) == (["done done", "refused pending", "a pending", "b pending"], [1.0])


def test_nobody_hears_of_what_was_not_asked_after(clock: FakeClock) -> None:
    ended: list[str] = []
    outcomes = Service(clock, a=[REFUSED], b=[DONE]).ask(ended=ended)
    assert ([outcome.error for outcome in outcomes], ended) == ([REFUSED, REFUSED], ["a pending"])


def test_a_refused_token_is_what_is_said_of_a_cancelled_run_too(clock: FakeClock) -> None:
    (outcome,) = Service(clock, x=[REFUSED], on_question=lambda *_: clock.stop()).ask()
    assert outcome.error is REFUSED


@pytest.mark.parametrize("again", [True, False])
def test_a_run_that_is_cancelled_asks_no_more(clock: FakeClock, again: bool) -> None:
    def stop(req_id: str, _timeout: float) -> None:
        if req_id == "b":
            clock.stop()

    busy = ApiError(Failure.BUSY, "the API answered 503", remedy="Lower `concurrency`")
    service = Service(clock, a=[RUN], b=[busy], c=[RUN], on_question=stop)
    found = service.ask(again=again)
    assert service.asked == ["a", "b"]
    why = f"the run was cancelled before it was done{f'. {REMEDY}' if again else ''}"
    assert {str(outcome.error) for outcome in found} == {why}


@pytest.mark.parametrize("is_live", [False, True])
def test_a_bug_in_one_question_loses_no_other_req_id(clock: FakeClock, is_live: bool) -> None:
    class Buggy(Service):
        def live(self, *_: object) -> Live:
            raise ZeroDivisionError

    service = Buggy(clock, a=[DONE], b=[RUN if is_live else ()], c=[DONE])  # type: ignore[list-item]
    found = service.ask(seconds=3)
    assert [outcome.state for outcome in found] == ["done", "pending", "done"]
    assert "ztpurge has a bug" in str(found[1].error)


def test_a_question_that_hangs_does_not_take_the_time_of_the_others(clock: FakeClock) -> None:
    def hang(req_id: str, timeout: float) -> None:
        if req_id == "hangs":
            clock.sleep(timeout)

    late = ApiError(Failure.TIMEOUT, "no answer within 15 s")
    hangs, quick = Service(clock, hangs=[late], quick=[RUN, DONE], on_question=hang).ask()
    assert (hangs.state, quick.state) == ("pending", "done")


def test_who_had_no_turn_in_the_last_round_was_told_all_the_same(clock: FakeClock) -> None:
    service = Service(clock, a=[RUN], b=[RUN], c=[RUN], on_question=lambda *_: clock.sleep(20))
    found = service.ask(seconds=70)
    assert [outcome.attempts for outcome in found] == [2, 1, 1]  # the first round takes a minute
    assert {str(outcome.error).partition(" after ")[0] for outcome in found} == {"still under way"}


@pytest.mark.parametrize("again", [True, False])
def test_what_to_do_about_what_could_not_be_told_is_told(clock: FakeClock, again: bool) -> None:
    no_api = ApiError(Failure.REJECTED, "the API answered 404: nginx", remedy="Check that `api-url` is the CDN's API")
    assert "Check that `api-url` is" in str(ask_for_one(clock, no_api, again=again).error)


def test_a_pause_that_the_service_asks_for_is_kept(clock: FakeClock) -> None:
    service = Service(clock, a=[ApiError(Failure.BUSY, "slow down", retry_after=7), DONE], b=[DONE])
    found = service.ask()
    assert [start for start, _ in service.times] == [0, 7, 8]
    assert {outcome.state for outcome in found} == {"done"}


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
    outcome = ask_for_one(clock, *script, again=False)
    assert (outcome.state, outcome.attempts) == (state, attempts)
    assert error in str(outcome.error)
    assert REMEDY not in str(outcome.error)


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
    service = Service(clock, **scripts)  # type: ignore[arg-type]
    found = service.ask(again=again, seconds=seconds)
    assert [outcome.req_id for outcome in found] == list(scripts)
    asked = Counter(service.asked)
    for outcome in found:
        script = scripts[outcome.req_id or ""]
        heard = (script + [script[-1]] * 99)[: asked[outcome.req_id or ""]]
        assert (outcome.state == "done") == (heard[-1:] == [DONE])
        assert DONE not in heard[:-1]  # nobody is asked after what is done
        assert outcome.attempts == len(heard)
        assert outcome.error or outcome.state == "done" or (outcome.state == "pending" and not again)
    assert clock.now() <= 1000 + seconds


NO_URLS = (
    "no URL",
    "http://[",
    "http://a\u2100.example/",
    "http://a`|<b>x/1",
    "http://a\x1b[31m/1",
    "http://\u202ea/1",
    "\ud800",
)
LISTED: dict[TaskKind, tuple[str, ...]] = {
    "urls": (f"{A}/1,2", f"{A}/3"),
    "dirs": (f"{A}/d/",),
    "prefetch": ("https://a.example:8443/1",),
}


def outcome(status: State = "accepted", req_id: str | None = "x", error: ApiError | None = None) -> Outcome:
    return Outcome.of(1, Batch("urls", "a.example", (f"{A}/1",)), status, req_id, 1, 0.5, error)


@pytest.mark.parametrize(
    ("before", "said", "status", "error"),
    [
        pytest.param(outcome(), DONE, "done", None, id="done"),
        pytest.param(outcome(), FAILED, "failed", "the service reports `failure` for it", id="failed"),
        pytest.param(outcome(), RUN, "pending", "still under way", id="pending"),
        pytest.param(outcome("partial", error=OOPS), DONE, "partial", OOPS.cause, id="partial"),
        pytest.param(outcome("failed", None, OOPS), DONE, "failed", OOPS.cause, id="failed before"),
        pytest.param(outcome("planned", None), DONE, "planned", None, id="dry run"),
    ],
)
def test_only_what_was_accepted_is_asked_after(
    clock: FakeClock, before: Outcome, said: Task, status: State, error: str | None
) -> None:
    service = Service(clock, x=[replace(said, entries=("http://other.example/",))])
    waiting = Waiting(service, make_scheduler(clock), again=True, remedy="")
    (after,) = waiting.ask_after([before], on_end=lambda _outcome: None, on_round=lambda _left, _late: None)
    assert after == replace(before, state=status, error=after.error)
    assert after.error is None if error is None else error in str(after.error)
    assert bool(service.asked) == (before.state == "accepted")


@pytest.mark.parametrize(
    ("before", "fresh", "status"),
    [
        pytest.param(outcome("pending", error=OOPS), [f"{A}/1"], "done", id="all seen fresh"),
        pytest.param(outcome("pending", error=OOPS), [f"{A}/2"], "pending", id="not all"),
        pytest.param(outcome("failed", error=OOPS), [f"{A}/1"], "failed", id="a failure stays one"),
        pytest.param(outcome("partial", error=OOPS), [f"{A}/1"], "partial", id="so does a part"),
        pytest.param(
            replace(outcome("pending", error=OOPS), kind="dirs"), [f"{A}/1"], "pending", id="a directory for its page"
        ),
    ],
)
def test_what_is_seen_confirms_only_what_is_under_way(before: Outcome, fresh: list[str], status: State) -> None:
    verdicts = [*(Verdict(url, "fresh") for url in fresh), Verdict(f"{A}/3", "stale")]
    (after,) = confirm_by_sight([before], verdicts)
    seen = ", but each of its URLs was seen fresh" if status == "done" else ""
    assert (after.state, after.error and after.error.cause) == (status, f"{OOPS.cause}{seen}")
    assert confirm_by_sight([before], [Verdict(f"{A}/1", "unverified")]) == (before,)


@pytest.mark.parametrize(
    ("said", "batch", "is_cut"),
    [
        pytest.param(OOPS, Batch("urls", "", ()), False, id="no answer"),
        pytest.param(Task("done", "success"), Batch("urls", "", ()), False, id="nothing listed"),
        *(
            pytest.param(Task("done", "success", kind, entries), Batch(kind, "a.example", entries), False, id=kind)
            for kind, entries in LISTED.items()
        ),
        pytest.param(Task("failed", "failure", "urls", (A,), True), Batch("urls", "a.example", (A,)), True, id="cut"),
        *(
            pytest.param(Task("done", "success", "urls", (entry,)), Batch("urls", "", (entry,)), False, id=ascii(entry))
            for entry in NO_URLS
        ),
    ],
)
def test_a_req_id_of_another_step_has_what_the_service_lists(
    clock: FakeClock, said: Task | ApiError, batch: Batch, is_cut: bool
) -> None:
    made = ask_for_one(clock, said, again=False, retries=0)
    state = said.state if isinstance(said, Task) else "pending"
    assert made == Outcome.of(1, batch, state, "x", 1, 0.0, made.error, is_cut=is_cut)
    assert (made.error is None) == (state == "done")
