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
from sandbox.runner import read_outputs
from tests.conftest import make_scheduler
from tests.whole.steps import run_inside
from ztpurge.calls.clock import Clock
from ztpurge.calls.pace import Pace
from ztpurge.calls.redaction import Secrets
from ztpurge.calls.transport import Answer
from ztpurge.cdn.answers import read_receipt, refuse_login
from ztpurge.cdn.api import Account, Cdn
from ztpurge.cdn.plan import Plan, make_plan
from ztpurge.cdn.purge import Outcome, Purging
from ztpurge.changes.lists import FORMATS, parse_list
from ztpurge.errors import ApiError, InvalidInputs, ZtpurgeError
from ztpurge.inputs import parse, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sandbox.runner import Step

    Run = Callable[..., Step]

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
    pace = Pace(0, clock, on_away=on_away)
    scheduler = make_scheduler(
        clock, seconds=100, pace=pace, concurrency=concurrency, retries=retries, request_timeout=request_timeout
    )
    return Purging(plan, client.purge, scheduler).run(lambda _outcome: None)


class HastyClock(Clock):
    """A clock whose pauses between two tries are short."""

    def jitter(self) -> float:
        return 0.002


def urls(number: int, host: str = HOST) -> list[str]:
    return [f"https://{host}/{index:05}.css" for index in range(number)]


@pytest.fixture
def run(cdn: Sandbox, workspace: Path, token: str) -> Run:
    """Run a step for some URLs, with other inputs by name; underscores in names stand for hyphens."""

    def run(*listed: str, **inputs: str) -> Step:
        given = {"token": token, "api_url": cdn.api_url, "urls": "\n".join(listed), **inputs}
        return run_inside(workspace, {name.replace("_", "-"): value for name, value in given.items()})

    return run


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Sandbox]:
    """A CDN whose account has a name and a password."""
    with Sandbox(tmp_path, hosts=(HOST,), username=NAME, password=PASSWORD) as cdn:
        yield cdn


OF_PURGES_ALONE = {"no reqId", "ret not 0", "reset after it was done"}
MATRIX = [
    (name, stage)
    for name in FAULTS
    for stage in ("/cdn_api/tokens", "/cdn_api/purge")
    if stage == "/cdn_api/purge" or name not in OF_PURGES_ALONE
]


@pytest.mark.parametrize(("name", "stage"), MATRIX)
@pytest.mark.parametrize("times", [1, 3])
def test_each_fault_at_each_stage_is_survived(account: Sandbox, name: str, stage: str, times: int) -> None:
    is_slow = FAULTS[name].kind in {"hang", "drip"}  # each takes the time of a call
    account.add_faults(replace(FAULTS[name], times=min(times, 2) if is_slow else times, path=stage))
    plan, login = make_plan(urls(15), ()), Login(username=NAME, password=PASSWORD)
    outcomes = submit(account.api_url, plan, login, request_timeout=1 if is_slow else 30)
    assert [outcome.state for outcome in outcomes] == ["accepted", "accepted"]
    assert {outcome.req_id for outcome in outcomes} <= {call.req_id for call in account.purge_calls}
    assert account.repeated == ()


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
                cdn.add_faults(replace(dice.choice(quick), match=first))
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


@pytest.mark.parametrize(
    ("host", "fault", "words"),
    [
        pytest.param("other.example", None, "the API answered 403: other.example is not yours or not ready", id="403"),
        pytest.param(HOST, Fault("status", status=404, body='{"error": "can not found sp"}', times=999, match=HOST),
                     "can not found sp", id="no providers"),
    ],
)  # fmt: skip
def test_a_host_that_is_refused_is_not_tried_batch_after_batch(
    cdn: Sandbox, run: Run, host: str, fault: Fault | None, words: str
) -> None:
    cdn.add_faults(*([fault] if fault else []))
    step = run(*urls(500, host), *urls(20, "www.example.com"))
    assert (step.exit_code, step.outputs["failed-count"], step.outputs["url-count"]) == (1, "500", "20")
    assert len(cdn.purge_calls) <= 4 + 2
    (annotation,) = [line for line in step.log.splitlines() if line.startswith("::error")]
    assert words in annotation


@pytest.mark.parametrize("wrong", [{"username": "nobody"}, {"password": "guess"}])
def test_wrong_credentials_are_red_and_tried_once(account: Sandbox, workspace: Path, wrong: dict[str, str]) -> None:
    inputs = {"username": NAME, "password": PASSWORD, "api-url": account.api_url, "urls": "\n".join(urls(95)), **wrong}
    step = run_inside(workspace, inputs)
    assert (step.exit_code, step.outputs["failed-count"]) == (1, "95")
    assert [call.path for call in account.calls] == ["/cdn_api/tokens"]
    assert "`username` and `password`" in step.log
    assert "they hold" not in step.log  # no character that the service may not take


