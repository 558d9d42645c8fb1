"""The deployment as docker-compose.yml says, without a container engine: its commands, environments, mounts, health
checks and start conditions, as plain processes against real PostgreSQL, Kafka, nginx and Prometheus.

Only places are replaced: host names by loopback, ports by free ones, paths inside a container by temporary ones.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.engine import make_url

from tests.support.compose_file import ONE_SHOTS, ROOT, SERVICES, read_compose
from tests.support.kafka import KafkaServer
from tests.support.postgres import find_programs
from tests.support.processes import System, eventually, free_port
from tests.support.prometheus import program
from tocsin.deployment import prepare, read_environment

_START_S = 90.0
_STOP_S = 15.0
_BIN = Path(sys.executable).parent
_PROGRAMS = {"gateway": "nginx", "prometheus": "prometheus", "node-exporter": "prometheus-node-exporter"}
_PORTS = {"gateway": 8080, "prometheus": 9090, "node-exporter": 9100, **dict.fromkeys(SERVICES, 8400)}
Container = dict[str, Any]


class Deployment:
    """What is started of the file, by container name."""

    def __init__(self, folder: Path, postgres: str, kafka: KafkaServer, mail_port: int) -> None:
        """`postgres` is a superuser's DSN of a server whose databases are made; `mail_port` takes the e-mails."""
        self.folder = folder
        self.ports = {name: free_port() for name in _PORTS}
        public_url = f"http://127.0.0.1:{self.ports['gateway']}"
        (folder / ".env").write_text(f"TOCSIN_PUBLIC_URL={public_url}\nTOCSIN_SURVEY_HISTORY=true\n")
        prepare(folder)
        self._variables = read_environment(folder / ".env")
        self.containers: dict[str, Container] = read_compose(self._variables)["services"]
        self.kafka = kafka.bootstrap
        server = make_url(postgres)
        self._places = {
            "@postgres:5432": f"@{server.host}:{server.port}",
            "kafka:9092": kafka.bootstrap,
            "/run/tocsin/": f"{folder}/run/",
        }
        self._mail_port = mail_port
        (folder / "run").mkdir()
        (folder / "run" / "keys").symlink_to(folder / ".secrets" / "keys")
        (folder / "run" / "metrics.key").symlink_to(folder / ".secrets" / "metrics.key")
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.finished: dict[str, int] = {}
        profile = json.loads((folder / ".secrets" / "profile.json").read_text())
        self.system = System({}, dict.fromkeys(SERVICES, public_url), lambda: str(profile["key"]))

    @property
    def passwords(self) -> dict[str, str]:
        """Return what the file gives to PostgreSQL's container."""
        return dict(self.containers["postgres"]["environment"])

    def start(self, name: str) -> None:
        """Start a container's command once what it depends on has come to its condition; wait until it is healthy."""
        if name in self._running or name in self.finished or name not in {*_PORTS, *ONE_SHOTS}:
            return  # PostgreSQL, Kafka, the mail catcher: real ones run already.
        for needed, condition in self.containers[name].get("depends_on", {}).items():
            self.start(needed)
            if condition["condition"] == "service_completed_successfully":
                assert self.finished[needed] == 0, self.output(needed)
        with self._log(name).open("ab") as output:
            process = subprocess.Popen(
                self.command(name),
                env=self.environment(name),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        if name in ONE_SHOTS:
            self.finished[name] = process.wait(_START_S)
            return
        self._running[name] = process
        eventually(lambda: self.healthy(name), _START_S, lambda: self.output(name))

    def command(self, name: str) -> list[str]:
        """Return what the container runs, with places put in."""
        words = [self._placed(name, word) for word in self.containers[name]["command"]]
        if name == "gateway":
            conf = self._configured("deploy/gateway/nginx.conf")
            if os.geteuid() == 0:
                words[-1] += " user root;"  # Temporary folders of tests are closed to nginx's own account.
            return [str(program("nginx")), *words[1:], "-p", str(self.folder), "-c", str(conf)]
        if name == "prometheus":
            shutil.copytree(ROOT / "deploy" / "prometheus" / "rules", self.folder / "rules", dirs_exist_ok=True)
            conf = self._scraping(self._configured("deploy/prometheus/prometheus.yml"))
            words = [f"--config.file={conf}" if word.startswith("--config.file=") else word for word in words]
            words = [word.replace("=/prometheus", f"={self.folder}/tsdb") for word in words]
        if name in _PROGRAMS:
            return [str(program(_PROGRAMS[name])), *words, f"--web.listen-address=127.0.0.1:{self.ports[name]}"]
        return words

    def environment(self, name: str) -> dict[str, str]:
        """Return the container's environment alone, with places put in, and where the programs are."""
        given: Mapping[str, Any] = self.containers[name].get("environment", {})
        environment = {key: self._placed(name, str(value)) for key, value in given.items()}
        if "TOCSIN_HTTP_PORT" in environment:
            environment |= {"TOCSIN_HTTP_PORT": str(self.ports[name]), "TOCSIN_HTTP_HOST": "127.0.0.1"}
        if "TOCSIN_SMTP_HOST" in environment:
            environment |= {"TOCSIN_SMTP_HOST": "127.0.0.1", "TOCSIN_SMTP_PORT": str(self._mail_port)}
        return {**environment, "PATH": f"{_BIN}:{os.environ['PATH']}"}

    def healthy(self, name: str) -> bool:
        """Run the container's own health check."""
        process = self._running[name]
        assert process.poll() is None, f"{name} ended with {process.returncode}: {self.output(name)}"
        kind, *words = self.containers[name]["healthcheck"]["test"]
        placed = [self._placed(name, word) for word in words]
        command = placed if kind == "CMD" else ["sh", "-c", *placed]
        done = subprocess.run(command, env=self.environment(name), capture_output=True, check=False, timeout=30)
        return done.returncode == 0

    def output(self, name: str) -> str:
        """Return the end of what it wrote."""
        return self._log(name).read_text(errors="replace")[-3000:]

    def stop(self) -> None:
        """End all in order, as `docker compose down` would."""
        for process in reversed(self._running.values()):
            process.terminate()
        deadline = time.monotonic() + _STOP_S
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            if process.poll() is None:
                process.kill()
                process.wait()

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _placed(self, name: str, text: str) -> str:
        for place, other in self._places.items():
            text = text.replace(place, other)
        if name in _PORTS:
            text = text.replace(f"127.0.0.1:{_PORTS[name]}/", f"127.0.0.1:{self.ports[name]}/")
        return text.replace("--path.rootfs=/host", "--path.rootfs=/")

    def _configured(self, path: str) -> Path:
        """Write a shipped configuration file with places put in; return where."""
        text = (ROOT / path).read_text().replace("listen 8080", f"listen 127.0.0.1:{self.ports['gateway']}")
        for name in SERVICES:
            text = text.replace(f"{name}:8400", f"127.0.0.1:{self.ports[name]}")
        text = text.replace("/tmp/", f"{self.folder}/").replace("/run/tocsin/", self._places["/run/tocsin/"])
        written = self.folder / Path(path).name
        written.write_text(text)
        return written

    def _scraping(self, conf: Path) -> Path:
        """What a name server would find is written down; and one second is a long time in a test."""
        document = yaml.safe_load(conf.read_text())
        document["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        for job in document["scrape_configs"]:
            for found in job.pop("dns_sd_configs", []):
                job["static_configs"] = [
                    {"targets": [f"127.0.0.1:{self.ports[name]}"], "labels": {"__meta_dns_name": name}}
                    for name in found["names"]
                ]
            if job["job_name"] == "prometheus":
                job["static_configs"] = [{"targets": [f"127.0.0.1:{self.ports['prometheus']}"]}]
        conf.write_text(yaml.safe_dump(document))
        return conf


@contextlib.contextmanager
def deployed(folder: Path, postgres: str, kafka: KafkaServer, mail_port: int) -> Iterator[Deployment]:
    """Prepare a deployment in a folder; what was started is ended with the body."""
    deployment = Deployment(folder, postgres, kafka, mail_port)
    try:
        yield deployment
    finally:
        deployment.stop()


def create_databases(superuser: str, passwords: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the script that PostgreSQL's image runs on its first start, against a server on loopback."""
    programs, _ = find_programs()
    psql = shutil.which("psql", path=f"{programs}:{os.environ['PATH']}")
    if psql is None:
        pytest.skip("no psql: Debian's PostgreSQL has it, the wheel does not")
    url = make_url(superuser)
    environment = {**passwords, "PGHOST": str(url.host), "PGPORT": str(url.port), "POSTGRES_USER": str(url.username)}
    environment["PATH"] = f"{Path(psql).parent}:/usr/bin:/bin"
    script = ROOT / "deploy" / "postgres" / "create-databases"
    return subprocess.run([script], env=environment, capture_output=True, text=True, timeout=60, check=False)
