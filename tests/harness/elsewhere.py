"""Gives the package `ramekin` a standard library as it is on Windows: a plugin of pytest (`-p harness.elsewhere`).

Modules that only POSIX systems have cannot be imported there, and of others some names are missing. Only what the package imports is
changed: the tests, their servers and the standard library itself go on as they are. Left out: how Windows behaves where names are
the same; tests that run there show that.
"""

import asyncio
import builtins
import importlib
import types

MISSING_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "readline", "resource", "syslog", "termios", "tty"}
MISSING_NAMES = {
    "os": {
        *("O_CLOEXEC", "O_DIRECTORY", "O_NONBLOCK", "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid", "getuid", "killpg"),
        *("mkfifo", "pread", "pwrite", "register_at_fork", "sched_getaffinity", "setsid", "sync", "uname", "wait"),
    },
    "select": {"epoll", "kqueue", "poll"},
    "signal": {
        *("SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "SIGUSR1", "SIGUSR2", "alarm", "pause", "pthread_kill"),
        *("pthread_sigmask", "setitimer"),
    },
    "socket": {"AF_UNIX", "MSG_DONTWAIT", "MSG_NOSIGNAL", "SO_REUSEPORT", "socketpair"},
    "sys": set(),
    "time": {"clock_gettime", "tzset"},
}
OTHERWISE = {("os", "name"): "nt", ("sys", "platform"): "win32"}

_import = builtins.__import__


class Elsewhere(types.ModuleType):
    """A module without some of its names."""

    def __getattr__(self, name):
        if name in MISSING_NAMES[self.__name__]:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(self.__name__), name)
        return OTHERWISE.get((self.__name__, name), value)

    def __dir__(self):
        return sorted({*dir(importlib.import_module(self.__name__))} - MISSING_NAMES[self.__name__])


MODULES = {name: Elsewhere(name) for name in MISSING_NAMES}


def import_elsewhere(name, globals=None, locals=None, fromlist=(), level=0):
    """`__import__` for everybody, with other modules for the package."""
    if not level and str((globals or {}).get("__name__", "")).split(".")[0] == "ramekin":
        if name in MISSING_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        if name in MODULES:
            return MODULES[name]
    return _import(name, globals, locals, fromlist, level)


async def not_there(*args, **kwargs):
    """What loops of Windows answer."""
    raise NotImplementedError


builtins.__import__ = import_elsewhere
asyncio.SelectorEventLoop.create_unix_connection = not_there
