"""Meters the requests of an ASGI application (FastAPI, Starlette, …), and serves its figures.

    import tickring, tickring.asgi

    metrics = tickring.APIMetrics()
    app = fastapi.FastAPI()
    app.add_middleware(tickring.asgi.MeterMiddleware, service=metrics)
    app.mount("/internal", tickring.asgi.Endpoints(metrics))  # or app.include_router(router(metrics))

Nothing here depends on a framework, but for `router`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ._http import PATHS, Requests, Server, answer
from ._services import Service

__all__ = ["Endpoints", "MeterMiddleware", "router"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class MeterMiddleware:
    """Counts each request as an event of the service, when it arrives: the service's first event, unless
    ``event`` names another. Where that event is timed, it counts when the request ends, with its duration.

    How a request ended counts in a service of its own, named ``SERVICE-outcome``, and its route in
    ``SERVICE-route``, as the label ``route`` of the event ``request``. The first ``routes`` routes have a value
    each; all others count as ``other``, and requests without a route as ``unmatched``. Both services are in
    ``/metrics`` of the service.

    If the event has labels, some of ``route``, ``method``, ``status`` and ``outcome``, each request counts when
    it ends, with their values, and there is no ``SERVICE-route``. What the service forwards has the labels, too.

    With ``endpoints`` it also answers ``/api/v1/event-rate``, ``/health`` and ``/metrics``. These requests
    don't count. ``server`` is that of `Endpoints`.

    Middleware closer to the application than this one may answer before there is a route. So add this one
    first: what is added last comes first.
    """

    def __init__(
        self,
        app: App,
        service: Service,
        *,
        event: str | None = None,
        routes: int = 100,
        endpoints: bool = False,
        server: str | None = None,
    ) -> None:
        self.app = app
        self.requests = Requests(service, event, routes)
        self._endpoints = Endpoints(service, server) if endpoints else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            if self._endpoints is not None and scope["path"] in PATHS:
                await self._endpoints(scope, receive, send)
                return
            await self._http(scope, receive, send)
        elif kind == "websocket":
            await self._websocket(scope, receive, send)
        elif kind == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        """At the end of the application its last sums are sent: some servers, uvicorn among them, then end
        the process by the signal that they were told to end by, past everything that Python does at exit."""

        async def sending(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown."):
                # A queue may be full for a moment.
                for _ in range(25):
                    if self.requests.service.flush():
                        break
                    await asyncio.sleep(0.02)
            await send(message)

        await self.app(scope, receive, sending)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, status, ended, how = self.requests.begin(), 0, False, ""

        async def sending(message: Message) -> None:
            nonlocal status, ended
            await send(message)
            kind = message["type"]
            if kind == "http.response.start":
                status = message["status"]
            elif kind == "http.response.body":
                ended = not message.get("more_body", False)
            elif kind == "http.response.pathsend":
                ended = True

        try:
            await self.app(scope, receive, sending)
        except BaseException as error:
            # A background task raises, say, when the response is whole.
            if not ended:
                how = "cut_short" if status else _why(error)
            raise
        else:
            if not ended:
                # The application returned without a whole response: the client is gone, or it is wrong.
                how = "cut_short" if status else "cancelled"
        finally:
            self.requests.end(begun, how, status, scope["method"], _route(scope))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun, status, how = self.requests.begin(), 0, ""

        async def sending(message: Message) -> None:
            nonlocal how, status
            await send(message)
            kind = message["type"]
            if kind == "websocket.accept":
                how, status = "websocket", 101
            elif kind == "websocket.close" and not status:
                # What servers answer to a handshake that is turned away.
                status = 403
            elif kind == "websocket.http.response.start":
                status = message["status"]

        try:
            await self.app(scope, receive, sending)
        except BaseException as error:
            if not status:
                how = _why(error)
            raise
        finally:
            if not status:
                how = how or "cancelled"
            self.requests.end(begun, how, status, "GET", _route(scope))


def _why(error: BaseException) -> str:
    """How a request ended that had no response when this was raised."""
    cancelled = isinstance(error, (asyncio.CancelledError, GeneratorExit))
    return "cancelled" if cancelled else "failed"


def _route(scope: Scope) -> str | None:
    """The pattern that the framework has matched. FastAPI and Starlette leave the route in the scope, and
    with it its path; where an application is mounted, the prefix is in the root path."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    if path is None:
        return None
    return str(path)


class Endpoints:
    """An ASGI application that answers ``/api/v1/event-rate``, ``/health``, ``/health/live``,
    ``/health/ready`` and ``/metrics`` for the service, as the crate's server does. To mount in another
    one, or to serve on a port of its own.

    With ``server``, the URL of a ``tickring serve`` that the service forwards to, ``/api/v1/event-rate`` has
    the server's figures, which are those of all processes. Where the server can't be had within 0.3 s, the
    figures are this process's own. The header ``Tickring-Figures`` says which: ``server`` or ``process``."""

    def __init__(self, service: Service, server: str | None = None) -> None:
        self._service = service
        self._server = Server(server, service) if server else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": kind + ".complete"})
                if kind == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1000})
            return
        path, root = scope["path"], scope.get("root_path", "")
        if root and path.startswith(root + "/"):
            path = path[len(root):]
        headers = {key.decode("latin-1").lower(): value.decode("latin-1")
                   for key, value in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        status, answered, body = await self.answer(scope["method"], path, query, headers)
        await send({
            "type": "http.response.start",
            "status": status,
            "headers": _with_length(answered, body, scope["method"]),
        })
        await send({"type": "http.response.body", "body": body})

    async def answer(self, method: str, path: str, query: str, headers: Any) -> tuple[int, Any, bytes]:
        if path not in PATHS:
            return 404, [("content-type", "application/json")], (
                b'{"error":"unknown path: known are ' + ", ".join(sorted(PATHS)).encode() + b'"}')
        if self._server is not None and (method, path) == ("GET", "/api/v1/event-rate"):
            answered = await asyncio.to_thread(self._server.ask, query)
            if answered is not None:
                return answered
        return answer(self._service, method, path, query, headers)


def _with_length(headers: Any, body: bytes, method: str) -> list[tuple[bytes, bytes]]:
    encoded = [(key.encode("latin-1"), value.encode("latin-1")) for key, value in headers]
    if method != "HEAD" and all(key != b"content-length" for key, _ in encoded):
        encoded.append((b"content-length", b"%d" % len(body)))
    return encoded


def router(service: Service, server: str | None = None) -> Any:
    """The same as a FastAPI router, for ``app.include_router``: the paths are in the application's own
    OpenAPI document."""
    from fastapi import APIRouter, Request, Response

    endpoints = Endpoints(service, server)
    made = APIRouter(tags=["tickring"])

    async def endpoint(request: Request) -> Response:
        status, headers, body = await endpoints.answer(
            request.method, request.scope["route"].path, request.url.query, request.headers
        )
        return Response(body, status, dict(headers))

    # Not a string, as `from __future__ import annotations` makes it: FastAPI looks at these.
    endpoint.__annotations__ = {"request": Request}
    for path, summary in (
        ("/api/v1/event-rate", "The service's event rate"),
        ("/health", "Whether the service's figures can be had"),
        ("/metrics", "The service's figures for Prometheus"),
    ):
        made.add_api_route(path, endpoint, methods=["GET"], summary=summary,
                           name="tickring " + path, response_class=Response)
    return made
