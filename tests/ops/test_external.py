"""What a household finds by name is asked for by name, from the deployer's machine."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from homelab.deploy.policy import ExternalProbe
from homelab.deploy.probes import external_probes_of
from homelab.ops.deploy import external
from tests import build
from tests.household import household

pytestmark = pytest.mark.requirement("S4-34")

NAME = "photos.home.example.org"


def _self_signed(directory: Path) -> ssl.SSLContext:
    """A certificate that nobody trusts, as a proxy has before its first."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = directory / "cert.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def _asked(
    directory: Path, status: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[frozenset[str], list[bytes]]:
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async def ask() -> frozenset[str]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=_self_signed(directory))
        monkeypatch.setattr(external, "_HTTPS", server.sockets[0].getsockname()[1])
        async with server:
            return await external.answering(
                [ExternalProbe("web", "photos over lan", "127.0.0.1", NAME)]
            )

    return asyncio.run(ask()), requests


@pytest.mark.parametrize(
    ("status", "answers"), [("200 OK", True), ("302 Found", True), ("502 Bad Gateway", False)]
)
def test_an_app_answers_by_its_name_whatever_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str, answers: bool
) -> None:
    """Sign-in pages and certificates that are yet to come are answers; 5xx is none."""
    found, requests = _asked(tmp_path, status, monkeypatch)
    assert bool(found) is answers
    assert f"Host: {NAME}\r\n".encode() in requests[0]


def test_who_does_not_answer_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external, "_HTTPS", 1)
    monkeypatch.setattr(external, "SECONDS", 0.2)
    probes = [
        ExternalProbe("web", "a", "127.0.0.1", NAME),
        ExternalProbe("dns", "b", "127.0.0.1", "x" * 70),
    ]
    assert asyncio.run(external.answering(probes)) == frozenset()


@pytest.mark.parametrize(
    ("flags", "count", "well"), [(0x80, 1, True), (0x83, 1, False), (0x80, 0, False)]
)
def test_a_resolver_is_asked_over_the_network(
    monkeypatch: pytest.MonkeyPatch, flags: int, count: int, well: bool
) -> None:
    asked: list[bytes] = []

    class Resolver(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.DatagramTransport) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            asked.append(data)
            answer = data[:2] + bytes([0x81, flags, 0, 1, 0, count, 0, 0, 0, 0])
            self.transport.sendto(answer, addr)

    async def ask() -> frozenset[str]:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Resolver, ("127.0.0.1", 0))
        monkeypatch.setattr(external, "_DNS", transport.get_extra_info("sockname")[1])
        try:
            return await external.answering([ExternalProbe("dns", "names", "127.0.0.1", NAME)])
        finally:
            transport.close()

    assert bool(asyncio.run(ask())) is well
    assert b"\x06photos\x04home\x07example\x03org\x00\x00\x01\x00\x01" in asked[0]


def test_each_host_is_asked_for_what_people_use_it_for() -> None:
    """The entry host for every name, another for its own, and only who carries DNS for names."""
    plan = build.plan(household({"services": {"miniflux": {"host": "aurora", "name": "news"}}}))
    at_pi = {o.name for o in external_probes_of(plan, plan.hosts["pi"])}
    at_aurora = {o.name for o in external_probes_of(plan, plan.hosts["aurora"])}
    assert {"news over lan", "news over tailnet", "names over lan"} <= at_pi
    assert "news over lan" in at_aurora
    assert not any(name.startswith("names") for name in at_aurora)
