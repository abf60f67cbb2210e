"""Answer the plain reports of trainers before any route is looked for.

A thousand a second of them arrive where two hundred trainers report every update, and finding a
route and its parameters takes longer than everything that is done about one. Whatever is not plain
(a field beside the three usual ones, a number out of range, a trial that is somebody else's) is
left to the route, which answers it in full: handling a report twice changes nothing.
"""

import math
import re
from collections.abc import Sequence
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.headers.raw import sent
from app.http.json_requests import parsed_json
from app.schemas.leases import MOST_LOSSES, MOST_STEPS, report_read
from app.trainers.group_commit import GroupCommit
from tuner.records.errors import TunerError
from tuner.spec.access import Scope as WorkerScope
from tuner.storage.leases.report_records import TrainerReport

_PATH: Final = re.compile(r"/v1/orders/([A-Za-z0-9_.-]{1,128})/reports")
_PLAIN: Final = frozenset({"attempt", "step", "train_loss"})


class QuickReports:
    """Stands before the routes."""

    def __init__(self, app: ASGIApp, commits: GroupCommit) -> None:
        self.app = app
        self._commits = commits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        order_id = _reported_order(scope)
        if order_id is None:
            await self.app(scope, receive, send)
            return
        messages = await _whole(receive)
        report = _plain_report(order_id, scope["access"].owner, messages)
        if report is not None:
            try:
                answer = await self._commits.write(report)
            except TunerError:
                pass  # said in full by the route
            else:
                response = Response(report_read(answer), media_type="application/json")
                await response(scope, receive, send)
                return
        await self.app(scope, _replayed(messages, receive), send)


def _reported_order(scope: Scope) -> str | None:
    """The order of a report in JSON; None for every other request."""
    if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"]:
        return None
    found = _PATH.fullmatch(scope["path"])
    is_json = sent(scope, b"content-type") == "application/json"
    may_report = WorkerScope.WORKER in scope["access"].scopes
    return found[1] if found and is_json and may_report else None


async def _whole(receive: Receive) -> list[Message]:
    """Everything that is sent, up to the last part of the body."""
    messages = [await receive()]
    while messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False):
        messages.append(await receive())
    return messages


def _replayed(messages: Sequence[Message], receive: Receive) -> Receive:
    """Give the same messages again, then what follows."""
    waiting = list(messages)

    async def next_message() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return next_message


def _plain_report(
    order_id: str, owner: str | None, messages: Sequence[Message]
) -> TrainerReport | None:
    try:
        document = parsed_json(b"".join(message.get("body", b"") for message in messages))
    except HTTPException:
        return None
    if not isinstance(document, dict) or document.keys() != _PLAIN:
        return None
    attempt, step, losses = (document[name] for name in ("attempt", "step", "train_loss"))
    numbers = type(attempt) is int and type(step) is int and isinstance(losses, list)
    if not (numbers and attempt >= 1 and 0 <= step <= MOST_STEPS and len(losses) <= MOST_LOSSES):
        return None
    if not all(type(loss) is float and math.isfinite(loss) for loss in losses):
        return None
    return TrainerReport(
        order_id=order_id, attempt=attempt, step=step, train_loss=tuple(losses), owner=owner
    )
