"""Microsoft's own Python client (PyPI `msal`) doing On-Behalf-Of, unchanged, against an authority.

    OBO_AUTHORITY=https://localhost:8443/<tenant> OBO_CLIENT_ID=... OBO_CERTIFICATE=pair.pem \\
    OBO_ASSERTION=<the user's token> CA_FILE=ca.pem msal_python_obo.py [--claims JSON] [--cp1] [--sha1]

OBO_CERTIFICATE is a PEM file with the private key and its certificate. Prints one JSON line: whether a
token came and when it expires (never the token itself: its SHA-256), or what the authority answered.
Exit code 0 with a token, 3 if the authority refused, 1 if it never came to an answer.
"""

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

# Both override `verify`, and would hide the CA file below.
for override in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(override, None)

import msal  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402

ARM = "https://management.azure.com/.default"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="On-Behalf-Of with msal for Python.")
    parser.add_argument("--claims", help="a claims challenge to satisfy, as JSON")
    parser.add_argument("--cp1", action="store_true", help="declare the client capability cp1")
    parser.add_argument("--sha1", action="store_true", help="sign RS256 with an x5t thumbprint, as old clients do")
    return parser.parse_args()


def setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        sys.exit(f"msal_python_obo: {name} is not set")
    return value


def credential(sha1: bool) -> dict:
    pem = Path(setting("OBO_CERTIFICATE")).read_text()
    if not sha1:
        return {"private_key": pem, "public_certificate": pem}
    thumbprint = x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA1()).hex()
    return {"private_key": pem, "thumbprint": thumbprint}


def acquire(args: argparse.Namespace) -> dict:
    authority = setting("OBO_AUTHORITY")
    application = msal.ConfidentialClientApplication(
        setting("OBO_CLIENT_ID"),
        client_credential=credential(args.sha1),
        authority=authority,
        # A private authority is in no public list of clouds.
        instance_discovery=None if urlsplit(authority).hostname == "login.microsoftonline.com" else False,
        client_capabilities=["cp1"] if args.cp1 else None,
        verify=os.environ.get("CA_FILE") or True,
        timeout=30,
    )
    scopes = [os.environ.get("OBO_SCOPE", ARM)]
    return application.acquire_token_on_behalf_of(setting("OBO_ASSERTION"), scopes, claims_challenge=args.claims)


def report(answer: dict) -> dict:
    client = f"msal {msal.__version__} (Python)"
    token = answer.get("access_token")
    if token is None:
        kept = ("error", "suberror", "error_codes", "error_description", "claims")
        return {"client": client, "ok": False, **{key: answer[key] for key in kept if key in answer}}
    return {
        "client": client,
        "ok": True,
        "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
        "expires_in": answer["expires_in"],
        "token_type": answer["token_type"],
        "scope": answer.get("scope"),
        "source": answer.get("token_source"),
    }


if __name__ == "__main__":
    try:
        outcome = report(acquire(arguments()))
    except Exception as error:
        sys.exit(f"msal_python_obo: {type(error).__name__}: {error}")
    print(json.dumps(outcome))
    sys.exit(0 if outcome["ok"] else 3)
