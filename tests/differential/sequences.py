"""Sequences of commands, some of them made wrong on purpose: half of the differences are in errors."""

from differential.families import FAMILIES
from differential.tokens import ALL_KEYS, WORDS, number, value
from harness.resp import token

# Commands whose changed forms could block for ever, fill the memory, end the server or change what others see; and LSET,
# whose index Valkey cuts to 32 bits, and MSETEX (see there).
UNSAFE_TO_CHANGE = {
    b"BLPOP",
    b"BRPOP",
    b"BLMOVE",
    b"BRPOPLPUSH",
    b"BLMPOP",
    b"DEBUG",
    b"SHUTDOWN",
    b"MONITOR",
    b"CLIENT",
    b"CONFIG",
    b"SETRANGE",
    b"LSET",
    b"MSETEX",
    b"WAIT",
    b"WAITAOF",
    b"HRANDFIELD",
    b"QUIT",
    b"RESET",
    b"HELLO",
    b"SCAN",
    b"HSCAN",
    b"SUBSCRIBE",
    b"LOLWUT",
    b"COMMAND",
    b"RANDOMKEY",
    b"SORT",
    b"SORT_RO",
}


def changed(r, command):
    """The command with something wrong: an argument too few or too many, two exchanged, or one that is junk."""
    out = list(command)
    if out[0].upper() in UNSAFE_TO_CHANGE:
        return out
    for _ in range(r.choice([1, 1, 2])):
        at = r.randrange(1, len(out)) if len(out) > 1 else 1
        pick = r.random()
        if pick < 0.25 and len(out) > 1:
            del out[at]
        elif pick < 0.5:
            out.insert(at, r.choice([number(r), r.choice(WORDS), value(r)[:30], r.choice(ALL_KEYS)]))
        elif pick < 0.65 and len(out) > 2:
            other = r.randrange(1, len(out))
            out[at], out[other] = out[other], out[at]
        elif len(out) > 1:
            out[at] = r.choice([number(r), r.choice(WORDS), value(r)[:30]])
    if out[0] in (b"HGETEX", b"HSETEX") and len(out) > 1 and token(out[1]).upper() in WORDS:
        # Valkey takes a key that is named like an option for the option.
        out[1] = b"h1"
    return lasting(out)


def lasting(command):
    """The command without times of a few milliseconds: whether they are over would be chance."""
    out = [token(arg) for arg in command]
    for at in range(1, len(out)):
        in_milliseconds = out[at - 1].upper() == b"PX" or (
            at == 2 and out[0].upper() in (b"PSETEX", b"PEXPIRE", b"HPEXPIRE")
        )
        if in_milliseconds and out[at].isdigit() and 0 < int(out[at]) < 60_000:
            out[at] = b"100000"
    return out


def sequence(r, family, length):
    """A sequence of commands of a family, some of them wrong on purpose."""
    make = FAMILIES[family]
    wrong = {"connection": 0, "transactions": 0.02}.get(family, 0.12)
    commands = []
    for _ in range(length):
        command = make(r)
        commands.append(changed(r, command) if r.random() < wrong else command)
        if command[0] == b"QUIT":
            # What comes behind may be lost with the connection.
            break
    return commands
