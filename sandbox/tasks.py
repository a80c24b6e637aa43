"""The purges and prefetches that were accepted, how far they are, and what each CDN behind the service says of them."""

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
    project: str
    is_ended: bool = True

    def document(self, now: float, *, user: str) -> dict[str, object]:
        """Describe the task as `req_status` does."""
        status = self.end if now >= self.due and self.is_ended else "run"
        return {
            "task": {
                "taskId": self.req_id,
                "taskStatus": status,
                "taskType": TYPES[self.kind],
                "taskContent": ",".join(self.entries)[:LONGEST_CONTENT],
                "taskUser": user,
                "projectId": self.project,
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

    def add(  # noqa: PLR0913  each is a fact of the task
        self, kind: str, entries: tuple[str, ...], *, created_at: float, due: float, end: End, project: str
    ) -> Task:
        """Note a task under a new id."""
        req_id = str(uuid.uuid1())  # as the service makes them
        task = Task(req_id, kind, entries, created_at, due, end, project, is_ended=self._are_ended)
        with self._lock:
            self._tasks[task.req_id] = task
        return task

    def find(self, req_id: str) -> Task | None:
        """Return the task of an id, if there is one."""
        with self._lock:
            return self._tasks.get(req_id)


@dataclass(frozen=True, slots=True)
class Provider:
    """A CDN behind the service: its name, how many seconds after the others it is done, and its last word.

    One without a word does not answer.
    """

    name: str
    late_by: float = 0.0
    word: str = "success"

    def word_for(self, task: Task, now: float) -> str:
        """Return how far it is with a task."""
        if now < task.due + self.late_by:
            return "wait" if self.word else ""
        return self.word if task.end == "success" else task.end


EVERYDAY_PROVIDERS = (Provider("ws_api"), Provider("yy_api"))


def live_document(task: Task, providers: tuple[Provider, ...], now: float) -> dict[str, object]:
    """Describe a task as the providers see it; `successRate` is the share of them that answers."""
    words = {provider.name: provider.word_for(task, now) for provider in providers}
    answering = sum(map(bool, words.values()))
    return {
        **{name: _said(task, name, word) for name, word in words.items()},
        "zt_api": {"successRate": answering / len(providers) * 100},
    }


def _said(task: Task, name: str, word: str) -> dict[str, object]:
    if not word:
        silent: dict[str, object] = {"ret": -1, "msg": "timed out"}
        return silent if task.kind == "prefetch" else silent | {"result": {}}
    results = [{"path": entry, "status": word, "rate": "100%"} for entry in task.entries]
    req_id = f"{name}-{task.req_id}"
    if task.kind == "prefetch":
        return {"ret": 0, "msg": "OK", "reqId": req_id, "result": results}
    return {"ret": 0, "msg": "OK", "result": {"reqId": req_id, **results[0]}}
