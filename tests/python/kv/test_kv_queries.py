"""Finding keys by tags, metadata, prefixes and indexed fields."""

import threading

import pytest

from ramekin.kv import QueryResult

TAGS = ["a,b", "c", "a", "b", "x:y", "tag with spaces", "ü/ü", "*", "[a]", "LIMIT", "0", "\\", "🍲"]


def test_tags_may_have_any_characters_and_are_never_split(kv):
    kv.set("all", b"", tags=TAGS)
    kv.set("two", b"", tags=["a", "b"])
    assert kv.get_with_metadata("all")["metadata"]["tags"] == sorted(TAGS)
    assert kv.list_all_tags() == {**dict.fromkeys(TAGS, 1), "a": 2, "b": 2}
    assert list(kv.query_by_tags(["a,b"])) == ["all"] and list(kv.query_by_tags(["a", "b"])) == ["all", "two"]
    for tag in TAGS:
        assert "all" in kv.query_by_tags([tag])
    assert kv.query_by_tags(TAGS).keys() == {"all"} and kv.query_by_tags(["LIMIT", "0", "c"]).keys() == {"all"}
    assert kv.query_by_tags(["nobody"]) == {} and kv.query_by_tags([]).keys() == {"all", "two"}


def test_a_set_without_tags_keeps_none(kv):
    kv.set("key", b"1", tags=["old"])
    kv.set("key", b"2")
    assert kv.list_all_tags() == {} and kv.query_by_tags(["old"]) == {}
    kv.set("key", b"3", tags=["new"])
    kv.delete("key")
    assert kv.list_all_tags() == {}


def test_tagged_keys_come_in_pages(kv):
    kv.set_many({f"k{i:02}": b"" for i in range(25)}, tags=["t"])
    kv.set("u", b"", tags=["u"])
    page = kv.query_by_tags_advanced(["t"], page=2, page_size=10)
    assert isinstance(page, QueryResult)
    assert page.keys == [f"k{i:02}" for i in range(10, 20)] and page["total_count"] == 25 and page.get("has_more") is True
    last = kv.query_by_tags_advanced(["t", "u"], "OR", page=3, page_size=10).to_dict()
    assert (len(last["keys"]), last["has_more"], last["page"], last["page_size"]) == (6, False, 3, 10)
    assert kv.query_by_tags_advanced(["t", "u"]).keys == [] and kv.query_by_tags_advanced([]).total_count == 0
    assert kv.query_by_tags_advanced(["t"], page=9).keys == []
    with pytest.raises(ValueError):
        kv.query_by_tags_advanced(["t"], page=0)


def test_a_query_is_put_together_bit_by_bit(kv):
    for i in range(6):
        kv.set(f"user:{i}", b"x" * (10 - i), tags=["user", "even" if i % 2 == 0 else "odd"], content_type="a/b" if i < 4 else "c/d")
    kv.set("order:1", b"", tags=["user"])
    query = kv.query().tag("user").tag("even").where("content_type", "a/b").prefix("user:").order_by("size").limit(5)
    assert query.keys() == ["user:2", "user:0"] and [found["size"] for found in query.all()] == [8, 10]
    assert kv.query().prefix("user:").order_by("size", reverse=True).offset(1).limit(2).keys() == ["user:1", "user:2"]
    assert kv.query().where("size", 0).keys() == ["order:1"] and kv.query().where("size", 0).where("key", "x").keys() == []
    assert kv.query_metadata(tags=["odd"], order_by="ttl", limit=1, offset=1, encrypted=False)[0]["key"] == "user:3"
    assert kv.query().where("version", 1).order_by("expires_at").limit(0).all() == []


def test_a_query_also_knows_the_fields_of_documents(kv):
    kv.set_json("a", {"state": "open", "n": 1, "size": 99})
    kv.set_json("b", {"state": "open", "n": 2})
    kv.set_json("c", ["state", "open"])
    kv.set("d", b'{"state": "open"}')
    for _ in range(2):
        assert kv.query().where("state", "open").keys() == ["a", "b"]
        assert kv.query().where("state", "open").where("n", 2).keys() == ["b"]
        assert kv.query().where("size", 99).keys() == [] and kv.query().where("nothing", None).keys() == []
        kv.create_index("state")


