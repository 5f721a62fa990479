"""A small service that is a consumer of the token broker: what a downstream API says about the user who asks.

From the root of the repository:

    pip install --requirement crates/proto/examples/python/requirements.txt
    mkdir -p stubs
    python -m grpc_tools.protoc --proto_path=proto --python_out=stubs --grpc_python_out=stubs \\
        token_broker/v1/token_broker.proto
    PYTHONPATH=stubs BROKER_TARGET=token-broker:50051 BROKER_CA_FILE=broker-ca.pem \\
    BROKER_CERT_FILE=tls.crt BROKER_KEY_FILE=tls.key python crates/proto/examples/python/who_am_i.py

`DOWNSTREAM_URL` is what it asks in the user's name, `DOWNSTREAM_CA_FILE` an authority to trust there, `RESOURCE` the token
that it needs (`arm`), `LISTEN` its own address.

The Rust example beside it does the same; proto/README.md is what both follow. A service that answers from data of
its own must validate the user's token first; this one only passes it on, and the broker proves it.
"""

import base64
import json
import logging
import os
import random
import re
import ssl
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from token_broker.v1 import token_broker_pb2, token_broker_pb2_grpc

DOMAIN = "token-broker"
DEADLINE_SECONDS = 10.0
ATTEMPTS = 3
# The longest pause that the broker may ask for and that is waited for here; a longer one is our caller's.
PATIENCE_SECONDS = 2.0
DOWNSTREAM_DEADLINE_SECONDS = 10.0
MAX_ANSWER_BYTES = 256 * 1024

log = logging.getLogger("who_am_i")


# --- The broker's client: this part is worth copying ----------------------------------------------


@dataclass(repr=False)
class BrokerError(Exception):
    """What the broker answered instead of a token. Without a reason it is not the broker who answered."""

    code: grpc.StatusCode
    message: str
    reason: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    claims: str | None = None

    def __str__(self) -> str:
        return f"{self.reason or self.code.name}: {self.message}"

    @classmethod
    def of(cls, call: grpc.RpcError) -> "BrokerError":
        error = cls(call.code(), call.details() or "")
        try:
            status = rpc_status.from_call(call)
        except ValueError:
            # The details contradict the code: whoever wrote them, it was not the broker.
            status = None
        for detail in status.details if status else ():
            error._read(detail)
        return error

    def _read(self, detail) -> None:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        challenge = token_broker_pb2.ClaimsChallenge()
        if detail.Unpack(info):
            if info.domain == DOMAIN:
                self.reason, self.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(retry):
            self.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
        elif detail.Unpack(challenge):
            self.claims = challenge.claims


class Broker:
    """One channel for all threads, renewed when the certificate files change."""

    def __init__(self, target: str, ca_file: str, certificate_file: str, key_file: str) -> None:
        self._target = target
        self._files = (Path(ca_file), Path(key_file), Path(certificate_file))
        self._lock = threading.Lock()
        self._shown: tuple[bytes, ...] = ()
        self._stub: token_broker_pb2_grpc.TokenBrokerStub | None = None
        self._current()

    def exchange(self, assertion: str, resource: str, claims: str, trace: dict[str, str]) -> str:
        """The user's token for `resource`. Raises BrokerError."""
        request = token_broker_pb2.ExchangeRequest(assertion=assertion, resource=resource, claims=claims)
        deadline = time.monotonic() + DEADLINE_SECONDS
        for attempt in range(1, ATTEMPTS + 1):
            left = max(deadline - time.monotonic(), 0.001)
            try:
                answer = self._current().Exchange(request, timeout=left, metadata=tuple(trace.items()))
                return answer.access_token
            except grpc.RpcError as call:
                error = BrokerError.of(call)
            pause = self._pause(attempt, error)
            if pause is None or time.monotonic() + pause >= deadline:
                raise error
            time.sleep(pause)
        raise AssertionError("the last attempt has no pause")

    @staticmethod
    def _pause(attempt: int, error: BrokerError) -> float | None:
        """Only where nobody answered, or where the broker says when to come back. Never after a refusal."""
        if attempt >= ATTEMPTS:
            return None
        if error.reason is None and error.code == grpc.StatusCode.UNAVAILABLE:
            return 0.05 * 2 ** (attempt - 1) * (1 + random.random())
        if error.reason is not None and error.retry_after is not None and error.retry_after <= PATIENCE_SECONDS:
            return error.retry_after * (1 + random.random())
        return None

    def _current(self) -> token_broker_pb2_grpc.TokenBrokerStub:
        """The stub whose channel shows the certificate that stands in the files now."""
        with self._lock:
            try:
                contents = tuple(file.read_bytes() for file in self._files)
                if contents != self._shown:
                    # Raises where the key is not the certificate's: half of a rotation.
                    _, key, certificate = self._files
                    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key)
            except OSError as error:
                if self._stub is None:
                    raise
                # In the middle of a rotation; the channel there is serves on.
                log.warning("the TLS files cannot be used: %s", error)
                return self._stub
            if contents != self._shown:
                # The old channel ends by itself when the last call over it has ended.
                channel = grpc.secure_channel(
                    self._target,
                    grpc.ssl_channel_credentials(*contents),
                    options=[
                        ("grpc.keepalive_time_ms", 10_000),
                        ("grpc.keepalive_timeout_ms", 5_000),
                        # Errors travel in headers: claims of 8 KiB in base64, and the rest.
                        ("grpc.max_metadata_size", 32 * 1024),
                    ],
                )
                self._stub, self._shown = token_broker_pb2_grpc.TokenBrokerStub(channel), contents
            return self._stub


