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
from ztpurge.errors import ApiError, Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ztpurge.cdn.answers import TaskKind
    from ztpurge.cdn.purge import State

    Said = Task | ApiError

A, REMEDY = "http://a.example", "Wait longer"
RUN, DONE, FAILED = Task("pending", "run"), Task("done", "success"), Task("failed", "failure")
UNKNOWN = ApiError(Failure.UNKNOWN_TASK, "the API answered 404: task id can not found", remedy="Check the reqId")
OOPS = ApiError(Failure.SERVER, "the API answered 500: oops")
REFUSED = ApiError(Failure.AUTH, "the API answered 400: invalid token", remedy="Renew the token")
HICCUPS = {
    "5xx": OOPS,
    "busy": ApiError(Failure.BUSY, "the API answered 503", retry_after=7),
    "unreadable": ApiError(Failure.UNREADABLE, "the API answered 200 without a task: <html>"),
    "no answer": ApiError(Failure.TIMEOUT, "no answer within 100 s"),
    "unreachable": ApiError(Failure.UNREACHABLE, "the call broke off"),
    "404 of a proxy": ApiError(Failure.REJECTED, "the API answered 404: no such page"),
}


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
        **scripts: Sequence[Said],
    ) -> None:
        self.clock = clock
        self.scripts = {req_id: [*script] for req_id, script in scripts.items()}
        self.script = [*live]
        self.on_question = on_question
        self.asked: list[str] = []
        self.asked_live: list[str] = []
        self.ended: list[str] = []
        self.rounds: list[tuple[int, tuple[str, ...]]] = []
        self.times: list[tuple[float, float]] = []  # of all questions: when, and how many seconds they may take

    def status(self, req_id: str, timeout: float) -> Task:
        self.asked.append(req_id)
        self.on_question(req_id, timeout)
        said: Task = self._say(self.scripts[req_id], timeout)
        return said

    def live(self, req_id: str, kind: TaskKind, timeout: float) -> Live:
        self.asked_live.append(f"{kind} {req_id}")
        said: Live = self._say(self.script, timeout)
        return said

    def _say(self, script: list[Any], timeout: float) -> Any:  # noqa: ANN401 - one of the script
        self.times.append((self.clock.now() - 1000, timeout))
        said = script.pop(0) if len(script) > 1 else script[0]
        if isinstance(said, ApiError):
            raise said
        return said

    def ask(self, *, again: bool = True, **changes: Any) -> tuple[Outcome, ...]:  # noqa: ANN401 - as make_scheduler
        """Ask after all that there is a script for, as reqIds of another step."""
        scheduler = make_scheduler(self.clock, **({"seconds": 60} | changes))
        waiting = Waiting(self, again=again, remedy=REMEDY if again else "")
        return waiting.ask_after(
            (Outcome(number, "urls", "", (), "accepted", req_id) for number, req_id in enumerate(self.scripts, 1)),
            scheduler,
            on_end=lambda outcome: self.ended.append(f"{outcome.req_id} {outcome.state}"),
            on_round=lambda left, late: self.rounds.append((left, late)),
        )


def ask_in_waves(service: Service, *seconds: float) -> list[tuple[Outcome, ...]]:
    """Ask after all reqIds for so many seconds each time, with a second in between; only the last time is the last."""
    waiting = Waiting(service, again=True, remedy=REMEDY)
    found = [
        tuple(Outcome(number, "urls", "a", (A,), "accepted", one) for number, one in enumerate(service.scripts, 1))
    ]
    for number, some in enumerate(seconds, 1):
        found.append(
            waiting.ask_after(
                found[-1],
                make_scheduler(service.clock, seconds=some),
                on_end=lambda outcome: service.ended.append(f"{outcome.req_id} {outcome.state}"),
                on_round=lambda left, late: service.rounds.append((left, late)),
                is_last=number == len(seconds),
            )
        )
        service.clock.sleep(1)
    return found[1:]


def ask_for_one(clock: FakeClock, *script: Said, **facts: Any) -> Outcome:  # noqa: ANN401 - as make_scheduler, and `live`
    (outcome,) = Service(clock, x=script, live=facts.pop("live", (NO_CALL,))).ask(**facts)
    return outcome


