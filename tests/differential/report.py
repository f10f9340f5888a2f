"""Lists differences of all families as Markdown, each kind once, shrunk: `python -m differential.report [sequences] [seed]`.

A tool for working on the server; the test stops at the first difference, this goes on.
"""

import random
import sys

from differential.families import FAMILIES
from differential.replay import confirmed, shrunk
from differential.sequences import sequence
from harness.server import Server

LENGTH = 30


def collect(reference, subject, family, count, seed):
    """Differences of a family, one of each kind."""
    kinds = {}
    for number in range(count):
        protocol = 2 + number % 2
        commands = sequence(random.Random(f"{seed}/{family}/{number}"), family, LENGTH)
        while commands:
            found = confirmed(reference, subject, commands, protocol)
            if found is None:
                break
            if not subject.alive():
                print(f"\n**the server died**\n```\n{found.text()}\n{subject.log()[-1500:]}\n```", flush=True)
                subject.start()
                break
            if found.kind not in kinds:
                kinds[found.kind] = shrunk(reference, subject, found)
                print(f"\n```\n{kinds[found.kind].text()}\n```", flush=True)
            if found.at is None:
                break
            # Go on without the command that differed.
            commands = commands[: found.at] + commands[found.at + 1 :]
    return kinds


def main():
    """Runs all families, or those named after the seed."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    seed = sys.argv[2] if len(sys.argv) > 2 else "1"
    reference = Server("valkey")
    subject = Server("ramekin")
    try:
        for family in sys.argv[3:] or FAMILIES:
            print(f"\n## {family}", flush=True)
            found = collect(reference, subject, family, count, seed)
            print(f"\n{len(found)} kinds of difference in {count} sequences")
    finally:
        reference.remove()
        subject.remove()


if __name__ == "__main__":
    main()
