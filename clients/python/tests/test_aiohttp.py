"""aiohttp, as the README shows it."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE
from test_servers import free_port

aiohttp = pytest.importorskip("aiohttp")

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()


def recipe():
    """The README's code; it only forwards as well, and runs."""
    [code] = re.findall(r"^aiohttp:\n\n```python\n(.*?)```", README, re.S | re.M)
    made = "tickring.APIMetrics()"
    assert made in code
    return "import os\n" + code.replace(made, "tickring.APIMetrics(forward=os.environ['FORWARD'])") + (
        "web.run_app(app, host='127.0.0.1', port=int(os.environ['PORT']), print=None)\n")


def test_the_readmes_recipe_counts_each_request(tmp_path, program):
    port = free_port()
    application = tmp_path / "application.py"
    application.write_text(recipe())
    process = subprocess.Popen(
        [sys.executable, str(application)],
        env=dict(os.environ, FORWARD=program.address, PORT=str(port)), stderr=subprocess.PIPE, text=True)

    async def until_it_listens(session):
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                async with session.get("/none"):
                    return
            except aiohttp.ClientConnectorError:
                assert process.poll() is None, process.communicate()
                assert asyncio.get_running_loop().time() < deadline
                await asyncio.sleep(0.05)

    async def main():
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            async def get(path):
                async with session.get(path) as answer:
                    return answer.status, answer.content_type, await answer.json(content_type=None)

            await until_it_listens(session)
            answers = await asyncio.gather(*(get("/api/v1/event-rate") for _ in range(200)))
            assert {answer[:2] for answer in answers} == {(200, "application/json")}
            # Each request counts when it arrives: the one before that listened, these, and this one.
            assert (await get("/api/v1/event-rate"))[2]["total_events"] == 202

    try:
        asyncio.run(main())
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    program.has("data-api", request=202)
