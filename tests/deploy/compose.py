"""Reads deploy/compose.yaml as somebody else's strict reader of compose files does. Each fault is a line, and the exit code is 1."""

import copy
import pathlib
import sys

import yaml
from compose_spec import PyOptions

FILE = pathlib.Path(__file__).parent.parent.parent / "deploy/compose.yaml"

# A rule that finds nothing is none: changes that must be found. The path goes through the file.
TAMPERED = [
    (["services", "gateway", "enviroment"], {}),
    (["services", "gateway", "read_only"], "yes"),
    (["services", "gateway", "healthcheck", "test"], {"CMD": "probe"}),
    (["services", "gateway", "depends_on", "token-broker", "condition"], "healthy"),
    (["services", "gateway", "depends_on", "nobody"], {"condition": "service_started"}),
    (["services", "gateway", "volumes", 0], "nowhere:/state"),
    (["volumes", "state", "driver_options"], {}),
]


def faults(text):
    try:
        PyOptions(apply_merge=True).from_yaml(text).validate()
    except ValueError as error:
        yield str(error)
    file = yaml.safe_load(text)
    for name, service in file["services"].items():
        yield from (f"{name} waits for {other}, which is not there" for other in service.get("depends_on", {}) if other not in file["services"])
        sources = [line.partition(":")[0] for line in service.get("volumes", [])]
        yield from (f"{name} mounts {one}, which is no volume" for one in sources if not one.startswith(".") and one not in file["volumes"])


def self_test():
    right = yaml.safe_load(FILE.read_text())
    for path, value in TAMPERED:
        file = copy.deepcopy(right)
        inner = file
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value
        if not list(faults(yaml.safe_dump(file))):
            yield f"{path} = {value} is not found"


found = [*faults(FILE.read_text()), *self_test()]
print("\n".join(found) or f"compose.yaml is one, and {len(TAMPERED)} faults would be found")
sys.exit(1 if found else 0)
