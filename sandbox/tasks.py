"""The purges and prefetches that were accepted, and how far they are."""

import threading
import uuid
from dataclasses import dataclass
from typing import Literal

from sandbox.clock import http_date

End = Literal["success", "failure", "run"]

LONGEST_CONTENT = 80  # the service's table cuts it short too
TYPES = {"dirs": "0", "urls": "1", "prefetch": "2"}


@dataclass(frozen=True, slots=True)
class Task:
    """One accepted call; its end is known from the start, and `run` as an end never comes.

    `is_ended`: somebody writes the end down; the published server does not.
    """

    req_id: str
    kind: str
    entries: tuple[str, ...]
    created_at: float
    due: float
    end: End
    is_ended: bool = True

    def status(self, now: float) -> str:
        """Return how far the task is."""
        return self.end if now >= self.due and self.is_ended else "run"

    def document(self, now: float, *, user: str, project: str) -> dict[str, object]:
        """Describe the task as `req_status` does."""
        status = self.status(now)
        return {
            "task": {
                "taskId": self.req_id,
                "taskStatus": status,
                "taskType": TYPES[self.kind],
                "taskContent": ",".join(self.entries)[:LONGEST_CONTENT],
                "taskUser": user,
                "projectId": project,
                "taskCreateAt": http_date(self.created_at),
                "taskDoneAt": None if status == "run" else http_date(self.due),
            }
        }


class Tasks:
    """Every task so far, by id."""

    def __init__(self, *, are_ended: bool = True) -> None:
        self._lock = threading.Lock()
        self._are_ended = are_ended
        self._tasks: dict[str, Task] = {}

    def add(self, kind: str, entries: tuple[str, ...], *, created_at: float, due: float, end: End) -> Task:
        """Note a task under a new id."""
        task = Task(new_req_id(), kind, entries, created_at=created_at, due=due, end=end, is_ended=self._are_ended)
        with self._lock:
            self._tasks[task.req_id] = task
        return task

    def find(self, req_id: str) -> Task | None:
        """Return the task of an id, if there is one."""
        with self._lock:
            return self._tasks.get(req_id)


def new_req_id() -> str:
    """Return an id of the kind the service hands out."""
    return str(uuid.uuid1())
