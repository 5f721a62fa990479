"""FastMCP's client (PyPI `fastmcp-slim[client]`, what `fastmcp` installs) signing in by itself with OAuth().

    SIGN_IN='emulator_person=bob&emulator_consent=accept' MCP_CLIENT_ID=... sign_in_fastmcp.py URL \\
        [--call TOOL JSON]...

It opens a browser through Python's `webbrowser`, which is replaced here by one without a window, and listens
on loopback for the answer. Prints one JSON line: each authorize request and each call. Exit codes as
`sign_in_python.py`.
"""

import argparse
import asyncio
import json
import logging
import os
import sys
import threading
import warnings
import webbrowser
from importlib.metadata import version

import httpx2
from fastmcp import Client
from fastmcp.client.auth import OAuth
from fastmcp.client.transports import StreamableHttpTransport

from mcp_python import innermost
from sign_in_browser import DEADLINE_SECONDS, Browser, after_first_call, trust

# The tokens of this run are meant to be lost.
warnings.filterwarnings("ignore", message="Using in-memory token storage")
logging.disable(logging.CRITICAL)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Signs in and calls tools with FastMCP's client.")
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--call", nargs=2, action="append", default=[], metavar=("TOOL", "JSON"))
    return parser.parse_args()


def http_client(**settings) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(**{**settings, "verify": trust()})


async def call(client: Client, tool: str, parameters: str) -> dict:
    try:
        result = await client.call_tool(tool, json.loads(parameters), raise_on_error=False)
    except Exception as error:  # what the client raises is what is being observed
        cause = innermost(error)
        return {"tool": tool, "refused": {"type": type(cause).__name__, "message": str(cause)}}
    return {"tool": tool, "is_error": bool(result.is_error), "structured": result.structured_content}


async def converse(args: argparse.Namespace, calls: list[dict]) -> None:
    oauth = OAuth(
        client_id=os.environ["MCP_CLIENT_ID"],
        callback_timeout=DEADLINE_SECONDS,
        httpx_client_factory=http_client,
    )
    transport = StreamableHttpTransport(args.url, auth=oauth, httpx_client_factory=http_client)
    async with Client(transport, timeout=DEADLINE_SECONDS) as client:
        for tool, parameters in args.call:
            calls.append(await call(client, tool, parameters))
            if len(calls) == 1:
                await asyncio.to_thread(after_first_call)


async def main(args: argparse.Namespace) -> int:
    browser, calls = Browser(), []

    def opened(url: str) -> bool:
        threading.Thread(target=browser.call_back, args=(url,), daemon=True).start()
        return True

    webbrowser.open = opened
    name = f"fastmcp {version('fastmcp-slim')} (Python)"
    report = {"client": name, "sign_ins": browser.visits, "calls": calls}
    try:
        await converse(args, calls)
    except Exception as error:
        cause = innermost(error)
        report["failed"] = f"{type(cause).__name__}: {cause}"
    print(json.dumps(report))
    if "failed" in report:
        return 1
    return 3 if any("refused" in made for made in calls) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))
