"""What the API answers, document by document; when it answers what is left to the API."""

import json
from http import HTTPStatus
from typing import Literal

from sandbox.wire import Headers, Reply

Shape = Literal["documented", "seen"]


class Refused(Exception):  # noqa: N818  it is an answer, not an error of the sandbox
    """A call ends here, with this answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json_reply(status: int, document: dict[str, object]) -> Reply:
    """Answer with a JSON object."""
    return text_reply(status, json.dumps(document))


def text_reply(status: int, body: str) -> Reply:
    """Answer with a text whose type shows in its first letter, as faults are written."""
    kind = "application/json" if body.lstrip()[:1] in {"{", "["} else "text/html"
    return Reply(status, headers=Headers((("Content-Type", kind), ("Server", "Werkzeug"))), body=body.encode())


def page(status: int) -> Reply:
    """Answer with an HTML page, as Werkzeug does for what the API did not foresee."""
    title = f"{status} {HTTPStatus(status).phrase}"
    return text_reply(status, f"<!DOCTYPE html>\n<title>{title}</title>\n<h1>{title}</h1>\n")


def error(status: int, text: str) -> Reply:
    """Refuse a call."""
    return json_reply(status, {"error": text})


def provider_error(status: int, text: str, *, rate: float = 0.0) -> Reply:
    """Pass on the refusal of a provider behind the service; -1 stands for one that could not be reached."""
    return json_reply(status, {"error": text, "successRate": rate})


def accepted(req_id: str, *, shape: Shape, rate: float = 100.0) -> Reply:
    """Confirm a purge or prefetch, as documented or as seen; an empty id is left out."""
    reply_id = {"reqId": req_id} if req_id else {}
    if shape == "seen":
        return json_reply(200, {**reply_id, "successRate": rate})
    return json_reply(200, {"zt_api": {"ret": 0, "msg": "OK", **reply_id, "success_rate": rate}})


def login_refused(code: int) -> Reply:
    """Refuse a login, under HTTP 200 as the service does: 401, or 400 for what broke the JSON that it makes of it."""
    messages = {400: "Malformed json in request body", 401: "The request you have made requires authentication."}
    return json_reply(200, {"error": {"code": code, "message": messages[code], "title": HTTPStatus(code).phrase}})


def token_document(token: str, *, issued: str, expires: str, user: str, project: str) -> Reply:
    """Hand out a token as Keystone v2 does."""
    return json_reply(
        200,
        {
            "access": {
                "token": {"issued_at": issued, "expires": expires, "id": token, "tenant": {"id": project}},
                "serviceCatalog": [],
                "user": {"username": user, "name": user, "id": user, "roles": [], "roles_links": []},
                "metadata": {"is_admin": 0, "roles": []},
            }
        },
    )
