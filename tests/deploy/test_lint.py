"""What cannot be run here is read by the tools of its field: they ship with the tests and need no network."""

import fnmatch
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from deploy.shipped import COMPOSE, DEPLOY, DOCKERFILES, KUBERNETES, UNIT, WORKFLOWS, dockerfile
from harness.binaries import ROOT, ramekin

YAML = [*KUBERNETES, *WORKFLOWS, COMPOSE]


def tool(name, *words, fails=False):
    """Runs a tool of the tests' environment; what it prints."""
    path = pathlib.Path(sys.executable).parent / name
    assert path.exists(), f"{name} is missing: pip install -r tests/requirements.txt"
    done = subprocess.run([path, *words], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert bool(done.returncode) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.name)


def test_there_is_something_to_read():
    assert len(KUBERNETES) >= 6 and len(WORKFLOWS) == 2 and len(DOCKERFILES) == 2


@named(DOCKERFILES)
def test_hadolint_finds_nothing_in_a_dockerfile(path):
    assert tool("hadolint", path) == ""


def test_hadolint_would_find_something(tmp_path):
    bad = tmp_path / "Dockerfile"
    bad.write_text("FROM debian\nRUN cd /tmp\n")
    assert "DL3006" in tool("hadolint", bad, fails=True)


def test_yamllint_finds_nothing():
    assert tool("yamllint", "--strict", "--config-file", ROOT / ".yamllint.yml", *YAML) == ""


def test_the_compose_file_is_of_the_compose_specification():
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE)


@named(KUBERNETES)
def test_kubernetes_knows_every_field_of_a_manifest(path):
    assert " passed for resource " in tool("kubernetes-validate", "--strict", path)


def test_kubernetes_would_refuse_an_unknown_field(tmp_path):
    bad = tmp_path / "statefulset.yaml"
    text = (DEPLOY / "kubernetes" / "statefulset.yaml").read_text()
    bad.write_text(text.replace("readinessProbe:", "readynessProbe:"))
    assert "readynessProbe" in tool("kubernetes-validate", "--strict", bad, fails=True)


def test_actionlint_finds_nothing_in_the_workflows():
    assert tool("actionlint", "-shellcheck=", "-pyflakes=", *WORKFLOWS) == ""


def test_zizmor_finds_nothing_that_could_be_abused_in_the_workflows():
    report = tool("zizmor", "--offline", "--config", ROOT / ".github" / "zizmor.yml", "--format", "json", *WORKFLOWS)
    found = json.loads(report[report.index("["):report.rindex("]") + 1])
    assert found == [], found


def test_the_workflows_are_of_the_schema_and_no_job_runs_for_ever():
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *WORKFLOWS)
    tool("check-jsonschema", "--builtin-schema", "custom.github-workflows-require-timeout", *WORKFLOWS)


def test_the_workflow_of_ci_runs_what_every_change_has_to_pass():
    assert "- run: .ci/run\n" in (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@named(DOCKERFILES)
def test_every_file_that_an_image_takes_is_there_and_is_in_the_context(path):
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    for line in path.read_text().splitlines():
        words = line.split()
        if words[:1] != ["COPY"] or words[1].startswith("--from"):
            continue
        for source in words[1:-1]:
            assert (ROOT / source).exists(), line
            if source == ".":
                continue
            ignored = False
            for rule in rules:
                kept = rule.startswith("!")
                pattern = rule.removeprefix("!")
                if fnmatch.fnmatch(source, pattern) or source.startswith(pattern + "/"):
                    ignored = not kept
            assert not ignored, f"{source} is left out by .dockerignore"


def test_the_context_of_images_has_all_that_cargo_reads():
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert {"!Cargo.toml", "!Cargo.lock", "!.cargo", "!crates"} <= set(rules)


@named(DOCKERFILES)
def test_an_image_runs_as_a_user_by_number_with_a_health_check(path):
    said = dict(dockerfile(path))
    assert said["USER"] == "10001:10001" and "HEALTHCHECK" in said and said["STOPSIGNAL"] == "SIGTERM"


def unit_for(tmp_path, text=None):
    """The unit with the binary under test, since systemd looks whether it is there."""
    path = tmp_path / "ramekin.service"
    path.write_text((text or UNIT.read_text()).replace("/usr/local/bin/ramekin", str(ramekin().resolve())))
    return path


def test_systemd_takes_the_unit_as_it_is(tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        # Without it: no line that is neither a section, a comment nor an assignment.
        for line in UNIT.read_text().splitlines():
            assert not line or line.startswith(("#", "[")) or line.split("=")[0].isalpha(), line
        return
    done = subprocess.run([analyze, "verify", unit_for(tmp_path)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    wrong = subprocess.run(
        [analyze, "verify", unit_for(tmp_path, UNIT.read_text().replace("ProtectHome=", "ProtectHomes="))],
        capture_output=True, text=True, timeout=60,
    )
    assert "ProtectHomes" in wrong.stderr
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=15", unit_for(tmp_path)],
        capture_output=True, text=True, timeout=60,
    )
    assert done.returncode == 0, done.stdout[-300:]
