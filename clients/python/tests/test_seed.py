"""The services of the story, with their classes replaced by imports: its text is used where it is beside
the project, and a copy of how it uses them where it isn't."""

import re
from pathlib import Path

import pytest

import tickring

STORY = Path(__file__).resolve().parents[4] / "shared" / "seed" / "service-specific-metrics.md"
CLASSES = ["EventRateTracker", "ProcessingMetrics", "APIMetrics", "SportsMetrics", "WeatherMetrics",
           "AIMetrics"]

# The methods of each class, as the story has them.
METHODS = {
    "EventRateTracker": "record_event get_events_per_second get_events_per_hour get_total_events "
                        "get_uptime_seconds",
    "ProcessingMetrics": "record_processing get_events_per_second get_events_per_hour get_total_events "
                         "get_uptime_seconds",
    "APIMetrics": "record_request get_requests_per_second get_requests_per_hour get_total_requests "
                  "get_uptime_seconds",
    "SportsMetrics": "record_api_call record_data_fetch get_events_per_second get_events_per_hour "
                     "get_total_events get_uptime_seconds",
    "WeatherMetrics": "record_weather_request record_enrichment_call get_events_per_second "
                      "get_events_per_hour get_total_events get_uptime_seconds",
    "AIMetrics": "record_analysis_request record_pattern_detection record_suggestion_generation "
                 "get_events_per_second get_events_per_hour get_total_events get_uptime_seconds",
}


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_has_the_methods_of_its_namesake(name):
    made = getattr(tickring, name)()
    for method in METHODS[name].split():
        call = getattr(made, method)
        takes = {"record_event": ({},), "record_processing": (0.5,)}.get(method, ())
        assert isinstance(call(*takes), (int, float, type(None)))


def blocks():
    if not STORY.exists():
        pytest.skip("the story is not beside the project")
    return re.findall(r"```python\n(.*?)```", STORY.read_text(), re.S)


def test_the_methods_are_those_of_the_story():
    found = {}
    for block in blocks():
        for name, body in re.findall(r"^class (\w+):\n(.*?)(?=^\S|\Z)", block, re.S | re.M):
            found[name] = [method for method in re.findall(r"def (\w+)\(self", body)
                           if not method.startswith("_")]
    assert found == {name: methods.split() for name, methods in METHODS.items()}


def test_the_storys_services_run_on_an_import():
    """What comes after each class is the service, which is left as it is."""
    ran = 0
    for block in blocks():
        parts = re.split(r"^# \S+/src/main\.py\n", block, flags=re.M)
        if len(parts) != 2:
            continue
        name = re.search(r"^class (\w+):", parts[0], re.M).group(1)
        routes = {}

        class App:
            def get(self, path):
                return lambda function: routes.setdefault(path, function)

            def middleware(self, kind):
                return lambda function: routes.setdefault(kind, function)

        import datetime
        import logging

        scope = {"app": App(), "datetime": datetime.datetime, "logger": logging.getLogger("s"),
                 name: getattr(tickring, name)}
        exec(compile(parts[1], str(STORY), "exec"), scope)
        tracker = next(value for value in scope.values() if isinstance(value, tickring.Service))
        if "http" in routes:
            async def call_next(request):
                return request

            drive(routes["http"]("request", call_next))
        elif name == "ProcessingMetrics":
            tracker.record_processing(0.02)
        else:
            tracker.record_event({})
        document = drive(routes["/api/v1/event-rate"]())
        assert "error" not in document, document
        assert document["total_events"] == 1 and document["events_per_second"] > 0
        assert document["service"] == tracker.name
        ran += 1
    assert ran == 3


def drive(coroutine):
    with pytest.raises(StopIteration) as ended:
        coroutine.send(None)
    return ended.value.value