UNDER_WAY, UNTOLD = "still under way after 59 s: the CDN still reports ", "could not be told whether it is done: "
FORGOTTEN = "404: task id can not found. Check the reqId"
# fmt: off
ENDS: dict[str, tuple[list[Said], State, str, int]] = {
    "done at once": ([DONE], "done", "None", 1),
    "done in the end": ([RUN, RUN, DONE], "done", "None", 3),
    "failed": ([FAILED], "failed", "the service reports `failure` for it. Run the job again", 1),
    "failed later": ([RUN, Task("failed", "error")], "failed", "the service reports `error`", 2),
    "done after a hiccup": ([OOPS, DONE], "done", "None", 2),
    "done after hiccups on the way": ([RUN, OOPS, OOPS, DONE], "done", "None", 4),
    "not known at first": ([UNKNOWN, DONE], "done", "None", 2),
    "not known now and then": ([UNKNOWN, UNKNOWN, RUN, UNKNOWN, UNKNOWN, DONE], "done", "None", 6),
    "never known": ([UNKNOWN], "failed", FORGOTTEN, 5),
    "forgotten": ([RUN, UNKNOWN], "failed", FORGOTTEN, 6),
    # the last look is a second before the end
    "still running": ([RUN], "pending", f"{UNDER_WAY}`run`. {REMEDY}", 8),
    "the service's own word": ([Task("pending", "unknow")], "pending", f"{UNDER_WAY}`unknow`. {REMEDY}", 8),
    "never told": ([OOPS], "pending", f"it {UNTOLD}the API answered 500: oops. {REMEDY}", 8),
    "not told last": ([RUN, OOPS], "pending", f"{UNTOLD}the API answered 500: oops. {REMEDY}", 8),
    "told last": ([OOPS, RUN], "pending", f"{UNDER_WAY}`run`. {REMEDY}", 8),
}
ANSWERS: dict[str, tuple[list[Said], State, str, int]] = {
    "done": ([DONE], "done", "None", 1),
    "failed": ([FAILED], "failed", "reports `failure`", 1),
    "under way: that is the answer": ([RUN, DONE], "pending", "None", 1),
    "unknown: that is the answer": ([UNKNOWN, DONE], "failed", "task id can not found", 1),
    "hiccups are survived": ([OOPS, OOPS, RUN], "pending", "None", 3),
    "no answer": ([OOPS], "pending", f"{UNTOLD}the API answered 500", 3),
    "token refused": ([REFUSED], "pending", "invalid token. Renew the token", 1),
}
# fmt: on


@pytest.mark.parametrize(("script", "state", "error", "attempts"), ENDS.values(), ids=ENDS)
def test_a_req_id_has_an_end_and_what_is_pending_says_why(
    clock: FakeClock, script: list[Said], state: State, error: str, attempts: int
) -> None:
    outcome = ask_for_one(clock, *script)
    assert (outcome.state, outcome.attempts) == (state, attempts)
    assert outcome.seconds == sum(clock.slept) <= 59
    assert (sum(clock.slept) == 59) == (state == "pending")
    assert error in str(outcome.error)


@pytest.mark.parametrize(("script", "state", "error", "attempts"), ANSWERS.values(), ids=ANSWERS)
def test_asked_once_the_answer_is_the_answer(
    clock: FakeClock, script: list[Said], state: State, error: str, attempts: int
) -> None:
    outcome = ask_for_one(clock, *script, again=False)
    assert (outcome.state, outcome.attempts) == (state, attempts)
    assert error in str(outcome.error)
    assert REMEDY not in str(outcome.error)


@pytest.mark.parametrize("hiccup", HICCUPS.values(), ids=HICCUPS)
def test_no_hiccup_is_an_end(clock: FakeClock, hiccup: ApiError) -> None:
    assert ask_for_one(clock, hiccup, RUN, hiccup, hiccup, hiccup, hiccup, DONE, seconds=300).state == "done"


def test_without_time_for_an_end_it_is_pending(clock: FakeClock) -> None:
    cut_short, unasked = ask_for_one(clock, RUN, UNKNOWN, seconds=3), ask_for_one(clock, DONE, seconds=0)
    assert [(outcome.state, outcome.attempts) for outcome in (cut_short, unasked)] == [("pending", 3), ("pending", 0)]
    assert f"{UNTOLD}the API answered 404" in str(cut_short.error)
    assert "no time was left to ask whether it is done" in str(unasked.error)


def test_what_one_wave_left_under_way_is_asked_after_again_with_the_next(clock: FakeClock) -> None:
    service = Service(clock, done=[DONE], late=[RUN, RUN, DONE], failed=[FAILED], stuck=[RUN])
    first, second = ask_in_waves(service, 2, 20)
    assert [(one.state, str(one.error)) for one in first[1::2]] == [("accepted", "None")] * 2
    assert [one.state for one in second] == ["done", "done", "failed", "pending"]
    assert service.ended == ["done done", "failed failed", "late done"]
    assert [one.done_after for one in second[:2]] == [0, 2]  # since it was first asked after: a second of pause between
    assert "still under way after 21 s: the CDN still reports `run`" in str(second[3].error)
    assert [service.asked.count(one) for one in ("done", "failed")] == [1, 1]


