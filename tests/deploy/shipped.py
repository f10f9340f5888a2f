"""What the files in deploy/ say: the commands, variables and checks with which each of them starts a process."""

import json
import re
import shlex

import yaml

from harness.binaries import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
COMPOSE = DEPLOY / "compose" / "docker-compose.yml"
DOCKERFILES = sorted((DEPLOY / "docker").glob("*Dockerfile"))
UNIT = DEPLOY / "systemd" / "ramekin.service"


def seconds(text):
    """A duration of compose or Docker: `60s`, `15m`, `1m30s`."""
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)([hms])", text))


def dockerfile(path):
    """The instructions of the last stage, as (name, rest of the line); continued lines are joined."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    lines = [line for line in re.sub(r"\\\n", " ", text).splitlines() if line.strip()]
    instructions = [tuple(line.split(None, 1)) for line in lines]
    last = max(at for at, (name, _) in enumerate(instructions) if name == "FROM")
    return instructions[last:]


def image(path):
    """What the image runs: env, command, health command, uid, and the instructions."""
    said = dockerfile(path)
    env = {}
    for name, rest in said:
        if name == "ENV":
            env.update(word.split("=", 1) for word in shlex.split(rest))
    last = dict(said)
    command = [word for name in ("ENTRYPOINT", "CMD") if name in last for word in json.loads(last[name])]
    health = json.loads(last["HEALTHCHECK"].split(" CMD ", 1)[1])
    return {"env": env, "command": command, "health": health, "uid": last["USER"].split(":")[0], "instructions": said}


def dotenv(path):
    """The variables of an .env file."""
    lines = [line.split("=", 1) for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {name.strip(): value.strip() for name, value in lines}


class Unset(Exception):
    """A variable that has to be set is not."""


def interpolate(value, variables):
    """Values of a compose file with `$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?message}` replaced."""
    if isinstance(value, dict):
        return {name: interpolate(inner, variables) for name, inner in value.items()}
    if isinstance(value, list):
        return [interpolate(inner, variables) for inner in value]
    if not isinstance(value, str):
        return value

    def replace(match):
        if match[0] == "$$":
            return "$"
        name, rule, rest = match[1], match[2], match[3]
        if variables.get(name):
            return variables[name]
        if rule == ":-":
            return rest
        raise Unset(f"{name}: {rest}")

    return re.sub(r"\$\$|\$\{(\w+)(?:(:-|:\?)([^}]*))?\}", replace, value)


def compose(variables=None):
    """The services, with the variables of .env.example unless others are given."""
    if variables is None:
        variables = dotenv(DEPLOY / "compose" / ".env.example")
    return interpolate(yaml.safe_load(COMPOSE.read_text()), variables)["services"]


def resources():
    """All Kubernetes objects, by (kind, name)."""
    found = [item for path in KUBERNETES for item in yaml.safe_load_all(path.read_text())]
    return {(item["kind"], item["metadata"]["name"]): item for item in found}


def container(kind, name):
    """The one container of a workload, its `env` resolved to a dictionary."""
    everything = resources()
    found = dict(everything[kind, name]["spec"]["template"]["spec"]["containers"][0])
    env = {}
    for variable in found["env"]:
        if "value" in variable:
            env[variable["name"]] = variable["value"]
        else:
            source = variable["valueFrom"]["secretKeyRef"]
            env[variable["name"]] = everything["Secret", source["name"]]["stringData"][source["key"]]
    return {**found, "env": env}


def unit():
    """The directives of the systemd unit: name to its values."""
    found = {}
    for line in UNIT.read_text().splitlines():
        if line and not line.startswith(("#", "[")):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found
