"""Services, and the six trackers."""

import json
import re

import pytest

import tickring

TRACKERS = [
    (tickring.EventRateTracker, "websocket-ingestion", {"record_event": "event"}),
    (tickring.ProcessingMetrics, "enrichment-pipeline", {"record_processing": "event"}),
    (tickring.APIMetrics, "data-api", {"record_request": "request"}),
    (tickring.SportsMetrics, "sports-data",
     {"record_api_call": "api_call", "record_data_fetch": "data_fetch"}),
    (tickring.WeatherMetrics, "weather-api",
     {"record_weather_request": "weather_request", "record_enrichment_call": "enrichment_call"}),
    (tickring.AIMetrics, "ai-automation-service",
     {"record_analysis_request": "analysis_request", "record_pattern_detection": "pattern_detection",
      "record_suggestion_generation": "suggestion_generated"}),
]


@pytest.mark.parametrize("tracker, name, methods", TRACKERS)
def test_trackers_count_what_they_counted(tracker, name, methods):
    clock = tickring.ManualClock()
    metrics = tracker(clock=clock)
    for times, method in enumerate(methods, 1):
        for _ in range(times):
            argument = {"record_event": ({"entity": "light"},), "record_processing": (0.02,)}
            getattr(metrics, method)(*argument.get(method, ()))
    clock.advance(10)
    total = sum(range(1, len(methods) + 1))
    requests = tracker is tickring.APIMetrics
    get = {what: getattr(metrics, "get_%s_%s" % ("requests" if requests else "events", what))
           for what in ("per_second", "per_hour")}
    total_of = metrics.get_total_requests if requests else metrics.get_total_events
    rolling = tracker in (tickring.EventRateTracker, tickring.ProcessingMetrics, tickring.APIMetrics)
    assert total_of() == total
    assert get["per_second"]() == pytest.approx(total / (60 if rolling else 10))
    assert get["per_hour"]() == pytest.approx(get["per_second"]() * 3600)
    assert metrics.get_uptime_seconds() == 10
    document = metrics.event_rate()
    assert (document["service"], document["total_events"]) == (name, total)
    assert {event: figures["total"] for event, figures in document["events"].items()} == {
        event: times for times, event in enumerate(methods.values(), 1)}
    clock.advance(61)
    if rolling:
        assert get["per_second"]() == 0
    assert total_of() == total


def test_more_than_sixty_a_second_show():
    clock = tickring.ManualClock()
    tracker = tickring.EventRateTracker(clock=clock)
    for _ in range(6000):
        tracker.record_event(event_data={})
    assert tracker.get_events_per_second() == 100


def test_processing_times_have_quantiles():
    metrics = tickring.ProcessingMetrics()
    for milliseconds in range(1, 101):
        metrics.record_processing(processing_time=milliseconds / 1000)
    metrics.record_processing()
    assert metrics.get_total_events() == 101
    assert metrics.get_quantile(0.5) == pytest.approx(0.05, rel=0.04)
    assert metrics.get_max() == pytest.approx(0.1, rel=0.04)
    assert metrics.get_mean() == pytest.approx(0.0505, rel=0.04)
    assert metrics.event_rate()["events"]["event"]["processing_time"]["count"] == 100


def test_a_tracker_can_be_derived_from():
    class Mine(tickring.SportsMetrics):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def record_api_call(self):
            self.calls += 1
            super().record_api_call()

    mine = Mine()
    mine.record_api_call()
    assert (mine.calls, mine.get_total_events()) == (1, 1)


def test_a_service_of_its_own_has_its_methods():
    billing = tickring.Service("billing", events=["invoice", "refund.partial"], timed=["payment"],
                               port=9001, basis="lifetime")
    billing.record_invoice()
    billing.record_invoice(3)
    billing.record_refund_partial()
    billing.record("payment", 2, duration=0.5)
    with billing.timed("payment"):
        pass
    billing.timer("payment").record(0.1)
    billing.meter("invoice").record()
    assert billing.events == ["invoice", "refund.partial", "payment"]
    assert (billing.get_total_events(), billing.refused, billing.basis) == (10, 0, "lifetime")
    assert billing.timer_snapshot("payment").count == 4
    assert not hasattr(billing, "record_other")


