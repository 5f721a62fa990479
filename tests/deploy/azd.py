"""Deploys the Bicep of deploy/azure, as azd would: what is Microsoft Graph's to Graph, the rest to nowhere.

    azd.py deploy PRINCIPAL CLIENT    what there is then, as JSON: outputs and resources. The ids are the broker's identity's;
                                      CA_FILE, DEPLOYER_ID, DEPLOYER_SECRET and what azd knows (MCP_*) are in the environment
    azd.py dump                       the same without a tenant, with made-up ids
    azd.py check                      what needs no Graph; each fault is a line, and the exit code is 1

Each file is read by two parsers: ours, which evaluates, and pycep, which somebody else wrote. Parameters are those of
main.parameters.json; resources are held to Microsoft's models by arm.py."""

import base64
import json
import os
import pathlib
import re
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request

import pycep
import yaml

import arm
from bicep import Fault, File, Resource

LOGIN = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/oauth2/v2.0/token"
GRAPH = "https://graph.microsoft.com"
ROOT = pathlib.Path(__file__).parent.parent.parent
INFRA = ROOT / "deploy/azure/infra"
PAGE = ROOT / "docs/install-container-apps.md"
# What azd has in its environment.
ENVIRONMENT = {
    "AZURE_ENV_NAME": "costs",
    "AZURE_LOCATION": "westeurope",
    "MCP_PUBLIC_URL": "https://mcp.contoso.com/mcp",
    "MCP_GATEWAY_IMAGE": "contoso.azurecr.io/mcp/gateway:0.1.0",
    "MCP_BROKER_IMAGE": "contoso.azurecr.io/mcp/token-broker:0.1.0",
    "MCP_REGISTRY": "contoso.azurecr.io",
}

# What certificates.sh adds, before the first deployment.
SECRETS = ["MCP_AUTHORITY", "MCP_BROKER_TLS", "MCP_GATEWAY_TLS", "MCP_CACHE_KEYS"]


class Graph:
    """Microsoft Graph's extension of Bicep: names are paths, and `uniqueName` is its own key, which Graph need not be told."""

    def __init__(self, client, secret, authority):
        self.context = ssl.create_default_context(cafile=authority)
        self.applications = {}
        form = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret, "scope": f"{GRAPH}/.default"}
        self.token = self.answer(urllib.request.Request(LOGIN, urllib.parse.urlencode(form).encode()))["access_token"]

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        return self.answer(urllib.request.Request(f"{GRAPH}/v1.0/{path}", data, headers, method=method))

    def answer(self, request):
        try:
            with urllib.request.urlopen(request, context=self.context) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Fault(f"{request.method} {request.full_url}: {error.code} {error.read().decode()}") from None

    def deploy(self, kind, body, existing):
        return {
            "applications": self.application,
            "applications/federatedIdentityCredentials": self.federated,
            "servicePrincipals": self.principal,
            "oauth2PermissionGrants": lambda body, _: self.ask("POST", "oauth2PermissionGrants", body),
            "appRoleAssignedTo": lambda body, _: self.ask("POST", f"servicePrincipals/{body['resourceId']}/appRoleAssignedTo", body),
        }[kind](body, existing)

    def application(self, body, existing):
        name = body["uniqueName"]
        if not existing:
            told = {key: value for key, value in body.items() if key != "uniqueName"}
            self.applications[name] = self.ask("POST", "applications", told) | {"uniqueName": name}
        if name not in self.applications:
            raise Fault(f"there is no application {name}")
        return self.applications[name]

    def federated(self, body, _):
        application, _, name = body["name"].rpartition("/")
        found = self.applications.get(application)
        if not found:
            raise Fault(f"{body['name']} is of no application: NotFound")
        return self.ask("POST", f"applications/{found['id']}/federatedIdentityCredentials", body | {"name": name})

    def principal(self, body, existing):
        if existing:
            return self.ask("GET", f"servicePrincipals(appId='{body['appId']}')")
        return self.ask("POST", "servicePrincipals", body)


class NoGraph(Graph):
    """One that answers with ids of its own."""

    def __init__(self):
        self.applications = {}

    def ask(self, method, path, body=None):
        return (body or {}) | {"id": f"id of {path}", "appId": f"app id of {(body or {}).get('displayName')}"}


