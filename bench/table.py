"""Writes the results as Markdown."""

import os
import pathlib
import platform
import statistics
import time

import rows

BEGIN = "<!-- figures: written by `make bench`, do not edit -->"
END = "<!-- end of figures -->"


def render(results, in_process, machine, allocator, versions, options, names):
    """The whole text between the marks of docs/PERFORMANCE.md."""
    parts = [machine, f"{versions['A']} against {versions['B']}. {allocator} {options}"]
    if results:
        parts += ["### Ratios", ratios(results, names), "### Throughput and latency", speeds(results, names)]
    if in_process is not None:
        parts += ["### In process, one thread", embedded(in_process)]
    noted = [f"- {result.row.title}: {note}" for result in results for note in result.notes]
    if noted:
        parts += ["### To be known", "\n".join(noted)]
    return "\n\n".join(parts) + "\n"


def ratios(results, names):
    ours, theirs = names["A"], names["B"]
    head = [
        "", "judged by", f"{ours} is better by", "worst to best round", "to reach", "beyond", "",
        f"{ours} us/op (user + system)", f"{theirs} us/op (user + system)", "kernel's share of ours", "ceiling",
    ]
    lines = []
    for result in results:
        row = result.row
        lines.append([
            row.title,
            "CPU time" if row.judged == "cpu" else "throughput",
            f"**{result.ratio:.2f}x**",
            f"{min(result.ratios):.2f} to {max(result.ratios):.2f}",
            f"{row.to_reach:g}x",
            f"{row.beyond:g}x",
            verdict(result.ratio, row.to_reach, row.beyond),
            cpu(result.medians["A"]),
            cpu(result.medians["B"]),
            f"{result.kernel_share:.0%}",
            f"{result.ceiling:.1f}x" if row.judged == "cpu" else "",
        ])
    legend = (
        "CPU time is the server's, in microseconds an operation. The ceiling is the ratio that would be left if all the"
        " time that is not the kernel's were gone."
    )
    return table(head, lines) + "\n\n" + legend


def speeds(results, names):
    head = [""]
    for side in "AB":
        head += [f"{names[side]} ops/s", "p50 / p99 / p99.9 ms"]
    lines = []
    for result in results:
        line = [result.row.title]
        for side in "AB":
            figures = result.medians[side]
            line.append(f"{figures['requests_per_second']:,.0f}")
            line.append(" / ".join(f"{figures[name] / 1000:.2f}" for name in ("p50", "p99", "p99_9")))
        throughputs = [result.medians[side]["requests_per_second"] for side in "AB"]
        lines.append([*line, f"{throughputs[0] / max(throughputs[1], 1e-9):.2f}x"])
    return table([*head, "ratio"], lines)


def embedded(figures):
    if isinstance(figures, str):
        return figures
    lines = [
        [title, f"{figures[name]:,.0f}", f"{reach:,.0f}", f"{beyond:,.0f}", verdict(figures[name], reach, beyond)]
        for title, name, reach, beyond in rows.IN_PROCESS
    ]
    return table(["", "ops/s", "to reach", "beyond", ""], lines)


def verdict(value, to_reach, beyond):
    if value >= beyond:
        return "beyond"
    return "reached" if value >= to_reach else "short"


def cpu(figures):
    return f"{figures['server_cpu_us']:.3f} ({figures['server_user_us']:.3f} + {figures['server_system_us']:.3f})"


def table(head, lines):
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *lines])


def describe_machine(data):
    """The machine, as far as it matters to the figures."""
    info = dict(
        (part.strip() for part in line.split(":", 1))
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        if ":" in line
    )
    memory = next(
        int(line.split()[1]) for line in pathlib.Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line
    )
    virtual = ", virtual" if "hypervisor" in info.get("flags", "").split() else ""
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"Machine: {os.cpu_count()} cores of {info.get('model name', platform.machine())}{virtual}, "
        f"{memory / 2**20:.0f} GiB of memory, Linux {kernel}, {file_system(data)}, "
        f"where writing and syncing 4 KiB takes {sync_ms(data):.2f} ms (median)."
    )


def file_system(folder):
    folder = os.path.realpath(folder)
    mounts = (line.split()[1:3] for line in pathlib.Path("/proc/mounts").read_text().splitlines())
    within = [(len(at), kind) for at, kind in mounts if (folder + "/").startswith(at.rstrip("/") + "/")]
    return max(within)[1] if within else "an unknown file system"


def sync_ms(folder, times=100):
    """The median time to append 4 KiB to a file and make it durable."""
    path = pathlib.Path(folder) / "sync-probe"
    spent = []
    try:
        with path.open("wb", buffering=0) as file:
            for _ in range(times):
                start = time.perf_counter()
                file.write(b"x" * 4096)
                os.fdatasync(file.fileno())
                spent.append(time.perf_counter() - start)
    finally:
        path.unlink(missing_ok=True)
    return statistics.median(spent) * 1000


def put_into(document, text):
    """Replaces what is between the marks of a document."""
    document = pathlib.Path(document)
    before, mark, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"{document} lacks the marks between which figures are written")
    document.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
