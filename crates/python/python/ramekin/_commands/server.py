"""Commands about the server, or the engine in this process: durability, the store, namespaces, figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from . import replies
from .base import Base, Key, Reply, V, Value, options
from .replies import keyed, named, ok, text, texts, true


class Server(Base[V]):
    def _commands(self, reply: Any) -> dict[str, dict[str, Any]]:
        return replies.commands(reply if self._word is None else replies.words(reply))

    def backup(self, directory: str) -> Reply[bool]:
        """Writes a copy of everything into a new folder on the server; starting on that folder restores it."""
        return self._run(("BACKUP", "TO", directory), ok)

    def bgrewriteaof(self) -> Reply[bool]:
        """Takes a checkpoint in the background, which trims the log."""
        return self._run(("BGREWRITEAOF",), true)

    def bgsave(self, schedule: bool = True) -> Reply[bool]:
        """Takes a checkpoint in the background."""
        return self._run(("BGSAVE", *options(schedule=schedule)), true)

    def command(self) -> Reply[dict[str, dict[str, Any]]]:
        """What is known of each command."""
        return self._run(("COMMAND",), self._commands)

    def command_count(self) -> Reply[int]:
        """How many commands there are."""
        return self._run(("COMMAND", "COUNT"))

    def command_docs(self, *args: str) -> Reply[dict[str, Any]]:
        """What commands are for."""
        return self._run(("COMMAND", "DOCS", *args), named)

    def command_getkeys(self, *args: Value) -> Reply[list[str]]:
        """The keys among the words of a command."""
        return self._run(("COMMAND", "GETKEYS", *args), texts)

    def command_getkeysandflags(self, *args: Value) -> Reply[list[Any]]:
        """The keys among the words of a command, and what it does to them."""
        return self._run(("COMMAND", "GETKEYSANDFLAGS", *args), None if self._word is None else replies.words)

    def command_info(self, *args: str) -> Reply[dict[str, dict[str, Any]]]:
        """What is known of some commands."""
        return self._run(("COMMAND", "INFO", *args), self._commands)

    def command_list(
        self,
        module: str | None = None,
        category: str | None = None,
        pattern: str | None = None,
    ) -> Reply[list[V]]:
        """The names of commands."""
        words: list[Any] = []
        for kind, value in (("MODULE", module), ("ACLCAT", category), ("PATTERN", pattern)):
            if value is not None:
                words = ["FILTERBY", kind, value]
        return self._run(("COMMAND", "LIST", *words))

    def commandlog_get(self, count: int = -1, kind: str = "slow") -> Reply[list[dict[str, Any]]]:
        """The last commands that were `slow`, a `large-request` or had a `large-reply`."""
        return self._run(("COMMANDLOG", "GET", count, kind), replies.slow)

    def commandlog_len(self, kind: str = "slow") -> Reply[int]:
        """How many such commands are kept."""
        return self._run(("COMMANDLOG", "LEN", kind))

    def commandlog_reset(self, kind: str = "slow") -> Reply[bool]:
        """Forgets them."""
        return self._run(("COMMANDLOG", "RESET", kind), ok)

    def config_get(self, pattern: str = "*", *args: str) -> Reply[dict[str, str]]:
        """Directives that match a pattern, and their values."""
        return self._run(("CONFIG", "GET", pattern, *args), named)

    def config_resetstat(self) -> Reply[bool]:
        """Figures begin at 0 again."""
        return self._run(("CONFIG", "RESETSTAT"), ok)

    def config_rewrite(self) -> Reply[V]:
        """Writes the directives to the server's file."""
        return self._run(("CONFIG", "REWRITE"), self._word)

    def config_set(self, name: str, value: Value, *args: Value) -> Reply[bool]:
        """Changes a directive, or several."""
        return self._run(("CONFIG", "SET", name, value, *args), ok)

    def dbsize(self) -> Reply[int]:
        """How many keys there are."""
        return self._run(("DBSIZE",))

    def echo(self, value: Value) -> Reply[V]:
        """What was sent."""
        return self._run(("ECHO", value))

    def evict(self, idle_seconds: float | None = None) -> Reply[int]:
        """Takes keys out of memory that have settled, and were not used for so long: how many. They come back by themselves."""
        return self._run(("EVICT",) if idle_seconds is None else ("EVICT", idle_seconds))

    def flush(self, table: str | None = None) -> Reply[bool]:
        """Returns once everything, or a table, has settled in the store; raises if it cannot."""
        return self._run(("FLUSH",) if table is None else ("FLUSH", table), ok)

    def flushall(self, asynchronous: bool = False) -> Reply[bool]:
        """Removes all keys of all databases."""
        return self._run(("FLUSHALL", "ASYNC") if asynchronous else ("FLUSHALL",), ok)

    def flushdb(self, asynchronous: bool = False) -> Reply[bool]:
        """Removes all keys of this database."""
        return self._run(("FLUSHDB", "ASYNC") if asynchronous else ("FLUSHDB",), ok)

    def info(self, section: str | None = None, *args: str) -> Reply[dict[str, Any]]:
        """Figures and states, of all sections or some."""
        return self._run(("INFO",) if section is None else ("INFO", section, *args), replies.info)

    def lastsave(self) -> Reply[datetime | None]:
        """When the last checkpoint was taken, in local time."""
        return self._run(("LASTSAVE",), replies.moment)

    def latency_doctor(self) -> Reply[V]:
        """What could be better about latencies, in words."""
        return self._run(("LATENCY", "DOCTOR"))

    def latency_graph(self, event: str) -> Reply[V]:
        """The latencies of an event as a picture of characters."""
        return self._run(("LATENCY", "GRAPH", event))

    def latency_histogram(self, *args: str) -> Reply[dict[str, Any]]:
        """How latencies of commands are distributed."""
        return self._run(("LATENCY", "HISTOGRAM", *args), named)

    def latency_history(self, event: str) -> Reply[list[list[int]]]:
        """When an event was slow, and how slow."""
        return self._run(("LATENCY", "HISTORY", event))

    def latency_latest(self) -> Reply[list[list[Any]]]:
        """The last slow moment of each event."""
        return self._run(("LATENCY", "LATEST"))

    def latency_reset(self, *events: str) -> Reply[int]:
        """Forgets latencies."""
        return self._run(("LATENCY", "RESET", *events))

    def lolwut(self, *version_numbers: float) -> Reply[V]:
        """A picture, and the version."""
        return self._run(("LOLWUT", "VERSION", *version_numbers) if version_numbers else ("LOLWUT",))

    def memory_doctor(self) -> Reply[V]:
        """What is wrong with the use of memory, in words."""
        return self._run(("MEMORY", "DOCTOR"))

    def memory_malloc_stats(self) -> Reply[V]:
        """What the allocator says of itself."""
        return self._run(("MEMORY", "MALLOC-STATS"))

    def memory_purge(self) -> Reply[bool]:
        """Gives free memory back to the system."""
        return self._run(("MEMORY", "PURGE"), ok)

    def memory_stats(self) -> Reply[dict[str, Any]]:
        """What memory is used for, in bytes."""
        return self._run(("MEMORY", "STATS"), keyed)

    def memory_usage(self, key: Key, samples: int | None = None) -> Reply[int | None]:
        """How many bytes a key takes, None if there is none."""
        return self._run(("MEMORY", "USAGE", key) if samples is None else ("MEMORY", "USAGE", key, "SAMPLES", samples))

    def namespace_create(
        self,
        name: str,
        store: str | None = None,
        *,
        attach: str | None = None,
        maxmemory: int | str | None = None,
        maxkeys: int | None = None,
        policy: str | None = None,
    ) -> Reply[bool]:
        """Makes a namespace: a database of this name with its own keys, folder, store and limits."""
        words: list[Any] = [] if store is None else ["STORE", store]
        if attach is not None:
            words += ["ATTACH", attach]
        return self._run(("NAMESPACE", "CREATE", name, *words, *_limits(maxmemory, maxkeys, policy)), ok)

    def namespace_drop(self, name: str, force: bool = False) -> Reply[bool]:
        """Removes a namespace with all its keys. What its store has stays there."""
        return self._run(("NAMESPACE", "DROP", name, *options(force=force)), ok)

    def namespace_info(self, name: str | None = None) -> Reply[dict[str, Any]]:
        """What is known of a namespace, or of the one in use."""
        return self._run(("NAMESPACE", "INFO") if name is None else ("NAMESPACE", "INFO", name), named)

    def namespace_list(self) -> Reply[list[dict[str, Any]]]:
        """All namespaces."""
        return self._run(("NAMESPACE", "LIST"), named)

    def namespace_set(
        self,
        name: str,
        *,
        maxmemory: int | str | None = None,
        maxkeys: int | None = None,
        policy: str | None = None,
    ) -> Reply[bool]:
        """Changes limits of a namespace."""
        return self._run(("NAMESPACE", "SET", name, *_limits(maxmemory, maxkeys, policy)), ok)

    def namespace_use(self, name: str) -> Reply[bool]:
        """All commands are about this namespace from now on; `default` is the one without a name."""
        return self._run(("NAMESPACE", "USE", name), ok)

    def ping(self, message: Value | None = None) -> Reply[Any]:
        """True; or what was sent."""
        if message is None:
            return self._run(("PING",), _pong)
        return self._run(("PING", message))

    def quarantine_list(self, count: int = 100) -> Reply[list[Any]]:
        """Rows that the store refuses."""
        return self._run(("QUARANTINE", "LIST", "COUNT", count), named)

    def quarantine_retry(self, key: Key | None = None, db: int | None = None) -> Reply[int]:
        """Has one, or all, tried again: how many."""
        return self._run(("QUARANTINE", "RETRY", *(word for word in (key, db) if word is not None)))

    def quarantine_skip(self, key: Key, db: int | None = None) -> Reply[int]:
        """Gives up a change: what the store has of the key counts."""
        return self._run(("QUARANTINE", "SKIP", key, *(() if db is None else (db,))))

    def readonly(self) -> Reply[bool]:
        """For replicas of a cluster; changes nothing here."""
        return self._run(("READONLY",), ok)

    def readwrite(self) -> Reply[bool]:
        """For replicas of a cluster; changes nothing here."""
        return self._run(("READWRITE",), ok)

    def role(self) -> Reply[list[Any]]:
        """The part in replication."""
        return self._run(("ROLE",))

    def save(self) -> Reply[bool]:
        """Takes a checkpoint, and returns once it is there."""
        return self._run(("SAVE",), ok)

    def slowlog_get(self, num: int | None = None) -> Reply[list[dict[str, Any]]]:
        """The last slow commands."""
        return self._run(("SLOWLOG", "GET") if num is None else ("SLOWLOG", "GET", num), replies.slow)

    def slowlog_len(self) -> Reply[int]:
        """How many slow commands are kept."""
        return self._run(("SLOWLOG", "LEN"))

    def slowlog_reset(self) -> Reply[bool]:
        """Forgets slow commands."""
        return self._run(("SLOWLOG", "RESET"), ok)

    def swapdb(self, first: int, second: int) -> Reply[bool]:
        """Swaps two databases."""
        return self._run(("SWAPDB", first, second), ok)

    def time(self) -> Reply[tuple[int, int]]:
        """The server's clock: Unix time in seconds, and microseconds."""
        return self._run(("TIME",), replies.time)

    def wait(self, num_replicas: int, timeout: int) -> Reply[int]:
        """Waits for replicas, in milliseconds: how many have all that was written."""
        return self._run(("WAIT", num_replicas, timeout))

    def waitaof(self, num_local: int, num_replicas: int, timeout: int) -> Reply[list[int]]:
        """Waits until what was written is on disk, in milliseconds, 0 without end: on how many, here and on replicas."""
        return self._run(("WAITAOF", num_local, num_replicas, timeout))

    def waitstore(self, timeout: int = 0) -> Reply[int]:
        """Waits until what was written has settled in the store, in milliseconds, 0 without end: 1, or 0 if the time is up."""
        return self._run(("WAITSTORE", timeout))


def _limits(maxmemory: Any, maxkeys: Any, policy: Any) -> list[Any]:
    words: list[Any] = [] if maxmemory is None else ["MAXMEMORY", maxmemory]
    if maxkeys is not None:
        words += ["MAXKEYS", maxkeys]
    if policy is not None:
        words += ["POLICY", policy]
    return words


def _pong(reply: Any) -> bool:
    return bool(text(reply) == "PONG")
