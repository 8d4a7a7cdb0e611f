"""The WSGI middleware, by itself and in Flask."""

import json

import pytest
from test_asgi import outcomes

import tickring
import tickring.wsgi


def call(app, path="/", method="GET", read=None):
    """Calls an application as a server does: it iterates, and closes. Returns status and body."""
    seen = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": ""}
    answered = app(environ, lambda status, headers, exc_info=None: seen.append(status))
    try:
        chunks = []
        for chunk in answered:
            chunks.append(chunk)
            if read is not None and len(chunks) >= read:
                break
    finally:
        close = getattr(answered, "close", None)
        if close:
            close()
    return (seen or [""])[0], b"".join(chunks)


def meter(app, **options):
    return tickring.wsgi.MeterMiddleware(app, tickring.APIMetrics(), **options)


def plain(environ, start_response):
    start_response("200 OK", [])
    return [b"a", b"b"]


def test_responses_count_by_how_they_end():
    def missing(environ, start_response):
        start_response("404 Not Found", [])
        return []

    def fails(environ, start_response):
        raise KeyError

    def late(environ, start_response):
        start_response("200 OK", [])
        yield b"a"
        raise KeyError

    for app, options, outcome, raised in [
        (plain, {}, "2xx", False), (missing, {}, "4xx", False), (plain, {"read": 1}, "cut_short", False),
        (fails, {}, "failed", True), (late, {}, "cut_short", True),
        (plain, {"method": "HEAD", "read": 0}, "2xx", False),
    ]:
        metered = meter(app)
        if raised:
            with pytest.raises(KeyError):
                call(metered, **options)
        else:
            call(metered, **options)
        assert outcomes(metered) == (1, {outcome: 1}, {"unmatched": 1}), (app, options)


@pytest.mark.parametrize("route", [lambda environ: 1 / 0, lambda environ: [], lambda environ: None])
def test_a_route_that_cannot_be_had_fails_no_request(route):
    metered = meter(plain, route=route)
    assert call(metered) == ("200 OK", b"ab")
    assert outcomes(metered) == (1, {"2xx": 1}, {"unmatched": 1})


def test_the_body_of_the_application_is_closed():
    closed = []

    class Body(list):
        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body([b"a"])

    call(meter(app))
    assert closed == [True]


def test_the_endpoints_answer_and_do_not_count():
    metered = meter(plain, endpoints=True)
    assert call(metered) == ("200 OK", b"ab")
    status, body = call(metered, "/api/v1/event-rate")
    assert status == "200 OK" and json.loads(body)["total_events"] == 1
    assert b'event="2xx"} 1\n' in call(metered, "/metrics")[1]
    assert call(metered, "/health", "POST")[0] == "405 Method Not Allowed"
    endpoints = tickring.wsgi.Endpoints(tickring.SportsMetrics())
    assert call(endpoints, "/none")[0] == "404 Not Found"


def test_in_flask_with_labels_at_a_server(program):
    """Flask's routes arrive at a running server, in whichever order it has the labels."""
    flask = pytest.importorskip("flask")
    metrics = tickring.Service("web", events=["request"], forward=program.address,
                               labels={"request": ["status", "method", "route"]})
    app = flask.Flask(__name__)
    app.add_url_rule("/items/<any(a,b):name>", view_func=lambda name: name, endpoint="item")
    app.wsgi_app = metered = tickring.wsgi.MeterMiddleware(app.wsgi_app, metrics)
    client = app.test_client()
    for path in ("/items/a", "/items/b", "/items/c"):
        client.get(path, buffered=True)
    assert outcomes(metered)[2] == {
        ("200", "GET", "/items/<any(a,b):name>"): 2, ("404", "GET", "unmatched"): 1}
    assert metrics.flush()
    program.has("web", request=3)
    series = program.document("web", "?labels=1")["events"]["request"]["series"]
    assert {(one["labels"]["route"], one["labels"]["status"]): one["total"] for one in series} == {
        ("/items/<any(a_b):name>", "200"): 2, ("unmatched", "404"): 1}


def test_in_flask():
    flask = pytest.importorskip("flask")
    metrics = tickring.APIMetrics()
    app = flask.Flask(__name__)

    @app.get("/items/<int:id>")
    def item(id):
        return str(1 // id)

    app.wsgi_app = metered = tickring.wsgi.MeterMiddleware(app.wsgi_app, metrics, endpoints=True)
    client = app.test_client()
    statuses = [client.get(path, buffered=True).status_code for path in ("/items/1", "/items/0", "/none")]
    assert statuses == [200, 500, 404]
    assert outcomes(metered) == (3, {"2xx": 1, "4xx": 1, "5xx": 1}, {"/items/<int:id>": 2, "unmatched": 1})
    assert client.get("/api/v1/event-rate").json["total_events"] == 3
