"""Memory of Ramekin beside Valkey, in one run: what a key costs, what deleting gives back, and life at maxmemory.

Each part starts a server afresh on one core and loads it from another. A ratio says so by its name whether less or more is
better; the first binary found of target/release and target/quick is measured.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time

import servers

# To reach, and beyond.
AIMS = {"resident": (0.85, 0.75), "throughput": (1.5, 2.5)}
ZIPF = ["--zipf", "0.99"]


def main():
    options = arguments()
    found = [servers.TARGET / profile / "ramekin" for profile in ("release", "quick")]
    binary = pathlib.Path(options.ramekin) if options.ramekin else next((path for path in found if path.exists()), None)
    if not binary:
        raise SystemExit("no ramekin was built: cargo build --release --package ramekin-cli, or say where with --ramekin")
    jemalloc = servers.find_jemalloc()
    preload = (jemalloc,) if jemalloc else ()
    ours = servers.Contender("Ramekin", "ramekin", servers.existing(binary, "ramekin"))
    theirs = servers.Contender(
        "Valkey with jemalloc" if jemalloc else "Valkey", "valkey", servers.find_valkey(options.valkey), preload
    )
    with tempfile.TemporaryDirectory(prefix="ramekin-bench-") as data:
        bench = Bench(options, data, binary)
        parts = {"resident": bench.resident, "limit": bench.at_the_limit}
        for name in options.part or parts:
            parts[name](ours, theirs)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", choices=["resident", "limit", []], help="just these; else all")
    parser.add_argument("--keys", type=int, default=5_000_000, help="keys whose resident memory is told (5000000)")
    parser.add_argument("--limit-mb", type=int, default=100, help="maxmemory (100)")
    parser.add_argument("--keyspace", type=int, default=10_000_000, help="keys that the load at maxmemory draws from (10000000)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each server at maxmemory (3)")
    parser.add_argument("--ramekin", help="the binary to measure")
    parser.add_argument("--valkey", help="valkey-server (VALKEY_SERVER, target/venv, PATH)")
    return parser.parse_args()


class Bench:
    """What all parts share."""

    def __init__(self, options, data, generator):
        self.options, self.data, self.generator = options, data, generator
        cores = sorted(os.sched_getaffinity(0))
        self.server_core, self.load_core = cores[0], cores[-1]

    def running(self, contender, **directives):
        directives = {"appendonly": "no", **{name.replace("_", "-"): value for name, value in directives.items()}}
        return servers.running(contender, self.server_core, self.data, directives)

    def load(self, server, *words):
        """Puts a load on a server. Returns requests a second."""
        command = [self.generator, "bench", "-p", server.port, "--csv", *words]
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, preexec_fn=servers.child(self.load_core)
        )
        server.check()
        if done.returncode:
            raise SystemExit(f"the load failed: {done.stderr}")
        header, figures = (line.split(",") for line in done.stdout.strip().splitlines()[:2])
        return float(dict(zip(header, figures, strict=True))["requests_per_second"])

    def ask(self, server, *words):
        command = [self.generator, "cli", "-p", server.port, *words]
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True).stdout

    def info(self, server):
        lines = self.ask(server, "INFO", "everything").replace("\r", "").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def resident(self, ours, theirs):
        """Resident memory a key, and after half and all were deleted."""
        print(f"{self.options.keys} keys of 16 bytes with 32 bytes, nothing on disk")
        costs = {}
        for contender in (ours, theirs):
            with self.running(contender) as server:
                empty = resident_bytes(server)
                self.load(server, "-t", "set", "--fill", "-r", self.options.keys, "-d", 32, "-P", 64, "-c", 10, "-n", 640)
                time.sleep(1.5)
                full, used = resident_bytes(server), int(self.info(server)["used_memory"])
                costs[contender] = (full - empty) / self.options.keys
                self.ask(server, "FLUSHALL")
                time.sleep(2.5)
                after = resident_bytes(server)
                print(
                    f"  {contender.name:22} {costs[contender]:6.1f} resident bytes a key; used_memory is "
                    f"{used / (full - empty):.3f} of them; {(after - empty) >> 20} MiB stay after FLUSHALL"
                )
        reach, beyond = AIMS["resident"]
        print(f"  resident memory, less is better: {costs[ours] / costs[theirs]:.2f} (to reach {reach}, beyond {beyond})")

    def at_the_limit(self, ours, theirs):
        """Throughput of SET and the share of GETs that hit, both by Zipf's law, once the limit was reached long ago."""
        limit = self.options.limit_mb << 20
        print(f"maxmemory {limit >> 20} MiB, {self.options.keyspace} keys with 100 bytes, drawn by Zipf's law with {ZIPF[1]}")
        words = ["-r", self.options.keyspace, "-d", 100, "-P", 16, *ZIPF]
        for policy in ("allkeys-lru", "allkeys-lfu"):
            rates, hits = {ours: [], theirs: []}, {}
            for _ in range(self.options.rounds):
                for contender in (ours, theirs):
                    with self.running(contender, maxmemory=limit, maxmemory_policy=policy) as server:
                        self.load(server, "-t", "set", "-n", 6_000_000, "--seed", 1, *words)
                        rates[contender].append(self.load(server, "-t", "set", "-n", 2_000_000, "--seed", 2, *words))
                        before = self.info(server)
                        assert int(before["evicted_keys"]) > 0, "nothing was evicted: the limit is too high"
                        assert int(before["used_memory"]) < limit * 1.02, "the limit was not kept"
                        self.load(server, "-t", "get", "-n", 1_000_000, "--seed", 3, *words)
                        after = self.info(server)
                        hit, miss = (int(after[name]) - int(before[name]) for name in ("keyspace_hits", "keyspace_misses"))
                        hits[contender] = hit / (hit + miss)
            middle = {contender: sorted(rates[contender])[len(rates[contender]) // 2] for contender in rates}
            for contender in (ours, theirs):
                print(
                    f"  {policy}, {contender.name:22} {middle[contender] / 1000:7.0f}k SET/s, "
                    f"{hits[contender] * 100:.2f}% of GETs hit"
                )
            reach, beyond = AIMS["throughput"]
            print(f"  {policy}, throughput, more is better: {middle[ours] / middle[theirs]:.2f} (to reach {reach}, beyond {beyond})")


def resident_bytes(server):
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024


if __name__ == "__main__":
    try:
        main()
    except servers.Failed as failed:
        raise SystemExit(str(failed)) from None
