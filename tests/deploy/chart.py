"""Lints and renders the chart with every file of values, and holds what comes out to Kubernetes' own schemas.

    chart.py check            all of it; each fault is a line, and the exit code is 1
    chart.py render NAME      the objects of one file of values, as JSON
    chart.py operators        objects of operators whose words tests/clients/operators.mjs knows, of all files, as JSON
    chart.py package TO       packs it into a folder, and looks whether what was packed is all of it
    chart.py dump             the chart's own words, for the test that ties them to the code: schema, and objects by file
"""

import json
import os
import pathlib
import shutil
import sys
import tempfile

import helm_python
import kubernetes_validate
import yaml

import restricted
import vault
from agree import faults_of_release

HERE = pathlib.Path(__file__).parent
DEPLOY = HERE.parent.parent / "deploy"
CHART = DEPLOY / "helm/mcp-cost-server"
VALUES = {path.stem: path for path in sorted((HERE / "values").glob("*.yaml"))}
# The oldest that Chart.yaml allows, and the newest there is.
KUBERNETES = ["1.32", "1.37"]
# What Kubernetes itself does not know: checked by tests/clients/operators.mjs, and by vault.py.
OPERATORS = {"cert-manager.io/v1", "monitoring.coreos.com/v1"}
VAULT = "secrets-store.csi.x-k8s.io/v1"
RELEASE = {"name": "costs", "namespace": "mcp"}

# What must be refused, each with a word of the reason: by the schema, or because values do not go together.
REFUSED = [
    ({"replicas": 3}, "replicas"),
    ({"gateway": {"replica": 3}}, "replica"),
    ({"gateway": {"settings": {"GATEWAY_CALLS_PER_MINUT": 60}}}, "GATEWAY_CALLS_PER_MINUT"),
    ({"gateway": {"settings": {"GATEWAY_LISTEN": "0.0.0.0:80"}}}, "GATEWAY_LISTEN"),
    ({"gateway": {"settings": {"BROKER_AUDIENCES": "x"}}}, "BROKER_AUDIENCES"),
    ({"broker": {"files": {"BROKER_TLS_CERT_FILE": {"secret": "x"}}}}, "BROKER_TLS_CERT_FILE"),
    ({"broker": {"files": {"BROKER_TLS_CERT_FILE": {"secret": "x", "key": "y", "keyVault": "z"}}}}, "BROKER_TLS_CERT_FILE"),
    ({"broker": {"consumers": {"gateway": {"sans": ["dns:a"], "from": []}}}}, "gateway"),
    ({"broker": {"consumers": {"all": {"sans": ["dns:*.contoso.com"], "from": []}}}}, "sans"),
    ({"broker": {"consumers": {"all": {"sans": ["dns:a"]}}}}, "from"),
    ({"azure": {"tenantId": "common"}}, "tenantId"),
    ({"publicUrl": "http://mcp.contoso.com/mcp"}, "publicUrl"),
    ({"publicUrl": "https://mcp.contoso.com/mcp/"}, "publicUrl"),
    ({"redis": {"url": "redis://redis:6379"}}, "redis"),
    ({"redis": {"url": "rediss://redis:6379"}}, "BROKER_CACHE_KEY_FILE"),
    ({"gateway": {"tlsEndsAtProxy": True}}, "trustedProxies"),
    ({"certificates": {"gateway": {"source": "none"}}}, "tlsEndsAtProxy"),
    ({"certificates": {"gateway": {"source": "files"}}}, "GATEWAY_TLS_CERT_FILE"),
    ({"certificates": {"broker": {"source": "files"}}}, "GATEWAY_BROKER_CA_FILE"),
    ({"certificates": {"gatewayClient": {"source": "files", "sans": ["dns:a"]}}}, "GATEWAY_BROKER_CERT_FILE"),
    ({"certificates": {"gatewayClient": {"source": "spiffe"}}}, "BROKER_TLS_CLIENT_CA_FILE"),
    ({"broker": {"credential": {"kind": "certificate"}}}, "AZURE_CLIENT_CERTIFICATE_PATH"),
    ({"broker": {"credential": {"kind": "managedIdentity"}}}, "managedIdentityClientId"),
    ({"broker": {"credential": {"kind": "secret"}}}, "kind"),
    ({"files": {"EXTRA_CA_FILE": {"keyVault": "authority"}}}, "keyVault.name"),
]


def values_of(name):
    return helm_python.values_from_yaml(VALUES[name].read_text())


