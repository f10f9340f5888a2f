"""The server started with exactly the words and variables of the files in deploy/: it answers, is healthy, and ends in time."""

import json
import socket

import pytest
import yaml

from deploy.shipped import COMPOSE, DEPLOY, Unset, compose, container, dotenv, image, resources, seconds, unit
from deploy.process import Process
from harness import binaries
from harness.resp import Client

SERVER = image(DEPLOY / "docker" / "Dockerfile")
UID = int(SERVER["uid"])


def in_docker(extra):
    """The variables of a container of the image."""
    return {**SERVER["env"], **extra}


def in_compose(store):
    """As compose starts it, before a database of the test."""
    return in_docker({**compose()["ramekin"]["environment"], "RAMEKIN_STORE": store})


def in_kubernetes(store):
    """As Kubernetes starts it, before a database of the test."""
    return in_docker({**container("StatefulSet", "ramekin")["env"], "RAMEKIN_STORE": store})


def test_the_image_serves_as_its_user_is_healthy_and_ends_on_sigterm():
    with Process(SERVER["command"], in_docker({}), UID) as server:
        server.until_healthy(SERVER["health"])
        with server.client() as client:
            assert client("SET", "greeting", "hello") == b"OK"
        assert server.stop(60) == 0, server.log()
        server.start()
        server.until_healthy(SERVER["health"])
        with server.client() as client:
            assert client("GET", "greeting") == b"hello"


def test_the_image_is_healthy_with_a_password_and_the_check_would_fail_with_a_wrong_one():
    with Process(SERVER["command"], in_docker({"RAMEKIN_REQUIREPASS": "it's a $ecret"}), UID) as server:
        server.until_healthy(SERVER["health"])
        server.env["RAMEKIN_REQUIREPASS"] = "wrong"
        assert server.check(SERVER["health"])[0] == 1
        del server.env["RAMEKIN_REQUIREPASS"]
        code, said = server.check(SERVER["health"])
        assert code == 1 and "NOAUTH" in said


def test_the_addresses_of_the_image_are_such_as_the_server_takes(tmp_path):
    with Process([*SERVER["command"], "--port", "0", "--unixsocket", "s"], in_docker({})) as server:
        server.env["RAMEKIN_BIND"] = SERVER["env"]["RAMEKIN_BIND"]
        server.stop(20)
        server.start()
        server.until_healthy(["ramekin", "cli", "-s", "s", "PING"])
        assert server.check(["ramekin", "cli", "-s", "s", "CONFIG", "GET", "bind"])[1].split("\n")[1] == "0.0.0.0 -::"


