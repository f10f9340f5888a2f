"""Runs the load of one row against both servers, turn by turn, and reduces the rounds to medians."""

import contextlib
import dataclasses
import json
import statistics
import subprocess
import sys
import time

import rows
import servers

# Figures of the generator's report that medians are taken of.
FIGURES = [
    "requests_per_second",
    "p50",
    "p99",
    "p99_9",
    "server_cpu_us",
    "server_user_us",
    "server_system_us",
    "server_cores",
    "generator_cores",
]
# Syncs and tests of always start from a disk that has nothing else to write.
REST_SECONDS = 0.1


@dataclasses.dataclass(frozen=True)
class Setup:
    """What all measurements share: the generator, the cores, the folder, the lengths."""

    generator: str
    server_core: int
    load_core: int
    data: str
    rounds: int
    seconds: float
    warmup: float
    slow_fsync: str | None = None


@dataclasses.dataclass
class Result:
    """One row: per contender the medians, the ratio of each round, and what is to be known about it."""

    row: rows.Row
    medians: dict
    ratios: list
    notes: list

    @property
    def ratio(self):
        """Of the medians: above 1, Ramekin is better."""
        return better(self.row, self.medians["A"], self.medians["B"])

    @property
    def kernel_share(self):
        """Of Ramekin's CPU time."""
        return self.medians["A"]["server_system_us"] / max(self.medians["A"]["server_cpu_us"], 1e-9)

    @property
    def ceiling(self):
        """The ratio of CPU time that a Ramekin which took no time of its own would have."""
        return self.medians["B"]["server_cpu_us"] / max(self.medians["A"]["server_system_us"], 1e-9)


def better(row, ours, theirs):
    if row.judged == "cpu":
        return theirs["server_cpu_us"] / max(ours["server_cpu_us"], 1e-9)
    return ours["requests_per_second"] / max(theirs["requests_per_second"], 1e-9)


def compare(row, setup, ours, theirs):
    """Measures one row in rounds: ours, theirs, ours, theirs …"""
    with contextlib.ExitStack() as stack:
        delay = (setup.slow_fsync, row.fsync_delay_ms) if row.fsync_delay_ms else None
        pair = {}
        for side, contender, directives in (("A", ours, row.ours), ("B", theirs, row.theirs)):
            pair[side] = stack.enter_context(
                servers.running(contender, setup.server_core, setup.data, directives, delay)
            )
            if row.fill:
                load(setup, pair[side], ["--fill", "-r", rows.KEYS, "-d", rows.VALUE_BYTES, "-n", 1, "-t", row.test])
        rounds = {"A": [], "B": []}
        for number in range(setup.rounds):
            for side in "AB":
                report = one_round(row, setup, pair[side])
                rounds[side].append(report)
                progress(row, number, pair[side].contender.name, report)
    medians = {side: {name: median(reports, name) for name in FIGURES} for side, reports in rounds.items()}
    ratios = [better(row, a, b) for a, b in zip(rounds["A"], rounds["B"], strict=True)]
    names = {"A": ours.name, "B": theirs.name}
    notes = [note for side in "AB" for note in judge(row, names[side], rounds[side], medians[side])]
    return Result(row, medians, ratios, notes)


def one_round(row, setup, server):
    """One measurement of one server, after what it needs."""
    words = ["-t", row.test, "-P", row.pipeline, "-c", row.connections, "-d", rows.VALUE_BYTES, "-r", rows.KEYS]
    window = ["--seconds", setup.seconds, "--warmup", setup.warmup]
    if row.test in ("lpush", "rpop"):
        load(setup, server, ["-c", 1, "-n", 1, "DEL", "mylist"])
    if row.pops:
        load(setup, server, ["-t", "lpush", "-P", 100, "-d", rows.VALUE_BYTES, "-n", row.pops])
        window = ["-n", row.pops]
    time.sleep(REST_SECONDS)
    words += [*window, "--server-pid", server.pid]
    if not row.beside:
        return load(setup, server, words)
    other = ["-t", row.beside, "-c", row.connections, "-d", rows.VALUE_BYTES, "-r", rows.KEYS]
    other += ["--seconds", setup.seconds + setup.warmup + 0.2]
    meanwhile = start(setup, server, other)
    try:
        report = load(setup, server, words)
        report["beside"] = finish(server, meanwhile)
    finally:
        servers.end(meanwhile)
    return report


def start(setup, server, words):
    words = [setup.generator, "bench", "-p", server.port, "--json", *words]
    return subprocess.Popen(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=servers.child(setup.load_core),
    )


def finish(server, process):
    """Waits for a generator and returns what it reports."""
    output, errors = process.communicate()
    server.check()
    if process.returncode != 0:
        raise servers.Failed(f"against {server.contender.name}: {errors.strip()}")
    return json.loads(output)[-1]


def load(setup, server, words):
    process = start(setup, server, words)
    try:
        return finish(server, process)
    finally:
        servers.end(process)


def median(reports, name):
    return statistics.median(report[name] or 0 for report in reports)


def judge(row, name, reports, medians):
    """What would make a figure mislead, in words."""
    errors = sum(report["errors"] for report in reports)
    nulls = sum(report["nulls"] for report in reports)
    if errors:
        first = next(report["first_error"] for report in reports if report["errors"])
        yield f"{name}: {errors} errors, such as: {first}"
    if nulls:
        yield f"{name}: {nulls} null replies"
    if medians["generator_cores"] > 0.95:
        yield f"{name}: the generator was the limit of throughput"
    elif row.judged == "cpu" and medians["server_cores"] < 0.9:
        yield f"{name}: neither server nor generator had its core to itself, others were at work"
    for report in reports:
        if "beside" in report and report["beside"]["p50"] < row.fsync_delay_ms * 1000:
            yield f"{name}: the delay of fsync did not take: a SET took {report['beside']['p50'] / 1000:.2f} ms"
            return


def progress(row, number, name, report):
    cpu = report["server_cpu_us"]
    print(
        f"  {row.name:18} round {number + 1}  {name:8} {report['requests_per_second']:12,.0f}/s"
        f"  {cpu:7.3f} us CPU  p99 {report['p99'] / 1000:.3f} ms",
        file=sys.stderr,
        flush=True,
    )
