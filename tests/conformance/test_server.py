"""INFO, CONFIG, COMMAND and the other commands about the server itself."""

import re
import time

import pytest

from harness.resp import Fault, Map, Set, Verbatim
from harness.server import Server, parse_info

SECTIONS = [
    "server",
    "clients",
    "memory",
    "persistence",
    "stats",
    "replication",
    "cpu",
    "commandstats",
    "errorstats",
    "keyspace",
]

# What redis_exporter turns into metrics for a server without replicas, cluster or modules.
EXPORTED = """
uptime_in_seconds process_id redis_version os tcp_port run_id config_file connected_clients blocked_clients
maxclients cluster_connections tracking_clients clients_in_timeout_table client_recent_max_input_buffer
client_recent_max_output_buffer allocator_active allocator_allocated allocator_resident allocator_frag_bytes
allocator_frag_ratio allocator_rss_bytes allocator_rss_ratio used_memory used_memory_rss used_memory_peak
used_memory_lua used_memory_vm_eval used_memory_scripts_eval used_memory_overhead used_memory_startup
used_memory_dataset used_memory_vm_functions used_memory_scripts used_memory_functions number_of_cached_scripts
number_of_functions number_of_libraries maxmemory maxmemory_policy mem_fragmentation_ratio mem_fragmentation_bytes
mem_clients_slaves mem_clients_normal mem_cluster_links mem_aof_buffer mem_replication_backlog
mem_not_counted_for_evict mem_total_replication_buffers rss_overhead_ratio rss_overhead_bytes total_system_memory
lazyfree_pending_objects lazyfreed_objects active_defrag_running migrate_cached_sockets loading async_loading
rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time rdb_last_bgsave_status
rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec rdb_saves rdb_last_cow_size rdb_last_load_keys_expired
rdb_last_load_keys_loaded aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled aof_last_rewrite_time_sec
aof_current_rewrite_time_sec aof_last_cow_size aof_last_bgrewrite_status aof_last_write_status current_cow_size
current_cow_peak current_cow_size_age current_fork_perc current_save_keys_processed current_save_keys_total
total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes
total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes instantaneous_input_kbps
instantaneous_output_kbps rejected_connections sync_full sync_partial_ok sync_partial_err expired_keys
expired_stale_perc expired_time_cap_reached_count expire_cycle_cpu_milliseconds evicted_keys evicted_clients
evicted_scripts keyspace_hits keyspace_misses pubsub_channels pubsub_patterns pubsubshard_channels latest_fork_usec
slave_expires_tracked_keys active_defrag_hits active_defrag_misses active_defrag_key_hits active_defrag_key_misses
total_active_defrag_time current_active_defrag_time total_eviction_exceeded_time current_eviction_exceeded_time
unexpected_error_replies total_error_replies total_reads_processed total_writes_processed dump_payload_sanitizations
io_threaded_reads_processed io_threaded_writes_processed acl_access_denied_auth acl_access_denied_cmd
acl_access_denied_key acl_access_denied_channel tracking_total_keys tracking_total_items tracking_total_prefixes
role connected_slaves master_replid master_replid2 master_repl_offset second_repl_offset repl_backlog_active
repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen used_cpu_sys used_cpu_user
used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread used_cpu_user_main_thread cluster_enabled
""".split()


# Containers of which Ramekin has the subcommands that make sense without replicas, tracking and a cluster.
CONTAINERS_IN_PART = {"client", "memory", "latency", "commandlog"}

