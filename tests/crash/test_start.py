"""What can be wrong at the start: one clear line, a non-zero exit, and nothing harmed."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess

import pytest

from harness import binaries
from harness.server import free_port

pytestmark = pytest.mark.ours


def attempt(folder, *args, before=None, env=None, binary=None):
    """Starts Ramekin, which has to end by itself; gives its exit code and what it printed."""
    words = [str(binary or binaries.ramekin()), *map(str, args)]
    if folder is not None:
        words += ["--dir", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, preexec_fn=before, env=env, cwd="/")
    return done.returncode, done.stderr.strip()


def refused(folder, *args, **options):
    """As `attempt`, and checks that it is one line and a failure."""
    if "--port" not in args:
        args = (*args, "--port", free_port())
    code, said = attempt(folder, *args, **options)
    assert code not in (0, None) and code > 0, (code, said)
    assert said.count("\n") == 0 and 10 < len(said) < 400, said
    assert "panicked" not in said
    return said


def test_a_port_in_use_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert str(port) in refused(tmp_path, "--port", port)


def test_a_folder_in_use_is_named_and_its_owner_goes_on(start_ramekin):
    server = start_ramekin()
    said = refused(server.folder)
    assert str(server.folder) in said
    with server.client() as client:
        assert client("SET", "k", "v") == b"OK"
    server.restart()
    with server.client() as client:
        assert client("GET", "k") == b"v"


def test_a_folder_that_is_a_file_is_named(tmp_path):
    path = tmp_path / "file"
    path.write_text("not a folder")
    assert str(path) in refused(path)
    assert path.read_text() == "not a folder"


def test_a_folder_without_permission_is_named(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    before, binary = None, None
    if os.geteuid() == 0:
        # Root may write everywhere: go on as another user, with a copy of the binary that this user can reach.
        nobody = pwd.getpwnam("nobody")
        for folder in (tmp_path, *tmp_path.parents):
            if folder == pathlib.Path("/tmp"):
                break
            folder.chmod(folder.stat().st_mode | 0o055)
        binary = tmp_path / "ramekin"
        shutil.copy(binaries.ramekin(), binary)
        binary.chmod(0o755)

        def before():
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)

    locked.chmod(0o555)
    try:
        assert str(locked) in refused(locked / "data", before=before, binary=binary)
    finally:
        locked.chmod(0o755)


@pytest.mark.parametrize(
    "args, words",
    [
        (["--nosuchdirective", "1"], ["nosuchdirective"]),
        (["--appendfsync", "sometimes"], ["appendfsync", "sometimes", "always", "everysec", "no"]),
        (["--port", "99999"], ["port", "99999"]),
        (["--maxmemory", "lots"], ["maxmemory", "lots"]),
        (["--databases", "0"], ["databases"]),
        (["--timeout"], ["timeout"]),
        (["--bind", "256.1.1.1"], ["256.1.1.1"]),
        (["--maxmemory-policy", "allkeys-best"], ["maxmemory-policy", "allkeys-lru"]),
        (["/nosuch/ramekin.conf"], ["/nosuch/ramekin.conf"]),
    ],
)
def test_a_wrong_directive_is_named_with_what_is_allowed(tmp_path, args, words):
    said = refused(tmp_path, *args)
    for word in words:
        assert word in said, said


def test_a_wrong_line_of_the_file_is_named(tmp_path):
    file = tmp_path / "test.conf"
    file.write_text("timeout 5\n\nappendfsync sometimes\n")
    said = refused(tmp_path, file)
    assert str(file) in said and "3" in said and "appendfsync" in said


def test_a_wrong_variable_is_named(tmp_path):
    said = refused(tmp_path, env={**os.environ, "RAMEKIN_TIMEOUT": "soon"})
    assert "timeout" in said.lower() and "soon" in said


def test_flags_win_over_variables_and_variables_over_the_file(start_ramekin, tmp_path, monkeypatch):
    file = tmp_path / "test.conf"
    file.write_text("timeout 1\nslowlog-max-len 1\nmaxmemory-samples 1\n")
    monkeypatch.setenv("RAMEKIN_SLOWLOG_MAX_LEN", "2")
    monkeypatch.setenv("RAMEKIN_MAXMEMORY_SAMPLES", "2")
    server = start_ramekin({"maxmemory-samples": 3}, argv=[str(file)])
    with server.client() as client:
        got = [client("CONFIG", "GET", name)[1] for name in ("timeout", "slowlog-max-len", "maxmemory-samples")]
    assert got == [b"1", b"2", b"3"]


def test_an_ordinary_redis_conf_works(start_ramekin, tmp_path):
    file = tmp_path / "redis.conf"
    file.write_text("""# Redis configuration file example
bind 127.0.0.1 -::1
protected-mode yes
tcp-backlog 511
timeout 0
tcp-keepalive 300
daemonize no
loglevel notice
logfile ""
databases 16
always-show-logo no
set-proc-title yes
stop-writes-on-bgsave-error yes
rdbcompression yes
rdbchecksum yes
dbfilename dump.rdb
replica-serve-stale-data yes
replica-read-only yes
lazyfree-lazy-eviction no
lazyfree-lazy-expire no
lazyfree-lazy-server-del no
lazyfree-lazy-user-del no
appendonly yes
appendfilename "appendonly.aof"
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
aof-load-truncated yes
slowlog-log-slower-than 10000
slowlog-max-len 128
latency-monitor-threshold 0
notify-keyspace-events ""
hash-max-listpack-entries 512
hash-max-listpack-value 64
list-max-listpack-size -2
list-compress-depth 0
activerehashing yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
dynamic-hz yes
jemalloc-bg-thread yes
""")
    server = start_ramekin(argv=[str(file)])
    with server.client() as client:
        assert client("CONFIG", "GET", "appendfsync") == [b"appendfsync", b"everysec"]


def test_damage_in_the_log_is_refused_with_file_and_offset(start_ramekin):
    server = start_ramekin(appendfsync="always")
    with server.client() as client:
        client.pipeline([["SET", f"k{i}", b"v" * 1000] for i in range(3000)])
    server.kill()
    log = max((path for path in server.folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_blocks)
    with open(log, "r+b") as file:
        file.seek(1_000_000)
        byte = file.read(1)
        file.seek(1_000_000)
        file.write(bytes([byte[0] ^ 0x40]))
    said = refused(server.folder)
    assert log.name in said and any(word.strip(".,:;()").isdigit() for word in said.split()), said
    checked = subprocess.run([binaries.ramekin(), "check", server.folder], capture_output=True, text=True, timeout=60)
    assert checked.returncode != 0 and log.name in checked.stdout + checked.stderr
    with open(log, "r+b") as file:
        file.seek(1_000_000)
        file.write(byte)
    server.restart()
    with server.client() as client:
        assert client("DBSIZE") == 3000


def test_the_version_and_help_are_printed():
    code = subprocess.run([binaries.ramekin(), "--version"], capture_output=True, text=True, timeout=10)
    assert code.returncode == 0 and "0." in code.stdout
    code = subprocess.run([binaries.ramekin(), "--help"], capture_output=True, text=True, timeout=10)
    assert code.returncode == 0 and "serve" in code.stdout