# --- The service ----------------------------------------------------------------------------------


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token elsewhere."""

    def redirect_request(self, *_):
        return None


class Downstream:
    """The API that is called with the user's own token."""

    def __init__(self, url: str, ca_file: str | None) -> None:
        self._url = url
        tls = ssl.create_default_context(cafile=ca_file)
        self._opener = urllib.request.build_opener(NoRedirect, urllib.request.HTTPSHandler(context=tls))

    def ask(self, token: str) -> tuple[int, dict, str | None]:
        """Status, document, and the claims of a challenge (Continuous Access Evaluation)."""
        request = urllib.request.Request(self._url, headers={"Authorization": f"Bearer {token}"})
        try:
            response = self._opener.open(request, timeout=DOWNSTREAM_DEADLINE_SECONDS)
        except urllib.error.HTTPError as refusal:
            response = refusal
        with response:
            challenge = re.search(r'claims="([^"]*)"', response.headers.get("WWW-Authenticate", ""))
            claims = base64.b64decode(challenge[1]).decode() if challenge and response.status == 401 else None
            body = response.read(MAX_ANSWER_BYTES + 1)
            if len(body) > MAX_ANSWER_BYTES:
                raise ValueError("the answer is too long")
            return response.status, {} if claims else json.loads(body), claims


class Handler(BaseHTTPRequestHandler):
    broker: Broker
    downstream: Downstream
    resource: str

    def do_GET(self) -> None:
        scheme, _, assertion = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not assertion:
            return self.answer(HTTPStatus.UNAUTHORIZED, {"code": "missing_bearer"}, {"WWW-Authenticate": "Bearer"})
        try:
            self.answer_with(assertion.strip())
        except BrokerError as error:
            self.refuse(error)
        except (OSError, ValueError) as error:
            log.warning("the downstream API does not answer: %s", type(error).__name__)
            self.answer(HTTPStatus.BAD_GATEWAY, {"code": "downstream_unavailable"})

    def answer_with(self, assertion: str) -> None:
        # The caller's trace goes on to the broker. With an OpenTelemetry SDK set up, open a span here.
        trace: dict[str, str] = {}
        propagator = TraceContextTextMapPropagator()
        headers = {name.lower(): value for name, value in self.headers.items()}
        propagator.inject(trace, context=propagator.extract(headers))
        claims: str | None = ""
        # Once for itself, once more to answer a challenge of the downstream API, and never a third time.
        for _ in range(2):
            token = self.broker.exchange(assertion, self.resource, claims, trace)
            status, document, claims = self.downstream.ask(token)
            if claims is None:
                return self.answer(status, document)
        return self.insufficient_claims(claims)

    def refuse(self, error: BrokerError) -> None:
        """What each refusal of the broker means for our own caller: proto/README.md as code."""
        match error.reason:
            case "invalid_token":
                header = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
                body = {"code": error.reason, "reason": error.metadata.get("reason")}
                self.answer(HTTPStatus.UNAUTHORIZED, body, header)
            case "claims_challenge":
                self.insufficient_claims(error.claims or "")
            case "consent_required":
                body = {"code": error.reason, "permission": error.metadata.get("permission")}
                self.answer(HTTPStatus.FORBIDDEN, body)
            case "app_only_token" | "blocked_by_policy":
                self.answer(HTTPStatus.FORBIDDEN, {"code": error.reason})
            case "identity_provider_unavailable" | "overloaded" | "purge_incomplete" | "audit_unavailable" | None:
                log.warning("no token: %s", error)
                wait = {} if error.retry_after is None else {"Retry-After": str(max(1, int(error.retry_after)))}
                code = error.reason or "broker_unavailable"
                self.answer(HTTPStatus.SERVICE_UNAVAILABLE, {"code": code}, wait)
            case _:
                # Ours to mend, not the caller's; so is a reason that is newer than this code.
                log.error("the token broker cannot serve this service: %s", error)
                self.answer(HTTPStatus.SERVICE_UNAVAILABLE, {"code": "misconfigured"})

    def insufficient_claims(self, claims: str) -> None:
        """The user's client signs in again with these claims: Microsoft's form, for clients built on MSAL."""
        encoded = base64.b64encode(claims.encode()).decode()
        header = {"WWW-Authenticate": f'Bearer error="insufficient_claims", claims="{encoded}"'}
        self.answer(HTTPStatus.UNAUTHORIZED, {"code": "claims_challenge", "claims": claims}, header)

    def answer(self, status: int, document: dict, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    logging.basicConfig(level=logging.INFO)
    setting = os.environ
    Handler.broker = Broker(
        setting.get("BROKER_TARGET", "localhost:50051"),
        setting["BROKER_CA_FILE"],
        setting["BROKER_CERT_FILE"],
        setting["BROKER_KEY_FILE"],
    )
    url = setting.get("DOWNSTREAM_URL", "https://management.azure.com/subscriptions?api-version=2022-12-01")
    Handler.downstream = Downstream(url, setting.get("DOWNSTREAM_CA_FILE"))
    Handler.resource = setting.get("RESOURCE", "arm")
    host, _, port = setting.get("LISTEN", "127.0.0.1:8090").rpartition(":")
    with ThreadingHTTPServer((host, int(port)), Handler) as server:
        print(f"listening on http://{host}:{server.server_address[1]}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
