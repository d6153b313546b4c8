"""A real oauth2-proxy with rendered configuration, and a stub provider."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from homelab.plan import Plan
from tests.programs.rendered import running, settings
from tests.proxy import rig
from tests.proxy.running import HTTPS, Row, Running, await_port
from tests.tools.programs import need_here

GROUPS = {"sam": ["family", "admins"], "kim": ["family"]}
_FLAGS = {
    "clientID": "client-id",
    "email.domains": "email-domain",
    "cookie.expire": "cookie-expire",
    "httpAddress": "http-address",
    "loginURL": "login-url",
    "oidcIssuerUrl": "oidc-issuer-url",
    "provider": "provider",
    "redeemURL": "redeem-url",
    "reverseProxy": "reverse-proxy",
    "scope": "scope",
    "setXauthrequest": "set-xauthrequest",
    "upstream": "upstream",
}
"""The flag of each option of the NixOS module that we set."""


def words(found: dict[str, Any]) -> list[str]:
    """The command line of services.oauth2-proxy."""
    flat: dict[str, Any] = {}
    for key, value in found.items():
        if key in ("email", "cookie"):
            flat |= {f"{key}.{k}": v for k, v in value.items()}
        elif key not in ("enable", "keyFile", "extraConfig"):
            flat[key] = value
    flags = {_FLAGS[key]: value for key, value in flat.items()} | found["extraConfig"]
    out = ["oauth2-proxy"]
    for flag, value in flags.items():
        for one in value if isinstance(value, list) else [value]:
            text = str(one).lower() if isinstance(one, bool) else one
            out.append(f"--{flag}={text}")
    return out


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return _b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class _Provider(BaseHTTPRequestHandler):
    """A stub of Pocket ID for oauth2-proxy. A code is a user name followed by the nonce."""

    issuer: str
    key: rsa.RSAPrivateKey
    client = "gate"
    groups = "groups"
    verified = False
    """Pocket ID does not verify addresses."""

    def log_message(self, *args: object) -> None:
        """Do nothing."""

    def do_GET(self) -> None:
        if self.path == "/.well-known/openid-configuration":
            self._say(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/api/oidc/token",
                    "jwks_uri": f"{self.issuer}/.well-known/jwks.json",
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
            return
        assert self.path == "/.well-known/jwks.json", self.path
        public = self.key.public_key().public_numbers()
        made = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1"}
        self._say({"keys": [made | {"n": _number(public.n), "e": _number(public.e)}]})

    def do_POST(self) -> None:
        assert self.path == "/api/oidc/token", self.path
        body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        assert body["code_verifier"], "without PKCE a stolen code would do"
        who, _, nonce = body["code"][0].partition(".")
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.client,
            "sub": f"id-of-{who}",
            "iat": now,
            "exp": now + 3600,
            "nonce": nonce,
            "email": f"{who}@example.org",
            "email_verified": self.verified,
            "preferred_username": who,
            self.groups: GROUPS[who],
        }
        head = _b64(json.dumps({"alg": "RS256", "kid": "1"}).encode())
        text = f"{head}.{_b64(json.dumps(claims).encode())}"
        signed = self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        token = {"access_token": "x", "token_type": "Bearer", "id_token": f"{text}.{_b64(signed)}"}
        self._say(token)

    def _say(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def provider(issuer: str, **facts: object) -> Iterator[int]:
    """A stub provider. Yields its port."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    handler = type("Provider", (_Provider,), {"issuer": issuer, "key": key, **facts})
    with rig.serving(rig.Server(("127.0.0.1", 0), handler)) as port:
        handler.issuer = issuer or f"http://127.0.0.1:{port}"
        yield port


def started(plan: Plan, directory: Path, stack: ExitStack) -> dict[str, str]:
    """Start oauth2-proxy until the stack closes. Returns rendered addresses and where each
    listens."""
    need_here("oauth2-proxy")
    identity = plan.identity
    assert identity is not None
    (port,) = rig.free_ports(1)
    addresses = {identity.auth_proxy.address: f"127.0.0.1:{port}"}
    client = plan.stack.identity.client if plan.stack.identity else None
    if client is not None:
        # The stub is its own issuer: oauth2-proxy asks it for its endpoints.
        facts = {"client": client.client_id, "groups": client.groups_claim, "verified": True}
        there = stack.enter_context(provider("", **facts))
        addresses[identity.external] = f"http://127.0.0.1:{there}"
    else:
        there = stack.enter_context(provider(identity.issuer(public=False)))
        addresses[identity.address] = f"127.0.0.1:{there}"
    ((_, found),) = settings(plan, "services.oauth2-proxy", directory)
    line = words(found)
    for rendered, here in addresses.items():
        line = [w.replace(rendered, here) for w in line]
    env = {
        "PATH": os.environ["PATH"],
        "OAUTH2_PROXY_CLIENT_SECRET": "s" * 32,
        "OAUTH2_PROXY_COOKIE_SECRET": _b64(b"c" * 32),
    }
    log = directory / "oauth2-proxy.log"
    await_port(port, stack.enter_context(running(line, log, env)), log)
    return addresses


@dataclass
class Visitor:
    """A browser that follows every redirect to the provider and back."""

    proxy: Running
    jars: dict[tuple[str, str], str] = field(default_factory=dict)

    def cookie(self, who: str, host: str, way: str = HTTPS) -> tuple[tuple[str, str], ...]:
        """The cookie header of a user who has signed in on this name."""
        if (who, host) not in self.jars:
            sent = self.proxy.ask(Row("", host, "/there?x=y", way))
            assert sent.status == 302, sent
            asked = parse_qs(urlsplit(sent.location).query)
            (back,) = asked["redirect_uri"]
            assert back == f"https://{host}/oauth2/callback"
            code = f"{who}.{asked.get('nonce', [''])[0]}"
            callback = f"/oauth2/callback?code={code}&state={asked['state'][0]}"
            jar = (("Cookie", "; ".join(c.partition(";")[0] for c in sent.cookies)),)
            home = self.proxy.ask(Row("", host, callback, way, headers=jar))
            page = home.location.removeprefix(f"https://{host}")
            assert (home.status, page) == (302, "/there?x=y"), home
            made = [c.partition(";")[0] for c in home.cookies if "csrf" not in c]
            self.jars[who, host] = "; ".join(made)
        return (("Cookie", self.jars[who, host]),)
