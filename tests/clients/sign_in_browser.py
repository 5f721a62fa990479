"""The browser of the Python clients: signs a person in at the emulator without a window.

SIGN_IN is what the person does, as a query: `emulator_person=bob&emulator_consent=accept&emulator_mfa=true`;
the second factor only if it is asked for.
Every visit is noted for the report; codes and tokens never are.
"""

import os
import ssl
import time
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import httpx2

DEADLINE_SECONDS = 30
SECOND_FACTOR = "emulator_mfa"


def trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file := os.environ.get("CA_FILE"):
        context.load_verify_locations(cafile=ca_file)
    return context


def after_first_call() -> None:
    """Tells whoever runs the script that the first call is answered, and waits until they answer: time passes meanwhile."""
    if url := os.environ.get("AFTER_FIRST_CALL"):
        httpx2.get(url, timeout=DEADLINE_SECONDS).raise_for_status()


class Browser:
    """Follows authorize URLs; `claims` is what an application adds that was asked for them."""

    def __init__(self) -> None:
        self.visits: list[dict] = []
        self.claims: str | None = None

    def visit(self, url: str, *, drop: tuple[str, ...] = ()) -> dict[str, str]:
        """Signs in, and returns the parameters the redirect URI would be called with."""
        return parameters(self.redirection(url, drop=drop))

    def redirection(self, url: str, *, drop: tuple[str, ...] = ()) -> str:
        parts = urlsplit(url)
        query = [(name, value) for name, value in parse_qsl(parts.query) if name not in drop]
        if self.claims:
            query.append(("claims", self.claims))
        seen = dict(query)
        note = {name: seen.get(name) for name in ("prompt", "resource")}
        note |= {"scope": seen.get("scope", "").split(), "claims": "claims" in seen, "second_factor": False}
        self.visits.append(note)
        deeds = parse_qsl(os.environ["SIGN_IN"])
        # Nobody proves more than they are asked for.
        at_first = [deed for deed in deeds if deed[0] != SECOND_FACTOR]
        with httpx2.Client(verify=trust(), timeout=DEADLINE_SECONDS) as http:
            address = urlunsplit(parts._replace(query=urlencode(query)))
            if not parts.path.endswith("/oauth2/v2.0/authorize"):
                # What stands in front of Entra ID sends a person on to it, or shows them a page itself.
                response = http.get(address)
                address = response.headers.get("location")
            for willing in (at_first, deeds) if address else ():
                response = http.get(f"{address}&{urlencode(willing)}")
                if response.status_code == 302:
                    break
                note["second_factor"] = True
        if response.status_code != 302:
            title = response.text.partition("<title>")[2].partition("</title>")[0]
            note["answer"] = f"a page: {title}"
            raise RuntimeError(f"the sign-in stopped at the page {title!r}: {response.text[-400:]}")
        location = response.headers["location"]
        answer = parameters(location)
        note["answer"] = "code" if "code" in answer else answer.get("error_description", "").splitlines()[0]
        return location

    def call_back(self, url: str) -> None:
        """Signs in, and calls the redirect URI as a browser would, once somebody listens there."""
        location = self.redirection(url)
        with httpx2.Client(timeout=DEADLINE_SECONDS) as http:
            for _ in range(100):
                try:
                    http.get(location)
                    return
                except httpx2.ConnectError:
                    time.sleep(0.05)


def parameters(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