@pytest.mark.parametrize("path", ["/cdn_api/tokens", "/cdn_api/purge"])
def test_a_redirect_is_not_followed_nor_repeated(account: Sandbox, cdn: Sandbox, workspace: Path, path: str) -> None:
    account.add_faults(Fault("redirect", location=f"{cdn.api_url}{path}", path=path))
    inputs = {"username": NAME, "password": PASSWORD, "api-url": account.api_url, "urls": urls(1)[0]}
    step = run_inside(workspace, inputs)
    assert (step.exit_code, [call.path for call in account.calls][-1], cdn.calls) == (1, path, ())
    assert len([call for call in account.calls if call.path == path]) == 1
    assert "pointed elsewhere" in step.log


@pytest.mark.parametrize("lifetime", [86400.0, 3.0])
def test_a_login_purges(tmp_path: Path, lifetime: float) -> None:
    clock = itertools.count().__next__
    with Sandbox(
        tmp_path, hosts=(HOST,), username=NAME, password=PASSWORD, token_lifetime=lifetime, clock=lambda: float(clock())
    ) as cdn:
        outcomes = submit(cdn.api_url, make_plan(urls(100), ()), Login(username=NAME, password=PASSWORD), concurrency=1)
        assert {(outcome.state, outcome.attempts) for outcome in outcomes} == {("accepted", 1)}
        bodies = [json.loads(call.body) for call in cdn.calls if call.path == "/cdn_api/tokens"]
    credentials = {"username": NAME, "password": PASSWORD}
    assert bodies[0] == {**credentials, "auth": {"passwordCredentials": credentials}}
    assert (len(bodies) == 1) == (lifetime > 100)


def providers_answer(status: int, words: str, match: str, times: int = 999) -> Fault:
    return Fault(
        "status", status=status, body=json.dumps({"error": words, "successRate": 50}), times=times, match=match
    )


@pytest.mark.parametrize(
    ("status", "match", "failed", "calls"),
    [
        pytest.param(400, "00004.css", [urls(5)[4]], 11 + 6, id="one bad URL does not spoil nine"),
        *(
            pytest.param(status, HOST, urls(100), 10 + 18 + 1, id=f"a whole host, {status}")
            for status in (400, 403, 404)
        ),
    ],
)
def test_what_a_provider_refuses_is_found_in_few_calls(
    cdn: Sandbox, run: Run, status: int, match: str, failed: list[str], calls: int
) -> None:
    cdn.add_faults(providers_answer(status, "no", match))
    step = run(*urls(100), *urls(4, "www.example.com"))
    assert (step.exit_code, json.loads(step.outputs["failed-urls"])) == (1, failed)
    assert step.outputs["url-count"] == str(104 - len(failed))
    assert len(cdn.purge_calls) <= calls
    assert cdn.repeated == ()
    assert f"a provider behind the service answered {status}: no" in step.log


@pytest.mark.parametrize("status", [200, 302, 401, 408, 429, 500])
def test_what_a_provider_may_do_later_is_asked_for_again(cdn: Sandbox, run: Run, status: int) -> None:
    """Whatever its status says in the service's mouth: a token to renew, an address to check, a host to shut."""
    cdn.add_faults(providers_answer(status, "who are you?", "00000.css", times=1))
    step = run(*urls(40))
    assert (step.exit_code, step.outputs["url-count"], len(cdn.purge_calls)) == (0, "40", 5)
    cdn.add_faults(providers_answer(status, "who are you?", "00000.css"))
    step = run(*urls(40), retries="0")
    assert (step.exit_code, json.loads(step.outputs["failed-urls"])) == (1, urls(10))
    (annotation,) = [line for line in step.log.splitlines() if line.startswith("::error")]
    assert f"a provider behind the service answered {status}: who are you?" in annotation
    assert "oken" not in annotation
    assert "api-url" not in annotation


BESIDE_A_500 = ({"reqId": "an-id", "error": "oops"}, {"zt_api": {"ret": 0, "reqId": "an-id"}})


