"""The CDNs behind the service, and what each says of a task when it is asked now."""

from dataclasses import dataclass

from sandbox.tasks import Task


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
