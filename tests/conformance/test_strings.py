"""Strings."""
def test_set(client):
    assert client("SET","a","1") == b"OK"
    assert client("GET","a") == b"1"