def test_an_index_follows_every_change(kv):
    kv.set_json("a", {"state": "open", "n": 1})
    kv.create_index("state")
    kv.set_json("b", {"state": "open", "n": 1.0})
    kv.set_json("c", {"state": "shut", "n": True})
    kv.set_json("d", {"state": None})
    kv.set("e", b"{}", content_type="application/json")
    kv.set("f", b"not json", content_type="application/json")
    assert (kv.query_index("state", "open"), kv.query_index("state", "shut"), kv.query_index("state", "no")) == (["a", "b"], ["c"], [])
    assert kv.query_index("n", 1) == ["a", "b", "c"]
    assert kv.query_index("content_type", "application/json") == ["a", "b", "c", "d", "e", "f"]
    kv.set_json("a", {"state": "shut"})
    kv.delete("c")
    with kv.transaction() as tx:
        tx.set("b", b"{}")
    assert (kv.query_index("state", "open"), kv.query_index("state", "shut")) == ([], ["a"])
    kv.set_json("list", {"state": [1, {"a": "b" * 2000}]})
    assert kv.query_index("state", [1, {"a": "b" * 2000}]) == ["list"]
    assert kv.list_all_tags() == {} and kv.get_with_metadata("a")["metadata"]["tags"] == []
    assert kv.query_index("ttl", None) == kv.get_all_keys()


def test_an_index_is_there_for_other_stores_and_after_opening_again(shelf):
    kv, other = shelf(), shelf()
    other.set_json("a", {"state": "open"})
    kv.create_index("state")
    other.set_json("b", {"state": "open"})
    other.set_if_absent("c", '{"state": "open"}', content_type="application/json")
    assert kv.query_index("state", "open") == ["a", "b", "c"] == other.query_index("state", "open")
    kv = shelf.again()
    kv.set_json("d", {"state": "open"})
    assert kv.query_index("state", "open") == ["a", "b", "c", "d"]
    kv.rebuild_indexes()
    kv.optimize_indexes()
    kv.clear_caches()
    assert kv.query_index("state", "open") == ["a", "b", "c", "d"]


def test_an_index_made_while_others_write_has_all_of_it(shelf):
    kv, other = shelf(), shelf()

    def write():
        for i in range(100):
            other.set_json(f"k{i}", {"state": i % 2})

    writer = threading.Thread(target=write)
    writer.start()
    kv.create_index("state")
    writer.join()
    assert len(kv.query_index("state", 0)) == len(kv.query_index("state", 1)) == 50


def test_conditions_of_a_complex_query_all_hold(kv):
    for i in range(10):
        kv.set(f"k{i}", b"x" * i, tags=["even" if i % 2 == 0 else "odd", *(["big"] if i > 6 else [])])

    def found(*conditions, **page):
        return kv.complex_query(list(conditions), **page).keys

    size = {"field": "size", "operator": "range", "min_value": 3, "max_value": 7}
    assert found(size) == ["k3", "k4", "k5", "k6", "k7"]
    assert found(size, {"field": "tags", "operator": "and", "values": ["odd", "big"]}) == ["k7"]
    assert found({"field": "tags", "operator": "or", "values": ["big", "none"]}) == ["k7", "k8", "k9"]
    assert found({"field": "tags", "operator": "not", "value": "odd"}, size) == ["k4", "k6"]
    assert found({"field": "size", "operator": "in", "values": [1, 2, 70]}) == ["k1", "k2"]
    assert found({"field": "size", "value": 4}) == ["k4"] and found() == []
    page = kv.complex_query([size], page=2, page_size=2)
    assert (page.keys, page.total_count, page.has_more) == (["k5", "k6"], 5, True)
    with pytest.raises(ValueError):
        found({"field": "size", "operator": "like", "value": 4})
