"""Sums on their way to a server: each way in which a process is made or ended."""

import os
import socket
import threading
import time

import pytest
from conftest import PATIENCE, Server, run

import tickring


def test_sums_are_sent_without_being_told(server):
    service = tickring.Service("s", events=["x", "y"], forward=server.address)
    for _ in range(1000):
        service.record_x()
    service.record("y", 500)
    server.take_until(x=1000, y=500)
    service.meter("x").record()
    server.take_until(x=1001, y=500)
    assert service.forwarding == {
        "address": server.address, "sent": 1501, "pending": 0, "lost": 0, "error": None}


def test_durations_are_sent_and_bounded(server):
    service = tickring.Service("s", timed=["x"], events=[], forward=server.address)
    service.record("x", duration=0.0125)
    service.timer("x").record(0.25)
    assert service.flush()
    server.take_until(x=2)
    assert server.durations == {"s.x": [12.5, 250.0]}
    for _ in range(3000):
        service.record("x", duration=0.5)
    assert service.flush()
    server.take_until(x=3002)
    assert len(server.durations["s.x"]) <= 1002 + 1000
    assert max(map(len, server.datagrams)) <= 1432


def test_what_a_unix_socket_does_not_take_is_kept(unix_path):
    service = tickring.Service("s", events=["x"], timed=["t"], forward=unix_path)
    service.record_x(2)
    service.record("t", duration=0.5)
    assert not service.flush()
    assert service.forwarding["pending"] == 3 and "No such file" in service.forwarding["error"]
    service.record_x(3)
    server = Server(unix_path)
    assert service.flush()
    server.take_until(x=5, t=1)
    # A queue that is full is not waited for, and loses nothing.
    count = 5
    while service.flush() and count < 100_000:
        service.record_x()
        count += 1
    assert count < 100_000, "the queue should be full by now"
    server.take_until(x=count, t=1)
    server.socket.close()


def test_a_refusal_on_this_machine_loses_nothing(server):
    service = tickring.Service("s", events=["x"], forward=server.address)
    server.socket.close()
    service.record_x(7)
    assert not service.flush()
    assert service.forwarding["pending"] == 7
    again = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    host, port = server.address.split(":")
    again.bind((host, int(port)))
    again.settimeout(PATIENCE)
    assert service.flush()
    assert again.recv(100) == b"s.x:7|c\n"
    again.close()


def test_names_are_resolved():
    server = Server(host="127.0.0.1")
    service = tickring.Service("s", events=["x"], forward="localhost:" + server.address.split(":")[1])
    service.record_x(4)
    server.take_until(x=4)
    nowhere = tickring.Service("n", events=["x"], forward="no.such.host.invalid:1")
    nowhere.record_x()
    deadline = time.monotonic() + PATIENCE
    while "resolved:" not in (nowhere.forwarding["error"] or "") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "can't be resolved" in nowhere.forwarding["error"]
    nowhere.close()


def test_a_service_that_is_dropped_sends_what_it_has(server):
    service = tickring.Service("s", events=["x"], forward=server.address)
    service.record_x(5)
    del service
    server.take_until(x=5)


def test_a_closed_service_counts_but_does_not_send(server):
    with tickring.Service("s", events=["x"], forward=server.address) as service:
        service.record_x(5)
    service.record_x(5)
    assert (service.forwarding, service.get_total_events()) == (None, 10)
    server.take_until(x=5)
    server.no_more()


def test_events_that_are_added_are_sent(server):
    service = tickring.Service("s", events=["x"], forward=server.address)
    service.add_event("y").record(3)
    assert service.flush()
    server.take_until(y=3)


def test_threads_and_flushes_make_one_total(server):
    service = tickring.Service("s", events=["x"], forward=server.address)

    def work():
        for _ in range(20_000):
            service.record_x()
            if _ % 1000 == 0:
                service.flush()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.flush()
    server.take_until(x=80_000)


HEAD = """
import ctypes, os, signal, sys, threading, time
import tickring
def make():
    return tickring.Service("s", events=["x"], forward=sys.argv[1])
def wait(children):
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
"""


def test_the_last_second_is_sent_at_exit(server):
    run(HEAD + "make().record_x(7)\n", server.address)
    run(HEAD + "s = make(); s.record_x(7); sys.exit(3)\n", server.address, status=3)
    run(HEAD + "s = make(); s.record_x(7); raise KeyError\n", server.address, status=1)
    server.take_until(x=21)
    server = Server(host="127.0.0.1")
    run(HEAD + "make().record_x(7)\n", "localhost:" + server.address.split(":")[1])
    server.take_until(x=7)


def test_what_could_not_be_sent_is_said():
    said = run(HEAD + "s = make(); s.record_x(7)\n", "/no/such/socket")
    assert "7 events of s were not sent to /no/such/socket: No such file" in said


def test_a_destructor_at_the_end_counts(server):
    run(HEAD + """
class Last:
    def __del__(self, service=make()):
        service.record_x(3)
last = Last()
""", server.address)
    server.take_until(x=3)


