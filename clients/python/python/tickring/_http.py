"""What `asgi` and `wsgi` share: what is counted, and the documents.

The total of a service is the sum of its events, so each way of dividing the same requests is a service
of its own, made beside the first: its name with `-outcome` or `-route` after it.
"""

from __future__ import annotations

import logging
import re
import zlib
from typing import Any

from ._services import Service

_LOG = logging.getLogger("tickring")

PATHS = frozenset(
    ("/api/v1/event-rate", "/health", "/health/live", "/health/ready", "/metrics")
)

OUTCOMES = ("1xx", "2xx", "3xx", "4xx", "5xx", "failed", "cancelled", "cut_short", "websocket")

Answer = tuple[int, list[tuple[str, str]], bytes]


class Requests:
    """The requests of an application.

    A request counts as an event of the service when it arrives. It counts as one outcome when it ends:

    - ``1xx`` to ``5xx``: all of a response of this class was handed on.
    - ``failed``: the application raised before a response began.
    - ``cancelled``: it was cancelled before a response began, by a time-out or since the client hung up.
    - ``cut_short``: a response began, and did not come to its end.
    - ``websocket``: a websocket was accepted. One that was turned away counts by its status.
    """

    def __init__(self, service: Service, event: str | None, routes: int) -> None:
        self.service = service
        name = service.name
        event = event or service.events[0]
        # Not forwarded: they are this process's, and the server need not know such services.
        outcomes = Service(name + "-outcome", events=OUTCOMES, beside=service)
        self.routes = Service(name + "-route", events=["unmatched", "overflow"], beside=service)
        self.record = service.meter(event).record
        # The duration of a request counts with it; so the event of one that is timed counts at its end.
        self.timer = service.timer(event) if event in service.timed_events else None
        self._outcomes = {outcome: outcomes.meter(outcome).record for outcome in OUTCOMES}
        self._unmatched = self.routes.meter("unmatched").record
        self._overflow = self.routes.meter("overflow").record
        self._routes: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._left = routes
        self.outcomes = outcomes

    def outcome(self, outcome: str) -> None:
        self._outcomes[outcome]()

    def status(self, status: int) -> None:
        self._outcomes.get("%dxx" % (status // 100), self._outcomes["5xx"])()

    def route(self, route: str | None) -> None:
        """Counts the route, which is a pattern of the application's and not a path of the client's."""
        if route is None:
            self._unmatched()
            return
        record = self._routes.get(route)
        if record is None:
            record = self._routes.setdefault(route, self._add(route))
        record()

    def _add(self, route: str) -> Any:
        """An event for the route: two threads may do this at once, and get the same."""
        if self._left <= len(self._names):
            return self._overflow
        name = re.sub("[^A-Za-z0-9_-]+", "_", route).strip("_") or "_"
        mark = "-%08x" % zlib.crc32(route.encode())
        if len(name) > 128:
            name = name[: 128 - len(mark)] + mark
        if self._names.setdefault(name, route) != route or name in ("unmatched", "overflow"):
            name = name[: 128 - len(mark)] + mark
            self._names.setdefault(name, route)
        try:
            return self.routes.add_event(name).record
        except ValueError:
            return self._overflow


def answer(service: Service, method: str, path: str, query: str, headers: Any) -> Answer:
    """The crate's own answer. Where that can't be had, the service has other work to do: 503."""
    try:
        return service.answer(
            method, path, query, headers.get("accept"), headers.get("accept-encoding")
        )
    except ValueError as error:
        return 400, [("content-type", "text/plain; charset=utf-8")], str(error).encode()
    except Exception as error:
        _LOG.exception("no figures of %s", service.name)
        return 503, [("content-type", "text/plain; charset=utf-8")], str(error).encode()
