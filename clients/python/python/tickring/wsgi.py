"""Meters the requests of a WSGI application (Flask, Django, …), and serves its figures.

    import tickring, tickring.wsgi

    metrics = tickring.APIMetrics()
    app.wsgi_app = tickring.wsgi.MeterMiddleware(app.wsgi_app, metrics, endpoints=True)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ._http import PATHS, Requests, Server, answer
from ._services import Service

__all__ = ["Endpoints", "MeterMiddleware"]

Environ = dict[str, Any]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class MeterMiddleware:
    """As `tickring.asgi.MeterMiddleware`, for WSGI. ``route`` returns the route of a request, given its
    ``environ`` when the response begins; by default it is what Flask has matched. If it raises, or
    returns anything but a string, the request has no route. A request
    whose body the server closes before its end counts as ``cut_short``."""

    def __init__(
        self,
        app: App,
        service: Service,
        *,
        event: str | None = None,
        routes: int = 100,
        endpoints: bool = False,
        server: str | None = None,
        route: Callable[[Environ], str | None] | None = None,
    ) -> None:
        self.app = app
        self.requests = Requests(service, event, routes)
        self._endpoints = Endpoints(service, server) if endpoints else None
        self._route = route or _flask_route

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if self._endpoints is not None and environ.get("PATH_INFO", "") in PATHS:
            return self._endpoints(environ, start_response)
        body = _Body(self.requests, environ)

        def starting(status: str, headers: Any, exc_info: Any = None) -> Any:
            body.status = int(status.split(" ", 1)[0])
            # Now, since some frameworks clear the environment behind them.
            body.route = _route_of(self._route, environ)
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        try:
            body.chunks = self.app(environ, starting)
        except BaseException:
            body.end("failed")
            raise
        return body


class _Body:
    """The body of a response. WSGI's servers close it, whether it came to its end or not."""

    def __init__(self, requests: Requests, environ: Environ) -> None:
        self._requests = requests
        self._begun = requests.begin()
        self._method = str(environ.get("REQUEST_METHOD", "GET"))
        self.route: str | None = None
        self._over = False
        self.status = 0
        self.chunks: Iterable[bytes] = ()
        self._iterator: Iterator[bytes] | None = None
        self._whole = self._method == "HEAD"
        self._any = False

    def __iter__(self) -> _Body:
        self._iterator = iter(self.chunks)
        return self

    def __next__(self) -> bytes:
        if self._iterator is None:
            self._iterator = iter(self.chunks)
        try:
            chunk = next(self._iterator)
        except StopIteration:
            self._whole = True
            raise
        except BaseException:
            self.end("cut_short" if self._any else "failed")
            raise
        self._any = self._any or bool(chunk)
        return chunk

    def close(self) -> None:
        try:
            close = getattr(self.chunks, "close", None)
            if close is not None:
                close()
        finally:
            self.end("" if self._whole or self.status in (204, 304) else "cut_short")

    def end(self, how: str) -> None:
        """The first word counts."""
        if self._over:
            return
        self._over = True
        self._requests.end(self._begun, how, self.status, self._method, self.route)


def _route_of(find: Callable[[Environ], str | None], environ: Environ) -> str | None:
    """What counts a request must not fail it, so a route that can't be had is none."""
    try:
        route = find(environ)
    except Exception:
        return None
    return route if isinstance(route, str) else None


def _flask_route(environ: Environ) -> str | None:
    """Flask's request, which Werkzeug leaves in the environment, has the rule that it matched."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    return None if rule is None else str(rule.rule)


_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
            503: "Service Unavailable"}


class Endpoints:
    """A WSGI application that answers ``/api/v1/event-rate``, ``/health``, ``/health/live``,
    ``/health/ready`` and ``/metrics`` for the service, as the crate's server does. ``server`` is that of
    `tickring.asgi.Endpoints`."""

    def __init__(self, service: Service, server: str | None = None) -> None:
        self._service = service
        self._server = Server(server, service) if server else None

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", ""), environ.get("REQUEST_METHOD", "GET")
        headers = {"accept": environ.get("HTTP_ACCEPT"),
                   "accept-encoding": environ.get("HTTP_ACCEPT_ENCODING")}
        if path in PATHS:
            query = environ.get("QUERY_STRING", "")
            servers = None
            if self._server is not None and (method, path) == ("GET", "/api/v1/event-rate"):
                servers = self._server.ask(query)
            status, answered, body = servers or answer(self._service, method, path, query, headers)
        else:
            status, answered = 404, [("content-type", "application/json")]
            body = b'{"error":"unknown path: known are ' + ", ".join(sorted(PATHS)).encode() + b'"}'
        if all(key != "content-length" for key, _ in answered):
            answered = [*answered, ("content-length", str(len(body)))]
        start_response("%d %s" % (status, _REASONS.get(status, "Status")), answered)
        return [body]