def test_counting_never_raises():
    sports = tickring.Service("sports-data")
    sports.record("no_such_event")
    sports.record([])
    sports.record("api_call", -1)
    sports.record("api_call", 1, duration="long")
    sports.record_api_call("many")
    sports.record_log_line()
    sports.record_processing("long")
    assert (sports.get_total_events(), sports.refused) == (0, 7)


@pytest.mark.parametrize("arguments, error", [
    ({"name": "sports"}, "no service \"sports\" in the catalogue.*pass events="),
    ({"name": "a b", "events": ["x"]}, "bad name"),
    ({"name": "a", "events": []}, "no events"),
    ({"name": "a", "events": "x"}, "lists of names"),
    ({"name": "a", "events": ["x", "x"]}, "twice"),
    ({"name": "sports-data", "timed": ["api_call"]}, "timed goes with events"),
    ({"name": "sports-data", "basis": "weekly"}, "neither"),
    ({"name": "sports-data", "forward": "somewhere"}, "neither HOST:PORT"),
    ({"name": "sports-data", "forward": "host:0"}, "neither HOST:PORT"),
])
def test_what_is_wrong_at_set_up_is_said(arguments, error):
    with pytest.raises(ValueError, match=error):
        tickring.Service(**arguments)


def test_unknown_events_are_key_errors_that_list_the_known():
    sports = tickring.Service("sports-data")
    for look_up in (sports.meter, sports.timer, sports.timed, sports.timer_snapshot):
        with pytest.raises(KeyError, match="api_call, data_fetch"):
            look_up("goal")
    with pytest.raises(KeyError, match="not timed"):
        sports.timed("api_call")


def test_the_document_is_the_crates():
    clock = tickring.ManualClock()
    sports = tickring.Service("sports-data", clock=clock)
    sports.record_api_call(3)
    clock.advance(2)
    document = sports.event_rate()
    assert list(document)[:7] == ["events_per_second", "events_per_hour", "total_events",
                                  "uptime_seconds", "service", "timestamp", "window_minutes"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document["timestamp"])
    assert (document["events_per_second"], document["uptime_seconds"]) == (1.5, 2.0)
    as_json = json.loads(sports.event_rate_json())
    status, headers, body = sports.answer("GET", "/api/v1/event-rate")
    answered = json.loads(body)
    for other in (as_json, answered):
        assert {**other, "timestamp": ""} == {**document, "timestamp": ""}
    assert status == 200 and dict(headers)["cache-control"] == "no-store"
    assert sports.event_rate(series=True)["per_second"][-3:] == [3, 0, 0]
    assert len(json.loads(sports.event_rate_json(series=True))["per_second"]) == 60


def test_answers_are_those_of_the_server():
    sports = tickring.Service("sports-data")
    beside = tickring.Service("beside", events=["x"], beside=sports)
    beside.record_x(4)
    status, headers, body = sports.answer("GET", "/metrics")
    assert status == 200 and dict(headers)["content-type"].startswith("text/plain; version=0.0.4")
    assert b'tickring_events_total{service="beside",event="x"} 4\n' in body
    openmetrics = sports.answer("GET", "/metrics", "", "application/openmetrics-text")
    assert openmetrics[2].endswith(b"# EOF\n")
    assert sports.answer("GET", "/metrics", "", None, "gzip")[2][:2] == b"\x1f\x8b"
    assert json.loads(sports.answer("GET", "/health")[2])["status"] == "healthy"
    assert sports.answer("HEAD", "/health")[2] == b""
    assert sports.answer("DELETE", "/health")[0] == 405
    assert sports.answer("GET", "/none")[0] == 404
    with pytest.raises(ValueError, match="twice|already"):
        tickring.Service("beside", events=["x"], beside=sports)
    with pytest.raises(ValueError):
        sports.answer("GET", "/ x")


def test_events_can_be_added():
    own = tickring.Service("own", events=["x"])
    first, again = own.add_event("y"), own.add_event("y")
    first.record()
    again.record(2)
    assert own.event_rate()["events"]["y"]["total"] == 3
    with pytest.raises(ValueError, match="bad name"):
        own.add_event("no event")
