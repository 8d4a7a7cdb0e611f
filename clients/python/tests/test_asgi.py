"""The ASGI middleware, by itself and in Starlette and FastAPI."""

import asyncio
import json

import pytest

import tickring
import tickring.asgi
import tickring.wsgi


def outcomes(middleware):
    """What ended how, and by which route; without the zeros."""
    def totals(service):
        events = service.event_rate()["events"]
        return {event: figures["total"] for event, figures in events.items() if figures["total"]}

    requests = middleware.requests
    return requests.service.get_total_events(), totals(requests.outcomes), by_labels(requests.routes)


def by_labels(service):
    """The totals of the sets of values of its requests; of a set of one value, by the value."""
    sets = {}
    for one in service.event_rate(labels=True)["events"]["request"]["series"]:
        values = tuple(one["labels"][label] for label in service.labels["request"])
        if one["total"]:
            sets[values if len(values) > 1 else values[0]] = one["total"]
    return sets


def call(app, scope=None, messages=(), send=None, cancel_after=None):
    """Calls an application once. Returns what it sent."""
    sent, waiting = [], list(messages)

    async def receive():
        if waiting:
            return waiting.pop(0)
        await asyncio.sleep(3600)

    async def keep(message):
        sent.append(message)

    async def main():
        scope_ = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [],
                  **(scope or {})}
        task = asyncio.ensure_future(app(scope_, receive, send or keep))
        if cancel_after:
            await asyncio.sleep(0)
            while not cancel_after(sent):
                await asyncio.sleep(0)
            task.cancel()
        await task

    asyncio.run(main())
    return sent


def start(status=200):
    return {"type": "http.response.start", "status": status, "headers": []}


def body(more):
    return {"type": "http.response.body", "body": b"x", "more_body": more}


def meter(app, **options):
    return tickring.asgi.MeterMiddleware(app, tickring.APIMetrics(), **options)


@pytest.mark.parametrize("status, outcome", [(200, "2xx"), (302, "3xx"), (404, "4xx"), (503, "5xx")])
def test_whole_responses_count_by_their_status(status, outcome):
    async def app(scope, receive, send):
        await send(start(status))
        await send(body(True))
        await send(body(False))

    metered = meter(app)
    assert len(call(metered)) == 3
    assert outcomes(metered) == (1, {outcome: 1}, {"unmatched": 1})


def test_exceptions_count_as_what_they_are():
    async def before(scope, receive, send):
        raise KeyError

    async def within(scope, receive, send):
        await send(start())
        await send(body(True))
        raise KeyError

    async def after(scope, receive, send):
        await send(start())
        await send(body(False))
        raise KeyError

    async def forgotten(scope, receive, send):
        pass

    async def half(scope, receive, send):
        await send(start())

    for app, outcome in [(before, "failed"), (within, "cut_short"), (after, "2xx")]:
        metered = meter(app)
        with pytest.raises(KeyError):
            call(metered)
        assert outcomes(metered)[:2] == (1, {outcome: 1}), app
    for app, outcome in [(forgotten, "cancelled"), (half, "cut_short")]:
        metered = meter(app)
        call(metered)
        assert outcomes(metered)[:2] == (1, {outcome: 1}), app


def test_cancelled_requests_and_streams():
    async def waits(scope, receive, send):
        await receive()

    async def streams(scope, receive, send):
        await send(start())
        while True:
            await send(body(True))
            await asyncio.sleep(0)

    for app, enough, outcome in [(waits, lambda sent: True, "cancelled"),
                                 (streams, lambda sent: len(sent) > 3, "cut_short")]:
        metered = meter(app)
        with pytest.raises(asyncio.CancelledError):
            call(metered, cancel_after=enough)
        assert outcomes(metered)[:2] == (1, {outcome: 1})


def test_a_client_that_hangs_up_cuts_short():
    async def app(scope, receive, send):
        await send(start())
        await send(body(False))

    async def gone(message):
        if message["type"] == "http.response.body":
            raise OSError("the client is gone")

    metered = meter(app)
    with pytest.raises(OSError):
        call(metered, send=gone)
    assert outcomes(metered)[:2] == (1, {"cut_short": 1})


def test_websockets():
    async def accepts(scope, receive, send):
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})

    async def turns_away(scope, receive, send):
        await send({"type": "websocket.close", "code": 1008})

    async def answers(scope, receive, send):
        await send({"type": "websocket.http.response.start", "status": 500, "headers": []})

    async def fails(scope, receive, send):
        raise KeyError

    for app, outcome in [(accepts, "websocket"), (turns_away, "4xx"), (answers, "5xx")]:
        metered = meter(app)
        call(metered, {"type": "websocket"})
        assert outcomes(metered)[:2] == (1, {outcome: 1})
    metered = meter(fails)
    with pytest.raises(KeyError):
        call(metered, {"type": "websocket"})
    assert outcomes(metered)[:2] == (1, {"failed": 1})


