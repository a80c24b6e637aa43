"""Whatever the API, the network or the token does, each URL ends up purged with its reqId or named as not purged.

The faults' matrix, the storm and the fuzz behind docs/reliability.md; the CDN's own record says what really happened.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import re
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sandbox import Fault, Sandbox
from tests.conftest import make_scheduler
from tests.whole.steps import run_inside as run_step
from ztpurge.calls.clock import Clock
from ztpurge.calls.exchange import Answer
from ztpurge.calls.pace import Pace
from ztpurge.calls.redaction import Secrets
from ztpurge.cdn.answers import read_receipt, refuse_login
from ztpurge.cdn.api import Account, Cdn
from ztpurge.cdn.plan import Plan, make_plan
from ztpurge.cdn.purge import Outcome, purge
from ztpurge.changes.lists import FORMATS, parse_list
from ztpurge.errors import ApiError, InvalidInputs, ZtpurgeError
from ztpurge.inputs import parse, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HOST = "static.example.com"
NAME, PASSWORD = "a-name", "a pass/word & more"
FAULTS = {
    "429": Fault("status", status=429),
    "503 with Retry-After": Fault("status", status=503, headers=(("Retry-After", "0"),)),
    "500 page": Fault("status", status=500, body="<html>Traceback</html>"),
    "502": Fault("status", status=502),
    "status line -1": Fault("bad-status-line"),
    "reset": Fault("reset"),
    "reset after it was done": Fault("reset-after"),
    "no answer": Fault("hang", seconds=30),
    "byte by byte": Fault("drip", seconds=30),
    "cut off": Fault("truncated"),
    "HTML with 200": Fault("html"),
    "no reqId": Fault("no-reqid"),
    "ret not 0": Fault("ret"),
    "megabytes": Fault("huge"),
}


Login = partial(Account, "")


def submit(
    api_url: str,
    plan: Plan,
    login: Account,
    *,
    concurrency: int = 4,
    retries: int = 6,
    request_timeout: float = 30,  # a machine under load answers late, and what is answered late is sent again
    heard: Callable[[str], None] = print,
    on_away: Callable[[ApiError | None], None] | None = None,
) -> tuple[Outcome, ...]:
    clock = HastyClock()
    client = Cdn(replace(login, api_url=api_url), environ={}, clock=clock, secrets=Secrets(), on_token=heard)
    scheduler = make_scheduler(
        clock,
        seconds=100,
        pace=Pace(0, clock, on_away=on_away),
        concurrency=concurrency,
        retries=retries,
        request_timeout=request_timeout,
    )
    return purge(plan, client.purge, scheduler, lambda _outcome: None)


class HastyClock(Clock):
    """A clock whose pauses between two tries are short."""

    def jitter(self) -> float:
        return 0.002


def urls(number: int) -> list[str]:
    return [f"https://{HOST}/{index:05}.css" for index in range(number)]


OF_PURGES_ALONE = {"no reqId", "ret not 0", "reset after it was done"}
MATRIX = [
    (name, stage)
    for name in FAULTS
    for stage in ("/cdn_api/tokens", "/cdn_api/purge")
    if stage == "/cdn_api/purge" or name not in OF_PURGES_ALONE
]


@pytest.mark.parametrize(("name", "stage"), MATRIX)
@pytest.mark.parametrize("times", [1, 3])
def test_each_fault_at_each_stage_is_survived(tmp_path: Path, name: str, stage: str, times: int) -> None:
    fault = FAULTS[name]
    if fault.kind in {"hang", "drip"} and times > 1:
        times = 2  # each takes the time of a call
    with Sandbox(tmp_path, hosts=(HOST,), username=NAME, password=PASSWORD) as cdn:
        faulty = {field: getattr(fault, field) for field in ("status", "headers", "body", "seconds", "location")}
        cdn.add_faults(Fault(fault.kind, times=times, path=stage, **faulty))
        limit = 1 if fault.kind in {"hang", "drip"} else 30
        outcomes = submit(
            cdn.api_url, make_plan(urls(15), ()), Login(username=NAME, password=PASSWORD), request_timeout=limit
        )
        assert [outcome.state for outcome in outcomes] == ["accepted", "accepted"]
        assert {outcome.req_id for outcome in outcomes} <= {call.req_id for call in cdn.purge_calls}
        assert cdn.repeated == ()


def test_a_storm(tmp_path: Path) -> None:
    """5,000 URLs, a third of the calls fail, tokens expire, URLs are refused: the record says what became of each."""
    dice = random.Random(20261123)  # noqa: S311 - a fixed storm
    wanted = urls(5000)
    bad = set(dice.sample(wanted, 25))
    quick = [fault for fault in FAULTS.values() if fault.kind not in {"hang", "drip", "huge"}]
    refusal = json.dumps({"error": "provider says no", "successRate": 50.0})
    # tokens are good for so many readings of the clock, of which each call takes one
    clock = itertools.count().__next__
    with Sandbox(
        tmp_path, hosts=(HOST,), username=NAME, password=PASSWORD, token_lifetime=150, clock=lambda: float(clock())
    ) as cdn:
        for first in wanted[::10]:
            if dice.random() < 0.5:  # one try in two of these: of all calls a third
                fault = dice.choice(quick)
                status = {"status": fault.status, "body": fault.body} if fault.kind == "status" else {}
                cdn.add_faults(Fault(fault.kind, match=first, **status))  # type: ignore[arg-type]
        cdn.add_faults(*(Fault("status", status=400, body=refusal, times=99, match=url) for url in bad))
        tokens: list[str] = []
        login = Login(username=NAME, password=PASSWORD)
        outcomes = submit(cdn.api_url, make_plan(wanted, ()), login, concurrency=16, heard=tokens.append)
        calls = cdn.purge_calls
        repeated = cdn.repeated
    purged = {entry: outcome.req_id for outcome in outcomes if outcome.state == "accepted" for entry in outcome.entries}
    failed = [entry for outcome in outcomes if outcome.state != "accepted" for entry in outcome.entries]
    assert sorted([*purged, *failed]) == wanted
    assert set(failed) == bad
    confirmed = {(entry, call.req_id) for call in calls if call.accepted for entry in call.entries}
    assert set(purged.items()) <= confirmed
    assert repeated == ()
    assert sum(not call.accepted for call in calls) > len(calls) / 3
    assert len(tokens) > 3
    assert len(tokens) == len(set(tokens))


def test_a_host_that_is_not_the_account_s_is_not_tried_batch_after_batch(cdn: Sandbox, token: str) -> None:
    plan = make_plan([f"https://other.example/{index}" for index in range(500)] + urls(20), ())
    outcomes = submit(cdn.api_url, plan, Login(token), concurrency=4)
    assert [outcome.state for outcome in outcomes] == ["failed"] * 50 + ["accepted"] * 2
    assert len([call for call in cdn.purge_calls if call.status == 403]) <= 4
    assert {outcome.error.cause for outcome in outcomes if outcome.error} == {
        "the API answered 403: other.example is not yours or not ready"
    }


def test_a_token_that_is_refused_stops_the_calls(cdn: Sandbox) -> None:
    outcomes = submit(cdn.api_url, make_plan(urls(500), ()), Login("wrong"), concurrency=4)
    assert {outcome.state for outcome in outcomes} == {"failed"}
    assert len(cdn.purge_calls) <= 4


@pytest.mark.parametrize("wrong", [{"username": "nobody"}, {"password": "guess"}])
def test_wrong_credentials_are_red_and_tried_once(tmp_path: Path, workspace: Path, wrong: dict[str, str]) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), username=NAME, password=PASSWORD) as cdn:
        inputs = {"username": NAME, "password": PASSWORD, "api-url": cdn.api_url, "urls": "\n".join(urls(95)), **wrong}
        step = run_step(workspace, inputs)
        assert (step.exit_code, step.outputs["failed-count"]) == (1, "95")
        assert [call.path for call in cdn.calls] == ["/cdn_api/tokens"]
    assert "`username` and `password`" in step.log


def test_a_login_is_masked_and_shown_nowhere(tmp_path: Path, workspace: Path) -> None:
    echo = json.dumps({"error": f"no: {PASSWORD} a+pass%2Fword", "code": 1})
    with Sandbox(tmp_path, hosts=(HOST,), username=NAME, password=PASSWORD, token_lifetime=0) as cdn:
        cdn.add_faults(Fault("status", status=500, body=echo, path="/cdn_api/tokens"))
        inputs = {"username": NAME, "password": PASSWORD, "api-url": cdn.api_url, "urls": urls(1)[0]}
        step = run_step(workspace, inputs | {"report-file": "r.json"}, environ={"RUNNER_DEBUG": "1"})
        tokens = {call.headers.get("X-Auth-Token", "") for call in cdn.purge_calls}
        assert tokens
    masked = {line.removeprefix("::add-mask::") for line in step.log.splitlines() if line.startswith("::add-mask::")}
    assert {PASSWORD, "a%20pass%2Fword%20%26%20more", *tokens} <= {text.replace("%25", "%") for text in masked}
    shown = "\n".join(line for line in step.log.splitlines() if not line.startswith("::add-mask::"))
    for text in (shown, step.summary, *step.outputs.values(), (workspace / "r.json").read_text()):
        assert not [secret for secret in (PASSWORD, *tokens) if secret in text]
    assert step.log.startswith("::add-mask::")


def test_a_redirected_login_is_not_followed_nor_repeated(tmp_path: Path) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), username=NAME, password=PASSWORD) as cdn, Sandbox(tmp_path) as elsewhere:
        cdn.add_faults(Fault("redirect", location=f"{elsewhere.api_url}/cdn_api/tokens", path="/cdn_api/tokens"))
        (outcome,) = submit(cdn.api_url, make_plan(urls(1), ()), Login(username=NAME, password=PASSWORD))
        assert (outcome.state, len(cdn.calls), elsewhere.calls) == ("failed", 1, ())
    assert "pointed elsewhere" in str(outcome.error)


@pytest.mark.parametrize("lifetime", [86400.0, 3.0])
def test_a_login_purges(tmp_path: Path, lifetime: float) -> None:
    clock = itertools.count().__next__
    with Sandbox(
        tmp_path, hosts=(HOST,), username=NAME, password=PASSWORD, token_lifetime=lifetime, clock=lambda: float(clock())
    ) as cdn:
        outcomes = submit(cdn.api_url, make_plan(urls(100), ()), Login(username=NAME, password=PASSWORD), concurrency=1)
        assert {outcome.state for outcome in outcomes} == {"accepted"}
        assert {outcome.attempts for outcome in outcomes} == {1}
        bodies = [json.loads(call.body) for call in cdn.calls if call.path == "/cdn_api/tokens"]
    credentials = {"username": NAME, "password": PASSWORD}
    assert bodies[0] == {**credentials, "auth": {"passwordCredentials": credentials}}
    assert (len(bodies) == 1) == (lifetime > 100)


def test_one_bad_url_does_not_spoil_nine(cdn: Sandbox, token: str, workspace: Path) -> None:
    refusal = json.dumps({"error": "bad url", "successRate": 50.0})
    cdn.add_faults(Fault("status", status=400, body=refusal, times=99, match="00004.css"))
    step = run_step(workspace, {"token": token, "api-url": cdn.api_url, "urls": "\n".join(urls(10))})
    assert (step.exit_code, json.loads(step.outputs["failed-urls"])) == (1, [f"https://{HOST}/00004.css"])
    assert step.outputs["url-count"] == "9"
    assert cdn.repeated == ()
    assert len(cdn.purge_calls) == 7


def providers_answer(status: int, words: str = "no", **more: object) -> Fault:
    body = json.dumps({"error": words, "successRate": 50.0})
    return Fault("status", status=status, body=body, times=999, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_provider_that_refuses_a_whole_host_costs_few_calls(
    cdn: Sandbox, token: str, workspace: Path, status: int
) -> None:
    cdn.add_faults(providers_answer(status, match=HOST))
    listed = [*urls(100), *(f"https://www.example.com/{number}" for number in range(10))]
    step = run_step(workspace, {"token": token, "api-url": cdn.api_url, "urls": "\n".join(listed)})
    assert (step.exit_code, json.loads(step.outputs["failed-urls"])) == (1, urls(100))
    assert step.outputs["url-count"] == "10"
    assert len(cdn.purge_calls) <= 10 + 18 + 1
    assert f"a provider behind the service answered {status}: no" in step.log


@pytest.mark.parametrize("status", [200, 302, 401, 408, 429, 500])
def test_what_a_provider_may_do_later_is_asked_for_again(
    cdn: Sandbox, token: str, workspace: Path, status: int
) -> None:
    """Whatever its status says in the service's mouth: a token to renew, an address to check, a host to shut."""
    fault = providers_answer(status, "who are you?", match="00000.css")
    cdn.add_faults(replace(fault, times=2))
    inputs = {"token": token, "api-url": cdn.api_url, "urls": "\n".join(urls(40))}
    step = run_step(workspace, inputs)
    assert (step.exit_code, step.outputs["url-count"], len(cdn.purge_calls)) == (0, "40", 6)
    cdn.add_faults(fault)
    step = run_step(workspace, inputs | {"retries": "1"})
    assert (step.exit_code, json.loads(step.outputs["failed-urls"])) == (1, urls(10))
    (annotation,) = [line for line in step.log.splitlines() if line.startswith("::error")]
    assert f"a provider behind the service answered {status}: who are you?" in annotation
    assert "oken" not in annotation
    assert "api-url" not in annotation