@pytest.fixture
def silent_database():
    """The address of a database that takes connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"postgresql://nobody@127.0.0.1:{listener.getsockname()[1]}/none"


@pytest.mark.parametrize("password", ["", "secret"])
def test_while_data_is_loading_the_check_fails_and_the_process_can_be_ended(silent_database, password):
    env = in_docker({"RAMEKIN_STORE": silent_database, "RAMEKIN_REQUIREPASS": password})
    with Process(SERVER["command"], env, UID) as server:
        code, said = server.first_answer(SERVER["health"])
        assert code == 1 and ("LOADING" in said or "NOAUTH" in said), said
        assert server.process.poll() is None
        server.process.terminate()
        server.process.wait(60)


def test_compose_starts_it_in_front_of_postgres_and_what_is_written_settles_there(store, schema, ask):
    service = compose()["ramekin"]
    with Process(SERVER["command"], in_compose(store), UID) as server:
        server.until_healthy(SERVER["health"])
        with server.client() as client:
            assert client("TABLE.PUT", "calls", "c-17", json.dumps({"state": "ringing"})) == b"OK"
            assert client("CONFIG", "GET", "flush-interval")[1] == b"30"
        # A stop settles what is left.
        assert server.stop(seconds(service["stop_grace_period"])) == 0, server.log()
    rows = ask(f"SELECT key, data->>'state' AS state FROM {schema}.calls")
    assert [tuple(row) for row in rows] == [("c-17", "ringing")]


@pytest.mark.parametrize("variables", [in_compose, in_kubernetes], ids=["compose", "kubernetes"])
def test_a_second_ramekin_before_the_same_database_is_refused_and_says_so(store, variables):
    with Process(SERVER["command"], variables(store), UID) as first:
        first.until_healthy(SERVER["health"])
        with Process(SERVER["command"], variables(store), UID) as second:
            assert second.process.wait(60) != 0
            assert "belongs to another folder" in second.log(), second.log()
        first.until_healthy(SERVER["health"])


def test_compose_asks_for_what_is_not_set_and_needs_no_more_than_the_example_has():
    example = dotenv(DEPLOY / "compose" / ".env.example")
    for name in ("POSTGRES_PASSWORD", "RAMEKIN_PASSWORD", "PGADMIN_PASSWORD", "PGADMIN_EMAIL", "PG_DSN"):
        with pytest.raises(Unset, match=name):
            compose({**example, name: ""})
    assert example["RAMEKIN_PASSWORD"] in example["PG_DSN"]
    for name in example:
        assert "${" + name in COMPOSE.read_text(), f"{name} of .env.example is used nowhere"


def test_the_services_of_compose_wait_for_each_other_and_listen_on_loopback_alone():
    services = compose()
    assert set(services) == {"postgres", "ramekin", "app", "pgadmin"}
    for name, service in services.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name
        for other, how in service.get("depends_on", {}).items():
            built = "build" in services[other]
            assert how == {"condition": "service_healthy"} and (built or "healthcheck" in services[other])
    volumes = yaml.safe_load(COMPOSE.read_text())["volumes"]
    named = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert named == set(volumes)


def test_kubernetes_starts_it_ready_by_its_probes_and_its_app_finds_it(store):
    pod = container("StatefulSet", "ramekin")
    probes = [pod[name]["exec"]["command"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
    with Process([SERVER["command"][0], *pod["args"]], in_kubernetes(store), UID) as server:
        for probe in probes:
            server.until_healthy(probe)
        app = container("Deployment", "ramekin-app")["env"]["PG_DSN"]
        scheme, rest = app.split("://")
        password, _, host = rest.partition("@")
        service = resources()["Service", "ramekin"]
        assert scheme == "ramekin" and host == f"ramekin:{service['spec']['ports'][0]['port']}"
        with Client(("127.0.0.1", server.port), password=password.lstrip(":")) as client:
            assert client("PING") == b"PONG"
        assert server.stop(resources()["StatefulSet", "ramekin"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]) == 0


def test_a_probe_fails_while_data_is_loading_and_waits_for_an_hour_of_it(silent_database):
    pod = container("StatefulSet", "ramekin")
    with Process([SERVER["command"][0], *pod["args"]], in_kubernetes(silent_database), UID) as server:
        code, said = server.first_answer(pod["readinessProbe"]["exec"]["command"])
        assert code == 1 and "LOADING" in said, said
    assert pod["startupProbe"]["periodSeconds"] * pod["startupProbe"]["failureThreshold"] >= 3600


def test_without_a_store_in_the_secret_it_starts_from_its_volume_alone():
    source = [
        variable for variable in resources()["StatefulSet", "ramekin"]["spec"]["template"]["spec"]["containers"][0]["env"]
        if variable["name"] == "RAMEKIN_STORE"
    ]
    assert source[0]["valueFrom"]["secretKeyRef"]["optional"] is True
    env = in_kubernetes("")
    del env["RAMEKIN_STORE"]
    with Process(SERVER["command"], env, UID) as server:
        server.until_healthy(["ramekin", "cli", "PING"])


def test_variables_that_kubernetes_makes_for_a_service_of_this_name_do_no_harm():
    links = {
        "RAMEKIN_SERVICE_HOST": "10.0.0.7", "RAMEKIN_SERVICE_PORT": "6379", "RAMEKIN_PORT_6379_TCP": "tcp://10.0.0.7:6379",
        "RAMEKIN_PORT_6379_TCP_PROTO": "tcp",
    }
    with Process(SERVER["command"], in_docker(links), UID) as server:
        server.until_healthy(SERVER["health"])
        assert "RAMEKIN_SERVICE" not in server.log()


def test_selectors_name_pods_that_there_are():
    everything = resources()
    labels = [
        item["spec"]["template"]["metadata"]["labels"] for (kind, _), item in everything.items() if kind in ("StatefulSet", "Deployment")
    ]
    for (kind, name), item in everything.items():
        if kind == "Service":
            selector = item["spec"]["selector"]
        elif kind in ("PodDisruptionBudget", "StatefulSet", "Deployment"):
            selector = item["spec"]["selector"]["matchLabels"]
        elif kind == "NetworkPolicy":
            selector = item["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
        else:
            continue
        assert any(selector.items() <= some.items() for some in labels), (kind, name)


def test_a_clean_stop_is_given_more_time_than_it_takes():
    pod = resources()["StatefulSet", "ramekin"]["spec"]["template"]["spec"]
    assert int(container("StatefulSet", "ramekin")["env"]["RAMEKIN_SHUTDOWN_TIMEOUT"]) < pod["terminationGracePeriodSeconds"]
    service = compose()["ramekin"]
    assert int(service["environment"]["RAMEKIN_SHUTDOWN_TIMEOUT"]) < seconds(service["stop_grace_period"])
    settings = dotenv(DEPLOY / "systemd" / "ramekin.env")
    assert int(settings["RAMEKIN_SHUTDOWN_TIMEOUT"]) < int(unit()["TimeoutStopSec"][0])


def test_systemd_starts_it_with_its_settings_and_ends_it_in_time():
    said = unit()
    words = said["ExecStart"][0].split()
    assert words[0] == "/usr/local/bin/ramekin" and said["StateDirectory"] == ["ramekin"]
    settings = dotenv(DEPLOY / "systemd" / "ramekin.env")
    with Process(["ramekin", *words[1:-1], "."], settings, UID) as server:
        server.until_answering()
        with server.client() as client:
            assert client("CONFIG", "GET", "maxmemory")[1] == str(1 << 30).encode()
        assert server.stop(int(said["TimeoutStopSec"][0])) == 0, server.log()


def test_the_settings_that_are_commented_out_for_systemd_are_such_as_the_server_takes(store):
    text = (DEPLOY / "systemd" / "ramekin.env").read_text()
    offered = dict(line[1:].split("=", 1) for line in text.splitlines() if line.startswith("#RAMEKIN_"))
    assert set(offered) == {"RAMEKIN_BIND", "RAMEKIN_REQUIREPASS", "RAMEKIN_STORE"}
    with Process(["ramekin", "serve"], {**offered, "RAMEKIN_STORE": store}, UID) as server:
        server.until_answering()


def test_the_binary_under_test_is_the_one_that_is_started():
    assert binaries.ramekin().is_file() and SERVER["command"] == ["ramekin", "serve"]
