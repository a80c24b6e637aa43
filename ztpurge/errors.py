"""What can go wrong, as values that carry cause, remedy and place for the person who reads the log."""

from __future__ import annotations

import enum
from dataclasses import dataclass

BUG = "ztpurge has a bug; the log has the traceback"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file of the workspace; line and column count from 1, the column in characters; 0: all of it."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Render as compilers do."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class ZtpurgeError(Exception):
    """A failure with its cause, the place where it shows (an input, a file, a URL) and what to do about it.

    `position` is that place if it is one in a file, so that the log can point at it.
    """

    def __init__(self, cause: str, *, remedy: str = "", place: str | Position = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.place = str(place)
        self.position = place if isinstance(place, Position) else None

    def at(self, place: str | Position) -> ZtpurgeError:
        """Return the same failure with the place where it shows."""
        return ZtpurgeError(self.cause, remedy=self.remedy, place=place)

    def __str__(self) -> str:
        """Render as one sentence or two: the cause, then the remedy; the place is shown beside it."""
        return f"{self.cause}. {self.remedy}" if self.remedy else self.cause


class InvalidInputs(ZtpurgeError):  # noqa: N818 - several problems, not one error
    """All that is wrong with the inputs of one run; nothing was called."""

    def __init__(self, problems: tuple[ZtpurgeError, ...]) -> None:
        super().__init__("; ".join(f"{problem.place}: {problem}" for problem in problems))
        self.problems = problems


class Failure(enum.Enum):
    """Why a call to the API did not do what was asked; whether to ask again is decided from it."""

    AUTH = "the token was refused"
    HOST = "the host is not the account's"
    CONTENT = "a provider refused what was sent"
    REJECTED = "the request was rejected"
    UNKNOWN_TASK = "the service does not know the reqId"
    REDIRECT = "the API redirected"
    BUSY = "the API asked for a pause"
    SERVER = "the API failed"
    UNREADABLE = "the answer cannot be used"
    UNREACHABLE = "the call broke off"
    AWAY = "the API took no connection"
    NO_NAME = "the API's host has no address"
    TIMEOUT = "no answer in time"
    NOT_SENT = "the run ended before it was sent"


_FINAL = frozenset(
    {
        Failure.AUTH,
        Failure.HOST,
        Failure.CONTENT,
        Failure.REJECTED,
        Failure.UNKNOWN_TASK,
        Failure.REDIRECT,
        Failure.NOT_SENT,
    }
)


class ApiError(ZtpurgeError):
    """A call that brought no reqId: its `failure`, the HTTP `status` if there was one, and `retry_after` in seconds.

    `maybe_accepted`: it was sent and no answer came back, so the service may have done what was asked.
    """

    def __init__(  # noqa: PLR0913 - what is known of a failure
        self,
        failure: Failure,
        cause: str,
        *,
        remedy: str = "",
        status: int | None = None,
        retry_after: float | None = None,
        maybe_accepted: bool = False,
    ) -> None:
        super().__init__(cause, remedy=remedy)
        self.failure = failure
        self.status = status
        self.retry_after = retry_after
        self.maybe_accepted = maybe_accepted

    @property
    def is_final(self) -> bool:
        """Whether asking again for the same cannot help."""
        return self.failure in _FINAL

    def because(self, cause: str) -> ApiError:
        """Return the same failure in other words."""
        return ApiError(
            self.failure,
            cause,
            remedy=self.remedy,
            status=self.status,
            retry_after=self.retry_after,
            maybe_accepted=self.maybe_accepted,
        )
