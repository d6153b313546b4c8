"""What a household finds when it uses a host, asked from the deployer's machine.

An answer is an answer whatever it says: a sign-in page, an expired certificate. What is asked is
whether the way to it works, not what the app thinks.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Iterable

from homelab.deploy.policy import ExternalProbe

SECONDS = 5
"""How long any answer may take."""
_HTTPS, _DNS = 443, 53
_HEADER = 12


async def answering(asked: Iterable[ExternalProbe]) -> frozenset[str]:
    """Names of those that answer now; all are asked at once."""
    probes = tuple(asked)
    answers = await asyncio.gather(*(_answers(probe) for probe in probes))
    return frozenset(p.name for p, answer in zip(probes, answers, strict=True) if answer)


async def _answers(probe: ExternalProbe) -> bool:
    try:
        async with asyncio.timeout(SECONDS):
            return await (_web(probe) if probe.kind == "web" else _resolves(probe))
    except (OSError, TimeoutError, ValueError):
        return False


async def _web(probe: ExternalProbe) -> bool:
    """An HTTPS request by name, to this address; 5xx is a proxy's word for silence."""
    # No certificate is looked at: a first one may take minutes, and no secret is sent.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(
        probe.address or probe.host, _HTTPS, ssl=context, server_hostname=probe.host
    )
    try:
        request = f"GET / HTTP/1.1\r\nHost: {probe.host}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("ascii"))
        await writer.drain()
        words = (await reader.readline()).split()
        return len(words) > 1 and words[1][:1] in (b"1", b"2", b"3", b"4")
    finally:
        writer.close()


async def _resolves(probe: ExternalProbe) -> bool:
    """A question to this resolver for an address, by UDP (RFC 1035 section 4)."""
    number = secrets.token_bytes(2)
    labels = [label.encode("ascii") for label in probe.host.split(".")]
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    question = number + b"\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1"
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[bytes] = loop.create_future()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Listener(heard), remote_addr=(probe.address, _DNS)
    )
    try:
        transport.sendto(question)
        answer = await heard
    finally:
        transport.close()
    failed = answer[3] & 0x0F
    return answer[:2] == number and not failed and int.from_bytes(answer[6:8]) > 0


class _Listener(asyncio.DatagramProtocol):
    """Waits for one answer."""

    def __init__(self, heard: asyncio.Future[bytes]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        if len(data) >= _HEADER and not self._heard.done():
            self._heard.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._heard.done():
            self._heard.set_exception(exc)
