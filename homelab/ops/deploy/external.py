"""External probes: requests to a host's services from the deployer's machine.

A sign-in page or an expired certificate counts as an answer. A probe tests whether the network path
and the service work, not what the app answers.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Iterable

from homelab.deploy.policy import ExternalProbe

SECONDS = 5
"""Seconds to wait for an answer."""
_HTTPS, _DNS = 443, 53
_HEADER = 12


async def answering(asked: Iterable[ExternalProbe]) -> frozenset[str]:
    """Names of the probes that pass now; all run in parallel."""
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
    """An HTTPS request for the name, to this address. A proxy answers 5xx if the app does not."""
    # The certificate is not checked: the first one may take minutes, and no secret is sent.
    # So no authorities are loaded, which takes longer than the request.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(
        probe.address or probe.host, _HTTPS, ssl=context, server_hostname=probe.host
    )
    try:
        request = f"GET / HTTP/1.1\r\nHost: {probe.host}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode("ascii"))
        await writer.drain()
        status = (await reader.readline()).split()
        return len(status) > 1 and status[1][:1] in (b"1", b"2", b"3", b"4")
    finally:
        writer.close()


async def _resolves(probe: ExternalProbe) -> bool:
    """A query for an A record to this resolver over UDP (RFC 1035 section 4)."""
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