@pytest.mark.parametrize(
    ("fault", "failed", "req_id", "words"),
    [
        *(pytest.param(Fault("status", status=500, body=json.dumps(shape)), 10, "an-id",
                       "it got a reqId, but the API answered 500", id=f"beside a 500: {[*shape]}")
          for shape in BESIDE_A_500),
        pytest.param(Fault("status", status=200, body='{"reqId": "an-id", "successRate": 100.0}', times=2), 20, "an-id",
                     "the API gave this reqId for 2 calls", id="one for two calls"),
        pytest.param(Fault("partial"), 10, None, "of the providers behind the service took it", id="not from all"),
    ],
)  # fmt: skip
def test_a_req_id_that_proves_nothing_is_red_and_kept(
    cdn: Sandbox, run: Run, fault: Fault, failed: int, req_id: str | None, words: str
) -> None:
    cdn.add_faults(fault)
    step = run(*urls(30), concurrency="1")
    assert (step.exit_code, json.loads(step.outputs["failed-urls"])) == (1, urls(failed))
    assert step.outputs["url-count"] == str(30 - failed)
    assert json.loads(step.outputs["req-ids"])[0] == (req_id or cdn.purge_calls[0].req_id)
    assert len(cdn.purge_calls) == 3
    assert words in step.log


def test_a_service_that_takes_one_call_at_a_time_is_not_flooded(tmp_path: Path) -> None:
    """What a time-out gave up is worked through all the same, so that each call in vain delays the others."""
    with Sandbox(tmp_path, hosts=(HOST,), token="secret-token", latency=0.4, serial=True) as cdn:
        plan = make_plan(urls(80), ())
        outcomes = submit(cdn.api_url, plan, Login("secret-token"), concurrency=8, retries=4, request_timeout=1)
    assert {outcome.state for outcome in outcomes} == {"accepted"}
    assert len([call for call in cdn.purge_calls if call.req_id]) <= 8 + 8
    assert cdn.repeated == ()


def test_what_timed_out_may_have_been_purged(tmp_path: Path, workspace: Path) -> None:
    with Sandbox(tmp_path, hosts=(HOST,), token="secret-token", latency=2) as cdn:
        inputs = {"token": "secret-token", "api-url": cdn.api_url, "urls": "\n".join(urls(20))}
        step = run_inside(workspace, inputs | {"request-timeout": "1", "retries": "0"})
    assert (step.exit_code, json.loads(step.outputs["failed-urls"])) == (1, urls(20))
    assert [call.req_id is None for call in cdn.purge_calls] == [False, False]
    assert "MAY HAVE BEEN PURGED" in step.log
    assert "may have been purged" in step.summary
    told = f"{step.log}\n{step.summary}".replace("Not purged or not confirmed", "")
    assert "not purged" not in told.lower()


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


def test_an_api_that_stays_away_is_told_with_the_time(run: Run) -> None:
    step = run(*urls(300), api_url="http://127.0.0.1:1", timeout="1.5")
    assert (step.exit_code, step.outputs["failed-count"]) == (1, "300")
    assert "The API is away (no connection: [Errno 111] Connection refused); all calls wait until" in step.log
    (annotation,) = [line for line in step.log.splitlines() if line.startswith("::error")]
    assert re.search(r"300 URLs .* taken no connection since \d\d:\d\d:\d\d UTC, and nothing was sent", annotation)
    assert "Check that the service is up" in annotation


def test_a_host_that_has_no_address_is_not_waited_for(run: Run) -> None:
    too_long = ".".join(["a" * 60] * 6)  # for DNS, so that no server is asked
    step = run(*urls(300), api_url=f"http://{too_long}.invalid", retries="1")
    assert (step.exit_code, step.outputs["failed-count"]) == (1, "300")
    assert "Check the host in `api-url`" in step.log
    assert "MAY HAVE" not in step.log


@pytest.fixture
def ten_thousand(workspace: Path) -> str:
    (workspace / "list").write_text("\n".join(f"{'long/' * 20}{number:05}.css" for number in range(10_000)))
    return "list"


def test_ten_thousand_failures_are_all_named(run: Run, workspace: Path, ten_thousand: str) -> None:
    step = run(base_url="https://not-ours.example.com", files_from=ten_thousand, report_file="r.json")
    assert (step.exit_code, step.outputs["failed-count"], step.outputs["failed-urls"]) == (1, "10000", "[]")
    assert len(step.summary.encode()) < 1_048_576
    assert step.log.count("::error") == 1
    left_empty = "left empty: requests, failed-urls; see r.json"
    assert f"::warning title=ztpurge::too long for a step output, {left_empty}" in step.log
    named = json.loads((workspace / "r.json").read_text())["failed_urls"]
    assert len(named) == 10_000
    assert [url for url in named if f"  {url}\n" not in step.log] == []