COMMANDS = """
append decr decrby delifeq get getdel getex getrange getset incr incrby incrbyfloat lcs mget mset msetex msetnx psetex set setex
setnx setrange strlen substr
blmove blmpop blpop brpop brpoplpush lindex linsert llen lmove lmpop lpop lpos lpush lpushx lrange lrem lset ltrim rpop rpoplpush
rpush rpushx
hdel hexists hexpire hexpireat hexpiretime hget hgetall hgetdel hgetex hincrby hincrbyfloat hkeys hlen hmget hmset hpersist
hpexpire hpexpireat hpexpiretime hpttl hrandfield hscan hset hsetex hsetnx hstrlen httl hvals
copy del exists expire expireat expiretime keys move object|encoding object|freq object|help object|idletime object|refcount
persist pexpire pexpireat pexpiretime pttl randomkey rename renamenx scan sort sort_ro touch ttl type unlink waitaof
multi exec discard watch unwatch
auth echo hello ping quit reset select client|getname client|id client|info client|kill client|list client|no-evict
client|no-touch client|pause client|reply client|setinfo client|setname client|unblock client|unpause
command|count command|docs command|getkeys command|info command|list config|get config|resetstat config|rewrite config|set
dbsize debug flushall flushdb info lolwut monitor shutdown slowlog|get slowlog|len slowlog|reset swapdb time
""".split()


def test_info_has_the_sections_that_tools_ask_for(client):
    for section in SECTIONS:
        text = client("INFO", section)
        assert text.startswith(b"# " + section.title().encode()) or text.lower().startswith(
            b"# " + section.encode()
        ), section
        assert text.count(b"\r\n# ") == 0, section
    assert client("INFO", "nosuch") == b""
    two = client("INFO", "server", "cpu")
    assert b"# Server" in two and b"# CPU" in two and b"# Memory" not in two


def test_info_without_arguments_leaves_out_commandstats_and_all_brings_them(client):
    client("PING")
    assert b"# Commandstats" not in client("INFO")
    assert b"# Commandstats" in client("INFO", "all") and b"cmdstat_ping:calls=" in client("INFO", "everything")
    assert b"# Latencystats" in client("INFO", "everything")


def test_info_is_a_verbatim_string_in_resp3(client3):
    assert isinstance(client3("INFO"), Verbatim)


def test_every_info_field_that_redis_exporter_reads_is_there(client):
    client("SET", "k", 1)
    info = parse_info(client("INFO", "everything"))
    missing = [name for name in EXPORTED if name not in info]
    assert not missing
    assert "redis_mode" in info or "server_mode" in info
    assert re.fullmatch(r"keys=1,expires=0,avg_ttl=0(,.*)?", info["db0"])
    assert re.fullmatch(
        r"calls=\d+,usec=\d+,usec_per_call=[\d.]+,rejected_calls=\d+,failed_calls=\d+", info["cmdstat_set"]
    )
    assert re.fullmatch(r"p50=[\d.]+,p99=[\d.]+,p99.9=[\d.]+", info["latency_percentiles_usec_set"])
    assert re.fullmatch(r"\d+\.\d+", info["used_cpu_sys"])
    assert re.fullmatch(r"[0-9a-f]{40}", info["run_id"]) and re.fullmatch(r"[0-9a-f]{40}", info["master_replid"])
    assert info["used_memory_human"].endswith(("B", "K", "M", "G"))


def test_info_counts_hits_misses_errors_and_commands(client, server):
    assert client("CONFIG", "RESETSTAT") == b"OK"
    client("SET", "k", 1)
    for _ in range(3):
        client("GET", "k")
    client("GET", "nokey")
    client("GET")
    client("INCR", "k", "x")
    client("LPUSH", "k", 1)
    info = parse_info(client("INFO", "everything"))
    assert info["keyspace_hits"] == "3" and info["keyspace_misses"] == "1"
    assert info["cmdstat_get"].startswith("calls=4,") and "rejected_calls=1,failed_calls=0" in info["cmdstat_get"]
    assert "failed_calls=1" in info["cmdstat_lpush"]
    assert info["errorstat_WRONGTYPE"] == "count=1" and info["errorstat_ERR"] == "count=2"
    assert info["total_error_replies"] == "3"


def test_used_memory_grows_with_the_data(client, server):
    before = int(server.info("memory")["used_memory"])
    client.pipeline([["SET", f"k{i}", "x" * 1000] for i in range(20000)])
    assert int(server.info("memory")["used_memory"]) - before > 18_000_000


