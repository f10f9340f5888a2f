"""Ramekin and Valkey side by side, on one machine, in one run: the figures of docs/PERFORMANCE.md.

Each row starts both servers afresh on one core, puts load on them from another, turn by turn, and takes medians. What
was found is printed, and kept as Markdown and JSON in target/bench; a complete run also renews docs/PERFORMANCE.md.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import measure
import rows
import servers
import table

DOCUMENT = servers.ROOT / "docs" / "PERFORMANCE.md"


def arguments():
    parser = argparse.ArgumentParser(description="Measures Ramekin and Valkey side by side.")
    parser.add_argument("--only", action="append", metavar="ROW", default=[],
                        help="just this row, or all whose names begin so; may be given again; --list names them")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each server a row (5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a measurement (2)")
    parser.add_argument("--warmup", type=float, default=0.3, help="load before it (0.3)")
    parser.add_argument("--ramekin", help="the binary to measure (target/release/ramekin, built first)")
    parser.add_argument("--generator", help="the binary whose `bench` makes the load (the one that is measured)")
    parser.add_argument("--valkey", help="valkey-server (VALKEY_SERVER, target/venv, PATH)")
    parser.add_argument("--data", help="folder for the servers' data (target/bench)")
    parser.add_argument("--against-itself", action="store_true",
                        help="Valkey in both places: every ratio should be about 1")
    options = parser.parse_args()
    if options.rounds < 1 or options.seconds <= 0 or options.warmup < 0:
        parser.error("--rounds is at least 1, --seconds is more than 0, --warmup is not negative")
    return options


def main():
    options = arguments()
    if options.list:
        for row in rows.ROWS:
            print(f"{row.name:18} {row.title}")
        print(f"{'inprocess':18} GET and SET in process, one thread")
        return
    chosen = [row for row in rows.ROWS if wanted(options, row.name)]
    embedded = wanted(options, "inprocess") and not options.against_itself
    if not chosen and not embedded:
        raise servers.Failed(f"no row is named {', '.join(options.only)}; --list names them")
    binary = build(options, embedded)
    bench = servers.TARGET / "bench"
    data = pathlib.Path(options.data or bench)
    data.mkdir(parents=True, exist_ok=True)
    bench.mkdir(parents=True, exist_ok=True)
    with temporary(data) as folder:
        text, figures = run(options, chosen, embedded, binary, folder)
    (bench / "results.md").write_text(text)
    (bench / "results.json").write_text(json.dumps(figures, indent=1))
    print(text)
    if not (options.only or options.against_itself):
        table.put_into(DOCUMENT, text)
        print(f"written to {DOCUMENT}", file=sys.stderr)


def wanted(options, name):
    """Whether a row is chosen: by its name, or by how its name begins where no row has just that name."""
    names = [row.name for row in rows.ROWS]
    return not options.only or any(
        name == asked or (asked not in names and name.startswith(asked)) for asked in options.only
    )


def build(options, embedded):
    """Builds what is to be measured, unless a binary is given."""
    if options.ramekin:
        return servers.existing(options.ramekin, "ramekin")
    packages = [["--package", "ramekin-cli"]]
    if embedded and (servers.ROOT / "crates/engine/examples/inprocess.rs").exists():
        packages.append(["--package", "ramekin", "--example", "inprocess"])
    for words in packages:
        if subprocess.run(["cargo", "build", "--release", *words], cwd=servers.ROOT, check=False).returncode:
            raise servers.Failed(f"cargo build --release {' '.join(words)} failed")
    return servers.existing(servers.TARGET / "release" / "ramekin", "ramekin")


@contextlib.contextmanager
def temporary(data):
    folder = tempfile.mkdtemp(prefix="data-", dir=data)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(options, chosen, embedded, binary, folder):
    """Measures the rows that were chosen; the text, and the figures to keep."""
    cores = sorted(os.sched_getaffinity(0))
    server_core, load_core = cores[0], cores[min(1, len(cores) - 1)]
    jemalloc = servers.find_jemalloc()
    valkey = servers.Contender("Valkey", "valkey", servers.find_valkey(options.valkey), (jemalloc,) if jemalloc else ())
    ours = servers.Contender("Ramekin", "ramekin", binary)
    if options.against_itself:
        ours = dataclasses.replace(valkey, name="Itself")
    slow_fsync = servers.compile_slow_fsync(folder) if any(row.fsync_delay_ms for row in chosen) else None
    generator = str(servers.existing(options.generator, "generator") if options.generator else binary)
    setup = measure.Setup(generator, server_core, load_core, folder, options.rounds, options.seconds, options.warmup,
                          slow_fsync)
    machine = table.describe_machine(folder)
    print(machine, file=sys.stderr)
    began = time.monotonic()
    results = [measure.compare(row, setup, ours, valkey) for row in chosen]
    in_process = run_in_process(server_core, folder) if embedded else None
    print(f"measured in {time.monotonic() - began:.0f} s", file=sys.stderr)

    allocator = "Valkey runs with jemalloc preloaded." if jemalloc else (
        "No libjemalloc.so.2 was found: Valkey runs with the allocator it was built with, which may cost it some speed.")
    pinned = f"the servers on core {server_core}, the load on core {load_core}" if server_core != load_core else (
        "servers and load on the one core there is, so latencies and throughput say little")
    how = (f"Median of {options.rounds} rounds of {options.seconds:g} s, {pinned}; "
           f"{rows.VALUE_BYTES} B values, {rows.KEYS:,} keys, 50 connections where no other number is given.")
    names = {"A": ours.name, "B": valkey.name}
    versions = {"A": f"{ours.name} {ours.version()}", "B": f"{valkey.name} {valkey.version()}"}
    text = table.render(results, in_process, machine, allocator, versions, how, names)
    return text, {"rows": [keep(result) for result in results], "in_process": in_process}


def keep(result):
    return {
        "row": result.row.name,
        "ratio": result.ratio,
        "ratios": result.ratios,
        "ramekin": result.medians["A"],
        "valkey": result.medians["B"],
        "notes": result.notes,
    }


def run_in_process(core, folder):
    """The example that holds a database itself; what it printed, or why there is nothing."""
    example = servers.TARGET / "release" / "examples" / "inprocess"
    if not example.exists():
        return f"Not measured: there is no {example.name} example built."
    words = [str(example), "--json", "--dir", str(pathlib.Path(folder) / "inprocess")]
    shown = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False, preexec_fn=servers.child(core))
    if shown.returncode:
        return f"Not measured: the example ended with code {shown.returncode}."
    figures = json.loads(shown.stdout)
    print(f"  in process: {figures}", file=sys.stderr)
    return figures


def interrupted(_signal, _frame):
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, interrupted)
    try:
        main()
    except servers.Failed as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit("bench: stopped; the servers have been ended")