def test_the_last_sums_are_sent_when_the_application_ends(server):
    async def app(scope, receive, send):
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})

    service = tickring.Service("s", events=["x"], forward=server.address)
    metered = tickring.asgi.MeterMiddleware(app, service)
    service.record_x(3)
    ended = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    assert len(call(metered, {"type": "lifespan"}, ended)) == 2
    assert service.forwarding["pending"] == 0
    server.take_until(x=3)


def test_a_timed_event_counts_at_its_end_with_its_duration():
    async def app(scope, receive, send):
        assert service.get_total_events() == 0
        await send(start())
        await send(body(False))

    service = tickring.Service("admin-api")
    call(tickring.asgi.MeterMiddleware(app, service))
    assert service.timer_snapshot("request").count == service.get_total_events() == 1


def test_a_timed_event_with_labels_has_their_durations():
    async def app(scope, receive, send):
        await send(start(200))
        await send(body(False))

    service = tickring.Service("admin-api", labels={"request": ["status", "route"]})
    metered = tickring.asgi.MeterMiddleware(app, service)
    for _ in range(3):
        call(metered)
    assert outcomes(metered) == (3, {"2xx": 3}, {("200", "unmatched"): 3})
    assert service.timer_snapshot("request").count_since_start == 3
    assert service.family("request").timer(200, "unmatched").snapshot().count_since_start == 3


def test_routes_have_a_cap():
    metered = meter(None, routes=3)
    for route in ["/a/{id}", "/a/id", "/a/{id}", "/b", "/c", None, "/d"]:
        metered.requests.end(metered.requests.begin(), "", 200, "GET", route)
    assert outcomes(metered)[2] == {"/a/{id}": 2, "/a/id": 1, "/b": 1, "other": 2, "unmatched": 1}


ALL = ["route", "method", "status", "outcome"]


def test_methods_that_clients_make_up_take_no_memory():
    service = tickring.APIMetrics(labels={"request": ["method"]})
    requests = tickring.asgi.MeterMiddleware(None, service).requests
    for number in range(2500):
        requests.end(requests.begin(), "", 200, "M%d" % number, None)
        requests.end(requests.begin(), "", 200, "GET", None)
    assert by_labels(service) == {"other": 2500, "GET": 2500}
    assert len(requests._known) <= 1000


def test_an_event_with_labels_counts_at_its_end():
    async def app(scope, receive, send):
        assert service.get_total_events() == before
        if scope["path"] == "/fails":
            raise KeyError
        await send(start(201))
        scope["route"] = Route
        await send(body(scope["path"] != "/"))

    class Route:
        path = "/items/{id}"

    async def accepts(scope, receive, send):
        await send({"type": "websocket.accept"})

    service = tickring.APIMetrics(labels={"request": ALL})
    metered = tickring.asgi.MeterMiddleware(app, service)
    scopes = [{"method": "POST"}, {"method": "POST"}, {"method": "BREW"}, {"path": "/half"}]
    for before, scope in enumerate(scopes):
        call(metered, scope)
    before = 4
    with pytest.raises(KeyError):
        call(metered, {"path": "/fails"})
    metered.app = accepts
    call(metered, {"type": "websocket"})
    counted, ended, sets = outcomes(metered)
    assert (counted, ended) == (6, {"2xx": 3, "cut_short": 1, "failed": 1, "websocket": 1})
    assert sets == {
        ("/items/{id}", "POST", "201", "2xx"): 2,
        ("/items/{id}", "other", "201", "2xx"): 1,
        ("/items/{id}", "GET", "201", "cut_short"): 1,
        ("unmatched", "GET", "", "failed"): 1,
        ("unmatched", "GET", "101", "websocket"): 1,
    }
    assert b"-route" not in service.answer("GET", "/metrics")[2]


def test_labels_that_a_request_has_not_are_said():
    service = tickring.APIMetrics(labels={"request": ["route", "customer"]})
    with pytest.raises(ValueError, match="no label customer: it has route, method, status, outcome"):
        tickring.asgi.MeterMiddleware(None, service)


def test_the_endpoints_answer_and_do_not_count():
    async def app(scope, receive, send):
        await send(start())
        await send(body(False))

    metered = meter(app, endpoints=True)
    call(metered)
    head, sent = call(metered, {"path": "/api/v1/event-rate", "query_string": b"series=1"})
    document = json.loads(sent["body"])
    assert head["status"] == 200 and (b"cache-control", b"no-store") in head["headers"]
    assert (document["total_events"], len(document["per_second"])) == (1, 60)
    text = call(metered, {"path": "/metrics"})[1]["body"]
    assert b'tickring_events_total{service="data-api-outcome",event="2xx"} 1\n' in text
    assert json.loads(call(metered, {"path": "/health"})[1]["body"])["status"] == "healthy"
    assert call(metered, {"path": "/health", "method": "POST"})[0]["status"] == 405
    # A service's own path stays its own.
    assert call(metered, {"path": "/api/v1/services"})[1]["body"] == b"x"
    assert outcomes(metered)[0] == 2


