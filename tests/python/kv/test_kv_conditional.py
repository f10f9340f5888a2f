"""What depends on the value that is there: counters, compare-and-set, and threads that race."""

import threading

import pytest

from ramekin.kv import KeyValueStore


def race(count, work):
    """Runs `work(i)` in threads that begin at once; what they have returned."""
    results, errors = [None] * count, []
    gate = threading.Barrier(count)

    def run(i):
        gate.wait()
        try:
            results[i] = work(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    return results


def test_counters_count(kv):
    assert (kv.incr("n"), kv.incr("n", 5), kv.decr("n"), kv.decr("n", 10)) == (1, 6, 5, -5)
    assert kv.get("n") == b"-5" and kv.get_text("n") == "-5"
    assert kv.incr("n", 10**30) == 10**30 - 5
    kv.set("n", b" 7\n")
    assert kv.incr("n") == 8
    kv.set("word", b"seven")
    with pytest.raises(ValueError):
        kv.incr("word")
    told = kv.get_with_metadata("word")
    assert told["value"] == b"seven" and told["metadata"]["version"] == 1


def test_a_counter_keeps_its_tags_and_its_lifetime(kv):
    kv.set_with_ttl("n", b"1", 100, tags=["t"])
    kv.incr("n")
    told = kv.get_with_metadata("n")["metadata"]
    assert told["tags"] == ["t"] and told["ttl"] == 100 and kv.ttl("n") in (98, 99, 100) and told["size"] == 1


def test_increments_of_threads_and_stores_are_all_counted(shelf):
    stores = [shelf() for _ in range(4)]
    results = race(4, lambda i: [stores[i].incr("n") for _ in range(25)])
    assert sorted(sum(results, [])) == list(range(1, 101)) and stores[0].get("n") == b"100"


@pytest.mark.places("server")
def test_increments_over_connections_of_their_own_are_all_counted(address, shelf):
    # Another spelling of an address is another database to this process, as it is to another process.
    stores = [shelf(), KeyValueStore(f"{address}/0", "app", 1, "prod"), KeyValueStore(f"{address}?timeout=60", "app", 1, "prod")]
    assert len({id(store._place) for store in stores}) == 3
    race(3, lambda i: [stores[i].incr("n") for _ in range(60)])
    won = race(3, lambda i: [stores[i].set_if_absent(f"lock{j}", str(i)) for j in range(30)])
    assert stores[0].get("n") == b"180" and [sum(each) for each in zip(*won, strict=True)] == [1] * 30
    for store in stores[1:]:
        store.close()


def test_of_many_who_set_what_is_absent_one_wins(shelf):
    stores = [shelf() for _ in range(6)]
    for round_ in range(5):
        won = race(6, lambda i: stores[i].set_if_absent(f"lock{round_}", str(i)))
        assert won.count(True) == 1
        assert stores[0].get(f"lock{round_}") == str(won.index(True)).encode()


def test_compare_and_set_lets_one_through_for_each_value(shelf):
    stores = [shelf() for _ in range(4)]
    stores[0].set("n", b"0")

    def add(i):
        for _ in range(10):
            while True:
                found = stores[i].get_stored("n")
                if stores[i].compare_and_set("n", found.etag, str(int(found.value) + 1)):
                    break

    race(4, add)
    assert stores[0].get("n") == b"40"


def test_conditions_are_about_what_is_there(kv):
    assert kv.compare_and_set("key", "0" * 64, b"1") is False and kv.set_if_exists("key", b"1") is False
    assert kv.compare_and_set("key", None, b"1", tags=["t"]) is True
    assert kv.compare_and_set("key", None, b"2") is False and kv.set_if_absent("key", b"2") is False
    first = kv.get_with_metadata("key")["metadata"]
    assert kv.set_if_version("key", first["checksum"], b"2") is True and kv.get("key") == b"2"
    assert kv.set_if_version("key", first["checksum"], b"3") is False
    assert kv.list_all_tags() == {}
    assert kv.set_if_exists("key", "4", tags=["u"], content_type="text/x") is True
    assert kv.get_with_metadata("key")["metadata"]["content_type"] == "text/x"


def test_a_version_tells_equal_values_apart(kv):
    kv.set("key", b"same")
    version = kv.get_with_metadata("key")["metadata"]["version"]
    kv.set("key", b"other")
    kv.set("key", b"same")
    assert kv.set_if_version("key", version, b"late") is False
    assert kv.set_if_version("key", version + 2, b"in time") is True


def test_a_lock_can_be_taken_with_a_lifetime(kv):
    assert kv.set_if_absent("lock", b"me", ttl_seconds=60) is True
    assert kv.ttl("lock") in (59, 60) and kv.set_if_absent("lock", b"you") is False


def test_transactions_are_made_as_one_or_not_at_all(kv):
    kv.set("old", b"1")
    with kv.transaction() as tx:
        tx.set("a", b"1", ["t"])
        tx.set_with_ttl("b", b"2", 50)
        tx.batch_set([("c", b"3", None), ("d", b"4", ["u"])])
        tx.batch_delete(["old", "none"])
        assert tx.get_operation_count() == 6 and kv.get_all_keys() == ["old"]
    assert kv.get_all_keys() == ["a", "b", "c", "d"] and kv.list_all_tags() == {"t": 1, "u": 1} and kv.ttl("b") in (49, 50)
    with pytest.raises(RuntimeError, match="changed my mind"):
        with kv.transaction() as tx:
            tx.delete("a")
            raise RuntimeError("changed my mind")
    with pytest.raises(TypeError):
        with kv.transaction() as tx:
            tx.set("e", b"1")
            tx.set("f", 5)
    assert kv.get_all_keys() == ["a", "b", "c", "d"]


def test_no_reader_sees_a_part_of_a_transaction(shelf):
    kv, other = shelf(), shelf()
    kv.set_many({"a": b"0", "b": b"0"}, atomic=True)
    done = threading.Event()
    seen = []

    def look():
        while not done.is_set():
            replies = other._backend.execute_many([("HGET", other._scope.key(key), "v") for key in ("a", "b")], atomic=True)
            seen.append(replies[0] == replies[1])

    reader = threading.Thread(target=look)
    reader.start()
    for i in range(50):
        with kv.transaction() as tx:
            tx.set("a", str(i))
            tx.set("b", str(i))
    done.set()
    reader.join()
    assert seen and all(seen)


def test_transactions_by_hand_end_once(kv):
    transaction = kv.begin_transaction()
    transaction.add_operation("set", "a", b"1")
    assert [one.transaction_id for one in kv.transaction_manager.get_active_transactions()] == [transaction.transaction_id]
    assert kv.get_stats()["active_transactions"] == 1
    assert kv.commit_transaction(transaction) is True and kv.get("a") == b"1"
    with pytest.raises(RuntimeError):
        kv.commit_transaction(transaction)
    with pytest.raises(RuntimeError):
        transaction.add_operation("set", "b", b"1")
    assert kv.rollback_transaction(transaction) is False
    dropped = kv.begin_transaction("SERIALIZABLE")
    dropped.add_operation("delete", "a")
    assert kv.rollback_transaction(dropped) is True and dropped.state.value == "rolled_back" and kv.exists("a")
    kv.begin_transaction()
    kv.transaction_manager.cleanup_stale_transactions(-1)
    assert kv.transaction_manager.get_active_transactions() == []


@pytest.mark.places("server")
def test_what_was_not_enabled_is_refused(shelf):
    kv = shelf(enable_transactions=False, enable_backup=False, enable_indexing=False)
    for call in (kv.transaction, kv.begin_transaction, kv.create_backup, kv.list_backups, lambda: kv.complex_query([])):
        with pytest.raises(RuntimeError):
            call()