def test_a_host_without_providers_is_not_tried_batch_after_batch(cdn: Sandbox, token: str, workspace: Path) -> None:
    sp = Fault("status", status=404, body='{"error": "can not found sp"}', times=999, match=HOST)
    cdn.add_faults(sp)
    step = run_step(workspace, {"token": token, "api-url": cdn.api_url, "urls": "\n".join(urls(300))})
    assert (step.exit_code, step.outputs["failed-count"]) == (1, "300")
    assert len(cdn.purge_calls) <= 4
    assert step.log.count("::error") == 1


def test_a_req_id_that_comes_twice_is_red(cdn: Sandbox, token: str, workspace: Path) -> None:
    same = Fault("status", status=200, body='{"reqId": "the-same", "successRate": 100.0}', times=2)
    cdn.add_faults(same)
    step = run_step(workspace, {"token": token, "api-url": cdn.api_url, "urls": "\n".join(urls(30))})
    assert (step.exit_code, step.outputs["failed-count"], step.outputs["url-count"]) == (1, "20", "10")
    assert "the API gave this reqId for 2 calls" in step.log


@pytest.mark.parametrize("shape", [{"reqId": "an-id", "error": "oops"}, {"zt_api": {"ret": 0, "reqId": "an-id"}}])
def test_a_req_id_beside_a_500_is_red_and_kept(
    cdn: Sandbox, token: str, workspace: Path, shape: dict[str, object]
) -> None:
    cdn.add_faults(Fault("status", status=500, body=json.dumps(shape)))
    step = run_step(workspace, {"token": token, "api-url": cdn.api_url, "urls": urls(1)[0]})
    assert (step.exit_code, json.loads(step.outputs["failed-urls"])) == (1, urls(1))
    assert (json.loads(step.outputs["req-ids"]), len(cdn.purge_calls)) == (["an-id"], 1)
    assert "it got a reqId, but the API answered 500" in step.log


