"""Checkpoints beside Valkey's snapshots: time and CPU of one, start until the first GET, stalls and memory meanwhile.

Each figure is the median of its rounds, and its ratio is ours to theirs: below 1, Ramekin is better. Server and load have a
core each, but for the start. `make bench ARGS=...` is for throughput; this is for what a checkpoint costs.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import servers

VALUE_BYTES = 32
CONNECTIONS = 50


@dataclasses.dataclass
class Bench:
    """A server in a folder of its own that can be ended and started again."""

    contender: servers.Contender
    folder: pathlib.Path
    generator: str
    cores: tuple
    keys: int
    process: subprocess.Popen = None
    port: int = 0

    def start(self, alone=True):
        """Starts the process, alone on its core or on all of them, and returns at once."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RAMEKIN_")}
        if self.contender.preload:
            environment["LD_PRELOAD"] = " ".join(map(str, self.contender.preload))
        with (self.folder / "output.txt").open("ab") as output:
            self.process = subprocess.Popen(
                self.contender.command_line(self.port, self.folder, {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd=self.folder,
                preexec_fn=servers.child(self.cores[0] if alone else None),
            )

    def until_get(self, key):
        """Waits until a GET is answered with a value; gives the seconds since now."""
        begun = time.monotonic()
        request = b"*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n" % (len(key), key)
        while True:
            if self.process.poll() is not None:
                raise servers.Failed(f"{self.contender.name} ended: see {self.folder}/output.txt")
            with (
                contextlib.suppress(OSError),
                socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe,
            ):
                probe.sendall(request)
                if probe.recv(64).startswith(b"$%d\r\n" % VALUE_BYTES):
                    return time.monotonic() - begun
            time.sleep(0.001)

    def ask(self, *words):
        """The bytes that answer a command, or the first of them."""
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        request = b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as probe:
            probe.sendall(request)
            return probe.recv(1 << 16)

    def info(self, field):
        """A number in INFO."""
        lines = self.ask("INFO", "persistence").decode(errors="replace").split("\r\n")
        return float(next(line.split(":", 1)[1] for line in lines if line.startswith(field + ":")))

    def load(self, test, seconds, *more):
        """The report of the generator on one test."""
        words = [self.generator, "bench", "-p", self.port, "-c", CONNECTIONS, "-d", VALUE_BYTES, "-r", self.keys]
        words += ["-t", test, "--seconds", seconds, "--warmup", 0.3, "--json", *more]
        done = subprocess.run(
            list(map(str, words)), capture_output=True, text=True, check=True, preexec_fn=servers.child(self.cores[1])
        )
        return json.loads(done.stdout)[0]

    def fill(self):
        """Writes all keys."""
        words = [self.generator, "bench", "-p", self.port, "-c", 8, "-P", 64, "-d", VALUE_BYTES, "-r", self.keys]
        subprocess.run([*map(str, words), "--fill", "-n", "1", "-t", "get"], capture_output=True, check=True)

    def cpu(self):
        """CPU seconds of the process and of its children that have ended."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Resident bytes, and what its children have of their own."""
        resident = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        total = int(resident.split("VmRSS:")[1].split()[0])
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/children"):
            for child in task.read_text().split():
                with contextlib.suppress(OSError, IndexError):
                    rollup = pathlib.Path(f"/proc/{child}/smaps_rollup").read_text()
                    total += int(rollup.split("Private_Dirty:")[1].split()[0])
        return total * 1024

    def save(self):
        """Takes a checkpoint in the background and waits for its end."""
        self.ask("SET", "changed", time.monotonic())
        self.ask("BGSAVE")
        while self.info("rdb_bgsave_in_progress"):
            time.sleep(0.005)

    def stop(self):
        """Kills it."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def beside(work):
    """Repeats `work` in a thread while the block runs."""
    over = threading.Event()

    def repeat():
        while not over.is_set():
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def saves(bench, rounds):
    """Seconds and CPU seconds of checkpoints while nothing else is done."""
    walls, cpus = [], []
    for _ in range(rounds):
        cpu, begun = bench.cpu(), time.monotonic()
        bench.save()
        walls.append(time.monotonic() - begun)
        cpus.append(bench.cpu() - cpu)
    return {"checkpoint, s": walls, "checkpoint, CPU s": cpus}


def starts(bench, rounds):
    """Seconds from the start of the process to the first GET."""
    key = bench.ask("RANDOMKEY").split(b"\r\n")[1]
    times = []
    for _ in range(rounds):
        bench.stop()
        bench.start(alone=False)
        times.append(bench.until_get(key))
    bench.stop()
    bench.start()
    bench.until_get(key)
    return {"start until the first GET, s": times}


def stalls(bench, rounds):
    """p99.9 of GET at half of saturation, during checkpoints, to that without."""
    saturation = statistics.median(bench.load("get", 1)["requests_per_second"] for _ in range(3))
    rate = ["--rate", int(saturation / 2)]
    ratios, during = [], []
    for _ in range(rounds):
        plain = bench.load("get", 2, *rate)["p99_9"]
        with beside(bench.save):
            during.append(bench.load("get", 2, *rate)["p99_9"])
        ratios.append(during[-1] / plain)
    return {"p99.9 of GET meanwhile, us": during, "p99.9 of GET, to that without": ratios}


def growth(bench, rounds):
    """Growth of memory in percent while keys are overwritten as fast as can be."""
    percents = []
    for _ in range(rounds):
        bench.load("set", 1, "-P", 16)
        before, peak = bench.memory(), [0]

        def watch(peak=peak):
            peak[0] = max(peak[0], bench.memory())
            time.sleep(0.005)

        with beside(bench.save), beside(watch):
            bench.load("set", 3, "-P", 16)
        percents.append(max(0, 100 * (peak[0] - before) / before))
    return {"growth of memory under writes, %": percents}


def measure(contender, options):
    """All figures of one server."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{contender.kind}-", dir=options.data))
    bench = Bench(contender, folder, options.ramekin, (0, os.cpu_count() - 1), options.keys)
    figures = {}
    try:
        bench.start()
        while True:
            with contextlib.suppress(OSError):
                if bench.ask("PING").startswith(b"+PONG"):
                    break
            time.sleep(0.02)
        bench.fill()
        for part in (saves, starts, stalls, growth):
            figures |= part(bench, options.rounds)
    finally:
        bench.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return {name: statistics.median(values) for name, values in figures.items()}