def test_ten_thousand_purged_urls_fit_everywhere(
    cdn: Sandbox, token: str, workspace: Path, tmp_path: Path, ten_thousand: str
) -> None:
    output = tmp_path / "output"
    inputs = {"token": token, "api-url": cdn.api_url, "base-url": f"https://{HOST}", "files-from": ten_thousand}
    step = run_inside(workspace, inputs | {"concurrency": "16"}, environ={"GITHUB_OUTPUT": str(output)})
    outputs = read_outputs(output.read_bytes())
    assert (step.exit_code, outputs["url-count"], outputs["purged-urls"]) == (0, "10000", "[]")
    assert len(json.loads(outputs["req-ids"])) == len(json.loads(outputs["requests"])) == 1000
    assert max(map(len, outputs.values())) <= 256 * 1024
    assert len(step.summary.encode()) < 1_048_576
    assert step.log.count("::warning") == 1
    lines = output.read_bytes().split(b"\n")
    assert max(map(len, lines)) < 64 * 1024  # which is all that Forgejo's runner reads
    assert b"" not in [line for before, line in itertools.pairwise(lines[:-1]) if b"<<" not in before]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"x" * 10_000_000, "longer than 4096 bytes", id="one line of 10 MB"),
        pytest.param(b"a.css\n" * 200_000 + b"/etc/passwd\n", "/etc/passwd (absolute)", id="many lines, one bad"),
        pytest.param(b"[" * 1_000_000, "longer than", id="a million brackets"),
        pytest.param(b'["' + b"x" * 10_000_000 + b'"]', "longer than 4096", id="a name of 10 MB in JSON"),
    ],
)
def test_huge_lists_are_refused_by_name(run: Run, workspace: Path, data: bytes, words: str) -> None:
    (workspace / "list").write_bytes(data)
    step = run(base_url="http://a.example", files_from="list")
    assert step.exit_code == 2
    assert words in step.log
    assert len(step.log) < 20_000


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
                pieces = [b"\0", b"\n", b'"', b"\\", b"[", b"{", b"\xff", b"9" * 50, b"##[", b"::", b"e999"]
                data[where:where] = dice.choice(pieces)
            case _:
                other = dice.choice(seeds)
                data[where:] = other[dice.randrange(len(other) + 1) :]
    return bytes(data)


# fmt: off
LISTS = [
    b"a.css\nb c.css\n", b'["a.css", "b"]', b"a\0b\0", b"M\ta\nR100\tb\tc\n", b"a.css b.css", b'a,"b ""c"""',
    rb"a\(1\).css \"x\"", b'"caf\\303\\251"\n', rb"[\"a\",\"\\\"b\\\"\"]",
]
ANSWERS = [
    b'{"zt_api": {"msg": "OK", "reqId": "fa97b5d1-929f-11e5-b504-e03f4978b2ff", "ret": 0, "success_rate": 100.0}}',
    b'{"reqId": "fa97b5d1", "successRate": 100.0}', b'{"error": {"code": 401, "message": "x", "title": "y"}}',
    b'{"error": "bad", "successRate": 50.0}', b"<html><h1>500</h1></html>",
    b'{"access": {"token": {"id": "abc", "expires": "2015-11-25T11:47:30Z"}}}',
]
INPUTS = [
    b"true", b"4", b"1.5", b"https://a.example/x?y", b"*.css\n!a", b'["a"]', b"public", b"auto", b"none", b"a.css",
]
STATUSES = [200, 201, 302, 400, 401, 403, 404, 429, 500, 503]
FUZZED: dict[str, Callable[[random.Random], object]] = {
    "a list": lambda dice: parse_list(mutated(dice, LISTS), dice.choice(list(FORMATS))),
    "a receipt": lambda dice: read_receipt(Answer(dice.choice(STATUSES), {}, mutated(dice, ANSWERS)), now=0),
    "a login": lambda dice: refuse_login(Answer(dice.choice(STATUSES), {}, mutated(dice, ANSWERS)), now=0),
    "inputs": lambda dice: parse({f"INPUT_{name.upper()}": mutated(dice, INPUTS).decode("utf-8", "surrogateescape")
                                  for name in dice.sample(list(table()), 5)}),
}
# fmt: on


@pytest.mark.parametrize("what", FUZZED)
def test_what_is_fuzzed_is_read_or_refused_with_a_typed_error(what: str) -> None:
    dice = random.Random(1)  # noqa: S311 - the same each time
    for _ in range(3_000):
        try:
            FUZZED[what](dice)
        except InvalidInputs as error:
            assert {problem.place for problem in error.problems} <= set(table())  # noqa: PT017 - either end is fine
        except ZtpurgeError as error:
            assert str(error)  # noqa: PT017 - either end is fine
            assert what == "a list" or (isinstance(error, ApiError) and str(error).isprintable())  # noqa: PT017
