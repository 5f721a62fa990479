"""Kubernetes' Pod Security Standard "restricted", as a list, and what we ask for beyond it.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

import copy

# Kinds of volume that the profile allows.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}

# AppArmor, SELinux, how /proc is seen, processes of a Windows host: the profile allows some values, and we need none.
OF_THE_RUNTIME = {"appArmorProfile", "procMount", "seLinuxOptions", "windowsOptions"}

# Rules for the pod, and for each container: what must be true.
POD = {
    "no namespace of the host": lambda pod: not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
    "not root": lambda pod: pod["securityContext"]["runAsNonRoot"] is True,
    "a user that is a number and not 0": lambda pod: pod["securityContext"]["runAsUser"] > 0,
    "seccomp of the runtime": lambda pod: pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault",
    "volumes of the allowed kinds": lambda pod: all(set(volume) - {"name"} <= VOLUMES for volume in pod.get("volumes", [])),
    "no sysctls": lambda pod: "sysctls" not in pod["securityContext"],
    "the pod is what its runtime makes of it": lambda pod: not OF_THE_RUNTIME & pod["securityContext"].keys(),
    # Beyond the profile.
    "no token of Kubernetes": lambda pod: pod["automountServiceAccountToken"] is False,
    "time to end": lambda pod: pod["terminationGracePeriodSeconds"] >= delay_and_drain(pod),
    "spread": lambda pod: pod["topologySpreadConstraints"],
    "nothing mounted that can be written but room of the pod's own, with a limit": lambda pod: all(
        mount.get("readOnly") or mount["name"] in rooms(pod) for one in pod["containers"] for mount in one.get("volumeMounts", [])
    ),
}
CONTAINER = {
    "no more rights than it has": lambda one: one["securityContext"]["allowPrivilegeEscalation"] is False,
    "not privileged": lambda one: not one["securityContext"].get("privileged"),
    "no capability": lambda one: one["securityContext"]["capabilities"] == {"drop": ["ALL"]},
    "not root": lambda one: one["securityContext"].get("runAsNonRoot", True) is True,
    "no user of its own": lambda one: "runAsUser" not in one["securityContext"],
    "no seccomp of its own": lambda one: "seccompProfile" not in one["securityContext"],
    "no port of the host": lambda one: not any("hostPort" in port for port in one["ports"]),
    "it is what its runtime makes of it": lambda one: not OF_THE_RUNTIME & one["securityContext"].keys(),
    # From 1.34 on.
    "no probe of another host": lambda one: not any("host" in how for how in asked(one) if isinstance(how, dict)),
    # Beyond the profile.
    "read-only root": lambda one: one["securityContext"]["readOnlyRootFilesystem"] is True,
    "processor asked for": lambda one: one["resources"]["requests"]["cpu"],
    "memory limited": lambda one: one["resources"]["limits"]["memory"],
    "three probes": lambda one: all(f"{kind}Probe" in one for kind in ("startup", "liveness", "readiness")),
}

# What each rule is there for: a change that it must find. The path goes through the pod; 0 is the container.
TAMPERED = {
    "no namespace of the host": (["hostNetwork"], True),
    "a user that is a number and not 0": (["securityContext", "runAsUser"], 0),
    "seccomp of the runtime": (["securityContext", "seccompProfile", "type"], "Unconfined"),
    "volumes of the allowed kinds": (["volumes"], [{"name": "x", "hostPath": {"path": "/"}}]),
    "no sysctls": (["securityContext", "sysctls"], []),
    "the pod is what its runtime makes of it": (["securityContext", "seLinuxOptions"], {"type": "spc_t"}),
    "no token of Kubernetes": (["automountServiceAccountToken"], True),
    "time to end": (["terminationGracePeriodSeconds"], 30),
    "spread": (["topologySpreadConstraints"], []),
    "no more rights than it has": (["containers", 0, "securityContext", "allowPrivilegeEscalation"], True),
    "not privileged": (["containers", 0, "securityContext", "privileged"], True),
    "no capability": (["containers", 0, "securityContext", "capabilities"], {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}),
    "not root": (["containers", 0, "securityContext", "runAsNonRoot"], False),
    "no user of its own": (["containers", 0, "securityContext", "runAsUser"], 0),
    "no seccomp of its own": (["containers", 0, "securityContext", "seccompProfile"], {"type": "Unconfined"}),
    "no port of the host": (["containers", 0, "ports"], [{"hostPort": 80}]),
    "it is what its runtime makes of it": (["containers", 0, "securityContext", "procMount"], "Unmasked"),
    "no probe of another host": (["containers", 0, "livenessProbe"], {"httpGet": {"host": "169.254.169.254"}}),
    "read-only root": (["containers", 0, "securityContext", "readOnlyRootFilesystem"], False),
    "processor asked for": (["containers", 0, "resources"], {"requests": {}, "limits": {"memory": "1Gi"}}),
    "memory limited": (["containers", 0, "resources"], {"requests": {"cpu": 1}, "limits": {}}),
    "three probes": (["containers", 0, "livenessProbe"], None),
    "nothing mounted that can be written but room of the pod's own, with a limit": (
        ["containers", 0, "volumeMounts"], [{"name": "x", "readOnly": False}]
    ),
}
RIGHT = {
    "automountServiceAccountToken": False,
    "terminationGracePeriodSeconds": 45,
    "topologySpreadConstraints": [{}],
    "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [{
        "ports": [{"containerPort": 8080}],
        "env": [{"name": "A_SHUTDOWN_DELAY_SECONDS", "value": "5"}, {"name": "A_DRAIN_SECONDS", "value": "30"}],
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        },
        "startupProbe": {}, "livenessProbe": {}, "readinessProbe": {},
    }],
}


def rooms(pod):
    """Volumes that are empty directories with a limit."""
    return {volume["name"] for volume in pod.get("volumes", []) if volume.get("emptyDir", {}).get("sizeLimit")}


def asked(container):
    """What probes and hooks do."""
    hooks = [hook for name in ("postStart", "preStop") if (hook := container.get("lifecycle", {}).get(name))]
    probes = [container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness") if f"{kind}Probe" in container]
    return [how for one in hooks + probes for how in one.values()]


def delay_and_drain(pod):
    environment = {one["name"]: one["value"] for one in pod["containers"][0]["env"]}
    endings = ("_SHUTDOWN_DELAY_SECONDS", "_SHUTDOWN_SECONDS", "_DRAIN_SECONDS")
    return sum(int(value) for name, value in environment.items() if name.endswith(endings))


def faults_of_pod(template):
    pod = template["spec"]
    yield from (fault for fault, rule in POD.items() if not holds(rule, pod))
    for container in pod["containers"] + pod.get("initContainers", []):
        yield from (fault for fault, rule in CONTAINER.items() if not holds(rule, container))


def holds(rule, one):
    try:
        return rule(one)
    except (KeyError, TypeError):
        return False


def self_test():
    """A rule that finds nothing is none."""
    yield from (f"a right pod has the fault `{fault}`" for fault in faults_of_pod({"spec": RIGHT}))
    yield from (f"nothing shows that `{rule}` finds a fault" for rule in (POD | CONTAINER).keys() - TAMPERED.keys())
    for rule, (path, value) in TAMPERED.items():
        pod = copy.deepcopy(RIGHT)
        inner = pod
        for step in path[:-1]:
            inner = inner[step]
        if value is None:
            del inner[path[-1]]
        else:
            inner[path[-1]] = value
        if rule not in faults_of_pod({"spec": pod}):
            yield f"`{rule}` does not find {'.'.join(map(str, path))} = {value}"
