"""A TCP proxy on loopback between a server and its store: it delays, cuts and holds what passes through it."""

import random
import selectors
import socket
import threading
import time


class Proxy:
    """Use it in a `with`; what it does to the connections can be changed while it runs."""

    def __init__(self, port, seed=0):
        self.target = ("127.0.0.1", port)
        self.random = random.Random(seed)
        # So long each piece of data waits.
        self.delay_s = 0.0
        # This share of commits loses its connection: before the server has heard of it, or before it answers.
        self.cut_commits = 0.0
        self.cuts = 0
        # Nothing passes, and nobody is told.
        self.holds = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.pairs = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def url(self, url):
        """The same address, by way of the proxy."""
        return url.replace(f":{self.target[1]}/", f":{self.port}/")

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(self.target)
            except OSError:
                if self.listener.fileno() < 0:
                    return
                client.close()
                continue
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client, server):
        self.pairs.add((client, server))
        try:
            with selectors.DefaultSelector() as ready:
                for one, other in ((client, server), (server, client)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    ready.register(one, selectors.EVENT_READ, other)
                while True:
                    for key, _ in ready.select():
                        data = key.fileobj.recv(1 << 16)
                        if not data or not self._pass(data, key.data, key.data is server):
                            return
        except OSError:
            pass
        finally:
            self.pairs.discard((client, server))
            client.close()
            server.close()

    def _pass(self, data, to, is_asked):
        """Passes on a piece of data; False if the connection is to be cut."""
        while self.holds.is_set():
            time.sleep(0.01)
        if self.delay_s:
            time.sleep(self.delay_s)
        cut = is_asked and b"COMMIT" in data and self.random.random() < self.cut_commits
        if cut:
            self.cuts += 1
            if self.random.random() < 0.5:
                return False
        to.sendall(data)
        if cut:
            # The server has time to commit.
            time.sleep(0.02)
        return not cut

    def cut(self):
        """Ends all connections."""
        for pair in list(self.pairs):
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self.listener.close()
        self.holds.clear()
        self.cut()