def render(chart, values):
    """The objects, in the order of their files."""
    chart.validate_schema(values)
    manifests = chart.render(values, **RELEASE)
    texts = [text for path, text in sorted(manifests.items()) if path.endswith(".yaml")]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def faults_of_object(one):
    where = f"{one['kind']} {one['metadata']['name']}"
    if one["apiVersion"] == VAULT:
        yield from (f"{where}: {fault}" for fault in vault.faults_of_class(one))
    elif one["apiVersion"] not in OPERATORS:
        for version in KUBERNETES:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{where}: Kubernetes {version}: {'.'.join(map(str, error.absolute_path))}: {error.message}"
            except kubernetes_validate.SchemaNotFoundError as error:
                yield f"{where}: {error.message}"
    if one["metadata"].get("namespace") != RELEASE["namespace"]:
        yield f"{where}: has no namespace"
    if one["kind"] == "Deployment":
        yield from (f"{where}: {fault}" for fault in restricted.faults_of_pod(one["spec"]["template"]))


def faults_of_values(chart, name):
    values = values_of(name)
    report = helm_python.chart.lint(CHART, values, strict=True, kube_version=f"v{KUBERNETES[0]}.0")
    yield from (f"lint: {message['error']}" for message in report["messages"] if message["severity"] > 1)
    yield from (f"lint: {error}" for error in report["errors"])
    objects = render(chart, values)
    if objects != render(chart, values):
        yield "is another one when it is rendered again: each upgrade would restart what did not change"
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    yield from (f"{kind} {name} is there twice" for kind, name in sorted(set(names)) if names.count((kind, name)) > 1)
    for one in objects:
        yield from faults_of_object(one)
    yield from faults_of_release(objects)
    if values.get("monitoring", {}).get("dashboards"):
        yield from faults_of_copies(objects)


def faults_of_copies(objects):
    """Dashboards and rules are those of deploy/, each once."""
    maps = [name for one in objects if one["kind"] == "ConfigMap" for name in one["data"] if name.endswith(".json")]
    dashboards = sorted(path.name for path in (DEPLOY / "dashboards").glob("*.json"))
    if sorted(maps) != dashboards:
        yield f"deploy/dashboards has {dashboards}, and the release {sorted(maps)}"
    files = [yaml.safe_load(path.read_text()) for path in (DEPLOY / "alerts").glob("*.yaml")]
    groups = sorted(group["name"] for file in files for group in file.get("groups", []))
    rules = [group["name"] for one in objects if one["kind"] == "PrometheusRule" for group in one["spec"]["groups"]]
    if sorted(rules) != groups:
        yield f"deploy/alerts has the groups {groups}, and the release {sorted(rules)}"


def merged(values, change):
    both = dict(values)
    for name, value in change.items():
        both[name] = merged(both[name], value) if isinstance(value, dict) and isinstance(both.get(name), dict) else value
    return both


def faults_of_refusals(chart):
    for change, word in REFUSED:
        try:
            render(chart, merged(values_of("workload-identity"), change))
            yield f"{json.dumps(change)} is not refused"
        except helm_python.HelmError as error:
            if word not in str(error):
                yield f"{json.dumps(change)}: `{word}` is not named: {error}"


def check(chart):
    faults = [f"restricted profile: {fault}" for fault in restricted.self_test()]
    faults += [f"vault: {fault}" for fault in vault.self_test()]
    faults += [f"refused: {fault}" for fault in faults_of_refusals(chart)]
    for name in VALUES:
        faults += [f"{name}: {fault}" for fault in faults_of_values(chart, name)]
    for fault in faults:
        print(fault)
    print(f"{len(VALUES)} files of values, {len(REFUSED)} refusals, Kubernetes {' and '.join(KUBERNETES)}: {len(faults)} faults")
    return 1 if faults else 0


def package(chart, destination):
    """Dashboards and rules are links here, and files in what is packed. Times are those of SOURCE_DATE_EPOCH."""
    with tempfile.TemporaryDirectory() as folder:
        copied = pathlib.Path(shutil.copytree(CHART, pathlib.Path(folder) / CHART.name))
        for path in copied.rglob("*"):
            os.utime(path, (int(os.environ["SOURCE_DATE_EPOCH"]),) * 2)
        archive = pathlib.Path(helm_python.package(copied, destination=destination))
    with helm_python.Chart.load_archive(archive.read_bytes()) as packed:
        other = [name for name in VALUES if render(packed, values_of(name)) != render(chart, values_of(name))]
    if other:
        raise SystemExit(f"{archive.name} renders {', '.join(other)} in another way than the folder does")


def main(command, *names):
    with helm_python.Chart.load(CHART) as chart:
        if command == "check":
            return check(chart)
        if command == "render":
            print(json.dumps(render(chart, values_of(*names))))
        elif command == "package":
            package(chart, *names)
        elif command == "operators":
            objects = [one for name in VALUES for one in render(chart, values_of(name))]
            print(json.dumps([one for one in objects if one["apiVersion"] in OPERATORS]))
        elif command == "dump":
            objects = {name: render(chart, values_of(name)) for name in VALUES}
            print(json.dumps({"schema": chart.schema, "objects": objects}))
        else:
            raise SystemExit(__doc__)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