@pytest.mark.parametrize("concurrency", [4, 8])
def test_a_service_that_takes_one_call_at_a_time_is_not_flooded(tmp_path: Path, concurrency: int) -> None:
    """What a time-out gave up is worked through all the same, so that each call in vain delays the others."""
    with Sandbox(tmp_path, hosts=(HOST,), token="secret-token", latency=0.4, serial=True) as cdn:
        plan = make_plan(urls(80), ())
        outcomes = submit(
            cdn.api_url, plan, Login("secret-token"), concurrency=concurrency, retries=4, request_timeout=1
        )
    assert {outcome.state for outcome in outcomes} == {"accepted"}
    accepted = [call for call in cdn.purge_calls if call.req_id]
    assert len(accepted) <= 8 + concurrency
    assert cdn.repeated == ()


def test_what_timed_out_may_have_been_purged(tmp_path: Path, workspace: Path) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), token="secret-token", latency=2) as cdn:
        inputs = {"token": "secret-token", "api-url": cdn.api_url, "urls": "\n".join(urls(20))}
        step = run_step(workspace, inputs | {"request-timeout": "1", "retries": "0"})
    assert (step.exit_code, json.loads(step.outputs["failed-urls"])) == (1, urls(20))
    assert [call.req_id is None for call in cdn.purge_calls] == [False, False]
    told = f"{step.log}\n{step.summary}"
    assert "MAY HAVE BEEN PURGED" in step.log
    assert "may have been purged" in step.summary
    assert "not purged" not in told.replace("Not purged or not confirmed", "").lower()


