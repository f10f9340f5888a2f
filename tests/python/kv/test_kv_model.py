"""Random sequences of calls, compared with a dict, with the store opened anew in between."""

import random

import pytest

SEEDS = range(6)


class Model:
    """What a store should hold: for each key its value and tags."""

    def __init__(self):
        self.keys = {}

    def tags(self):
        counts = {}
        for _, tags in self.keys.values():
            for tag in tags:
                counts[tag] = counts.get(tag, 0) + 1
        return counts


def value_of(rng):
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(20))
    if kind == 1:
        return b"NADB\x01\x01\x01" + rng.randbytes(10)
    if kind == 2:
        return bytes([rng.randrange(256)]) * rng.randrange(5000)
    return str(rng.randrange(-100, 100)).encode()


def step(rng, kv, model):
    key = rng.choice(["a", "b:1", "b:2", "c/ü", "d,e"])
    value = value_of(rng)
    tags = rng.sample(["t", "u,v", "w:x", "🍲"], rng.randrange(3))
    old = model.keys.get(key)
    what = rng.randrange(12)
    if what < 3:
        kv.set(key, value, tags=tags)
        model.keys[key] = (value, set(tags))
    elif what == 3:
        kv.delete(key)
        model.keys.pop(key, None)
    elif what == 4:
        done = kv.set_if_absent(key, value, tags=tags)
        assert done == (old is None)
        if done:
            model.keys[key] = (value, set(tags))
    elif what == 5:
        done = kv.set_if_exists(key, value, tags=tags)
        assert done == (old is not None)
        if done:
            model.keys[key] = (value, set(tags))
    elif what == 6:
        try:
            number = int(old[0].decode("utf-8")) if old else 0
        except ValueError:
            with pytest.raises(ValueError):
                kv.incr(key)
        else:
            assert kv.incr(key, 7) == number + 7
            model.keys[key] = (str(number + 7).encode(), old[1] if old else set())
    elif what == 7:
        etag = kv.get_stored(key).etag if old else None
        assert kv.compare_and_set(key, etag, value, tags=tags)
        model.keys[key] = (value, set(tags))
    elif what == 8:
        with kv.open_writer(key, tags, chunk_size=rng.choice([None, 100, 1000])) as writer:
            writer.write(value)
        model.keys[key] = (value, set(tags))
    elif what == 9:
        with kv.transaction() as tx:
            tx.set(key, value, tags)
            tx.delete("a")
            tx.set("b:1", b"together", ["t"])
        model.keys[key] = (value, set(tags))
        model.keys.pop("a", None)
        model.keys["b:1"] = (b"together", {"t"})
    elif what == 10:
        kv.set_many({key: value, "b:2": value}, tags=tags, atomic=rng.random() < 0.5)
        model.keys[key] = model.keys["b:2"] = (value, set(tags))
    else:
        kv.set_with_ttl(key, value, 1000, tags=tags)
        model.keys[key] = (value, set(tags))


def agree(kv, model):
    assert kv.get_all_keys() == sorted(model.keys)
    for key, (value, tags) in model.keys.items():
        found = kv.get_with_metadata(key)
        assert (found["value"], set(found["metadata"]["tags"]), found["metadata"]["size"]) == (value, tags, len(value))
    assert kv.list_all_tags() == model.tags()
    for tag in ("t", "u,v"):
        assert set(kv.query_by_tags([tag])) == {key for key, (_, tags) in model.keys.items() if tag in tags}
    assert kv.verify() == {"checked": len(model.keys), "damaged": []}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_store_is_what_a_dict_would_be(shelf, seed):
    rng = random.Random(seed)
    options = {"compression_enabled": seed % 2 == 0, "encryption_key": "secret" if seed % 3 == 0 else None}
    kv, model = shelf(**options), Model()
    for round_ in range(4):
        for _ in range(25):
            step(rng, kv, model)
        agree(kv, model)
        kv = shelf.again(**options)
        agree(kv, model)
