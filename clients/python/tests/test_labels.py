"""Labels: the children of an event, against a dictionary; and their sums on the way to a server."""

import collections
import json
import sys
import threading

import pytest
from conftest import run
from hypothesis import given
from hypothesis import strategies as st

import tickring

KEYS = ["route", "method"]


def shop(**options):
    options.setdefault("labels", {"request": KEYS})
    return tickring.Service("shop", events=["visit", "request"], **options)


def totals(service):
    """What each set of values has counted, by the document; without the zeros."""
    series = service.event_rate(labels=True)["events"]["request"]["series"]
    return {tuple(one["labels"][key] for key in KEYS): one["total"] for one in series if one["total"]}


VALUES = st.tuples(*[st.sampled_from(["", "a", "b", "/items/{id}", "é\n,|"])] * 2)


@given(st.lists(st.tuples(VALUES, st.integers(0, 1000), st.sampled_from(["order", "name", "held"]))))
def test_children_agree_with_a_dictionary(records):
    service, expected, held = shop(clock=tickring.ManualClock()), collections.Counter(), {}
    requests = service.family("request")
    for values, count, way in records:
        if way == "order":
            meter = requests.with_(*values)
        elif way == "name":
            meter = requests.with_(**{key: value for key, value in zip(KEYS, values) if value or key == KEYS[0]})
        else:
            meter = held.setdefault(values, requests.with_(*values))
        meter.record(count)
        expected[values] += count
        assert meter.total() == expected[values]
    assert totals(service) == {values: count for values, count in expected.items() if count}
    total = sum(expected.values())
    assert requests.snapshot().total == service.get_total_events() == service.snapshot().total == total
    assert service.event_rate()["events"]["request"]["total"] == total
    assert service.get_events_per_second() == pytest.approx(total / 60)


def test_an_event_without_values_is_a_child():
    service = shop()
    service.record_request(2)
    service.record("request", 3)
    service.meter("request").record()
    service.family("request").with_(None, "").record()
    service.family("request").with_("/a", 200).record(5)
    assert (totals(service), service.get_total_events()) == ({("", ""): 7, ("/a", "200"): 5}, 12)
    assert service.meter("request").total() == 7


def test_a_single_event_has_its_childrens_rate():
    service = tickring.Service("s", events=["x"], labels={"x": ["a"]}, clock=tickring.ManualClock())
    service.family("x").with_("1").record(60)
    assert (service.get_events_per_second(), service.get_total_events()) == (1, 60)


def test_past_the_cap_all_values_are_other():
    service = shop(label_sets={"request": 2})
    requests = service.family("request")
    for number in range(10):
        requests.with_("/%d" % number, "GET").record()
    assert totals(service) == {("/0", "GET"): 1, ("/1", "GET"): 1, ("other", "other"): 8}
    assert (requests.overflowed, requests.labels) == (8, KEYS)


def test_wrong_look_ups_say_what_is_right():
    service = shop()
    requests = service.family("request")
    for look_up, said in [
        (lambda: requests.with_("/a"), "route, method: 1 values"),
        (lambda: requests.with_(), "0 values"),
        (lambda: requests.with_("/a", "GET", "200"), "3 values"),
        (lambda: requests.with_(route="/a", verb="GET"), "verb is not one"),
        (lambda: requests.with_("/a", method="GET"), "not both"),
    ]:
        with pytest.raises(TypeError, match=said):
            look_up()
    with pytest.raises(KeyError, match="no labels"):
        service.family("visit")
    with pytest.raises(KeyError, match="visit, request"):
        service.family("none")
    assert totals(service) == {}


def test_values_may_be_anything():
    class Fails:
        def __str__(self):
            raise KeyboardInterrupt

    service = shop()
    requests = service.family("request")
    with pytest.raises(KeyboardInterrupt):
        requests.with_(Fails(), "GET")
    requests.with_("\ud800", "x" * 2000).record()
    requests.with_(1.5, b"GET").record()
    assert totals(service) == {("other", "other"): 1, ("1.5", "b'GET'"): 1}


