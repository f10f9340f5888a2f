"""What the tests over TCP share: a raw client, servers, comparison. Nothing in here is a test."""
