"""What a call asks for, read from its body, and the service's rules for it; carrying it out is left to the API."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sandbox import answers
from sandbox.answers import Refused
from sandbox.keys import Key, key_of_url, split_url, without_port
from sandbox.wire import Request

Kind = Literal["urls", "dirs", ""]

MOST_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class Submission:
    """The entries of one call and what they are; no kind when the body holds neither key."""

    kind: Kind = ""
    entries: tuple[str, ...] = ()


def read_document(request: Request) -> dict[str, object]:
    """Return the JSON object of a call, or refuse as the service's framework does."""
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused(answers.page(500))
    try:
        document = json.loads(request.body)
    except ValueError:
        raise Refused(answers.page(400)) from None
    if not isinstance(document, dict):
        raise Refused(answers.page(500))
    return document


def read_submission(document: dict[str, object]) -> Submission:
    """Return what is asked for; of both keys only the directories count, as in the service's record."""
    kinds: tuple[Kind, ...] = ("dirs", "urls")
    for kind in kinds:
        entries = document.get(kind)
        if entries:
            if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
                raise Refused(answers.page(500))
            return Submission(kind, tuple(entries))
    return Submission()


def record_of(body: bytes) -> Submission:
    """Return what a body asks for as far as it can be read, for the record."""
    try:
        document = json.loads(body)
        return read_submission(document) if isinstance(document, dict) else Submission()
    except (ValueError, Refused):
        return Submission()


def check(submission: Submission, *, takes: Callable[[str], bool]) -> tuple[Key, ...]:
    """Return the keys of a submission that keeps the rules, or refuse it with the answer for the first it breaks."""
    if not submission.entries:
        raise Refused(answers.error(404, "can not found sp"))
    if len(submission.entries) > MOST_ENTRIES:
        raise Refused(answers.error(400, f"At most {MOST_ENTRIES} entries can be submitted at a time"))
    try:
        hosts = {without_port(split_url(entry)[0]) for entry in submission.entries}
    except ValueError as problem:
        raise Refused(answers.error(400, str(problem))) from None
    if len(hosts) > 1:
        raise Refused(answers.error(400, "A single host name can only be submitted at a time"))
    host = hosts.pop()
    if not takes(host):
        raise Refused(answers.error(403, f"{host} is not yours or not ready"))
    for entry in submission.entries:
        if submission.kind == "dirs" and not entry.endswith("/"):
            raise Refused(answers.error(400, f"{entry} is not a directory: it must end in /"))
    return tuple(map(key_of_url, submission.entries))
