"""A token is got when it is first needed, and renewed once for all who find it refused."""

from __future__ import annotations

import threading

import pytest

from ztpurge.errors import ApiError, Failure
from ztpurge.tokens import Tokens


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