def test_an_api_that_comes_back_finds_all_calls_waiting(tmp_path: Path) -> None:
    """A port that nobody listens on, then the API on it; no retries are to spare."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    news: list[str] = []
    with contextlib.ExitStack() as opened:
        cdn = Sandbox(tmp_path, hosts=(HOST,), token="secret-token", api_port=port)

        def on_away(error: ApiError | None) -> None:
            news.append(error.failure.name if error else "back")
            if error:
                opened.enter_context(cdn)

        plan = make_plan(urls(300), ())
        outcomes = submit(f"http://127.0.0.1:{port}", plan, Login("secret-token"), retries=0, on_away=on_away)
        assert {(outcome.state, outcome.attempts) for outcome in outcomes} == {("accepted", 1)}
        assert (len(cdn.purge_calls), cdn.repeated, news) == (30, (), ["AWAY", "back"])


def test_an_api_that_stays_away_is_told_with_the_time(workspace: Path, token: str) -> None:
    inputs = {"token": token, "api-url": "http://127.0.0.1:1", "urls": "\n".join(urls(300)), "timeout": "2"}
    step = run_step(workspace, inputs)
    assert (step.exit_code, step.outputs["failed-count"]) == (1, "300")
    assert "The API is away (no connection: [Errno 111] Connection refused); all calls wait until" in step.log
    (annotation,) = [line for line in step.log.splitlines() if line.startswith("::error")]
    assert re.search(r"300 URLs .* taken no connection since \d\d:\d\d:\d\d UTC, and nothing was sent", annotation)
    assert "Check that the service is up" in annotation


def test_a_host_that_has_no_address_is_not_waited_for(workspace: Path, token: str) -> None:
    too_long = ".".join(["a" * 60] * 6)  # for DNS, so that no server is asked
    inputs = {"token": token, "api-url": f"http://{too_long}.invalid", "urls": "\n".join(urls(300)), "retries": "1"}
    step = run_step(workspace, inputs)
    assert (step.exit_code, step.outputs["failed-count"]) == (1, "300")
    assert "Check the host in `api-url`" in step.log
    assert "MAY HAVE" not in step.log


def test_ten_thousand_failures_are_all_named(cdn: Sandbox, token: str, workspace: Path) -> None:
    (workspace / "list").write_text("\n".join(f"{'long/' * 20}{number:05}.css" for number in range(10_000)))
    inputs = {"token": token, "api-url": cdn.api_url, "base-url": "https://not-ours.example.com", "files-from": "list"}
    step = run_step(workspace, inputs | {"report-file": "r.json"})
    assert (step.exit_code, step.outputs["failed-count"], step.outputs["failed-urls"]) == (1, "10000", "[]")
    assert len(step.summary.encode()) < 1_048_576
    assert step.log.count("::error") == 1
    named = json.loads((workspace / "r.json").read_text())["failed_urls"]
    assert len(named) == 10_000
    assert [url for url in named if f"  {url}\n" not in step.log] == []


def test_ten_thousand_purged_urls_fit_everywhere(cdn: Sandbox, token: str, workspace: Path) -> None:
    (workspace / "list").write_text("\n".join(f"{'long/' * 20}{number:05}.css" for number in range(10_000)))
    inputs = {"token": token, "api-url": cdn.api_url, "base-url": f"https://{HOST}", "files-from": "list"}
    step = run_step(workspace, inputs | {"concurrency": "16"})
    assert (step.exit_code, step.outputs["url-count"], step.outputs["purged-urls"]) == (0, "10000", "[]")
    assert len(json.loads(step.outputs["req-ids"])) == len(json.loads(step.outputs["requests"])) == 1000
    assert max(map(len, step.outputs.values())) <= 256 * 1024
    assert len(step.summary.encode()) < 1_048_576
    assert step.log.count("::warning") == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"x" * 10_000_000, "longer than 4096 bytes", id="one line of 10 MB"),
        pytest.param(b"a.css\n" * 200_000 + b"/etc/passwd\n", "/etc/passwd (absolute)", id="many lines, one bad"),
        pytest.param(b"[" * 1_000_000, "longer than", id="a million brackets"),
        pytest.param(b'["' + b"x" * 10_000_000 + b'"]', "longer than 4096", id="a name of 10 MB in JSON"),
        pytest.param(b"\xff\xfea\0", "UTF-16", id="UTF-16"),
    ],
)
def test_huge_and_odd_lists_are_refused_by_name(workspace: Path, token: str, data: bytes, words: str) -> None:
    (workspace / "list").write_bytes(data)
    inputs = {"token": token, "api-url": "http://127.0.0.1:1", "base-url": "http://a.example", "files-from": "list"}
    step = run_step(workspace, inputs)
    assert step.exit_code == 2
    assert words in step.log
    assert len(step.log) < 20_000


def test_of_very_many_urls_that_are_refused_the_report_has_all(workspace: Path, token: str) -> None:
    (workspace / "list").write_bytes(b"\n".join(b"%07d.css" % number for number in range(30_000)))
    inputs = {"token": token, "api-url": "http://127.0.0.1:1", "base-url": "http://a.example", "files-from": "list"}
    step = run_step(workspace, inputs | {"report-file": "r.json"})
    assert (step.exit_code, step.outputs["failed-count"], step.outputs["failed-urls"]) == (2, "30000", "[]")
    assert "more than the 10000 of max-urls" in step.log
    assert "and 10,000 more; `report-file` has them all" in step.log
    assert max(len(step.log), len(step.summary)) < 1_000_000
    assert len(json.loads((workspace / "r.json").read_text())["failed_urls"]) == 30_000


FUZZED = 3_000


def mutated(dice: random.Random, seeds: list[bytes]) -> bytes:
    """Return a seed with a few of its bytes changed, doubled, cut or mixed with another's."""
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randrange(1, 6)):
        where = dice.randrange(len(data) + 1)
        match dice.randrange(4):
            case 0:
                data[where : where + 1] = bytes([dice.randrange(256)])
            case 1:
                del data[where : where + dice.randrange(1, 9)]
            case 2:
                data[where:where] = dice.choice(
                    [b"\0", b"\n", b'"', b"\\", b"[", b"{", b"\xff", b"9" * 50, b"##[", b"::", b"e999"]
                )
            case _:
                other = dice.choice(seeds)
                data[where:] = other[dice.randrange(len(other) + 1) :]
    return bytes(data)