@pytest.mark.parametrize("options, said", [
    ({"labels": {"request": ["le"]}}, "reserved"),
    ({"labels": {"request": ["a", "a"]}}, "twice"),
    ({"labels": {"request": ["a-b"]}}, "label is named by"),
    ({"labels": {"request": ["l%d" % i for i in range(17)]}}, "at most 16"),
    ({"labels": {"request": "route"}}, "list of names"),
    ({"labels": {"none": ["route"]}}, "unknown event \"none\""),
    ({"label_sets": {"none": 3}}, "unknown event \"none\""),
])
def test_wrong_labels_are_said_at_set_up(options, said):
    with pytest.raises(ValueError, match=said):
        shop(**options)


@pytest.mark.parametrize("number", [1, 2, 15, 16])
def test_as_many_labels_as_there_may_be(number):
    keys = ["l%d" % index for index in range(number)]
    service = tickring.Service("s", events=["x"], labels={"x": keys})
    service.family("x").with_(*keys).record()
    [one] = service.event_rate(labels=True)["events"]["x"]["series"]
    assert one["labels"] == dict(zip(keys, keys))


def test_the_documents_have_them():
    service = tickring.APIMetrics(labels={"request": ["route"]})
    service.family("request").with_("/a").record(3)
    document = json.loads(service.event_rate_json(labels=True, series=True))
    assert len(document["per_second"]) == 60
    assert document["events"]["request"]["series"][0]["labels"] == {"route": "/a"}
    assert list(service.event_rate(labels=True)) == list(service.event_rate())
    assert "series" not in service.event_rate()["events"]["request"]
    assert b'{service="data-api",event="request",route="/a"} 3\n' in service.answer("GET", "/metrics")[2]
    assert (service.labels, tickring.APIMetrics().labels) == ({"request": ["route"]}, {})


def test_events_that_are_added_leave_children_alone():
    service = shop()
    requests = service.family("request")
    requests.with_("/a", "GET").record()
    service.add_event("other")
    requests.with_("/a", "GET").record()
    service.family("request").with_("/a", "GET").record()
    assert totals(service) == {("/a", "GET"): 3}


def test_idle_children_make_room_unless_forwarded(server):
    for forward, left in ((None, {}), (server.address, {("/a", "GET"): 2})):
        clock = tickring.ManualClock()
        service = shop(clock=clock, forward=forward)
        service.family("request").with_("/a", "GET").record(2)
        assert service.flush()
        clock.advance(2 * 3600)
        service.answer("GET", "/metrics")
        assert (totals(service), service.get_total_events()) == (left, 2)


@given(st.lists(st.tuples(VALUES, st.integers(0, 5000), st.booleans())))
def test_timers_agree_with_a_dictionary(records):
    clock = tickring.ManualClock()
    service, expected = shop(clock=clock, timed=["request"]), collections.Counter()
    requests = service.family("request")
    for values, milliseconds, by_name in records:
        timer = requests.timer(**dict(zip(KEYS, values))) if by_name else requests.timer(*values)
        timer.record(milliseconds / 1000)
        expected[values] += 1
        assert timer.total() == expected[values]
    with requests.timer("a", "b").time():
        clock.advance(0.25)
    requests.with_("a", "b").record()
    service.record("request", duration=0.5)
    expected.update({("a", "b"): 2, ("", ""): 1})
    assert totals(service) == dict(expected)
    durations = [milliseconds / 1000 for _, milliseconds, _ in records] + [0.25, 0.5]
    now = service.timer_snapshot("request")
    assert now.events.total == service.get_total_events() == len(durations) + 1
    assert now.count == now.count_since_start == len(durations)
    assert now.sum_since_start == pytest.approx(sum(durations))
    assert now.max_since_start == pytest.approx(max(durations))
    document = service.event_rate()["events"]["request"]["processing_time"]
    assert document["count"] == len(durations)


def test_timers_are_forwarded_as_counts(server):
    service = tickring.Service("s", events=[], timed=["x"], labels={"x": ["a"]}, forward=server.address)
    service.family("x").timer("1").record(0.5)
    service.family("x").timer(a="1").record(0.25)
    assert service.flush()
    server.take_until(**{"x|#a:1": 2})
    with pytest.raises(KeyError, match="not timed"):
        shop().family("request").timer("a", "b")


