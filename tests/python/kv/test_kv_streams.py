"""Values that are written and read as files."""

import gc
import io
import os

import pytest

PIECES = [os.urandom(700) if i % 2 else b"x" * 700 for i in range(20)]
WHOLE = b"".join(PIECES)


def write(kv, key, **keywords):
    before = kv.get_or_none(key)
    with kv.open_writer(key, **keywords) as writer:
        for piece in PIECES:
            assert writer.write(piece) == 700
        assert kv.get_or_none(key) == before


@pytest.mark.parametrize("chunk_size", [None, 7, 999, 1400, 14000, 10**6])
def test_what_was_written_in_pieces_is_read_whole_and_in_pieces(kv, chunk_size):
    write(kv, "file", tags=["t"], chunk_size=chunk_size)
    assert kv.get("file") == kv.get_chunked("file") == WHOLE
    told = kv.get_with_metadata("file")["metadata"]
    assert (told["size"], told["tags"], told["version"]) == (14000, ["t"], 1)
    with kv.open_reader("file") as reader:
        assert reader.read(10) == WHOLE[:10] and reader.seek(5000) == 5000
        assert reader.read(3000) == WHOLE[5000:8000] and reader.seek(-100, os.SEEK_END) == 13900
        assert reader.read() == WHOLE[-100:] and reader.read() == b""
    assert kv.verify() == {"checked": 1, "damaged": []}


def test_nothing_is_there_until_the_writer_is_closed_nor_after_an_error(kv):
    kv.set("file", b"old", tags=["old"])
    with pytest.raises(RuntimeError):
        with kv.open_writer("file", chunk_size=100) as writer:
            writer.write(WHOLE)
            assert kv.get("file") == b"old"
            raise RuntimeError
    writer = kv.open_writer("file", chunk_size=100)
    writer.write(WHOLE)
    del writer
    gc.collect()
    aborted = kv.open_writer("file")
    aborted.write(b"1")
    aborted.abort()
    assert kv.get("file") == b"old" and kv.get_all_keys() == ["file"] and kv.list_all_tags() == {"old": 1}
    with pytest.raises(ValueError):
        aborted.write(b"2")


def test_chunks_and_plain_values_replace_each_other_without_rest(kv):
    created = None
    for i in range(3):
        write(kv, "file", chunk_size=1000)
        told = kv.get_with_metadata("file")["metadata"]
        created = created or told["created_at"]
        assert told["version"] == 2 * i + 1 and told["created_at"] == created
        kv.set("file", b"small")
        assert kv.get("file") == b"small" and kv.open_reader("file").read() == b"small"
        assert kv._backend.execute("HLEN", kv._scope.key("file")) == 10
    write(kv, "file", chunk_size=1000)
    kv.delete("file")
    assert kv._backend.execute("EXISTS", kv._scope.key("file")) == 0


def test_a_reader_never_mixes_two_values(kv):
    write(kv, "file", chunk_size=1000)
    reader = kv.open_reader("file")
    assert reader.read(1) == b"x"
    write_other = kv.open_writer("file", chunk_size=1000)
    write_other.write(b"y" * 14000)
    write_other.close()
    with pytest.raises(OSError, match="replaced"):
        while reader.read(100000):
            pass
    assert kv.get("file") == b"y" * 14000


def test_a_value_in_chunks_can_expire_and_be_kept(kv):
    write(kv, "file", chunk_size=1000)
    assert kv.ttl("file") is None and kv.touch("file", 50) and kv.ttl("file") in (49, 50) and kv.persist_ttl("file")
    assert kv.get("file") == WHOLE and kv.set_if_absent("file", b"") is False


def test_writers_take_what_files_take(kv):
    with kv.open_writer("file") as writer:
        assert writer.writable() and not writer.readable()
        writer.write(bytearray(b"ab"))
        writer.write(memoryview(b"cd"))
        io.TextIOWrapper(io.BufferedWriter(writer), encoding="utf-8", write_through=True).write("grüß")
        assert writer.tell() == 10
    assert kv.get_text("file", "utf-8") == "abcdgrüß"
    with pytest.raises(TypeError):
        kv.open_writer("file").write("text")
    for size in (0, -1):
        with pytest.raises(ValueError):
            kv.open_writer("file", chunk_size=size)
        with pytest.raises(ValueError):
            kv.set_chunked("file", b"", chunk_size=size)
    kv.set_chunked("text", "grüß" * 100, chunk_size=10, tags=["t"])
    assert kv.get_chunked("text") == ("grüß" * 100).encode() and list(kv.query_by_tags(["t"])) == ["text"]
