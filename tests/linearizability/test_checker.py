"""The checker itself: it accepts what can be explained and refuses what cannot."""

from harness.resp import NIL
from linearizability import models
from linearizability.checker import NEVER, Operation, linearizable, smallest_violation


def history(*rows):
    """Operations from (client, command, called, returned, reply)."""
    return [
        Operation(client, tuple(command), called, returned, reply) for client, command, called, returned, reply in rows
    ]


def fits(*rows, model=models.string, initial=None):
    """Whether the rows are linearizable."""
    return linearizable(history(*rows), model, initial)


def test_concurrent_operations_may_take_effect_in_either_order():
    write = (1, ("SET", b"x"), 1, 10, b"OK")
    assert fits(write, (2, ("GET",), 2, 3, NIL))
    assert fits(write, (2, ("GET",), 2, 3, b"x"))


def test_a_stale_read_after_the_return_is_refused():
    assert not fits((1, ("SET", b"x"), 1, 2, b"OK"), (2, ("GET",), 3, 4, NIL))


def test_a_value_that_was_seen_cannot_vanish():
    assert not fits((1, ("SET", b"x"), 1, 10, b"OK"), (2, ("GET",), 2, 3, b"x"), (3, ("GET",), 4, 5, NIL))


def test_a_lost_increment_is_refused():
    assert not fits((1, ("INCR",), 1, 5, 1), (2, ("INCR",), 2, 6, 1))
    assert fits((1, ("INCR",), 1, 5, 2), (2, ("INCR",), 2, 6, 1))


def test_an_operation_without_a_return_may_have_happened_or_not():
    write = (1, ("SET", b"x"), 1, NEVER, None)
    assert fits(write, (2, ("GET",), 3, 4, NIL), (2, ("GET",), 5, 6, b"x"))
    assert fits(write, (2, ("GET",), 3, 4, NIL), (2, ("GET",), 5, 6, NIL))
    assert not fits(write, (2, ("GET",), 3, 4, b"x"), (2, ("GET",), 5, 6, NIL))


def test_an_element_that_two_clients_pop_is_refused():
    rows = [(1, ("RPUSH", b"x"), 1, 2, 1), (2, ("LPOP",), 3, 6, b"x"), (3, ("RPOP",), 4, 7, b"x")]
    assert not fits(*rows, model=models.list_, initial=())


def test_a_torn_transaction_is_refused():
    rows = [(1, ("MULTI SET", b"1"), 1, 10, [b"OK", b"OK"]), (2, ("MGET",), 2, 3, [b"1", NIL])]
    assert not fits(*rows, model=models.pair, initial=(None, None))


def test_a_violation_is_cut_down_to_what_shows_it():
    rows = history(
        (1, ("GET",), 1, 2, NIL),
        (1, ("SET", b"x"), 3, 4, b"OK"),
        (2, ("GET",), 5, 6, b"x"),
        (2, ("GET",), 7, 8, NIL),
        (2, ("GET",), 9, 10, b"x"),
    )
    assert [op.called for op in smallest_violation(rows, models.string, None)] == [3, 7]
