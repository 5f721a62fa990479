"""The official Python MCP client (PyPI `mcp`) signing in by itself, with its own OAuthClientProvider.

    SIGN_IN='emulator_person=bob&emulator_consent=accept' MCP_CLIENT_ID=... sign_in_python.py URL [OPTION]... \\
        [--call TOOL JSON]...

    --no-refresh   declares no refresh tokens, so the client asks for no `offline_access`
    --no-prompt    leaves out `prompt=consent`, as an application can in its redirect handler
    --document URL names a client id metadata document in place of a client id, as a client does that has one
    --revoke URL   sends DELETE to URL after the first call, which ends the person's sessions at the emulator

A call refused with a claims challenge is made again after a sign-in with those claims, once: the client does
not do so, so the application has to, and this script is one. Prints one JSON line: each authorize request and
each call. Exit code 0 if every call was answered in the end, 3 if one was refused, 1 if the client gave up
(`failed` says why).
"""

import argparse
import asyncio
import json
import logging
import os
import sys
from importlib.metadata import version

import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata

from mcp_python import call, innermost
from sign_in_browser import DEADLINE_SECONDS, Browser, after_first_call, trust

REDIRECT_URI = "http://localhost:3030/callback"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Signs in and calls tools with the official Python MCP client.")
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--mode", default="auto")
    parser.add_argument("--no-refresh", action="store_true")
    parser.add_argument("--no-prompt", action="store_true")
    parser.add_argument("--document", metavar="URL")
    parser.add_argument("--revoke", metavar="URL")
    parser.add_argument("--call", nargs=2, action="append", default=[], metavar=("TOOL", "JSON"))
    return parser.parse_args()


class Memory:
    """Token storage with the one client id that was registered beforehand, if one was."""

    def __init__(self, client: OAuthClientInformationFull | None) -> None:
        self.tokens, self.client = None, client

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens) -> None:
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client) -> None:
        self.client = client


def provider(args: argparse.Namespace, browser: Browser) -> OAuthClientProvider:
    grants = ["authorization_code"] if args.no_refresh else ["authorization_code", "refresh_token"]
    metadata = OAuthClientMetadata(
        redirect_uris=[REDIRECT_URI], grant_types=grants, token_endpoint_auth_method="none"
    )
    known = None if args.document else os.environ["MCP_CLIENT_ID"]
    client = OAuthClientInformationFull(client_id=known, **metadata.model_dump()) if known else None
    answer: dict[str, str] = {}

    async def redirect(url: str) -> None:
        answer.clear()
        drop = ("prompt",) if args.no_prompt else ()
        answer.update(await asyncio.to_thread(browser.visit, url, drop=drop))

    async def called_back() -> AuthorizationCodeResult:
        if "code" not in answer:
            raise RuntimeError(answer.get("error_description", "no code"))
        return AuthorizationCodeResult(code=answer["code"], state=answer.get("state"), iss=answer.get("iss"))

    return OAuthClientProvider(
        args.url, metadata, Memory(client), redirect, called_back, client_metadata_url=args.document
    )


def asked_claims(made: dict) -> dict | None:
    """The claims that the answer to a call asks for, from the JSON-RPC error the client hands on."""
    return (made.get("refused", {}).get("data") or {}).get("claims")


async def converse(args: argparse.Namespace, browser: Browser, calls: list[dict]) -> None:
    oauth = provider(args, browser)
    http = httpx2.AsyncClient(auth=oauth, verify=trust(), timeout=DEADLINE_SECONDS)
    async with http, Client(streamable_http_client(args.url, http_client=http), mode=args.mode) as client:
        for tool, parameters in args.call:
            calls.append(await call(client, tool, parameters))
            if claims := asked_claims(calls[-1]):
                browser.claims = json.dumps(claims)
                oauth.context.clear_tokens()
                calls.append(await call(client, tool, parameters))
            if len(calls) == 1:
                await asyncio.to_thread(after_first_call)
            if args.revoke and len(calls) == 1:
                async with httpx2.AsyncClient(verify=trust()) as control:
                    (await control.delete(args.revoke)).raise_for_status()


async def main(args: argparse.Namespace) -> int:
    browser, calls = Browser(), []
    report = {"client": f"mcp {version('mcp')} (Python)", "sign_ins": browser.visits, "calls": calls}
    try:
        await converse(args, browser, calls)
    except Exception as error:  # what the client raises is what is being observed
        cause = innermost(error)
        report["failed"] = f"{type(cause).__name__}: {cause}"
    print(json.dumps(report))
    if "failed" in report:
        return 1
    answered = {made["tool"] for made in calls if "refused" not in made}
    return 0 if all(tool in answered for tool, _ in args.call) else 3


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.exit(asyncio.run(main(arguments())))
