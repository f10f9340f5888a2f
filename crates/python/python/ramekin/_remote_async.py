"""The connections of one event loop to a server.

Many tasks share one connection: what they send within a turn of the loop leaves in one write, and replies are dealt out in
order. A cancelled task's reply is taken and dropped. Commands that wait, or work for long, have connections of their own; if
such a task is cancelled, what it waited for is called off at the server before the task ends.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any

from . import errors
from ._connection import Lost, introduction, tls_context, unreachable
from ._kinds import FENCES, POPS, READS, SESSION, WAITING, name_of
from ._looking import Looking, look
from ._resp import Decoder, ProtocolError, Push, encode, encode_many
from ._tasks import within

if TYPE_CHECKING:
    from ._remote import Remote

_MULTI, _EXEC = encode(["MULTI"]), encode(["EXEC"])


class Request:
    """Bytes of commands, and where their replies go."""

    __slots__ = ("count", "future", "payload", "replies", "sent")

    def __init__(self, payload: bytes, count: int, future: asyncio.Future[list[Any]]) -> None:
        self.payload = payload
        self.count = count
        self.future = future
        self.replies: list[Any] = []
        self.sent = False


class Wire(asyncio.Protocol):
    """One connection. Used in its loop's thread only."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.epoch = 0
        self.heard = time.monotonic()  # when something came last
        self.transport: asyncio.Transport | None = None
        self.id: int | None = None  # by which the server knows it
        self.lost = False
        self.wrote = False  # and nobody has waited for it
        self._decoder = Decoder()
        self._waiting: deque[Request] = deque()
        self._unsent: list[Request] = []
        self._room: asyncio.Future[None] | None = None
        self._looking: Looking | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._looking = look(transport.get_extra_info("socket").fileno())

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        try:
            replies = self._decoder.feed(data)
        except ProtocolError as wrong:
            self.end(wrong)
            return
        waiting = self._waiting
        for reply in replies:
            if type(reply) is Push:
                continue
            if not waiting:
                self.end(ProtocolError(f"a reply that nobody asked for: {reply!r:.40}"))
                return
            request = waiting[0]
            request.replies.append(reply)
            if len(request.replies) == request.count:
                waiting.popleft()
                if not request.future.done():
                    request.future.set_result(request.replies)

    def connection_lost(self, failed: Exception | None) -> None:
        self.end(failed or ConnectionResetError("the server closed it"))

    def pause_writing(self) -> None:
        if self._room is None:
            self._room = self.loop.create_future()

    def resume_writing(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def end(self, reason: Exception) -> None:
        """Closes, and tells all who wait."""
        self.lost = True
        if self.transport is not None:
            self.transport.abort()
        for request in [*self._waiting, *self._unsent]:
            if not request.future.done():
                lost = Lost(request.sent)
                lost.__cause__ = reason
                request.future.set_exception(lost)
        self._waiting.clear()
        self._unsent.clear()
        self.resume_writing()

    def is_quiet(self) -> bool:
        """All that was sent has been answered."""
        return not self._waiting and not self._unsent

    async def send(self, payload: bytes, count: int, timeout: float | None) -> list[Any]:
        """Replies to a payload. Raises `Lost` or `ServerTimeoutError`."""
        while self._room is not None:
            await asyncio.shield(self._room)
        looking = self._looking
        if looking is not None and not self._waiting and not self._unsent and not self.lost and looking.poll(0):
            # Something has come that nobody asked for, perhaps the end: the loop has not looked yet.
            for _ in range(3):
                await asyncio.sleep(0)
        if self.lost:
            raise Lost(False)
        request = self.post(payload, count)
        if timeout is None:
            return await request.future
        began = time.monotonic()
        try:
            return await within(request.future, timeout)
        except asyncio.TimeoutError:
            if self.heard < began:  # nothing has come for anybody: it hangs
                self.end(TimeoutError("the server does not answer"))
            raise errors.ServerTimeoutError(f"no reply within {timeout:g} s") from None

    def post(self, payload: bytes, count: int) -> Request:
        """Sends with what else is sent in this turn of the loop."""
        request = Request(payload, count, self.loop.create_future())
        if not self._unsent:
            self.loop.call_soon(self._flush)
        self._unsent.append(request)
        return request

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self.lost or self.transport is None or not unsent:
            return
        for request in unsent:
            request.sent = True
        self._waiting.extend(unsent)
        self.transport.write(unsent[0].payload if len(unsent) == 1 else b"".join([r.payload for r in unsent]))


class Lane:
    """What `Remote` keeps for an event loop."""

    def __init__(self, remote: Remote, loop: asyncio.AbstractEventLoop) -> None:
        self.remote = remote
        self.loop = loop
        self._shared: Wire | None = None
        self._connecting: asyncio.Task[Wire] | None = None
        self._idle: list[Wire] = []
        self._wires: set[Wire] = set()
        self._fenced: set[Wire] = set()  # that were shared, until what they wrote has settled
        self._lost_writes = False
        self._at_end: AsyncGenerator[None, None] | None = None

    async def execute(self, args: tuple[Any, ...]) -> Any:
        remote = self.remote
        name = name_of(args)
        remote.check(name)
        timeout = remote.time_for(name, args)
        payload = encode(args)
        if name in FENCES:
            return await self._fence(name, payload, timeout)
        if name in WAITING:
            replies = await self._alone(payload, 1, name, timeout)
        else:
            replies = await self._together(payload, 1, name, name in READS or (name in SESSION and len(args) > 1), timeout)
        reply = replies[0]
        if isinstance(reply, Exception):
            raise reply
        if name in SESSION and len(args) > 1:
            remote.remember(name, args)
        return reply

    async def execute_many(self, commands: Sequence[Sequence[Any]], atomic: bool) -> list[Any]:
        from ._remote import transaction_replies

        if not commands:
            return []
        timeout, reads = self.remote.time_for_many(commands, atomic)
        payload, count, what = encode_many(commands), len(commands), "the commands"
        if atomic:
            payload, count, what, reads = _MULTI + payload + _EXEC, count + 2, "the transaction", False
        if not atomic and any(name_of(args) in WAITING or name_of(args) in FENCES for args in commands):
            replies = await self._alone(payload, count, what, timeout)
        else:
            replies = await self._together(payload, count, what, reads, timeout)
        return (transaction_replies(replies) or []) if atomic else replies

    def close(self) -> None:
        """From any thread, also when the loop is closed."""
        if self.loop.is_closed():
            self.leave()
            return
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self.loop:
            self._end()
        else:
            try:
                self.loop.call_soon_threadsafe(self._end)
            except RuntimeError:  # closed meanwhile
                self.leave()

    def _end(self) -> None:
        for wire in list(self._wires):
            wire.end(errors.ClosedError("the database has been closed"))
        self._wires.clear()

    def leave(self) -> None:
        """Closes the sockets of a loop that is closed, or the parent's."""
        for wire in self._wires:
            socket = wire.transport.get_extra_info("socket") if wire.transport is not None else None
            if socket is not None:
                try:
                    getattr(socket, "_sock", socket).close()
                except TypeError:  # the loop has closed it
                    pass
        self._wires.clear()

    async def _together(self, payload: bytes, count: int, name: str, again: bool, timeout: float | None) -> list[Any]:
        for attempt in (0, 1):
            wire = self._shared
            if wire is None or wire.lost or wire.epoch != self.remote.epoch:
                wire = await self._share()
            try:
                replies = await wire.send(payload, count, timeout)
                wire.wrote = wire.wrote or not again
                return replies
            except Lost as lost:
                if attempt or self.remote.closed or (lost.sent and not again):
                    raise self.remote.lost(name) from lost.__cause__
        raise AssertionError("unreachable")

    async def _alone(self, payload: bytes, count: int, name: str, timeout: float | None) -> list[Any]:
        for attempt in (0, 1):
            wire = self._idle.pop() if self._idle and not attempt else await self._connect()
            while wire.lost or not await self._is_set_up(wire):
                self._forget(wire)
                wire = self._idle.pop() if self._idle and not attempt else await self._connect()
            try:
                replies = await wire.send(payload, count, timeout)
                wire.wrote = wire.wrote or name not in READS
            except Lost as lost:
                self._forget(wire)
                if attempt or self.remote.closed or (lost.sent and name not in READS):
                    raise self.remote.lost(name) from lost.__cause__
            except BaseException as gone:  # cancelled, or late: the reply may still come
                if isinstance(gone, asyncio.CancelledError) and await self._is_unblocked(wire, name):
                    self._idle.append(wire)
                    raise
                wire.end(gone if isinstance(gone, Exception) else ConnectionAbortedError("cancelled"))
                self._forget(wire)
                raise
            else:
                self._idle.append(wire)
                return replies
        raise AssertionError("unreachable")

    async def _is_unblocked(self, wire: Wire, name: str) -> bool:
        """Ends a blocking pop, and waits until it has ended: what is pushed from then on stays."""
        if name not in POPS or wire.id is None:
            return False
        try:
            for pause_ms in (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500):
                await self._together(encode(("CLIENT", "UNBLOCK", wire.id)), 1, "CLIENT", True, 1.0)
                await asyncio.sleep(pause_ms / 1000)
                if wire.lost or wire.is_quiet():
                    return not wire.lost
        except (errors.RamekinError, asyncio.CancelledError):
            pass
        return False

    async def _fence(self, name: str, payload: bytes, timeout: float | None) -> Any:
        """The least of what the connections answer by which this loop has written; others go on by a new one meanwhile."""
        shared = self._shared
        if shared is not None and shared.wrote:
            self._fenced.add(shared)
            self._shared = None
        wires = [*self._fenced, *(wire for wire in self._idle if wire.wrote)]
        if self._lost_writes or any(wire.lost for wire in wires):
            return await self._fence_all(name)
        if not wires:
            return self._answer(await self._together(payload, 1, name, True, timeout))
        for wire in wires:
            wire.wrote = False
        try:
            found = await asyncio.gather(*[wire.send(payload, 1, timeout) for wire in wires])
            answers = [self._answer(replies) for replies in found]
        except Lost:
            return await self._fence_all(name)
        except BaseException:
            for wire in wires:
                wire.wrote = True
            raise
        least = min(answers)
        for wire in wires:
            if not (least if isinstance(least, int) else least[0]):
                wire.wrote = True
            elif wire in self._fenced and not wire.wrote:
                self._fenced.discard(wire)
                self._idle.append(wire)
        return least

    async def _fence_all(self, name: str) -> Any:
        """A connection that had written is gone, so all is waited for, where that can be asked for."""
        self._lost_writes = False
        for wire in [wire for wire in self._fenced if wire.lost]:
            self._fenced.discard(wire)
            self._wires.discard(wire)
        self.remote.check_fence(name)
        await self.execute(("FLUSH",))
        return 1

    def _forget(self, wire: Wire) -> None:
        """This one is lost."""
        self._wires.discard(wire)
        self._lost_writes = self._lost_writes or wire.wrote

    @staticmethod
    def _answer(replies: list[Any]) -> Any:
        if isinstance(replies[0], Exception):
            raise replies[0]
        return replies[0]

    async def _share(self) -> Wire:
        """The connection of all tasks. Who asks while it is being made waits for the same one."""
        if self._connecting is None:
            self._connecting = self.loop.create_task(self._make_shared())
            self._connecting.add_done_callback(self._made)
        return await asyncio.shield(self._connecting)

    def _made(self, task: asyncio.Task[Wire]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.exception()  # seen, also if all who waited are gone

    async def _make_shared(self) -> Wire:
        wire = self._shared
        if wire is not None:
            if not wire.lost and await self._is_set_up(wire):
                return wire
            self._forget(wire)
        self._shared = await self._connect()
        return self._shared

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        """What `asyncio.run` ends before it closes the loop: connections end in order, whether or not anybody closed them."""
        try:
            yield
        finally:
            self._end()
            await asyncio.sleep(0)

    async def _is_set_up(self, wire: Wire) -> bool:
        if wire.epoch == self.remote.epoch:
            return True
        epoch, setup = self.remote.epoch, list(self.remote.session.values())
        try:
            replies = await wire.send(encode_many(setup), len(setup), self.remote.target.connect_timeout)
        except (Lost, errors.ServerTimeoutError):
            return False
        wire.epoch = epoch
        return not any(isinstance(reply, Exception) for reply in replies)

    async def _connect(self) -> Wire:
        remote, target = self.remote, self.remote.target
        remote.check("")
        if self._at_end is None:
            self._at_end = self._until_the_end()
            await self._at_end.__anext__()
        epoch, setup = remote.epoch, introduction(target) + list(remote.session.values())
        wire = Wire(self.loop)
        if target.opener is not None:
            made = target.opener()
            made.setblocking(False)
            opening: Any = self.loop.create_connection(lambda: wire, sock=made)
        elif target.path is not None:
            opening = self.loop.create_unix_connection(lambda: wire, target.path)
        else:
            tls = {"ssl": tls_context(target), "server_hostname": target.host} if target.tls else {}
            opening = self.loop.create_connection(lambda: wire, target.host, target.port, **tls)
        try:
            await within(opening, target.connect_timeout)
            replies = await wire.send(encode_many(setup), len(setup), target.connect_timeout) if setup else []
        except BaseException as failed:
            wire.end(failed if isinstance(failed, Exception) else ConnectionAbortedError("cancelled"))
            reason = self._not_connected(failed)
            if reason is failed:
                raise
            raise reason from failed
        refused = next((reply for reply in replies if isinstance(reply, Exception)), None)
        if refused is not None or remote.closed:
            wire.end(ConnectionAbortedError("not needed"))
            raise refused or errors.ClosedError("the database has been closed")
        if replies and isinstance(replies[0], dict):
            wire.id = replies[0].get(b"id")
        wire.epoch = epoch
        self._wires.add(wire)
        return wire

    def _not_connected(self, failed: BaseException) -> BaseException:
        """What to raise for it."""
        target = self.remote.target
        if isinstance(failed, errors.RamekinError):
            return failed
        if isinstance(failed, asyncio.TimeoutError):
            return errors.ServerTimeoutError(f"{target} did not answer within {target.connect_timeout:g} s")
        if isinstance(failed, Lost):
            return errors.ServerConnectionError(f"{target} closed the connection: {failed.__cause__ or 'no reply'}")
        return unreachable(target, failed) if isinstance(failed, OSError) else failed