def test_used_memory_falls_when_the_data_is_gone(client, server):
    client.pipeline([["SET", f"k{i}", "x" * 1000] for i in range(20000)])
    during = int(server.info("memory")["used_memory"])
    client("FLUSHALL", "SYNC")
    assert int(server.info("memory")["used_memory"]) < during - 15_000_000


def test_config_get_takes_patterns_and_several_names(client, client3):
    reply = client("CONFIG", "GET", "maxmemory", "max*-policy")
    assert dict(zip(reply[::2], reply[1::2])) == {b"maxmemory": b"0", b"maxmemory-policy": b"noeviction"}
    assert isinstance(client3("CONFIG", "GET", "timeout"), Map)
    assert client("CONFIG", "GET", "nosuch") == []
    everything = client("CONFIG", "GET", "*")
    assert len(everything) > 60
    names = set(everything[::2])
    assert {
        b"bind",
        b"port",
        b"dir",
        b"save",
        b"appendonly",
        b"appendfsync",
        b"timeout",
        b"tcp-keepalive",
        b"maxclients",
        b"databases",
        b"requirepass",
        b"proto-max-bulk-len",
        b"client-query-buffer-limit",
        b"client-output-buffer-limit",
        b"slowlog-log-slower-than",
        b"slowlog-max-len",
        b"hz",
        b"unixsocket",
        b"protected-mode",
        b"loglevel",
        b"logfile",
        b"daemonize",
        b"maxmemory-samples",
    } <= names


def test_config_set_changes_several_at_once_or_none(client):
    try:
        assert client("CONFIG", "SET", "timeout", 77, "slowlog-max-len", 55) == b"OK"
        assert client("CONFIG", "GET", "timeout") == [b"timeout", b"77"]
        assert isinstance(client("CONFIG", "SET", "timeout", 88, "appendfsync", "perhaps"), Fault)
        assert client("CONFIG", "GET", "timeout") == [b"timeout", b"77"]
        assert client("CONFIG", "SET", "maxmemory", "100mb") == b"OK"
        assert client("CONFIG", "GET", "maxmemory") == [b"maxmemory", b"104857600"]
        assert client("CONFIG", "SET", "save", "") == b"OK"
        assert client("CONFIG", "GET", "save") == [b"save", b""]
    finally:
        client("CONFIG", "SET", "timeout", 0, "slowlog-max-len", 128, "maxmemory", 0)


def test_config_errors_name_the_directive(client):
    assert (
        client("CONFIG", "SET", "nosuch", 1) == b"ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'"
    )
    immutable = b"ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable config"
    assert client("CONFIG", "SET", "databases", 4).startswith(immutable)
    assert client("CONFIG", "SET", "appendfsync", "x") == (
        b"ERR CONFIG SET failed (possibly related to argument 'appendfsync') - "
        b"argument(s) must be one of the following: everysec, always, no"
    )
    assert client("CONFIG", "SET", "timeout", "x") == (
        b"ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into an integer"
    )
    assert (
        client("CONFIG", "SET", "timeout", 1, "timeout", 2)
        == b"ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter"
    )


def test_config_rewrite_keeps_what_was_set(start, tmp_path):
    file = tmp_path / "test.conf"
    file.write_text("# a comment that stays\ntimeout 5\n")
    server = start(argv=[str(file)])
    with server.client() as client:
        assert client("CONFIG", "GET", "timeout") == [b"timeout", b"5"]
        client("CONFIG", "SET", "timeout", 99, "maxmemory-samples", 7)
        assert client("CONFIG", "REWRITE") == b"OK"
    text = file.read_text()
    assert (
        "# a comment that stays" in text
        and re.search(r"^timeout 99$", text, re.M)
        and re.search(r"^maxmemory-samples 7$", text, re.M)
    )
    with start(argv=[str(file)]).client() as client:
        assert client("CONFIG", "GET", "timeout") == [b"timeout", b"99"]


def test_config_rewrite_without_a_file_is_an_error(client):
    assert client("CONFIG", "REWRITE") == b"ERR The server is running without a config file"