def test_a_refused_token_is_no_less_refused_for_the_next_wave(clock: FakeClock) -> None:
    service = Service(clock, x=[REFUSED, DONE])
    assert [[one.state for one in wave] for wave in ask_in_waves(service, 10, 10)] == [["pending"], ["pending"]]
    assert (service.asked, service.ended) == (["x"], ["x pending"])


def test_a_call_that_the_server_lacks_is_not_asked_for_again_in_the_next_wave(clock: FakeClock) -> None:
    service = Service(clock, x=[RUN])
    ask_in_waves(service, 10, 10)
    assert service.asked_live == ["urls x"]


def test_nothing_is_asked_for_no_req_ids(clock: FakeClock) -> None:
    assert (Service(clock).ask(), clock.slept) == ((), [])


def test_who_listens_hears_of_each_end_once_and_outcomes_keep_their_order(clock: FakeClock) -> None:
    service = Service(clock, c=[RUN], a=[RUN, RUN, DONE], b=[FAILED])
    outcomes = service.ask(seconds=5, concurrency=3)
    states = [(outcome.number, outcome.req_id, outcome.state) for outcome in outcomes]
    assert states == [(1, "c", "pending"), (2, "a", "done"), (3, "b", "failed")]
    assert (service.ended, service.rounds) == (["b failed", "a done"], [(2, ()), (2, ()), (1, ())])


LATE = f"{UNDER_WAY}`run`; of its providers "
NO_WORD = "the CDN still reports `run`. "
FAILING = "of the providers behind the service `1_api` says `failure`. Run the job again"
# fmt: off
PROVIDERS: dict[str, tuple[list[Live | ApiError], State, str]] = {
    "the only one is done": ([said("success")], "done", "None"),
    "all are done": ([said("success", "success")], "done", "None"),
    "all in the end": ([said("wait", "success"), said("success", "success")], "done", "None"),
    "after hiccups": ([OOPS, SAYS_NOTHING, said("success")], "done", "None"),
    "one is late": ([said("success", "run")], "pending", f"{LATE}`1_api` says `run`"),
    "one is silent": ([said("success", "")], "pending", f"{LATE}`1_api` does not answer"),
    "many are late": ([said(*"abcdef")], "pending", "`3_api` says `d` and 2 more. "),
    "what was said last stands": ([said("wait"), OOPS], "pending", f"{LATE}`0_api` says `wait`"),
    "one failed": ([said("success", "failure", "wait")], "failed", FAILING),
    "all failed": ([said("failure", "failure")], "failed", "`0_api` says `failure`, `1_api` says"),
    "an answer without a provider": ([SAYS_NOTHING], "pending", NO_WORD),
    "no answer": ([OOPS], "pending", NO_WORD),
    "not for users": ([REFUSED], "pending", NO_WORD),
    "no such call": ([NO_CALL], "pending", NO_WORD),
}
# fmt: on


@pytest.mark.parametrize(("live", "state", "error"), PROVIDERS.values(), ids=PROVIDERS)
def test_while_a_task_is_under_way_each_provider_has_its_say(
    clock: FakeClock, live: list[Live | ApiError], state: State, error: str
) -> None:
    outcome = ask_for_one(clock, RUN, live=live)
    assert outcome.state == state
    assert error in str(outcome.error)
    assert bool(outcome.late) == ("of its providers" in error or "and 2 more" in error)


@pytest.mark.parametrize("task", [DONE, FAILED, UNKNOWN, OOPS, REFUSED])
def test_the_providers_are_not_asked_if_the_task_says_it_or_nobody_does(clock: FakeClock, task: Said) -> None:
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
    service = Service(clock, a=[RUN, DONE], b=[RUN], live=[said("wait"), said("success", ""), said("success")])
    service.ask()
    assert service.rounds == [(2, ("`0_api` says `wait`", "`1_api` does not answer"))]


def test_what_a_provider_says_is_shown_safely(clock: FakeClock) -> None:
    hostile = Live((Provider("\n::error::x\u202e", "pending", "x" * 99), Provider("##[error]")))
    assert ask_for_one(clock, RUN, live=[hostile], again=False).late == (
        f"`\\n::error::x\\u202e` says `{'x' * 40}... (99 characters)`",
        "`#\\#[error]` does not answer",
    )


