"""A token is got when it is first needed, and renewed once for all who find it refused."""

from __future__ import annotations

import threading

import pytest

from ztpurge.cdn.tokens import Tokens
from ztpurge.errors import ApiError, Failure


class Counter:
    """Logs in by counting; fails as often as it is told to."""

    def __init__(self, *failures: ApiError) -> None:
        self.failures = list(failures)
        self.logins = 0

    def __call__(self, _timeout: float) -> str:
        self.logins += 1
        if self.failures:
            raise self.failures.pop(0)
        return f"token-{self.logins}"

    def tokens(self, token: str = "") -> Tokens:
        return Tokens(token, log_in=self)


def test_a_given_token_is_used_without_logging_in() -> None:
    log_in = Counter()
    assert (log_in.tokens("given").get(1), log_in.logins) == ("given", 0)


def test_a_given_token_has_no_replacement() -> None:
    assert Tokens("given").replace("given", 1) is None


def test_the_first_use_logs_in() -> None:
    log_in = Counter()
    tokens = log_in.tokens()
    assert [tokens.get(1), tokens.get(1), log_in.logins] == ["token-1", "token-1", 1]


def test_a_refused_token_is_renewed_once_for_all_workers() -> None:
    log_in = Counter()
    tokens = log_in.tokens()
    stale = tokens.get(1)
    meeting = threading.Barrier(8, timeout=20)
    got: list[str | None] = []

    def work() -> None:
        meeting.wait()
        got.append(tokens.replace(stale, 1))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (got, log_in.logins) == (["token-2"] * 8, 2)


def test_wrong_credentials_are_not_tried_again() -> None:
    log_in = Counter(ApiError(Failure.AUTH, "wrong"))
    tokens = log_in.tokens()
    for _ in range(3):
        with pytest.raises(ApiError, match="wrong"):
            tokens.get(1)
    assert log_in.logins == 1


def test_a_hiccup_of_the_login_is_the_caller_s_to_repeat() -> None:
    log_in = Counter(ApiError(Failure.SERVER, "later"))
    tokens = log_in.tokens()
    with pytest.raises(ApiError, match="later"):
        tokens.get(1)
    assert tokens.get(1) == "token-2"


class Gate:
    """A login that waits for a sign, and then ends as it is told."""

    def __init__(self, end: str | ApiError) -> None:
        self.end = end
        self.asked = threading.Semaphore(0)
        self.open = threading.Event()
        self.logins = 0

    def __call__(self, _timeout: float) -> str:
        self.logins += 1
        self.asked.release()
        assert self.open.wait(20)
        if isinstance(self.end, ApiError):
            raise self.end
        return self.end


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("token", id="a token"),
        pytest.param(ApiError(Failure.AUTH, "wrong"), id="refused for good"),
        pytest.param(ApiError(Failure.TIMEOUT, "later"), id="a hiccup"),
    ],
)
@pytest.mark.parametrize("stale", ["", "stale"])
def test_whoever_comes_while_somebody_logs_in_shares_how_that_ends(end: str | ApiError, stale: str) -> None:
    log_in = Gate(end)
    tokens = Tokens(stale, log_in=log_in)
    ends: list[object] = []
    coming = threading.Semaphore(0)

    def work() -> None:
        coming.release()
        try:
            ends.append(tokens.replace(stale, 20) if stale else tokens.get(20))
        except ApiError as error:
            ends.append(error)

    first, *others = (threading.Thread(target=work) for _ in range(8))
    first.start()
    assert log_in.asked.acquire(timeout=20)
    for worker in others:
        worker.start()
    for _ in range(8):
        assert coming.acquire(timeout=20)
    with pytest.raises(ApiError, match="no token within"):
        tokens.replace(stale, 0.2)
    log_in.open.set()
    for worker in (first, *others):
        worker.join(20)
    assert ends == [end] * 8
    assert log_in.logins == 1


def test_a_bug_in_the_login_leaves_nobody_waiting() -> None:
    log_in = Counter()
    log_in.failures.append(KeyError())  # type: ignore[arg-type]
    tokens = log_in.tokens()
    with pytest.raises(KeyError):
        tokens.get(1)
    assert tokens.get(1) == "token-2"


def test_a_refused_login_is_not_asked_again_for_a_stale_token() -> None:
    log_in = Counter(ApiError(Failure.AUTH, "wrong"))
    tokens = log_in.tokens("stale")
    for _ in range(3):
        with pytest.raises(ApiError, match="wrong"):
            tokens.replace("stale", 1)
    assert log_in.logins == 1
