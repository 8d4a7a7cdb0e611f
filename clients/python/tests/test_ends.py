"""How processes that count are made and ended, beyond what `test_forward.py` has."""

import threading

import pytest
from conftest import Server, run
from test_forward import HEAD


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_workers_of_an_executor(server, method):
    run(HEAD + f"""
import concurrent.futures, multiprocessing
import children
if __name__ == "__main__":
    children.service = children.make(sys.argv[1])
    children.service.record_x(1)
    context = multiprocessing.get_context({method!r})
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        list(executor.map(children.work, [sys.argv[1]] * 8))
""", server.address)
    server.take_until(x=1 + 8 * 10)
    server.no_more()


@pytest.mark.parametrize("end", [
    "os._exit(0)", "os.kill(os.getpid(), signal.SIGTERM)", "os.kill(os.getpid(), signal.SIGKILL)",
    "os.abort()", "os.execv(sys.executable, [sys.executable, '-c', ''])",
])
def test_an_end_without_notice(server, end):
    """It takes the last second at most: what was there before that has been sent, once."""
    run(HEAD + f"""
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
s = make()
s.record_x(1)
child = os.fork()
if child == 0:
    s.record_x(10)
    while s.forwarding["sent"] < 10:
        time.sleep(0.01)
    {end}
os.waitpid(child, 0)
""", server.address)
    server.take_until(x=11)
    server.no_more()


def test_a_fork_in_a_thread(server):
    """Its child has this thread alone, and the one that sends. So it doesn't end by returning."""
    run(HEAD + """
s = make()
def work():
    s.record_x(1)
    child = os.fork()
    s.record_x(10 if child == 0 else 100)
    if child == 0:
        s.flush()
        os._exit(0)
    wait([child])
threads = [threading.Thread(target=work) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
""", server.address)
    server.take_until(x=5 * 111)
    server.no_more()


def test_threads_that_count_until_the_end(unix_path):
    """Nothing hangs or breaks, and what the main thread has counted arrives."""
    server = Server(unix_path)

    def read():
        while server.counts["s.x"] < 1000:
            server.take()

    reading = threading.Thread(target=read)
    reading.start()
    said = run(HEAD + """
s = make()
own = tickring.Service("t", events=["y"], labels={"y": ["a"]})
def work():
    while True:
        own.family("y").with_(time.monotonic()).record()
        own.record_y()
        own.event_rate()
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
s.record_x(1000)
""", unix_path)
    reading.join()
    server.socket.close()
    assert (said, server.counts) == ("", {"s.x": 1000})


@pytest.mark.parametrize("step", [
    "s.record_x()", "s.record('x', 1)", "x.with_('1').record()", "x.with_(a='1').record(1)",
    "s.record('t', duration=0.001)", "timer.record(0.001)",
])
def test_whatever_interrupts_a_record(server, step):
    """A handler raises, counts and flushes at random moments. No count is lost but the one that it cuts
    short, and nothing stays locked."""
    run(HEAD + f"""
class Limit(Exception): pass
s = tickring.Service("s", events=["x"], timed=["t"], labels={{"x": ["a"]}}, forward=sys.argv[1])
x, timer, other = s.family("x"), s.timer("t"), s.add_event("other")
def handler(_, frame):
    other.record()
    s.flush()
    if frame.f_code.co_name == "work":
        raise Limit
def work():
    global whole
    while time.monotonic() < deadline:
        {step}; whole += 1
whole, cut, end = 0, 0, time.monotonic() + 1
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0007)
while time.monotonic() < end or cut < 20:
    deadline = time.monotonic() + 0.05
    try:
        work()
    except Limit:
        cut += 1
signal.setitimer(signal.ITIMER_REAL, 0)
total = s.get_total_events() - other.total()
assert whole <= total <= whole + cut, (whole, total, cut)
assert s.refused == 0 and s.flush()
assert s.forwarding["sent"] == s.get_total_events() and s.forwarding["lost"] == 0
""", server.address)
