"""What must agree between the objects of one release: who selects whom, which port is meant, where a file lies, whose name a
certificate has. Kubernetes takes each object by itself, and says nothing where two do not fit."""

import posixpath
import tomllib

import yaml


def faults_of_release(objects):
    release = Release(objects)
    for rule in (selectors, ports, probes, files, names, identity, vaults, mutual_tls, network, scaling, monitors):
        yield from (f"{rule.__name__}: {fault}" for fault in rule(release))


class Release:
    def __init__(self, objects):
        self.objects = objects
        self.pods = {one["metadata"]["name"].rpartition("-")[2]: one["spec"]["template"] for one in self.all("Deployment")}

    def all(self, kind):
        return [one for one in self.objects if one["kind"] == kind]

    def selected(self, selector):
        """The components whose pods a selector's labels choose."""
        labels = selector.items()
        return [name for name, pod in self.pods.items() if labels <= pod["metadata"]["labels"].items()]

    def container(self, component):
        return self.pods[component]["spec"]["containers"][0]

    def environment(self, component):
        return {one["name"]: one["value"] for one in self.container(component)["env"]}

    def ports(self, component):
        return {port["name"]: port["containerPort"] for port in self.container(component)["ports"]}

    def listens(self, component):
        """Ports by the setting, where it is not loopback that is listened on."""
        listening = {name: value for name, value in self.environment(component).items() if name.endswith("_LISTEN")}
        return {name: int(value.rpartition(":")[2]) for name, value in listening.items() if not value.startswith("127.")}


def own(one):
    return one["metadata"]["labels"]["app.kubernetes.io/component"]


def selectors(release):
    for one in release.objects:
        spec = one.get("spec", {})
        selector = {
            "Deployment": lambda: spec["selector"]["matchLabels"],
            "PodDisruptionBudget": lambda: spec["selector"]["matchLabels"],
            "Service": lambda: spec["selector"],
        }.get(one["kind"])
        if selector and release.selected(selector()) != [own(one)]:
            yield f"{one['kind']} {one['metadata']['name']} selects {release.selected(selector())}"
    for component, pod in release.pods.items():
        for constraint in pod["spec"]["topologySpreadConstraints"]:
            if release.selected(constraint["labelSelector"]["matchLabels"]) != [component]:
                yield f"{component} is spread over pods of others"


def ports(release):
    for component in release.pods:
        listens = set(release.listens(component).values())
        named = release.ports(component)
        # The admin port of a gateway without a certificate is on loopback.
        missing = listens - set(named.values())
        dead = {name for name, port in named.items() if port not in listens} - {"admin"}
        if missing or dead:
            yield f"{component} listens on {sorted(listens)} and names {named}"
    for service in release.all("Service"):
        for port in service["spec"]["ports"]:
            number = release.ports(own(service)).get(port["targetPort"])
            if number not in release.listens(own(service)).values():
                yield f"Service {service['metadata']['name']} leads to {port['targetPort']}, where nobody listens"
    for ingress in release.all("Ingress"):
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            backend = path["backend"]["service"]
            known = [s for s in release.all("Service") if s["metadata"]["name"] == backend["name"]]
            if not known or backend["port"]["name"] not in [port["name"] for port in known[0]["spec"]["ports"]]:
                yield f"Ingress leads to {backend}"