def main():
    """Measures both and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ramekin", default=str(servers.TARGET / "release" / "ramekin"), help="the binary")
    parser.add_argument("--valkey", help="the valkey-server to compare with")
    parser.add_argument("--keys", type=int, default=5_000_000, help="of 16 bytes, with values of 32 (5000000)")
    parser.add_argument("--rounds", type=int, default=9, help="of each figure (9)")
    parser.add_argument("--data", help="where the folders of the servers are made")
    options = parser.parse_args()
    jemalloc = servers.find_jemalloc()
    contenders = [
        servers.Contender("Ramekin", "ramekin", servers.existing(options.ramekin, "ramekin")),
        servers.Contender("Valkey", "valkey", servers.find_valkey(options.valkey), (jemalloc,) if jemalloc else ()),
    ]
    ours, theirs = [measure(contender, options) for contender in contenders]
    print(f"{options.keys} keys, median of {options.rounds} rounds; {os.cpu_count()} cores")
    print("\n| figure | Ramekin | Valkey | ratio |\n|---|---|---|---|")
    for name, mine in ours.items():
        ratio = f"{mine / theirs[name]:.2f}" if theirs[name] else "-"
        print(f"| {name} | {mine:.2f} | {theirs[name]:.2f} | {ratio} |")


if __name__ == "__main__":
    try:
        main()
    except servers.Failed as failed:
        raise SystemExit(f"bench/checkpoint: {failed}") from None
