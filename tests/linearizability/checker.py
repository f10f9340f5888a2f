"""Decides whether a history of one object is linearizable: whether each operation can be given one moment between its
call and its return so that the replies are those of a plain model run in that order.

The search is Wing and Gong's with Lowe's memory of configurations seen. Events are numbered by one observer. An operation
without a return (its connection died) may have taken effect at any later moment, or never.
"""

import dataclasses

NEVER = 1 << 60


@dataclasses.dataclass
class Operation:
    """One command on the object: who sent what, when, and what came back when."""

    client: int
    command: tuple
    called: int
    returned: int = NEVER
    reply: object = None

    def __str__(self):
        words = " ".join(w.decode("latin1") if isinstance(w, bytes) else str(w) for w in self.command)
        end = "…" if self.returned == NEVER else self.returned
        return f"[{self.called:5}-{end:5}] client {self.client}: {words} -> {self.reply!r}"


def linearizable(history, model, initial):
    """Whether the operations fit the model; `model(state, command)` gives (reply, state), states are hashable."""
    pending = sorted(history, key=lambda op: op.called)
    seen = set()
    # Each frame is (operations done as bits, state); depth-first, the earliest return first.
    stack = [(0, initial)]
    complete = sum(1 << i for i, op in enumerate(pending) if op.returned != NEVER)
    while stack:
        done, state = stack.pop()
        if done & complete == complete:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        horizon = min(op.returned for i, op in enumerate(pending) if not done >> i & 1)
        for i, op in enumerate(pending):
            if op.called > horizon:
                break
            if done >> i & 1:
                continue
            reply, after = model(state, op.command)
            if op.returned == NEVER or reply == op.reply:
                stack.append((done | 1 << i, after))
    return False


def smallest_violation(history, model, initial):
    """A shorter history that is still not linearizable: the earliest prefix, without what it does not need."""
    by_return = sorted(history, key=lambda op: op.returned)
    for count in range(1, len(by_return) + 1):
        ends = by_return[count - 1].returned
        prefix = [
            op if op.returned <= ends else dataclasses.replace(op, returned=NEVER, reply=None)
            for op in history
            if op.called <= ends
        ]
        if not linearizable(prefix, model, initial):
            break
    else:
        prefix = list(history)
    for op in list(prefix):
        rest = [other for other in prefix if other is not op]
        reads = op.command[0] in ("GET", "LLEN", "LRANGE", "HGET", "HGETALL") or op.returned == NEVER
        if reads and rest and not linearizable(rest, model, initial):
            prefix = rest
    return prefix
