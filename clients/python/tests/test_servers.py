"""Real servers under load: FastAPI under uvicorn, and under gunicorn with four uvicorn workers and preload.
Totals must be exact, in the processes' answers and at what they forward to."""

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
    def __init__(self, folder, server, command):
        (folder / "application.py").write_text(textwrap.dedent(APP))
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


def test_under_gunicorn_whose_workers_are_recycled(tmp_path, server):
    """A worker ends after some requests, and another one takes its place. What it has counted arrives."""
    pytest.importorskip("gunicorn")
    pytest.importorskip("uvicorn")
    command = ["gunicorn", "application:app", "--worker-class", uvicorn_worker(), "--workers", "2",
               "--preload", "--max-requests", "60", "--log-level", "error"]
    with Running(tmp_path, server, command) as running:
        processes, answered, refused = set(), 0, 0
        while len(processes) < 6 or answered < 400:
            try:
                processes.add(ask(running.port, "/process")["process"])
                answered += 1
            except OSError:  # The worker that had accepted it ends, and has not begun it.
                refused += 1
            assert answered + refused < 5000, (processes, answered, refused)
        server.take_until(request=answered)
    server.no_more()
