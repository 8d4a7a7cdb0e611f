"""Real servers under load: FastAPI under uvicorn, and under gunicorn with four uvicorn workers and preload;
Flask under gunicorn's own workers. Totals must be exact, in the processes' answers and at what they forward to."""

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import textwrap
import time
import urllib.request

import pytest
from conftest import PATIENCE

REQUESTS, CLIENTS = 10_000, 40

APP = """
import os
import fastapi, tickring, tickring.asgi
metrics = tickring.Service("s", events=["request"], forward=os.environ["FORWARD"])
app = fastapi.FastAPI()
app.include_router(tickring.asgi.router(metrics))
app.add_middleware(tickring.asgi.MeterMiddleware, service=metrics)

@app.get("/work")
async def work():
    return {}

@app.get("/process")
async def process():
    return {"process": os.getpid(), "total": metrics.get_total_events()}
"""


FLASK = """
import os
import flask, tickring, tickring.wsgi
metrics = tickring.Service("s", events=["request"], labels={"request": ["route"]}, forward=os.environ["FORWARD"])
app = flask.Flask(__name__)
app.wsgi_app = tickring.wsgi.MeterMiddleware(app.wsgi_app, metrics, endpoints=True)

@app.get("/process")
def process():
    return {"process": os.getpid()}
"""


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def ask(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as answer:
        return json.load(answer)


def load(port, requests):
    """A client with as many connections, which keeps each busy. Returns how long each answer of the
    endpoint took meanwhile, in seconds."""
    took = []

    async def client(path, count, times=None):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(count):
            begun = time.perf_counter()
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            lower = head.lower()
            at = lower.index(b"content-length:") + 15
            await reader.readexactly(int(lower[at:lower.index(b"\r\n", at)]))
            if times is not None:
                times.append(time.perf_counter() - begun)
                await asyncio.sleep(0.01)
        writer.close()

    async def main():
        each = requests // CLIENTS
        await asyncio.gather(*[client("/work", each) for _ in range(CLIENTS)],
                             client("/api/v1/event-rate", 50, took))

    asyncio.run(main())
    return took


class Running:
    def __init__(self, folder, server, command, app=APP):
        (folder / "application.py").write_text(textwrap.dedent(app))
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, *(["--port", str(self.port)] if command[0] == "uvicorn" else
                                               ["--bind", f"127.0.0.1:{self.port}"])],
            cwd=folder, env=dict(os.environ, FORWARD=server.address, PYTHONPATH=str(folder)),
            stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                assert self.process.poll() is None, self.process.stderr.read()
                time.sleep(0.05)
        raise AssertionError("it doesn't listen")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=PATIENCE)
        finally:
            self.process.kill()


def test_under_uvicorn(tmp_path, server):
    """It is told to end when the last requests have only just been answered."""
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    command = ["uvicorn", "application:app", "--log-level", "error"]
    with Running(tmp_path, server, command) as running:
        took = load(running.port, REQUESTS)
        document = ask(running.port, "/api/v1/event-rate")
        total = REQUESTS + 50 + 1
        assert document["total_events"] == total
        print(f"the endpoint's median under load: {statistics.median(took) * 1000:.1f} ms")
    server.take_until(request=total)
    server.no_more()


def uvicorn_worker():
    """The class of gunicorn's workers that run uvicorn; it has moved."""
    try:
        __import__("uvicorn.workers")
        return "uvicorn.workers.UvicornWorker"
    except ImportError:
        return pytest.importorskip("uvicorn_worker").__name__ + ".UvicornWorker"


def test_under_gunicorn_with_four_workers(tmp_path, server):
    """The workers are told to end when the last requests have only just been answered."""
    pytest.importorskip("gunicorn")
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    worker = uvicorn_worker()
    command = ["gunicorn", "application:app", "--worker-class", worker, "--workers", "4", "--preload",
               "--log-level", "error"]
    with Running(tmp_path, server, command) as running:
        load(running.port, REQUESTS)
        processes, asked = {}, 0
        deadline = time.monotonic() + PATIENCE
        while len(processes) < 4 and time.monotonic() < deadline:
            answer = ask(running.port, "/process")
            processes[answer["process"]] = answer["total"]
            asked += 1
        assert len(processes) == 4, processes
        server.take_until(request=REQUESTS + 50 + asked)
        for _ in range(20):
            ask(running.port, "/process")
    server.take_until(request=REQUESTS + 50 + asked + 20)
    server.no_more()


def ask_until_recycled(running):
    """Asks until six processes have answered. Returns how many answers there were."""
    processes, answered, refused = set(), 0, 0
    while len(processes) < 6 or answered < 400:
        try:
            processes.add(ask(running.port, "/process")["process"])
            answered += 1
        except OSError:  # The worker that had accepted it ends, and has not begun it.
            refused += 1
        assert answered + refused < 5000, (processes, answered, refused)
    return answered


def test_under_gunicorn_whose_workers_are_recycled(tmp_path, server):
    """A worker ends after some requests, and another one takes its place. What it has counted arrives."""
    pytest.importorskip("gunicorn")
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    command = ["gunicorn", "application:app", "--worker-class", uvicorn_worker(), "--workers", "2",
               "--preload", "--max-requests", "60", "--log-level", "error"]
    with Running(tmp_path, server, command) as running:
        answered = ask_until_recycled(running)
        server.take_until(request=answered)
    server.no_more()


@pytest.mark.parametrize("kind", [["sync"], ["sync", "--preload"], ["gthread", "--threads", "3"]])
def test_flask_under_gunicorns_own_workers(tmp_path, server, kind):
    """They are recycled, and told to end when the last request has only just been answered."""
    pytest.importorskip("gunicorn")
    pytest.importorskip("flask")
    command = ["gunicorn", "application:app", "--worker-class", *kind, "--workers", "2",
               "--max-requests", "60", "--log-level", "error"]
    with Running(tmp_path, server, command, FLASK) as running:
        answered = ask_until_recycled(running)
    server.take_until(**{"request|#route:/process": answered})
    server.no_more()


def test_under_uvicorn_with_two_workers(tmp_path, server):
    pytest.importorskip("uvicorn")
    pytest.importorskip("fastapi")
    command = ["uvicorn", "application:app", "--workers", "2", "--log-level", "error"]
    with Running(tmp_path, server, command) as running:
        processes, asked = set(), 0
        while len(processes) < 2:
            processes.add(ask(running.port, "/process")["process"])
            asked += 1
            assert asked < 5000
    server.take_until(request=asked)
    server.no_more()