def test_the_servers_figures_where_they_can_be_had():
    import http.server
    import threading

    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"total_events":77}')

        def log_message(self, *_):
            pass

    metrics = tickring.APIMetrics()
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as there:
        threading.Thread(target=there.serve_forever, daemon=True).start()
        url = "http://127.0.0.1:%d" % there.server_port
        endpoints = tickring.asgi.Endpoints(metrics, url)
        in_wsgi = tickring.wsgi.Endpoints(metrics, url)
        rate = {"path": "/api/v1/event-rate", "query_string": b"series=1"}
        head, sent = call(endpoints, rate)
        assert (json.loads(sent["body"]), dict(head["headers"])[b"tickring-figures"]) == (
            {"total_events": 77}, b"server")
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/v1/event-rate"}
        assert json.loads(in_wsgi(environ, lambda *_: None)[0]) == {"total_events": 77}
        assert dict(call(endpoints, {"path": "/health"})[0]["headers"])[b"tickring-figures"] == b"process"
        there.shutdown()
    assert asked == ["/api/v1/services/data-api/event-rate?series=1",
                     "/api/v1/services/data-api/event-rate"]
    for _ in range(2):
        head, sent = call(endpoints, rate)
        assert json.loads(sent["body"])["total_events"] == 0
        assert dict(head["headers"])[b"tickring-figures"] == b"process"
    with pytest.raises(ValueError, match="no URL"):
        tickring.asgi.Endpoints(metrics, "127.0.0.1:8003")


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", b"no HTTP\r\n\r\n"])
def test_a_server_that_breaks_off_has_no_figures(answer):
    import socket
    import threading

    def serve():
        there = listener.accept()[0]
        there.recv(4096)
        there.sendall(answer)
        there.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        endpoints = tickring.asgi.Endpoints(
            tickring.APIMetrics(), "http://127.0.0.1:%d" % listener.getsockname()[1])
        head, sent = call(endpoints, {"path": "/api/v1/event-rate"})
        thread.join()
    assert json.loads(sent["body"])["total_events"] == 0
    assert dict(head["headers"])[b"tickring-figures"] == b"process"


def test_it_is_an_application_of_its_own():
    endpoints = tickring.asgi.Endpoints(tickring.SportsMetrics())
    assert [m["type"] for m in call(endpoints, {"type": "lifespan"}, [
        {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])] == [
            "lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert call(endpoints, {"path": "/none"})[0]["status"] == 404
    assert call(endpoints, {"path": "/in/health", "root_path": "/in"})[0]["status"] == 200


def test_in_fastapi():
    fastapi = pytest.importorskip("fastapi")
    testclient = pytest.importorskip("fastapi.testclient")
    metrics = tickring.APIMetrics()
    app = fastapi.FastAPI()
    app.include_router(tickring.asgi.router(metrics))
    app.add_middleware(tickring.asgi.MeterMiddleware, service=metrics)
    app.mount("/internal", tickring.asgi.Endpoints(metrics))

    @app.get("/items/{id}")
    def item(id: int):
        if id == 0:
            raise KeyError
        return id

    @app.get("/stream")
    def stream():
        return fastapi.responses.StreamingResponse(iter([b"a", b"b"]))

    @app.websocket("/ws")
    async def ws(websocket: fastapi.WebSocket):
        await websocket.accept()
        await websocket.close()

    client = testclient.TestClient(app, raise_server_exceptions=False)
    assert [client.get(path).status_code for path in
            ["/items/1", "/items/2", "/items/x", "/items/0", "/none", "/stream"]] == [
                200, 200, 422, 500, 404, 200]
    with client.websocket_connect("/ws"):
        pass
    document = client.get("/api/v1/event-rate").json()
    assert (document["service"], document["total_events"]) == ("data-api", 8)
    text = client.get("/metrics").text
    for line in [
        'tickring_events_total{service="data-api-route",event="request",route="/items/{id}"} 4',
        'tickring_events_total{service="data-api-route",event="request",route="/stream"} 1',
        'tickring_events_total{service="data-api-route",event="request",route="/ws"} 1',
        'tickring_events_total{service="data-api-route",event="request",route="unmatched"} 1',
        'tickring_events_total{service="data-api-outcome",event="2xx"} 4',
        'tickring_events_total{service="data-api-outcome",event="4xx"} 2',
        'tickring_events_total{service="data-api-outcome",event="websocket"} 1',
    ]:
        assert line in text, (line, text)
    assert client.get("/internal/health").json()["status"] == "healthy"
    assert "/api/v1/event-rate" in client.get("/openapi.json").json()["paths"]


def test_in_starlette():
    applications = pytest.importorskip("starlette.applications")
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route
    from starlette.testclient import TestClient

    metrics = tickring.APIMetrics()
    app = applications.Starlette(routes=[
        Route("/items/{id}", lambda request: PlainTextResponse("item")),
        Mount("/internal", tickring.asgi.Endpoints(metrics)),
    ])
    app.add_middleware(tickring.asgi.MeterMiddleware, service=metrics)
    client = TestClient(app)
    assert client.get("/items/1").text == "item"
    assert client.get("/internal/api/v1/event-rate").json()["total_events"] == 2