def probes(release):
    paths = {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    for component in release.pods:
        health = [port for name, port in release.listens(component).items() if name.endswith("_HEALTH_LISTEN")]
        for kind, path in paths.items():
            asked = release.container(component)[kind]["httpGet"]
            if [release.ports(component).get(asked["port"])] != health or asked["path"] != path or "scheme" in asked:
                yield f"{component}: {kind} asks {asked}"


def files(release):
    for component, pod in release.pods.items():
        volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
        mounts = {mount["mountPath"]: mount["name"] for mount in release.container(component).get("volumeMounts", [])}
        if sorted(mounts.values()) != sorted(volumes):
            yield f"{component} mounts {sorted(mounts.values())} and has {sorted(volumes)}"
        asked = set()
        for name, path in release.environment(component).items():
            if not name.endswith(("_FILE", "_PATH")):
                continue
            folder, key = posixpath.split(path)
            asked.add((mounts.get(folder), key))
            if key not in keys_of(release, component, volumes.get(mounts.get(folder), {})):
                yield f"{component}: {name} is {path}, where no volume has it"
        for volume in volumes.values():
            for key in keys_of(release, component, volume):
                if (volume["name"], key) not in asked:
                    yield f"{component} is given {key} of {volume['name']}, which no setting names"


def keys_of(release, component, volume):
    if "csi" in volume:
        attributes = volume["csi"]["volumeAttributes"]
        classes = {one["metadata"]["name"]: one for one in release.all("SecretProviderClass")}
        if "secretProviderClass" not in attributes:
            return ["tls.crt", "tls.key"]
        objects = yaml.safe_load(classes[attributes["secretProviderClass"]]["spec"]["parameters"]["objects"])["array"]
        return [yaml.safe_load(one)["objectName"] for one in objects]
    source = volume.get("secret") or volume.get("configMap") or {}
    return [item["key"] for item in source.get("items", [])]


def names(release):
    maps = {one["metadata"]["name"]: one["data"] for one in release.all("ConfigMap")}
    accounts = {one["metadata"]["name"] for one in release.all("ServiceAccount")}
    for component, pod in release.pods.items():
        account = pod["spec"]["serviceAccountName"]
        if accounts and account not in accounts:
            yield f"{component} runs as {account}, which is not there"
        for volume in pod["spec"].get("volumes", []):
            source = volume.get("configMap", {})
            ours = source.get("name", "").startswith(("costs-mcp-cost-server-", "costs-policy", "costs-consumers"))
            for item in source.get("items", []) if ours else []:
                if item["key"] not in maps.get(source["name"], {}):
                    yield f"ConfigMap {source['name']} has no {item['key']}"


def identity(release):
    """Workload identity acts on a pod with its label, in the name that the account has for it: that of the application."""
    accounts = {one["metadata"]["name"]: one["metadata"].get("annotations") or {} for one in release.all("ServiceAccount")}
    for component, pod in release.pods.items():
        environment = release.environment(component)
        kinds = {"AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_MANAGED_IDENTITY_CLIENT_ID"} & environment.keys()
        acts = pod["metadata"]["labels"].get("azure.workload.identity/use") == "true"
        if acts != (component == "broker" and not kinds):
            yield f"{component}: workload identity acts on it: {acts}, and it has {sorted(kinds)}"
        told = accounts.get(pod["spec"]["serviceAccountName"], {})
        names = [told.get(f"azure.workload.identity/{name}-id") for name in ("client", "tenant")]
        if acts and names != [environment["AZURE_CLIENT_ID"], environment["AZURE_TENANT_ID"]]:
            yield f"{component}: its account is that of {names}"


def vaults(release):
    """Key Vault's provider has names of its own for the clouds."""
    names = {"AzureCloud": "AzurePublicCloud", "AzureUSGovernment": "AzureUSGovernmentCloud", "AzureChinaCloud": "AzureChinaCloud"}
    for one in release.all("SecretProviderClass"):
        cloud, told = release.environment(own(one))["AZURE_CLOUD"], one["spec"]["parameters"]["cloudName"]
        if told != names[cloud]:
            yield f"{one['metadata']['name']}: the vault is looked for in {told}, and the cloud is {cloud}"


def mutual_tls(release):
    """Both are known by names: that which is dialled, and that of the consumers file."""
    certificates = {one["spec"]["secretName"]: one["spec"] for one in release.all("Certificate")}
    environment = release.environment("gateway")
    dialled = environment["GATEWAY_BROKER_URL"].removeprefix("https://").rpartition(":")
    services = {f"{one['metadata']['name']}.{one['metadata']['namespace']}.svc": one for one in release.all("Service")}
    service = services.get(dialled[0])
    if not service or own(service) != "broker" or int(dialled[2]) not in [port["port"] for port in service["spec"]["ports"]]:
        yield f"no Service of the broker is {environment['GATEWAY_BROKER_URL']}"
    elif service["spec"].get("clusterIP") != "None":
        yield "the broker's Service has a cluster address: one connection would hold all calls"
    secret = posixpath.basename(posixpath.dirname(release.environment("broker")["BROKER_TLS_CERT_FILE"]))
    if secret in certificates and dialled[0] not in certificates[secret]["dnsNames"]:
        yield f"the broker's certificate is for {certificates[secret]['dnsNames']}, and {dialled[0]} is dialled"
    consumers = [one for one in release.all("ConfigMap") if "consumers.toml" in one["data"]][0]["data"]["consumers.toml"]
    sans = tomllib.loads(consumers)["consumers"]["gateway"]["sans"]
    path = environment["GATEWAY_BROKER_CERT_FILE"]
    secret = posixpath.basename(posixpath.dirname(path))
    if secret in certificates and sans != [f"dns:{name}" for name in certificates[secret]["dnsNames"]]:
        yield f"the gateway's certificate is for {certificates[secret]['dnsNames']}, and consumers.toml says {sans}"
    account = release.pods["gateway"]["spec"]["serviceAccountName"]
    if path.startswith("/run/mcp/spiffe/") and sans != [f"spiffe://contoso.com/ns/mcp/sa/{account}"]:
        yield f"the gateway runs as {account}, and consumers.toml says {sans}"
    issuers = {one["metadata"]["name"] for one in release.all("Issuer")}
    for spec in certificates.values():
        if spec["issuerRef"]["kind"] == "Issuer" and spec["issuerRef"]["name"] not in issuers:
            yield f"no Issuer is called {spec['issuerRef']['name']}"


def network(release):
    policies = {one["metadata"]["name"].rpartition("-")[2]: one["spec"] for one in release.all("NetworkPolicy")}
    if not policies:
        return
    if not {"gateway", "broker"} <= set(policies):
        yield f"policies are for {sorted(policies)}"
    for component in release.pods:
        spec = policies[component]
        if release.selected(spec["podSelector"]["matchLabels"]) != [component] or len(spec["policyTypes"]) != 2:
            yield f"that of {component} selects {spec['podSelector']}, {spec['policyTypes']}"
        for rule in spec["ingress"]:
            for port in rule["ports"]:
                if port["port"] not in release.ports(component):
                    yield f"{component} has no port {port['port']}"
                if port["port"] == "admin" and not all(rule.get("from", [{}])):
                    yield f"everybody may scrape the {component}"
    consumers = [one for one in release.all("ConfigMap") if "consumers.toml" in one["data"]][0]["data"]["consumers.toml"]
    listed = len(tomllib.loads(consumers)["consumers"])
    for rule in policies["broker"]["ingress"]:
        for port in rule["ports"]:
            if port["port"] == "grpc":
                ours = [peer for peer in rule.get("from", []) if set(peer) == {"podSelector"}]
                let_in = [release.selected(peer["podSelector"]["matchLabels"]) for peer in ours]
                if let_in != [["gateway"]] or len(rule["from"]) != listed:
                    yield f"the broker is reached by {rule.get('from', 'everybody')}"
    reaches = [peer for rule in policies["gateway"]["egress"] if rule["ports"][0]["port"] == 50051 for peer in rule["to"]]
    if [release.selected(peer["podSelector"]["matchLabels"]) for peer in reaches] != [["broker"]]:
        yield f"the gateway reaches {reaches}"
    yield from redis(release, policies)


def redis(release, policies):
    url = release.environment("broker").get("BROKER_REDIS_URL")
    if not url:
        return
    port = int(url.rpartition(":")[2].partition("/")[0])
    if port not in [p["port"] for rule in policies["broker"]["egress"] for p in rule["ports"]]:
        yield f"the broker does not reach {url}"
    if port in [p["port"] for rule in policies["gateway"]["egress"] for p in rule["ports"]]:
        yield "the gateway reaches Redis"
    let_in = [peer for rule in policies["redis"]["ingress"] for peer in rule["from"]]
    if [release.selected(peer["podSelector"]["matchLabels"]) for peer in let_in] != [["broker"]]:
        yield f"Redis is reached by {let_in}"


def scaling(release):
    deployments = {one["metadata"]["name"]: one["spec"] for one in release.all("Deployment")}
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in release.all("HorizontalPodAutoscaler")}
    for name, spec in deployments.items():
        if ("replicas" in spec) == (name in scaled):
            yield f"{name}: how many there are is said by both, or by nobody"
    yield from (f"{name} is scaled and is not there" for name in scaled - set(deployments))
    budgets = {own(one): one["spec"] for one in release.all("PodDisruptionBudget")}
    for component in release.pods:
        if budgets.get(component, {}).get("maxUnavailable") != 1:
            yield f"{component}: a node could not be drained, or too many drained at once"


def monitors(release):
    services = release.all("Service")
    certificates = {one["spec"]["secretName"]: one["spec"].get("dnsNames", []) for one in release.all("Certificate")}
    for monitor in release.all("ServiceMonitor"):
        labels = monitor["spec"]["selector"]["matchLabels"].items()
        found = [one for one in services if labels <= one["metadata"]["labels"].items()]
        known = [port["name"] for one in found for port in one["spec"]["ports"]]
        for endpoint in monitor["spec"]["endpoints"]:
            if len(found) != 1 or endpoint["port"] not in known or endpoint["scheme"] != "https":
                yield f"{monitor['metadata']['name']} asks {endpoint}, and there is {known}"
            told = endpoint["tlsConfig"]
            # One of the release's own; another is of whoever made it.
            secret = told.get("ca", {}).get("secret", {}).get("name", "")
            if secret.startswith("costs-") and told["serverName"] not in certificates.get(secret, []):
                yield f"{monitor['metadata']['name']} wants {told['serverName']} by {secret}, which has {certificates.get(secret)}"