@pytest.mark.parametrize("fork", ["os.fork", "ctypes.CDLL(None).fork", "ctypes.PyDLL(None).fork"])
def test_children_count_for_themselves(server, fork):
    """With events before the fork that are not sent yet, and a grandchild. Each ends by `os._exit`, without
    a hook, after a flush."""
    run(HEAD + f"""
fork = {fork}
s = make()
s.record_x(1)
children = []
for _ in range(3):
    child = fork()
    if child == 0:
        s.record_x(10)
        grandchild = fork()
        s.record_x(1000 if grandchild == 0 else 100)
        s.flush()
        if grandchild:
            wait([grandchild])
        os._exit(0)
    children.append(child)
wait(children)
""", server.address)
    server.take_until(x=1 + 3 * (10 + 1000 + 100))
    server.no_more()


def test_a_child_has_a_thread_of_its_own(server):
    run(HEAD + """
s = make()
s.record_x(1)
s.flush()
child = os.fork()
if child == 0:
    s.record_x(10)
    time.sleep(1.5)
    os._exit(0)
wait([child])
""", server.address)
    server.take_until(x=11)


def test_forks_while_all_is_busy(unix_path):
    """Over a Unix socket, which drops nothing, and which the test reads meanwhile."""
    server = Server(unix_path)
    reading = threading.Thread(target=server.take_until, kwargs={"x": 200_000 + 40 * 5})
    reading.start()
    run(HEAD + """
s = make()
ends = False
def work():
    for _ in range(200_000):
        s.record_x()
def flush():
    while not ends:
        s.flush()
threads = [threading.Thread(target=work), threading.Thread(target=flush)]
for thread in threads:
    thread.start()
children = []
for _ in range(40):
    # Not by C code: where another thread wants the interpreter's lock, such a child waits for it for ever.
    child = os.fork()
    if child == 0:
        s.record_x(5)
        while not s.flush():
            time.sleep(0.001)
        os._exit(0)
    children.append(child)
wait(children)
threads[0].join()
ends = True
threads[1].join()
""", unix_path)
    reading.join()
    assert server.counts == {"s.x": 200_000 + 40 * 5}
    server.no_more()
    server.socket.close()


@pytest.mark.parametrize("package", ["multiprocessing", "billiard"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_children_of_process_pools(server, package, method):
    pytest.importorskip(package)
    if (package, method) == ("billiard", "forkserver"):
        pytest.skip("billiard's fork server doesn't start outside of Celery")
    script = f"""
import {package} as package
import children
if __name__ == "__main__":
    children.service = children.make(sys.argv[1])
    children.service.record_x(1)
    context = package.get_context({method!r})
    started = [context.Process(target=children.work, args=(sys.argv[1],)) for _ in range(4)]
    for child in started:
        child.start()
    for child in started:
        child.join()
    pool = context.Pool(2)
    pool.map(children.work, [sys.argv[1]] * 4)
    pool.close()
    pool.join()
"""
    run(HEAD + script, server.address)
    server.take_until(x=1 + 4 * 10 + 4 * 10)


def test_a_worker_that_is_told_to_end_sends_the_rest(server):
    run(HEAD + """
s = make()
child = os.fork()
if child == 0:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    s.record_x(5)
    print("ready", flush=True)
    while True:
        time.sleep(10)
time.sleep(0.3)
os.kill(child, signal.SIGTERM)
wait([child])
""", server.address)
    server.take_until(x=5)


def test_signals_go_to_the_interpreter(server):
    """And a handler that raises and counts finds all whole."""
    run(HEAD + """
s = make()
class Limit(Exception): pass
counted = 0
def handler(_, frame):
    global counted
    s.record_x()
    counted += 1
    s.flush()
    if frame.f_code.co_name == "work":
        raise Limit
def work():
    global whole
    while time.monotonic() < deadline:
        s.record_x(); whole += 1
whole, deadline = 0, time.monotonic() + 1
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
while time.monotonic() < deadline:
    try:
        work()
    except Limit:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
total = s.get_total_events()
# An exception may come when a record is over, but not yet counted here.
assert whole <= total - counted <= whole + counted, (whole, counted, total)
assert counted > 50 and s.refused == 0 and s.flush()
""", server.address)


def test_subinterpreters_count_or_are_turned_away(server):
    """Those that share the interpreter's lock count; those with a lock of their own get an ImportError."""
    run("""
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import tickring
made = interpreters.create()
failed = interpreters.run_string(made, sys.argv[2].replace("ADDRESS", sys.argv[1]))
interpreters.destroy(made)
assert failed is None, failed
tickring.Service("s", events=["x"], forward=sys.argv[1]).record_x(4)
""", server.address, """
try:
    import tickring
    service = tickring.Service("s", events=["x"], forward="ADDRESS")
    service.record_x(3)
    assert service.get_total_events() == 3 and service.flush()
except ImportError as error:
    assert "subinterpreters" in str(error), error
""")
    while server.counts["s.x"] not in (4, 7):
        server.take()


def test_a_process_that_forwards_ends_at_once_without_a_server():
    begun = time.monotonic()
    run(HEAD + "s = make(); s.record_x()\n", "127.0.0.1:9")
    assert time.monotonic() - begun < PATIENCE / 2