def test_a_refused_token_ends_everything_and_says_so(clock: FakeClock) -> None:
    service = Service(clock, done=[DONE], refused=[RUN, REFUSED], a=[RUN], b=[RUN])
    outcomes = service.ask()
    assert service.asked == ["done", "refused", "a", "b", "refused"]  # nobody after that
    assert [outcome.state for outcome in outcomes] == ["done", "pending", "pending", "pending"]
    assert [outcome.error for outcome in outcomes] == [None, REFUSED, REFUSED, REFUSED]
    assert service.ended == ["done done", "refused pending", "a pending", "b pending"]
    assert clock.slept == [1.0]


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_refused_token_is_what_is_said_of_a_cancelled_run_too(clock: FakeClock, is_cancelled: bool) -> None:
    service = Service(clock, a=[REFUSED], b=[DONE], on_question=lambda *_: clock.stop() if is_cancelled else None)
    assert [outcome.error for outcome in service.ask()] == [REFUSED, REFUSED]
    assert service.ended == ["a pending"]  # nobody hears of what was not asked after


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


SAID = st.sampled_from([RUN, DONE, FAILED, UNKNOWN, OOPS, Task("pending", "unknow")])


@given(
    scripts=st.dictionaries(st.sampled_from("abcde"), st.lists(SAID, min_size=1, max_size=8)),
    again=st.booleans(),
    seconds=st.floats(0, 500),
)
def test_done_is_only_what_the_service_calls_done(scripts: dict[str, list[Said]], again: bool, seconds: float) -> None:
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


def outcome(status: State = "accepted", req_id: str | None = "x", error: ApiError | None = None) -> Outcome:
    return Outcome.of(1, Batch("urls", "a.example", (f"{A}/1",)), status, req_id, 1, 0.5, error)


# fmt: off
ASKED_AFTER: dict[str, tuple[Outcome, Task, State, str | None]] = {
    "done": (outcome(), DONE, "done", None),
    "failed": (outcome(), FAILED, "failed", "the service reports `failure` for it"),
    "pending": (outcome(), RUN, "pending", "still under way"),
    "partial": (outcome("partial", error=OOPS), DONE, "partial", OOPS.cause),
    "failed before": (outcome("failed", None, OOPS), DONE, "failed", OOPS.cause),
    "dry run": (outcome("planned", None), DONE, "planned", None),
}
# fmt: on


@pytest.mark.parametrize(("before", "said", "status", "error"), ASKED_AFTER.values(), ids=ASKED_AFTER)
def test_only_what_was_accepted_is_asked_after(
    clock: FakeClock, before: Outcome, said: Task, status: State, error: str | None
) -> None:
    service = Service(clock, x=[replace(said, entries=("http://other.example/",))])
    waiting = Waiting(service, again=True, remedy="")
    (after,) = waiting.ask_after(
        [before], make_scheduler(clock), on_end=lambda _outcome: None, on_round=lambda _left, _late: None
    )
    assert after == replace(before, state=status, error=after.error)
    assert (after.done_after is None) == (said.state != "done" or before.state != "accepted")
    assert after.error is None if error is None else error in str(after.error)
    assert bool(service.asked) == (before.state == "accepted")


NO_URLS = (
    "no URL",
    "http://[",
    "http://a\u2100.example/",
    "http://a`|<b>x/1",
    "http://a\x1b[31m/1",
    "http://\u202ea/1",
)
LISTED: dict[TaskKind, tuple[str, ...]] = {"urls": (f"{A}/1,2", f"{A}/3"), "dirs": (f"{A}/d/",)}
LISTED["prefetch"] = ("https://a.example:8443/1",)
# fmt: off
SERVICE_LISTS: dict[str, tuple[Said, Batch, bool]] = {
    "no answer": (OOPS, Batch("urls", "", ()), False),
    "nothing": (Task("done", "success"), Batch("urls", "", ()), False),
    **{kind: (Task("done", "success", kind, entries), Batch(kind, "a.example", entries), False)
       for kind, entries in LISTED.items()},
    "cut": (Task("failed", "failure", "urls", (A,), True), Batch("urls", "a.example", (A,)), True),
    **{ascii(entry): (Task("done", "success", "urls", (entry,)), Batch("urls", "", (entry,)), False)
       for entry in (*NO_URLS, "\ud800")},
}
# fmt: on


@pytest.mark.parametrize(("said", "batch", "is_cut"), SERVICE_LISTS.values(), ids=SERVICE_LISTS)
def test_a_req_id_of_another_step_has_what_the_service_lists(
    clock: FakeClock, said: Said, batch: Batch, is_cut: bool
) -> None:
    made = ask_for_one(clock, said, again=False, retries=0)
    state = said.state if isinstance(said, Task) else "pending"
    assert made == Outcome.of(1, batch, state, "x", 1, 0.0, made.error, is_cut=is_cut)
    assert (made.error is None) == (state == "done")
