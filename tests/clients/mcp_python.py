"""The official Python MCP client (PyPI `mcp`) against an MCP endpoint.

    MCP_TOKEN=... mcp_python.py MODE URL [--call TOOL JSON]...

MODE is `auto` (asks for the newest protocol, 2026-07-28), `legacy` (the `initialize` handshake) or a
protocol version. Lists the tools, makes each call in turn (EXPORT_ID in one is the id of the export that the one before
began), then lists and reads the resources, and prints one JSON line. Exit code 0 if every
call was answered (a tool's own error is an answer), 3 if one was refused, 1 if nothing worked.
The token is read from the environment and never printed.
"""

import argparse
import asyncio
import json
import os
import ssl
import sys
from importlib.metadata import version

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import PromptReference

DEADLINE_SECONDS = 30


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Lists and calls tools with the official Python MCP client.")
    parser.add_argument("mode", metavar="MODE")
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--call", nargs=2, action="append", default=[], metavar=("TOOL", "JSON"))
    return parser.parse_args()


def http_client() -> httpx2.AsyncClient:
    context = ssl.create_default_context()
    if ca_file := os.environ.get("CA_FILE"):
        context.load_verify_locations(cafile=ca_file)
    token = os.environ.get("MCP_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx2.AsyncClient(headers=headers, verify=context, timeout=DEADLINE_SECONDS)


async def call(client: Client, tool: str, parameters: str) -> dict:
    try:
        result = await client.call_tool(tool, json.loads(parameters))
    except Exception as error:  # what the client raises is what is being observed
        refused = {"type": type(error).__name__, "message": str(error), "data": getattr(error, "data", None)}
        return {"tool": tool, "refused": refused}
    text = "\n".join(block.text for block in result.content if block.type == "text")
    return {
        "tool": tool,
        "is_error": bool(result.is_error),
        "structured": result.structured_content,
        "text": text,
    }


async def all_tools(client: Client) -> list[str]:
    names, cursor = [], None
    while True:
        page = await client.list_tools(cursor=cursor)
        names += [tool.name for tool in page.tools]
        cursor = page.next_cursor
        if not cursor:
            return names


async def all_prompts(client: Client) -> list[dict]:
    """Each prompt with its first message, and what is offered for its scope."""
    listed = await client.list_prompts()
    found = []
    for prompt in listed.prompts:
        values = {argument.name: "team" for argument in prompt.arguments or [] if argument.required}
        got = await client.get_prompt(prompt.name, values)
        offered = await client.complete(
            PromptReference(type="ref/prompt", name=prompt.name), {"name": "scope", "value": "contoso"}
        )
        found.append({
            "name": prompt.name,
            "text": got.messages[0].content.text,
            "scopes": offered.completion.values,
        })
    return found


async def all_calls(client: Client, wanted: list) -> list[dict]:
    made, export_id = [], ""
    for tool, parameters in wanted:
        made.append(await call(client, tool, parameters.replace("EXPORT_ID", export_id)))
        export_id = (made[-1].get("structured") or {}).get("export_id", export_id)
    return made


async def all_resources(client: Client) -> list[dict]:
    """Each resource with its text."""
    found = []
    for resource in (await client.list_resources()).resources:
        read = await client.read_resource(resource.uri)
        found.append({"uri": str(resource.uri), "size": resource.size, "text": read.contents[0].text})
    return found


async def main(args: argparse.Namespace) -> int:
    async with http_client() as http:
        transport = streamable_http_client(args.url, http_client=http)
        async with Client(transport, mode=args.mode, read_timeout_seconds=DEADLINE_SECONDS) as client:
            server = client.server_info
            report = {
                "client": f"mcp {version('mcp')} (Python)",
                "mode": args.mode,
                "protocol": client.protocol_version,
                "server": server and {"name": server.name, "version": server.version},
                "tools": await all_tools(client),
                "prompts": await all_prompts(client),
                "calls": await all_calls(client, args.call),
            }
            report["resources"] = await all_resources(client)
    print(json.dumps(report))
    return 3 if any("refused" in made for made in report["calls"]) else 0


def innermost(error: BaseException) -> BaseException:
    """anyio wraps what went wrong into groups of one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main(arguments())))
    except Exception as error:
        cause = innermost(error)
        sys.exit(f"mcp_python: {type(cause).__name__}: {cause}")
