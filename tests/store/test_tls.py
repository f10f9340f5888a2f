"""TLS to PostgreSQL, with a certificate of an authority that nobody knows."""

import asyncio
import shutil
import ssl
import struct
import subprocess
import threading

import pytest

from harness.server import Server, StartFailed
from store.behind import FAST, settle

pytestmark = pytest.mark.ours


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with an authority, and a certificate of it for `localhost`."""
    assert shutil.which("openssl"), "openssl is missing: install it (Debian: apt install openssl)"
    folder = tmp_path_factory.mktemp("tls")
    key = "-newkey rsa:2048 -nodes"

    def openssl(line):
        subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True)

    openssl(f"req -x509 {key} -keyout ca.key -out ca.crt -days 9 -subj /CN=nobody-knows-it -addext basicConstraints=critical,CA:TRUE")
    openssl(f"req {key} -keyout server.key -out server.csr -subj /CN=localhost")
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    openssl("x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out server.crt -days 9 -extfile names")
    openssl(f"req -x509 {key} -keyout other.key -out other.crt -days 9 -subj /CN=another")
    return folder


class Front:
    """A server's side of TLS in front of a server that was built without."""

    BEGINS_AT_ONCE = True

    def __init__(self, port, certificate):
        self.target = ("127.0.0.1", port)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate.with_suffix(".crt"), certificate.with_suffix(".key"))
        self.lines = 0
        self.loop = asyncio.new_event_loop()
        tls = self.context if self.BEGINS_AT_ONCE else None
        self.server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=tls))
        self.port = self.server.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def begin(self, reader, writer):
        """Has a new line be one with TLS; False if it is turned away."""
        return True

    async def serve(self, reader, writer):
        try:
            if await self.begin(reader, writer):
                self.lines += 1
                there = await asyncio.open_connection(*self.target)
                await asyncio.gather(self.carry(reader, there[1]), self.carry(there[0], writer))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def carry(self, reader, writer):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)


class PostgresFront(Front):
    """The same for a PostgreSQL: a line asks for TLS first, and what comes in plain text is turned away."""

    BEGINS_AT_ONCE = False
    ASKS_FOR_TLS = struct.pack("!ii", 8, 80877103)
    REFUSAL = b"SFATAL\0C28000\0Mno encryption: this server takes lines with TLS only\0\0"

    async def begin(self, reader, writer):
        if await reader.readexactly(8) != self.ASKS_FOR_TLS:
            writer.write(b"E" + struct.pack("!i", len(self.REFUSAL) + 4) + self.REFUSAL)
            await writer.drain()
            return False
        writer.write(b"S")
        await writer.drain()
        await writer.start_tls(self.context)
        return True


@pytest.fixture
def front(postgres, authority):
    server = PostgresFront(postgres.port, authority / "server")
    yield server
    server.close()


def started(start_ramekin, front, parameters, host="localhost"):
    """Starts a server, uses its store, and ends it."""
    server = start_ramekin(store=f"postgresql://postgres@{host}:{front.port}/postgres?{parameters}", **FAST)
    with server.client() as client:
        assert client("SET", "a", "1") == b"OK"
        settle(server)
        client("EVICT")
        assert client("GET", "a") == b"1"
    assert server.terminate(15) == 0


def refused(front, parameters, host="localhost"):
    with pytest.raises(StartFailed) as failed:
        Server("ramekin", {"store": f"postgresql://postgres@{host}:{front.port}/postgres?{parameters}"}).remove()
    return failed.value.output


def test_a_line_is_ciphered_where_that_is_required(start_ramekin, front, schema):
    started(start_ramekin, front, f"sslmode=require&schema={schema}")
    assert front.lines > 3
    said = refused(front, f"sslmode=disable&schema={schema}")
    assert "no encryption" in said, said


def test_an_authority_has_to_be_known_where_the_server_is_to_be_the_right_one(start_ramekin, front, schema, authority):
    for mode in ("verify-ca", "verify-full"):
        said = refused(front, f"sslmode={mode}&schema={schema}")
        assert "certificate" in said.lower() and "sslrootcert" in said, said
        said = refused(front, f"sslmode={mode}&sslrootcert={authority}/other.crt&schema={schema}")
        assert "certificate" in said.lower(), said
        started(start_ramekin, front, f"sslmode={mode}&sslrootcert={authority}/ca.crt&schema={schema}{mode[-2:]}")
    # Another name than that of the certificate.
    said = refused(front, f"sslmode=verify-full&sslrootcert={authority}/ca.crt&schema={schema}", "127.0.0.1")
    assert "name" in said.lower() or "certificate" in said.lower(), said
    started(start_ramekin, front, f"sslmode=verify-ca&sslrootcert={authority}/ca.crt&schema={schema}", "127.0.0.1")
    said = refused(front, f"sslmode=verify-full&sslrootcert={authority}/missing.crt&schema={schema}")
    assert "missing.crt" in said, said
