# SPDX-License-Identifier: Apache-2.0
"""The client/server protocol of MySQL, as far as a relay must know it to rewrite statements.

Packets are a length (3 bytes), a number that counts from 0 in each command, and a payload; one of
2^24-1 bytes goes on in the next.
"""

from __future__ import annotations

import contextlib
import ssl
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import final

from ..relay import Translator
from .rewriting import Rewriter

_FULL = 0xFFFFFF
_QUERY, _PREPARE, _EXECUTE = 0x03, 0x16, 0x17
_LONGEST_STATEMENT = 1 << 20
"""Longer ones carry data, and pass as they are."""
_SSL = 1 << 11
# Bits of the server's capabilities. A client that doesn't see them sends its statements as they
# are: neither compressed (zlib, zstd) nor after a list of attributes.
_HIDDEN = 1 << 5 | 1 << 26 | 1 << 27
_SSL_REQUEST_LENGTH = 32


def translator(variables: Mapping[str, str], certificates: str | None) -> Callable[[], Translator]:
    """Return what makes a ``Conversation`` for each connection of a relay.

    ``variables`` are those that ``Rewriter`` invents; ``certificates`` is a folder with
    ``server.pem`` and ``server.key``, ``None`` for a relay without TLS.
    """
    rewriter = Rewriter(variables)
    contexts = _contexts(Path(certificates)) if certificates is not None else None
    return lambda: Conversation(rewriter, contexts)


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    to_client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    to_client.load_cert_chain(folder / "server.pem", folder / "server.key")
    to_server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    to_server.check_hostname = False
    to_server.verify_mode = ssl.CERT_NONE
    return to_client, to_server


@final
class Conversation:
    """One connection. ``contexts`` are for TLS with the client and with the server.

    Without them the client is told that there is no TLS.
    """

    def __init__(
        self, rewriter: Rewriter, contexts: tuple[ssl.SSLContext, ssl.SSLContext] | None
    ) -> None:
        self._contexts = contexts
        self._statements = Statements(rewriter)
        self._greeting: bytearray | None = bytearray()
        self._answer: bytearray | None = bytearray()
        self._client_end: TlsEnd | None = None
        self._server_end: TlsEnd | None = None

    def from_client(self, chunk: bytes) -> tuple[bytes, bytes]:
        """Take what the client sent; return what goes to the server, and back to the client."""
        if self._answer is None:
            return self._pass_on(chunk)
        # The client's first packet says whether TLS begins after it.
        self._answer += chunk
        head = bytes(self._answer[:8])
        if len(head) < 8:
            return b"", b""
        first, self._answer = bytes(self._answer), None
        length, _, capabilities = int.from_bytes(head[:3], "little"), head[3], head[4:]
        asked = int.from_bytes(capabilities, "little") & _SSL
        if length != _SSL_REQUEST_LENGTH or not asked or self._contexts is None:
            return self._pass_on(first)
        if len(first) < 4 + length:
            self._answer = bytearray(first)
            return b"", b""
        request, rest = first[: 4 + length], first[4 + length :]
        self._client_end = TlsEnd(self._contexts[0], server_side=True)
        self._server_end = TlsEnd(self._contexts[1], server_side=False)
        to_server, to_client = self._pass_on(rest)
        return request + to_server, to_client

    def from_server(self, chunk: bytes) -> tuple[bytes, bytes]:
        """Take what the server sent; return what goes to the client, and back to the server."""
        if self._greeting is not None:
            self._greeting += chunk
            if len(self._greeting) < 4 or len(self._greeting) < 4 + _length(self._greeting):
                return b"", b""
            whole, self._greeting = bytes(self._greeting), None
            return self._without_hidden(whole), b""
        if self._client_end is None or self._server_end is None:
            return chunk, b""
        plain = self._server_end.receive(chunk)
        self._client_end.send(plain)
        if self._server_end.ended:
            self._client_end.end()
        return self._client_end.take(), self._server_end.take()

    def _pass_on(self, chunk: bytes) -> tuple[bytes, bytes]:
        if self._client_end is None or self._server_end is None:
            return self._statements.translate(chunk), b""
        plain = self._client_end.receive(chunk)
        self._server_end.send(self._statements.translate(plain))
        if self._client_end.ended:
            self._server_end.end()
        return self._server_end.take(), self._client_end.take()

    def _without_hidden(self, greeting: bytes) -> bytes:
        if greeting[4] != 10:  # an error, which has no capabilities
            return greeting
        low = greeting.index(b"\0", 5) + 1 + 4 + 8 + 1
        hidden = _HIDDEN if self._contexts is not None else _HIDDEN | _SSL
        new = bytearray(greeting)
        for place, shift in ((low, 0), (low + 5, 16)):
            (bits,) = struct.unpack_from("<H", new, place)
            struct.pack_into("<H", new, place, bits & ~(hidden >> shift) & 0xFFFF)
        return bytes(new)