LISTS = [
    b"a.css\nb c.css\n",
    b'["a.css", "b"]',
    b"a\0b\0",
    b"M\ta\nR100\tb\tc\n",
    b"a.css b.css",
    b'a,"b ""c"""',
    rb"a\(1\).css \"x\"",
    b'"caf\\303\\251"\n',
    rb"[\"a\",\"\\\"b\\\"\"]",
]
ANSWERS = [
    b'{"zt_api": {"msg": "OK", "reqId": "fa97b5d1-929f-11e5-b504-e03f4978b2ff", "ret": 0, "success_rate": 100.0}}',
    b'{"reqId": "fa97b5d1", "successRate": 100.0}',
    b'{"error": {"code": 401, "message": "x", "title": "y"}}',
    b'{"error": "bad", "successRate": 50.0}',
    b'{"access": {"token": {"id": "abc", "expires": "2015-11-25T11:47:30Z"}}}',
    b"<html><h1>500</h1></html>",
]


def test_fuzzed_lists_are_read_or_refused() -> None:
    dice = random.Random(1)  # noqa: S311 - the same each time
    for _ in range(FUZZED):
        data, list_format = mutated(dice, LISTS), dice.choice(list(FORMATS))
        try:
            parse_list(data, list_format)
        except ZtpurgeError as error:
            assert str(error)  # noqa: PT017 - either end is fine


def test_fuzzed_answers_are_receipts_tokens_or_typed_errors() -> None:
    dice = random.Random(2)  # noqa: S311 - the same each time
    for _ in range(FUZZED):
        answer = Answer(dice.choice([200, 201, 302, 400, 401, 403, 404, 429, 500, 503]), {}, mutated(dice, ANSWERS))
        for read in (read_receipt, refuse_login):
            try:
                read(answer, now=0)
            except ApiError as error:
                assert str(error).isprintable()  # noqa: PT017 - either end is fine


def test_fuzzed_inputs_are_read_or_refused_by_name() -> None:
    dice = random.Random(3)  # noqa: S311 - the same each time
    seeds = [
        b"true",
        b"4",
        b"1.5",
        b"https://a.example/x?y",
        b"*.css\n!a",
        b'["a"]',
        b"public",
        b"auto",
        b"none",
        b"a.css",
    ]
    for _ in range(FUZZED):
        names = dice.sample(list(table()), 5)
        environ = {f"INPUT_{name.upper()}": mutated(dice, seeds).decode("utf-8", "surrogateescape") for name in names}
        try:
            parse(environ)
        except InvalidInputs as error:
            assert {problem.place for problem in error.problems} <= set(table())  # noqa: PT017 - either end is fine
