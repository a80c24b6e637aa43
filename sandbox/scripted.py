"""What is answered in the place of the API, or of an edge, where the script holds a fault."""

import uuid
from math import ceil

from sandbox import answers
from sandbox.answers import Shape
from sandbox.faults import Fault
from sandbox.wire import Headers, Reply

HUGE = 5 * 1024 * 1024


def scripted_reply(fault: Fault, *, shape: Shape) -> Reply | None:
    """Return the answer of a fault, or None when the API itself is to answer.

    The fault's headers take the place of those of the same name.
    """
    match fault.kind:
        case "status":
            status = fault.status or 503
            reply = answers.provider_error(status, f"scripted fault {status}")
        case "bad-status-line":
            status = -1 if fault.status is None else fault.status
            reply = answers.provider_error(status, "[Errno 111] Connection refused")
        case "redirect":
            reply = answers.page(fault.status or 302)
        case "html":
            reply = answers.page(200)
        case "no-reqid":
            reply = answers.accepted("", shape=shape)
        case "ret":
            failed = {"ret": 1, "msg": "FAILED", "reqId": str(uuid.uuid1()), "success_rate": 0.0}
            reply = answers.json_reply(200, {"zt_api": failed})
        case "huge":
            reply = answers.json_reply(200, {"padding": "x" * HUGE})
        case _:
            return None
    if fault.body and fault.kind in {"status", "bad-status-line"}:
        reply = answers.text_reply(reply.status, fault.body)
    added = (*([("Location", fault.location)] if fault.location else []), *fault.headers)
    named = {name.lower() for name, _ in added}
    kept = (pair for pair in reply.headers.pairs if pair[0].lower() not in named)
    return Reply(reply.status, headers=Headers((*kept, *added)), body=reply.body)


def busy_reply(fault: Fault) -> Reply:
    """Return what an edge answers that wants to be left alone for a while."""
    headers = (("Content-Type", "text/plain"), ("Retry-After", str(ceil(fault.seconds))))
    return Reply(fault.status or 429, headers=Headers(headers), body=b"not so fast\n")