@final
class Statements:
    """Rewrites the statements in what a client sends, from its log-in on."""

    def __init__(self, rewriter: Rewriter) -> None:
        self._rewriter = rewriter
        self._waiting = bytearray()
        self._passing = 0
        self._goes_on = False
        self._may_upload = False
        self._uploading = False

    def translate(self, chunk: bytes) -> bytes:
        """Take bytes of the stream, cut anywhere; return what can go to the server now."""
        self._waiting += chunk
        out = bytearray()
        while self._waiting:
            if self._passing:
                piece = self._waiting[: self._passing]
                del self._waiting[: len(piece)]
                self._passing -= len(piece)
                out += piece
            elif not self._next_packet(out):
                break
        return bytes(out)

    def _next_packet(self, out: bytearray) -> bool:
        """Begin with the next packet; ``False`` if too little of it has come to know what it is."""
        data = self._waiting
        if len(data) < 4:
            return False
        length, number = _length(data), data[3]
        is_command = number == 0 and length > 0 and not self._goes_on and not self._uploading
        if is_command:
            if len(data) < 5:
                return False
            command = data[4]
            if command in (_QUERY, _PREPARE) and length <= _LONGEST_STATEMENT:
                if len(data) < 4 + length:
                    return False
                sql = bytes(data[5 : 4 + length])
                new = self._rewriter.rewrite(sql)
                out += (len(new) + 1).to_bytes(3, "little")
                out += data[3:5]
                out += new
                del data[: 4 + length]
            else:
                self._passing = 4 + length
            self._may_upload = command in (_QUERY, _EXECUTE)
        else:
            # A client that goes on within a command answers in a log-in, or sends a local file,
            # in which the numbers may come round to 0; an empty packet ends it.
            if not self._goes_on and number and self._may_upload:
                self._uploading = True
            if length == 0 and not self._goes_on:
                self._uploading = False
            self._passing = 4 + length
        self._goes_on = length == _FULL
        return True


@final
class TlsEnd:
    """One end of a TLS connection, without a socket. Raises ``ssl.SSLError`` when it fails."""

    def __init__(self, context: ssl.SSLContext, *, server_side: bool) -> None:
        self.ended = False
        """Whether the other side said that it sends no more."""
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=server_side)
        self._open = False
        self._unsent = b""
        self._advance()

    def receive(self, chunk: bytes) -> bytes:
        """Take what came from the other side; return the plain text of it."""
        self._incoming.write(chunk)
        self._advance()
        plain = bytearray()
        with contextlib.suppress(ssl.SSLWantReadError):
            while self._open and not self.ended:
                piece = self._tls.read(1 << 16)
                plain += piece
                self.ended = not piece
        return bytes(plain)

    def send(self, plain: bytes) -> None:
        """Send plain text, once the handshake is done."""
        self._unsent += plain
        if self._open and self._unsent:
            self._tls.write(self._unsent)
            self._unsent = b""

    def end(self) -> None:
        """Say that no more is sent."""
        with contextlib.suppress(ssl.SSLError):  # the other side doesn't say so as well: fine
            self._tls.unwrap()

    def take(self) -> bytes:
        """Return what must go to the other side now."""
        return self._outgoing.read()

    def _advance(self) -> None:
        if not self._open:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.do_handshake()
                self._open = True
                self.send(b"")


def _length(packet: bytes | bytearray) -> int:
    return int.from_bytes(packet[:3], "little")