def test_command_count_list_info_and_docs_agree(client):
    names = client("COMMAND", "LIST")
    top = {name for name in names if b"|" not in name}
    assert client("COMMAND", "COUNT") == len(top)
    table = client("COMMAND")
    assert {row[0] for row in table} == top
    for row in table:
        assert len(row) == 10, row[0]
        name, arity, flags, first, last, step, categories, tips, specs, subcommands = row
        assert (
            arity != 0
            and all(isinstance(flag, bytes) for flag in flags)
            and all(c.startswith(b"@") for c in categories)
        ), name
        assert (first == 0) == (last == 0), name
    docs = client("COMMAND", "DOCS")
    assert set(docs[::2]) == top
    for name, doc in zip(docs[::2], docs[1::2]):
        keys = dict(zip(doc[::2], doc[1::2]))
        assert {b"summary", b"since", b"group"} <= set(keys), name


def test_command_info_says_what_clients_need(client, client3):
    get, nothing = client("COMMAND", "INFO", "get", "nosuch")
    assert get[:6] == [b"get", 2, [b"readonly", b"fast"], 1, 1, 1]
    assert set(get[6]) == {b"@read", b"@string", b"@fast"}
    assert get[8][0][:6:2] == [b"flags", b"begin_search", b"find_keys"]
    assert not nothing
    row = client3("COMMAND", "INFO", "set")[0]
    assert isinstance(row[2], Set) and isinstance(row[6], Set) and isinstance(row[8][0], Map)
    sub = client("COMMAND", "INFO", "config|get")[0]
    assert sub[0] == b"config|get" and sub[1] == -3


def facts(row):
    """What clients and proxies take from a row of COMMAND, the sets of it without an order."""
    return {
        "arity": row[1],
        "flags": sorted(row[2]),
        "keys": row[3:6],
        "categories": sorted(row[6]),
        "tips": sorted(row[7]),
        "subcommands": sorted(sub[0] for sub in row[9]),
    }


def test_the_rows_of_the_command_table_equal_valkeys(client, valkey_rows):
    rows = {row[0].decode(): row for row in client("COMMAND")}
    different = []
    for name in sorted(set(rows) & set(valkey_rows)):
        mine, theirs = facts(rows[name]), facts(valkey_rows[name])
        if name in CONTAINERS_IN_PART:
            mine["subcommands"] = theirs["subcommands"] = []
        different += [
            f"{name}: {what}: {mine[what]}, Valkey {theirs[what]}" for what in mine if mine[what] != theirs[what]
        ]
    assert not different, "\n".join(different)


def test_every_command_that_clients_use_has_a_row(client):
    names = set(client("COMMAND", "LIST"))
    missing = [name for name in COMMANDS if name.encode() not in names]
    assert not missing


@pytest.fixture(scope="module")
def valkey_rows():
    """COMMAND of a Valkey, by name."""
    server = Server("valkey")
    with server.client() as client:
        rows = {row[0].decode(): row for row in client("COMMAND")}
    server.remove()
    return rows


def test_command_list_filters_and_getkeys_finds_keys(client):
    assert b"get" in client("COMMAND", "LIST", "FILTERBY", "PATTERN", "ge*")
    assert b"set" in client("COMMAND", "LIST", "FILTERBY", "ACLCAT", "write")
    assert client("COMMAND", "LIST", "FILTERBY", "MODULE", "nosuch") == []
    assert client("COMMAND", "GETKEYS", "MSET", "a", 1, "b", 2) == [b"a", b"b"]
    assert client("COMMAND", "GETKEYS", "LMPOP", 2, "x", "y", "LEFT") == [b"x", b"y"]
    assert client("COMMAND", "GETKEYS", "SORT", "l", "STORE", "d") == [b"l", b"d"]
    assert client("COMMAND", "GETKEYSANDFLAGS", "SET", "k", "v")[0][0] == b"k"
    assert client("COMMAND", "GETKEYS", "PING") == b"ERR The command has no key arguments"


def test_time_is_now_in_seconds_and_microseconds(client):
    seconds, micros = client("TIME")
    assert abs(int(seconds) - time.time()) < 2 and 0 <= int(micros) < 1_000_000