class Azure:
    """Resources of Azure, each with what the rest asks of it."""

    def __init__(self, graph, identity):
        self.graph, self.identity, self.resources = graph, identity, []

    def deploy(self, kind, body, existing):
        provider, _, rest = kind.partition("/")
        if provider == "Microsoft.Graph":
            came = self.graph.deploy(rest, body, existing)
        else:
            came = {"id": f"/{kind}/{body['name']}", "properties": body.get("properties", {}) | self.came(kind, body)}
        self.resources.append({"type": kind, "existing": existing, "body": plain(body)})
        return came

    def came(self, kind, body):
        if kind == "Microsoft.App/containerApps":
            ingress = {"ingress": {"fqdn": f"{body['name']}.example.westeurope.azurecontainerapps.io"}}
            return {"configuration": ingress, "customDomainVerificationId": "A1B2"}
        return {
            "Microsoft.ManagedIdentity/userAssignedIdentities": self.identity_of(body),
            "Microsoft.KeyVault/vaults": {"vaultUri": f"https://{body['name']}.vault.azure.net/"},
            "Microsoft.Cache/redisEnterprise": {"hostName": f"{body['name']}.westeurope.redis.azure.net"},
            "Microsoft.OperationalInsights/workspaces": {"customerId": "22222222-0000-4000-8000-000000000002"},
        }.get(kind, {})

    def identity_of(self, body):
        other = {"principalId": "99990000-0000-4000-8000-000000000009", "clientId": "99990000-0000-4000-8000-00000000000a"}
        return self.identity if "broker" in body["name"] else other


def plain(value):
    """A body without other resources: its parent and what it waits for, and of its scope the name."""
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if name != "dependsOn" and not isinstance(inner, Resource)}
        scope = {"scope": value["scope"].body["name"]} if isinstance(value.get("scope"), Resource) else {}
        return {name: plain(inner) for name, inner in kept.items()} | scope
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def parameters(environment):
    """As azd fills them in: `${NAME}` must be there, `${NAME=default}` need not."""
    given = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]

    def filled(match):
        name, sign, default = re.fullmatch(r"(\w+)(=?)(.*)", match.group(1)).groups()
        if name not in environment and not sign:
            raise Fault(f"nobody sets {name}")
        return environment.get(name, default)

    values = {name: re.sub(r"\$\{([^}]*)\}", filled, one["value"]) for name, one in given.items()}
    return {name: {"true": True, "false": False}.get(value, value) for name, value in values.items()}


def deployed(graph, identity, environment):
    azure = Azure(graph, identity)
    return {"outputs": File(INFRA / "main.bicep", parameters(environment), azure.deploy).run(), "resources": azure.resources}


def made_up(environment):
    """Deployed to no tenant."""
    return deployed(NoGraph(), {"principalId": "principal", "clientId": "client"}, ENVIRONMENT | environment)


def with_secrets(**more):
    return made_up({name: base64.b64encode(name.encode()).decode() for name in SECRETS} | more)


def ids(name):
    """Of scopes and roles, in a deployment of this name."""
    resources = made_up({"AZURE_ENV_NAME": name})["resources"]
    api = [one["body"] for one in resources if one["type"] == "Microsoft.Graph/applications" and "api" in one["body"]][0]
    return [one["id"] for one in api["api"]["oauth2PermissionScopes"] + api["appRoles"]]


def check():
    texts = {path.name: path.read_text() for path in sorted(INFRA.rglob("*.bicep"))}
    for name, text in texts.items():
        try:
            pycep.BicepParser().parse(text=text)
        except Exception as error:
            yield f"{name}: pycep: {error}"
    # With the certificate of a second run, so that nothing that can be deployed is left out.
    yield from arm.faults(with_secrets(MCP_CERTIFICATE_ID="/certificates/mcp")["resources"], texts.values())
    yield from faults_of_project()
    first = ids("costs")
    if first != ids("costs"):
        yield "ids change from one deployment to the next: an enabled scope cannot be replaced"
    if set(first) & set(ids("other")) or len(set(first)) != 3:
        yield "ids are not the deployment's own"


def faults_of_project():
    """What azd reads first; and the names that are told to azd, or asked of it, are those of the deployment."""
    folder = INFRA.parent
    project = yaml.safe_load((folder / "azure.yaml").read_text())
    main = folder / project["infra"]["path"] / project["infra"]["module"]
    yield from (f"azure.yaml: there is no {main}{end}" for end in (".bicep", ".parameters.json") if not pathlib.Path(f"{main}{end}").exists())
    for hook, one in project["hooks"].items():
        if hook not in ("preprovision", "postprovision") or not os.access(folder / one["run"].split()[0], os.X_OK):
            yield f"azure.yaml: {hook} runs {one['run']}, and cannot"
    known = set(re.findall(r"\bMCP_\w+", (INFRA / "main.parameters.json").read_text())) | made_up({})["outputs"].keys()
    for path in (folder / "certificates.sh", PAGE):
        yield from (f"{path.name}: no deployment knows {name}" for name in sorted(set(re.findall(r"\bMCP_\w+", path.read_text())) - known))


def main(command, *identity):
    if command == "deploy":
        graph = Graph(os.environ["DEPLOYER_ID"], os.environ["DEPLOYER_SECRET"], os.environ["CA_FILE"])
        known = {name: value for name, value in os.environ.items() if name.startswith("MCP_")}
        print(json.dumps(deployed(graph, dict(zip(("principalId", "clientId"), identity)), ENVIRONMENT | known)))
        return 0
    if command == "dump":
        print(json.dumps(with_secrets()))
        return 0
    faults = list(check())
    print("\n".join(faults) or "the Bicep is read by both parsers, its resources are Azure's, and its ids are its own")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
