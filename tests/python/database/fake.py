"""A server that answers as a test says, on a loopback port: for failures that a real one does not have on demand."""

import socket
import threading

from ramekin._resp import Decoder, encode

HELLO = b"%0\r\n"


class Peer:
    """One connection of a client to the fake."""

    def __init__(self, sock):
        self.socket = sock
        self._read = []
        self._decoder = Decoder()
        self.number = 0
        self.wrote = False

    def command(self):
        """The next command as a list of bytes, None at the end."""
        while not self._read:
            try:
                data = self.socket.recv(65536)
            except OSError:
                return None
            if not data:
                return None
            self._read += self._decoder.feed(data)
        return self._read.pop(0)

    def say(self, data):
        self.socket.sendall(data)

    def end(self):
        """Ends the connection, also from another thread than its own."""
        self.socket.shutdown(socket.SHUT_RDWR)

    def reset(self):
        """Ends the connection at once, unread input or not."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


class Fake:
    """Calls `answer(peer, command)` for each command but HELLO. `commands` are those it got, of all connections."""

    def __init__(self, answer, tls=None):
        self.answer = answer
        self.tls = tls
        self.commands = []
        self.peers = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"ramekin://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self.tls is not None:
                try:
                    sock = self.tls.wrap_socket(sock, server_side=True)
                except OSError:
                    continue
            peer = Peer(sock)
            peer.number = len(self.peers)
            self.peers.append(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        while True:
            command = peer.command()
            if command is None:
                return
            if command[0] == b"HELLO":
                peer.say(HELLO)
                continue
            self.commands.append(command)
            try:
                self.answer(peer, command)
            except OSError:
                return

    def close(self):
        self._listener.close()
        for peer in self.peers:
            peer.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def bulk(value):
    """A value as a reply."""
    return encode([value])[4:]
