"""deploy/kubernetes: the manifests are sound, fit together, and allow no more than is needed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from loaders.settings import PROJECT_DIR
from loaders.settings.variables import VARIABLES
from orchestration.http.security import OPEN
from orchestration.http.server import GRACE_SECONDS
from orchestration.invocations import PATIENCE

FOLDER = PROJECT_DIR / "deploy" / "kubernetes"
MANIFESTS = sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml")


def manifest(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


DEPLOYMENT = manifest("base/deployment.yaml")
CRON_JOB = manifest("cron/cronjob.yaml")
PODS = {
    "service": DEPLOYMENT["spec"]["template"],
    "run": CRON_JOB["spec"]["jobTemplate"]["spec"]["template"],
}


def test_kubernetes_understands_every_manifest() -> None:
    check = Path(sys.executable).parent / "kubernetes-validate"
    command = [str(check), "--strict", "--quiet", *map(str, MANIFESTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("folder", ["base", "cron"])
def test_a_kustomization_names_what_is_there_and_no_example(folder: str) -> None:
    for name in manifest(f"{folder}/kustomization.yaml")["resources"]:
        assert (FOLDER / folder / name).exists()
        assert "example" not in name


def test_the_cron_folder_takes_the_schedule_from_the_service() -> None:
    (patch,) = manifest("cron/kustomization.yaml")["patches"]
    (change,) = yaml.safe_load(patch["patch"])
    at: Any = DEPLOYMENT
    for step in change["path"].strip("/").split("/"):
        at = at[int(step)] if step.isdigit() else at[step]
    assert at == [*change["value"], "--schedule"]


@pytest.mark.parametrize("pod", PODS.values(), ids=list(PODS))
def test_a_pod_is_nobody_special_and_writes_to_its_volumes_alone(pod: Any) -> None:
    own, (container,) = pod["spec"]["securityContext"], pod["spec"]["containers"]
    assert own["runAsNonRoot"] is True
    assert own["runAsUser"] == own["fsGroup"] == 10001  # of the Dockerfile
    assert own["seccompProfile"] == {"type": "RuntimeDefault"}
    rights = container["securityContext"]
    assert rights["readOnlyRootFilesystem"] is True
    assert rights["allowPrivilegeEscalation"] is False
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/data", "/tmp"]
    assert {volume["name"] for volume in pod["spec"]["volumes"]} == {"data", "scratch"}
    assert {"requests", "limits"} == set(container["resources"])


@pytest.mark.parametrize("pod", PODS.values(), ids=list(PODS))
def test_a_pod_has_the_time_that_a_run_needs_to_end(pod: Any) -> None:
    grace = pod["spec"]["terminationGracePeriodSeconds"]
    assert grace >= 60
    assert grace > PATIENCE + GRACE_SECONDS


def test_one_service_at_a_time_holds_the_volume() -> None:
    assert DEPLOYMENT["spec"]["replicas"] == 1
    assert DEPLOYMENT["spec"]["strategy"] == {"type": "Recreate"}
    claim = manifest("base/volume.yaml")["metadata"]["name"]
    for pod in PODS.values():
        names = [v["persistentVolumeClaim"]["claimName"] for v in pod["spec"]["volumes"][:1]]
        assert names == [claim]


def test_probes_ask_what_needs_no_key() -> None:
    (container,) = PODS["service"]["spec"]["containers"]
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    for kind in ("startup", "liveness"):
        alive = container[f"{kind}Probe"]["httpGet"]["path"]
        assert alive in OPEN
        assert alive not in ("/health", "/ready")  # a database that is down ends no run


def test_labels_find_the_pods_and_settings_are_ones_that_assay_knows() -> None:
    labels = PODS["service"]["metadata"]["labels"].items()
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels
    assert manifest("base/service.yaml")["spec"]["selector"].items() <= labels
    policy = manifest("base/networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"].items()
    assert all(policy <= pod["metadata"]["labels"].items() for pod in PODS.values())
    given = {
        *manifest("base/configmap.yaml")["data"],
        *manifest("base/secret.example.yaml")["stringData"],
    }
    assert given <= {variable.name for variable in VARIABLES}


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (3, 0), (1, 1), (2, 2)])
def test_rows_set_aside_do_not_fail_the_job(tmp_path: Path, code: int, expected: int) -> None:
    assert job(tmp_path, f"exit {code}").wait() == expected


def test_sigterm_reaches_the_run_and_the_job_waits_for_its_end(tmp_path: Path) -> None:
    told = tmp_path / "told"
    waits = "echo begun >told; while :; do sleep 0.1; done"
    process = job(tmp_path, f'trap "echo rolled back >told; exit 1" TERM; {waits}')
    while not (told.exists() and told.read_text()):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=10) == 1
    assert told.read_text() == "rolled back\n"


def job(folder: Path, elt: str) -> "subprocess.Popen[bytes]":
    """The job's command, with another `elt` in the place of ours."""
    program = folder / "elt"
    program.write_text(f"#!/bin/sh\n{elt}\n")
    program.chmod(0o755)
    (container,) = PODS["run"]["spec"]["containers"]
    env = {"PATH": f"{folder}:{os.environ['PATH']}"}
    return subprocess.Popen([*container["command"], *container["args"]], cwd=folder, env=env)
