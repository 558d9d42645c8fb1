"""The Kubernetes manifests, derived from docker-compose.yml and written by `make docs`; a test holds the files true."""

from typing import Any

import yaml

from tests.support.compose_file import SERVICES, read_compose
from tocsin.deployment import SECRETS
from tocsin.system import run_version

Manifest = dict[str, Any]
_MADE = "# Made from docker-compose.yml by `make docs`; change it by an overlay of your own (docs/operate.md).\n"
_NAMESPACE = "tocsin"
_PORT = 8400
_USER = 10001
_SECRET_KEYS = {
    "TOCSIN_DATABASE_URL": "{service}-database-url",
    "TOCSIN_LINK_SECRETS": "link-secrets",
    "TOCSIN_SMTP_PASSWORD": "smtp-password",
}
_COMPOSE = read_compose(dict.fromkeys(SECRETS, "secret"))["services"]
_CLUSTER = {
    "TOCSIN_KAFKA": "kafka-bootstrap.kafka:9092",
    "TOCSIN_PUBLIC_URL": "https://tocsin.example.org",
    "TOCSIN_SMTP_HOST": "smtp.example.org",
    "TOCSIN_SMTP_PORT": "587",
    "TOCSIN_SMTP_TLS": "starttls",
}
"""What differs from one machine: names of one's own, to be changed."""


def manifests() -> dict[str, str]:
    """Return every file by its name."""
    files: dict[str, list[Manifest]] = {
        "namespace.yaml": [_namespace()],
        "config.yaml": [_config()],
        "jobs.yaml": [_job("migrate", _migrate_environment()), _job("topics", [])],
        **{f"{service}.yaml": [_deployment(service), _service(service), _budget(service)] for service in SERVICES},
        "ingress.yaml": [_ingress()],
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": _NAMESPACE,
        "resources": list(files),
        "images": [{"name": "tocsin", "newName": "registry.example.org/tocsin", "newTag": run_version()}],
    }
    made = {name: _yaml(*documents) for name, documents in files.items()}
    return {
        **made,
        "kustomization.yaml": _yaml(kustomization),
        "secrets.example.yaml": _yaml(_secret("tocsin", _secret_names()), _secret("tocsin-keys", ["keys.json"])),
    }


def _yaml(*documents: Manifest) -> str:
    return _MADE + "---\n".join(yaml.safe_dump(one, sort_keys=False, width=120) for one in documents)


def _meta(name: str, **labels: str) -> Manifest:
    return {"name": name, "namespace": _NAMESPACE, "labels": {"app.kubernetes.io/part-of": "tocsin", **labels}}


def _named(service: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": service}


def _namespace() -> Manifest:
    labels = {"app.kubernetes.io/part-of": "tocsin", "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _NAMESPACE, "labels": labels}}


def _config() -> Manifest:
    """Every variable that is no secret, in one place: a service ignores what is not its own."""
    data: dict[str, str] = {}
    for service in SERVICES:
        data |= {name: value for name, value in _COMPOSE[service]["environment"].items() if name not in _SECRET_KEYS}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _meta("tocsin"), "data": data | _CLUSTER}


def _secret_names() -> list[str]:
    names = [key.format(service=service) for key in _SECRET_KEYS.values() for service in SERVICES]
    return list(dict.fromkeys(names))


def _secret(name: str, keys: list[str]) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _meta(name),
        "type": "Opaque",
        "stringData": dict.fromkeys(keys, ""),
    }


def _from_secret(variable: str, key: str) -> Manifest:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": "tocsin", "key": key}}}


def _migrate_environment() -> list[Manifest]:
    return [_from_secret(f"TOCSIN_{name.upper()}_DATABASE_URL", f"{name}-database-url") for name in SERVICES]


def _container(name: str, environment: list[Manifest]) -> Manifest:
    compose = _COMPOSE[name]
    limit = compose["mem_limit"].replace("m", "Mi").replace("g", "Gi")
    return {
        "name": name,
        "image": "tocsin",
        "command": compose["command"],
        "envFrom": [{"configMapRef": {"name": "tocsin"}}],
        "env": environment,
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": limit}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }


def _pod(container: Manifest) -> Manifest:
    return {
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }


def _job(name: str, environment: list[Manifest]) -> Manifest:
    """A one-shot; a Job cannot be changed, so the version is in its name and an upgrade makes a new one."""
    pod = _pod(_container(name, environment)) | {"restartPolicy": "OnFailure"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _meta(f"{name}-{run_version().replace('.', '-')}", **_named(name)),
        "spec": {"backoffLimit": 6, "template": {"metadata": {"labels": _named(name)}, "spec": pod}},
    }


def _deployment(service: str) -> Manifest:
    environment = [
        _from_secret(name, key.format(service=service))
        for name, key in _SECRET_KEYS.items()
        if name in _COMPOSE[service]["environment"]
    ]
    container = _container(service, environment)
    container["ports"] = [{"name": "http", "containerPort": _PORT}]
    container |= {
        # Migrations may run while it starts: it waits for them, and is not ready meanwhile.
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5, "timeoutSeconds": 5},
        "livenessProbe": {
            "httpGet": {"path": "/healthz", "port": "http"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
    }
    pod = _pod(container) | {
        "terminationGracePeriodSeconds": 15,
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": _named(service)},
            }
        ],
    }
    keys = {"name": "keys", "mountPath": "/run/tocsin/keys", "readOnly": True}
    container["volumeMounts"].append(keys)
    # Only hashes; a changed Secret reaches the running service, so a revocation needs no restart.
    pod["volumes"].append({"name": "keys", "secret": {"secretName": "tocsin-keys", "defaultMode": 0o440}})
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta(service, **_named(service)),
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": _named(service)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/part-of": "tocsin", **_named(service)}},
                "spec": pod,
            },
        },
    }


def _service(service: str) -> Manifest:
    port = {"name": "http", "port": _PORT, "targetPort": "http"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(service, **_named(service)),
        "spec": {"selector": _named(service), "ports": [port]},
    }


def _budget(service: str) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _meta(service, **_named(service)),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _named(service)}},
    }


def _ingress() -> Manifest:
    host = "tocsin.example.org"
    paths = [
        {
            "path": f"/{service}/",
            "pathType": "Prefix",
            "backend": {"service": {"name": service, "port": {"name": "http"}}},
        }
        for service in SERVICES
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            **_meta("tocsin"),
            "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "17m"},
        },
        "spec": {
            "tls": [{"hosts": [host], "secretName": "tocsin-tls"}],
            "rules": [{"host": host, "http": {"paths": paths}}],
        },
    }
