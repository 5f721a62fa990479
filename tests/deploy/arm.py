"""Holds resources of Azure to the models of Microsoft's own Python SDK, of the very versions that the Bicep names.

A parser of Bicep knows no property of any resource: that is the compiler's part, which needs the network. The SDK's models say of
each its name on the wire, its type, whether it must be there, and the words of each closed list."""

import copy
import importlib
import inspect
import pathlib
import re

# The module whose models are of the type's version, and the model.
MODELS = {
    "Microsoft.App/containerApps@2025-01-01": ("appcontainers", "ContainerApp"),
    "Microsoft.App/managedEnvironments@2025-01-01": ("appcontainers", "ManagedEnvironment"),
    "Microsoft.Authorization/roleAssignments@2022-04-01": ("authorization.v2022_04_01", "RoleAssignmentCreateParameters"),
    "Microsoft.Cache/redisEnterprise@2025-07-01": ("redisenterprise", "Cluster"),
    "Microsoft.Cache/redisEnterprise/databases@2025-07-01": ("redisenterprise", "Database"),
    "Microsoft.KeyVault/vaults@2024-11-01": ("keyvault", "VaultCreateOrUpdateParameters"),
    "Microsoft.KeyVault/vaults/secrets@2024-11-01": ("keyvault", "SecretCreateOrUpdateParameters"),
    "Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30": ("msi.v2024_11_30", "Identity"),
    "Microsoft.OperationalInsights/workspaces@2025-07-01": ("loganalytics", "Workspace"),
}
# Of a resource, and in no body.
BICEP = {"name", "scope", "parent", "dependsOn"}
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object}

# A rule that finds nothing is none: what must be found, with the first resource of a type. The path goes through its body.
TAMPERED = [
    ("Microsoft.App/containerApps", ["properties", "configuration", "ingress", "externl"], True),
    ("Microsoft.App/containerApps", ["properties", "configuration", "ingress", "exposedPort"], "50051"),
    ("Microsoft.App/containerApps", ["properties", "configuration", "ingress", "transport"], "tls"),
    ("Microsoft.App/containerApps", ["properties", "template", "containers", 0, "probes", 0, "type"], "Ready"),
    ("Microsoft.App/containerApps", ["properties", "template", "volumes"], {}),
    ("Microsoft.App/managedEnvironments", ["location"], None),
    ("Microsoft.Authorization/roleAssignments", ["properties", "principalType"], "Robot"),
    ("Microsoft.Authorization/roleAssignments", ["properties", "roleDefinition"], "x"),
    ("Microsoft.Cache/redisEnterprise/databases", ["properties", "evictPolicy"], "VolatileTTL"),
    ("Microsoft.KeyVault/vaults", ["properties", "tenantId"], None),
    ("Microsoft.KeyVault/vaults/secrets", ["properties", "values"], "x"),
    ("Microsoft.OperationalInsights/workspaces", ["properties", "retentionInDays"], "30"),
]


def faults(resources, texts):
    """Of what was deployed, and of the files' texts, which name the versions."""
    named = set(re.findall(r"'(Microsoft\.(?!Graph/|Resources/)[\w./]+@[\w-]+)'", "\n".join(texts)))
    if named != MODELS.keys():
        yield f"versions that no model here is of, or that no file names: {sorted(named ^ MODELS.keys())}"
        return
    models = {name.partition("@")[0]: of for name, of in MODELS.items()}
    yield from (f"{name}: the models are of another version" for name, (module, _) in MODELS.items() if not is_of(module, name.partition("@")[2]))
    ours = [one for one in resources if one["type"] in models and not one["existing"]]
    for one in ours:
        yield from (f"{one['type']} {one['body']['name']}: {fault}" for fault in faults_of(one, models))
    for kind, path, value in TAMPERED:
        one = copy.deepcopy(next(one for one in ours if one["type"] == kind))
        inner = one["body"]
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        if not list(faults_of(one, models)):
            yield f"{kind}: {'.'.join(map(str, path))} = {value} is not found"


def is_of(module, version):
    folder = pathlib.Path(importlib.import_module(f"azure.mgmt.{module}").__file__).parent
    return version.replace("-", "_") in module or f'"{version}"' in (folder / "_configuration.py").read_text()


def faults_of(one, models):
    module, name = models[one["type"]]
    body = {key: value for key, value in one["body"].items() if key not in BICEP}
    return in_model(body, getattr(importlib.import_module(f"azure.mgmt.{module}.models"), name), "")


def in_value(value, kind, model, attribute, where):
    """Of a value whose type is written as `str`, `[Name]`, `{Name}` or `Name`."""
    if kind[0] + kind[-1] in ("[]", "{}"):
        wanted = list if kind[0] == "[" else dict
        if not isinstance(value, wanted):
            yield f"{where} is no {wanted.__name__}"
            return
        for key, inner in enumerate(value) if wanted is list else value.items():
            yield from in_value(inner, kind[1:-1], model, attribute, f"{where}.{key}")
    elif kind in PLAIN:
        if not isinstance(value, PLAIN[kind]) or (kind in ("int", "float") and isinstance(value, bool)):
            yield f"{where} is no {kind}: {value!r}"
        words = words_of(model, attribute)
        if kind == "str" and words and value not in words:
            yield f"{where} is none of {words}: {value!r}"
    elif hasattr(models_of(model), kind):
        found = getattr(models_of(model), kind)
        yield from in_model(value, found, where) if hasattr(found, "_attribute_map") else ()


def in_model(value, model, where):
    """Of an object. Keys such as `properties.template` are of an object within, which has no model of its own."""
    if not isinstance(value, dict):
        yield f"{where} is no object"
        return
    known = {tuple(of["key"].split(".")): (name, of["type"]) for name, of in model._attribute_map.items()}
    for path, inner in leaves(value, known, ()):
        place = ".".join(filter(None, [where, *path]))
        if path not in known:
            yield f"{place} is unknown"
        elif inner is not None:
            name, kind = known[path]
            if model._validation.get(name, {}).get("readonly"):
                yield f"{place} is Azure's to say"
            yield from in_value(inner, kind, model, name, place)
    for path, (name, _) in known.items():
        if model._validation.get(name, {}).get("required") and at(value, path) is None:
            yield f"{'.'.join(filter(None, [where, *path]))} is missing"


def leaves(value, known, before):
    for key, inner in value.items():
        path = before + (key,)
        is_within = any(one[: len(path)] == path for one in known) and path not in known
        if is_within and isinstance(inner, dict):
            yield from leaves(inner, known, path)
        else:
            yield path, inner


def at(value, path):
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def models_of(model):
    return importlib.import_module(model.__module__.rpartition(".")[0])


def words_of(model, attribute):
    """Of a closed list: it stands in the constructor, as one of the two types that are taken."""
    taken = inspect.signature(model.__init__).parameters.get(attribute)
    found = re.search(r"_models\.(\w+)", str(taken.annotation)) if taken else None
    words = getattr(models_of(model), found[1], None) if found else None
    return [one.value for one in words] if hasattr(words, "__members__") else []
