"""What the Secrets Store CSI driver and its provider for Azure Key Vault take, as their pages have it.

https://secrets-store-csi-driver.sigs.k8s.io/concepts#secretproviderclass
https://azure.github.io/secrets-store-csi-driver-provider-azure/docs/getting-started/usage

To Kubernetes the parameters are any texts, and the provider does not read a name that it does not know: a wrong word would be
noticed by whoever waits for a file that never comes."""

import copy

import jsonschema
import yaml

UUID = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}
FLAG = {"enum": ["true", "false"]}
TEXT = {"type": "string", "minLength": 1}


def closed(required, **properties):
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


PARAMETERS = closed(
    ["clientID", "keyvaultName", "objects", "tenantID"],
    clientID=UUID,
    cloudEnvFileName=TEXT,
    cloudName={"enum": ["AzurePublicCloud", "AzureUSGovernmentCloud", "AzureChinaCloud"]},
    keyvaultName={"type": "string", "pattern": "^[A-Za-z][0-9A-Za-z-]{2,23}$"},
    objects=TEXT,
    # `tenantId` is the older name, which the provider's log says it will take no longer one day.
    tenantID=UUID,
    usePodIdentity=FLAG,
    useVMManagedIdentity=FLAG,
    userAssignedIdentityID=UUID,
)
CLASS = closed(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "secrets-store.csi.x-k8s.io/v1"},
    kind={"const": "SecretProviderClass"},
    metadata={"type": "object"},
    spec=closed(["provider", "parameters"], provider={"const": "azure"}, parameters=PARAMETERS, secretObjects={"type": "array"}),
)
# `objects` is YAML in a text: a list of texts, and each is YAML again.
OBJECTS = closed(["array"], array={"type": "array", "minItems": 1, "items": TEXT})
OBJECT = closed(
    ["objectName", "objectType"],
    filePermission=TEXT,
    objectAlias=TEXT,
    objectEncoding={"enum": ["utf-8", "hex", "base64"]},
    objectFormat={"enum": ["pem", "pfx"]},
    objectName={"type": "string", "pattern": "^[0-9A-Za-z-]{1,127}$"},
    objectType={"enum": ["secret", "key", "cert"]},
    objectVersion=TEXT,
    objectVersionHistory={"type": "integer"},
)
RIGHT = {
    "apiVersion": "secrets-store.csi.x-k8s.io/v1",
    "kind": "SecretProviderClass",
    "metadata": {"name": "x"},
    "spec": {
        "provider": "azure",
        "parameters": {
            "clientID": "22223333-cccc-4444-dddd-5555eeee6666",
            "keyvaultName": "contoso-mcp",
            "objects": "array:\n  - |\n    objectName: x\n    objectType: secret\n",
            "tenantID": "aaaabbbb-0000-cccc-1111-dddd2222eeee",
        },
    },
}
# Changes of the parameters, each of which must be found.
TAMPERED = [
    {"clientId": "22223333-cccc-4444-dddd-5555eeee6666"},
    {"tenantID": "contoso.com"},
    {"usePodIdentity": False},
    {"cloudName": "AzureUSGovernment"},
    {"objects": "- objectName: x\n"},
    {"objects": "array:\n  - objectName: x\n    objectType: secret\n"},
    {"objects": "array:\n  - |\n    objectName: x\n    objectType: certificate\n"},
    {"objects": "array:\n  - |\n    name: x\n    objectType: secret\n"},
]


def faults_of_class(one):
    """Of a SecretProviderClass."""
    faults = list(faults_of(one, CLASS))
    if not faults:
        objects = yaml.safe_load(one["spec"]["parameters"]["objects"])
        faults = list(faults_of(objects, OBJECTS))
        for text in [] if faults else objects["array"]:
            faults += faults_of(yaml.safe_load(text), OBJECT)
    return faults


def faults_of(value, schema):
    for error in jsonschema.Draft202012Validator(schema).iter_errors(value):
        yield f"{'.'.join(map(str, error.absolute_path))}: {error.message}"


def self_test():
    """A schema that finds nothing is none."""
    yield from (f"a right class has the fault {fault}" for fault in faults_of_class(RIGHT))
    for change in TAMPERED:
        one = copy.deepcopy(RIGHT)
        one["spec"]["parameters"] |= change
        if not faults_of_class(one):
            yield f"{change} is not found"