def test_dbsize_counts_this_database(client):
    client.pipeline([["SET", f"k{i}", i] for i in range(1000)])
    assert client("DBSIZE") == 1000
    client("SELECT", 5)
    assert client("DBSIZE") == 0


def test_lolwut_ends_with_the_version(client):
    assert client("LOLWUT").strip().split(b"\n")[-1].split(b" ver. ")[1][:1].isdigit()
    assert isinstance(client("LOLWUT", "VERSION", "5"), bytes)


def test_slowlog_keeps_what_was_slow(client, connect):
    client("CONFIG", "SET", "slowlog-log-slower-than", 0)
    try:
        assert client("SLOWLOG", "RESET") == b"OK"
        named = connect()
        named("CLIENT", "SETNAME", "slow one")
        named("CLIENT", "SETNAME", "slowone")
        named("SET", "k", "x" * 500)
        named("RPUSH", "l", *range(60))
        entries = client("SLOWLOG", "GET", -1)
        by_name = {entry[3][0].upper(): entry for entry in entries}
        entry = by_name[b"SET"]
        assert len(entry) == 6 and entry[0] >= 0 and abs(entry[1] - time.time()) < 5 and entry[2] >= 0
        assert entry[3][2] == b"x" * 128 + b"... (372 more bytes)"
        assert entry[4].startswith(b"127.0.0.1:") and entry[5] == b"slowone"
        assert len(by_name[b"RPUSH"][3]) == 32 and by_name[b"RPUSH"][3][-1] == b"... (31 more arguments)"
        assert client("SLOWLOG", "LEN") >= 3
        assert len(client("SLOWLOG", "GET", 2)) == 2
        client("CONFIG", "SET", "slowlog-max-len", 2)
        client("PING")
        assert client("SLOWLOG", "LEN") == 2
    finally:
        client("CONFIG", "SET", "slowlog-log-slower-than", 10000, "slowlog-max-len", 128)
    client("DEBUG", "SLEEP", "0.02")
    assert any(entry[3][0].upper() == b"DEBUG" and entry[2] >= 20000 for entry in client("SLOWLOG", "GET"))


def test_commandlog_is_the_slowlog_under_its_new_name(client):
    reply = client("COMMANDLOG", "LEN", "slow")
    assert isinstance(reply, int)
    assert isinstance(client("COMMANDLOG", "GET", 1, "slow"), list)


def test_monitor_shows_what_others_send(client, connect):
    watcher, other = connect(), connect()
    assert watcher("MONITOR") == b"OK"
    other("SELECT", 3)
    other("SET", b"k\x00", 'a "quoted" \n value')
    other("CONFIG", "SET", "timeout", 0)
    lines = []
    while (
        not any(b'"timeout"' in line or b'"config"' in line.lower() for line in lines)
        and len(lines) < 10
        and watcher.readable(1)
    ):
        lines.append(watcher.read_any(2))
    line = next(line for line in lines if b"\\x00" in line)
    assert re.fullmatch(rb'\d+\.\d{6} \[3 127\.0\.0\.1:\d+\] "SET" "k\\x00" "a \\"quoted\\" \\n value"', line)


def test_monitor_hides_passwords_and_ends_with_reset(client, connect):
    watcher = connect()
    watcher("MONITOR")
    client("AUTH", "topsecret")
    client("PING", "seen")
    first = watcher.read_any(2)
    assert b"topsecret" not in first
    while b"seen" not in first:
        first = watcher.read_any(2)
        assert b"topsecret" not in first
    assert watcher("RESET") == b"RESET"
    client("PING", "unseen")
    assert watcher("PING") == b"PONG"


def test_debug_is_off_unless_enabled(start):
    with start({"enable-debug-command": "no"}).client() as client:
        assert client("DEBUG", "SLEEP", 0).startswith(b"ERR DEBUG command not allowed.")
        assert client("PING") == b"PONG"