def test_threads_that_make_children_make_one_total():
    service = shop(label_sets={"request": 50})
    requests = service.family("request")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work():
        for number in range(10_000):
            requests.with_(number % 100, "GET").record()

    threads = [threading.Thread(target=work) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    counted = totals(service)
    assert (sum(counted.values()), len(counted)) == (40_000, 51)
    assert counted.pop(("other", "other")) == 20_000 and set(counted.values()) == {400}


def test_sums_are_sent_with_their_labels(server):
    service = tickring.Service("s", events=["x"], labels={"x": ["a", "b"]}, forward=server.address)
    x = service.family("x")
    service.record_x(1)
    x.with_("1", "2").record(2)
    x.with_("", "é/{id:int}").record(3)
    held = x.with_("with,ends|of\nlines", None)
    held.record(4)
    server.take_until(**{
        "x": 1, "x|#a:1,b:2": 2, "x|#b:é/{id:int}": 3, "x|#a:with_ends_of_lines": 4})
    assert service.forwarding["sent"] == 10
    # What holds a child keeps the service's sums going.
    del service, x
    held.record(5)
    server.take_until(**{
        "x": 1, "x|#a:1,b:2": 2, "x|#b:é/{id:int}": 3, "x|#a:with_ends_of_lines": 9})
    server.no_more()


def test_sums_that_could_not_be_sent_are_kept(unix_path):
    from conftest import Server

    service = tickring.Service("s", events=["x"], labels={"x": ["a"]}, forward=unix_path)
    service.family("x").with_("1").record(2)
    assert not service.flush() and service.forwarding["pending"] == 2
    service.family("x").with_("2").record(3)
    server = Server(unix_path)
    assert service.flush()
    server.take_until(**{"x|#a:1": 2, "x|#a:2": 3})
    server.socket.close()


FORKS = """
import ctypes, os, sys, threading
import tickring
service = tickring.Service("s", events=["x"], labels={"x": ["a"]}, forward=sys.argv[1])
x = service.family("x")
"""


@pytest.mark.parametrize("fork", ["os.fork", "ctypes.PyDLL(None).fork"])
def test_forked_children_send_their_own_only(server, fork):
    """The parent's events are not sent yet, on children of the event that nothing has looked at."""
    run(FORKS + f"""
x.with_("before").record(1)
children = []
for number in range(3):
    x.with_("before %d" % number).record(1)
    child = {fork}()
    if child == 0:
        x.with_("before").record(10)
        x.with_("after").record(100)
        service.flush()
        os._exit(0)
    children.append(child)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
""", server.address)
    server.take_until(**{"x|#a:before": 31, "x|#a:after": 300, **{
        "x|#a:before %d" % number: 1 for number in range(3)}})
    server.no_more()


def test_forks_while_children_come(server):
    run(FORKS + """
def work(name):
    for number in range(2000):
        x.with_("%s%d" % (name, number % 100)).record()
threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
for thread in threads:
    thread.start()
children = []
for _ in range(20):
    child = os.fork()
    if child == 0:
        work("b")
        service.flush()
        os._exit(0)
    children.append(child)
for child in children:
    assert os.waitpid(child, 0)[1] == 0
for thread in threads:
    thread.join()
""", server.address)
    server.take_until(**{**{"x|#a:a%d" % number: 20 for number in range(100)},
                         **{"x|#a:b%d" % number: 20 * 21 for number in range(100)}})
    server.no_more()


def test_many_processes_make_one_total_at_the_server(program):
    """With labels that the server has declared, and one that it hasn't."""
    script = """
import os, sys
import tickring
web = tickring.Service("web", events=["request"], forward=sys.argv[1],
                       labels={"request": ["status", "route", "host"]})
requests = web.family("request")
requests.with_(200, "/items/{id}", "h").record()
children = [os.fork()]
if children[0] == 0:
    children = []
for number in range(1000):
    requests.with_(200 if number % 4 else 404, "/items/{id}" if number % 2 else "/a,b|c", number % 3).record()
for child in children:
    assert os.waitpid(child, 0)[1] == 0
if not children:
    web.flush()
    os._exit(0)
"""
    for _ in range(3):
        run(script, program.address)
    program.has("web", request=3 * 2001)
    series = program.document("web", "?labels=1")["events"]["request"]["series"]
    assert {(one["labels"]["route"], one["labels"]["status"]): one["total"] for one in series} == {
        ("/items/{id}", "200"): 6 * 500 + 3, ("/a_b_c", "404"): 6 * 250, ("/a_b_c", "200"): 6 * 250}
