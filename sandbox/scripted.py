"""The answers that faults give in the API's place; those that bend a real answer are left to the switchboard."""

from collections.abc import Callable

from sandbox import answers
from sandbox.answers import Shape
from sandbox.faults import Fault
from sandbox.tasks import new_req_id
from sandbox.wire import Headers, Reply

HUGE = 5 * 1024 * 1024


def scripted_reply(fault: Fault, *, shape: Shape) -> Reply | None:
    """Return the answer of a fault, or None when the API itself is to answer."""
    write = _REPLIES.get(fault.kind)
    return write(fault, shape) if write is not None else None


def _status(fault: Fault, _: Shape) -> Reply:
    status = fault.status or 503
    if fault.body:
        reply = answers.text_reply(status, fault.body)
    else:
        reply = answers.provider_error(status, f"scripted fault {status}")
    return _with_headers(reply, fault.headers)


def _redirect(fault: Fault, _: Shape) -> Reply:
    return _with_headers(answers.page(fault.status or 302), (("Location", fault.location), *fault.headers))


def _bad_status_line(fault: Fault, _: Shape) -> Reply:
    status = -1 if fault.status is None else fault.status
    if fault.body:
        return answers.text_reply(status, fault.body)
    return answers.provider_error(status, "[Errno 111] Connection refused")


def _html(_: Fault, __: Shape) -> Reply:
    return answers.page(200)


def _without_req_id(_: Fault, shape: Shape) -> Reply:
    return answers.accepted("", shape=shape)


def _ret(_: Fault, __: Shape) -> Reply:
    return answers.failed_inside(new_req_id())


def _huge(_: Fault, __: Shape) -> Reply:
    return answers.json_reply(200, {"padding": "x" * HUGE})


_REPLIES: dict[str, Callable[[Fault, Shape], Reply]] = {
    "status": _status,
    "redirect": _redirect,
    "bad-status-line": _bad_status_line,
    "html": _html,
    "no-reqid": _without_req_id,
    "ret": _ret,
    "huge": _huge,
}


def _with_headers(reply: Reply, headers: tuple[tuple[str, str], ...]) -> Reply:
    """Add headers, which take the place of those of the same name."""
    named = {name.lower() for name, _ in headers}
    kept = (pair for pair in reply.headers.pairs if pair[0].lower() not in named)
    return Reply(reply.status, headers=Headers((*kept, *headers)), body=reply.body)