def test_debug_digest_depends_on_the_data_alone(client):
    empty = client("DEBUG", "DIGEST")
    assert empty == b"0" * 40
    client("MSET", "a", 1, "b", 2)
    client("HSET", "h", "x", 1, "y", 2)
    first = client("DEBUG", "DIGEST")
    assert re.fullmatch(rb"[0-9a-f]{40}", first) and first != empty
    values = client("DEBUG", "DIGEST-VALUE", "a", "h", "nokey")
    client("FLUSHALL")
    client("HSET", "h", "y", 2)
    client("HSET", "h", "x", 1)
    client("MSET", "b", 2, "a", 1)
    assert client("DEBUG", "DIGEST") == first
    assert client("DEBUG", "DIGEST-VALUE", "a", "h", "nokey") == values
    client("SET", "a", 9)
    assert client("DEBUG", "DIGEST") != first


def test_debug_object_says_encoding_and_size(client):
    client("SET", "k", "v")
    assert b"encoding:embstr" in client("DEBUG", "OBJECT", "k")
    assert client("DEBUG", "OBJECT", "nokey") == b"ERR no such key"


def test_debug_reload_keeps_everything(client):
    client("SET", "k", "v")
    client("SET", "t", "v", "EX", 100)
    client("RPUSH", "l", *range(500))
    client("HSET", "h", "a", 1, "b", 2)
    client("HPEXPIREAT", "h", 4102444800123, "FIELDS", 1, "a")
    digest = client("DEBUG", "DIGEST")
    assert client("DEBUG", "RELOAD") == b"OK"
    assert client("DEBUG", "DIGEST") == digest
    assert 90 < client("TTL", "t") <= 100
    assert client("HPEXPIRETIME", "h", "FIELDS", 2, "a", "b") == [4102444800123, -1]


def test_a_sleeping_debug_holds_only_its_time(client):
    started = time.monotonic()
    assert client("DEBUG", "SLEEP", "0.1") == b"OK"
    assert 0.09 < time.monotonic() - started < 2


def test_maxmemory_refuses_writes_under_noeviction(client, server):
    client("SET", "k", "v")
    used = int(server.info("memory")["used_memory"])
    client("CONFIG", "SET", "maxmemory", used + 300_000)
    try:
        refused = None
        for i in range(3000):
            reply = client("SET", f"fill:{i}", "x" * 1000)
            if isinstance(reply, Fault):
                refused = reply
                break
        assert refused == b"OOM command not allowed when used memory > 'maxmemory'."
        assert client("GET", "k") == b"v"
        assert client("DEL", "fill:0") == 1
        client("MULTI")
        assert client("SET", "k", "w" * 5000) == refused
        assert client("EXEC").startswith(b"EXECABORT")
    finally:
        client("CONFIG", "SET", "maxmemory", 0)
    assert client("SET", "k", "w") == b"OK"


@pytest.mark.parametrize(
    "policy",
    ["allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"],
)
def test_maxmemory_evicts_by_policy(client, server, policy):
    used = int(server.info("memory")["used_memory"])
    client("CONFIG", "SET", "maxmemory-policy", policy, "maxmemory", used + 2_000_000)
    try:
        if policy.startswith("volatile"):
            client("SET", "keep", "v")
        for i in range(4000):
            assert client("SET", f"fill:{i}", "x" * 1000, "EX", 1000 + i) == b"OK"
        info = server.info()
        assert int(info["evicted_keys"]) > 1000
        assert client("DBSIZE") < 3000
        assert int(info["used_memory"]) < used + 3_000_000
        if policy.startswith("volatile"):
            assert client("GET", "keep") == b"v"
    finally:
        client("CONFIG", "SET", "maxmemory", 0, "maxmemory-policy", "noeviction")


def test_shutdown_ends_the_process(start):
    server = start()
    with server.client() as client:
        client("SET", "k", 1)
        client.send("SHUTDOWN")
        assert client.closed()
    assert server.process.wait(20) == 0


def test_waitaof_and_wait_answer_with_what_is_there(client):
    assert client("WAIT", 0, 10) == 0
    assert client("WAITAOF", 0, 0, 10) in ([0, 0], [1, 0])
