"""A real Authelia with rendered configuration, and users who sign in like a browser."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import os
import re
import struct
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from homelab.plan import Plan
from tests.programs.rendered import running, settings
from tests.proxy.rig import free_ports
from tests.proxy.running import await_port
from tests.tools.programs import need_here, run

PEOPLE = {
    "sam": ("Sam Smith", ["admins", "family"]),
    "kim": ("Kim Smith", ["family"]),
    "eve": ("Eve Jones", []),
}
PASSWORD = "a long enough one, for a test"
_ENV = {
    "jwtSecretFile": "IDENTITY_VALIDATION_RESET_PASSWORD_JWT_SECRET",
    "oidcHmacSecretFile": "IDENTITY_PROVIDERS_OIDC_HMAC_SECRET",
    "sessionSecretFile": "SESSION_SECRET",
    "storageEncryptionKeyFile": "STORAGE_ENCRYPTION_KEY",
}
"""Secrets of the NixOS module, and Authelia's environment variable of each."""


@dataclass
class Authelia:
    """A running portal and its users."""

    port: int
    config: Path
    env: dict[str, str]
    cookies: dict[tuple[str, str, bool], str] = field(default_factory=dict)

    def cookie(self, portal: str, who: str, *, strong: bool = False) -> tuple[tuple[str, str], ...]:
        """The cookie header of a user who has signed in, with or without a second factor."""
        key = portal, who, strong
        if key not in self.cookies:
            person = {"username": who, "password": PASSWORD}
            jar = self._post(portal, "/api/firstfactor", "", person)
            if strong:
                code = {"token": self._code(who)}
                jar = self._post(portal, "/api/secondfactor/totp", jar, code)
            self.cookies[key] = jar
        return (("Cookie", self.cookies[key]),)

    def _post(self, portal: str, path: str, jar: str, body: dict[str, str]) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {
            "Content-Type": "application/json",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-Host": portal,
            "X-Forwarded-For": "127.9.0.1",
            "Cookie": jar,
        }
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, (path, answer.status, said)
        set_ = answer.getheader("Set-Cookie") or jar
        return set_.partition(";")[0]

    def _code(self, who: str) -> str:
        """The current code of their TOTP app."""
        words = ("storage", "user", "totp", "generate", who, "--force", "--config", self.config)
        done = run_with(self.env, "authelia", *words)
        found = re.search(r"secret=([A-Z2-7]+)", done)
        assert found is not None, done
        key = base64.b32decode(found[1] + "=" * (-len(found[1]) % 8))
        digest = hmac.digest(key, struct.pack(">Q", int(time.time()) // 30), "sha1")
        start = digest[-1] & 15
        number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
        return f"{number % 1_000_000:06}"


def run_with(env: dict[str, str], *words: str | Path) -> str:
    """Run a program in this environment. Returns its output; it must succeed."""
    done = subprocess.run(
        [str(w) for w in words], capture_output=True, text=True, check=False, env=env
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def configured(plan: Plan, directory: Path, port: int) -> tuple[Path, dict[str, str]]:
    """The file and the environment that services.authelia would start it with."""
    need_here("authelia")
    ((_, found),) = settings(plan, "services.authelia.instances.main", directory)
    said = found["settings"]
    said["server"]["address"] = f"tcp://127.0.0.1:{port}/"
    said["storage"]["local"]["path"] = str(directory / "db.sqlite3")
    if "filesystem" in said["notifier"]:
        said["notifier"]["filesystem"]["filename"] = str(directory / "notifications.txt")
    said["log"] = {"level": "debug", "format": "text"}
    # With a shared secret, a second portal would have to wait for the next code.
    said["totp"]["disable_reuse_security_policy"] = True
    backend = said["authentication_backend"]
    if "file" in backend:
        backend["file"]["path"] = str(_people(directory))
    env = {"PATH": os.environ["PATH"], "HOME": str(directory)}
    for name, variable in _ENV.items():
        if name in found["secrets"]:
            file = directory / name
            file.write_text("s" * 64, encoding="utf-8")
            env[f"AUTHELIA_{variable}_FILE"] = str(file)
    oidc = said.get("identity_providers", {}).get("oidc")
    if oidc:
        _clients(oidc, directory)
    for name in found.get("environmentVariables", {}):
        file = directory / name
        file.write_text("password", encoding="utf-8")
        env[name] = str(file)
    config = directory / "authelia.yml"
    config.write_text(yaml.safe_dump(said), encoding="utf-8")
    env["X_AUTHELIA_CONFIG_FILTERS"] = "template"
    return config, env


def _people(directory: Path) -> Path:
    hashed = run(
        "authelia",
        "crypto",
        "hash",
        "generate",
        "argon2",
        "--password",
        PASSWORD,
        "--iterations",
        "1",
        "--memory",
        "64",
    )
    digest = hashed.stdout.strip().removeprefix("Digest: ")
    assert digest.startswith("$argon2"), hashed.stdout + hashed.stderr
    file = directory / "users.yml"
    people = {
        who: {
            "displayname": name,
            "password": digest,
            "email": f"{who}@example.org",
            "groups": groups,
        }
        for who, (name, groups) in PEOPLE.items()
    }
    file.write_text(yaml.safe_dump({"users": people}), encoding="utf-8")
    return file


def _clients(oidc: dict[str, Any], directory: Path) -> None:
    """Hashes in place of secrets, and the key that the module adds."""
    key = directory / "key.pem"
    run("openssl", "genpkey", "-algorithm", "RSA", "-out", key)
    oidc["jwks"] = [{"key": key.read_text(encoding="utf-8")}]
    hashed = run("authelia", "crypto", "hash", "generate", "pbkdf2", "--password", PASSWORD)
    digest = hashed.stdout.strip().removeprefix("Digest: ")
    file = directory / "client"
    file.write_text(digest, encoding="utf-8")
    for client in oidc["clients"]:
        if "client_secret" in client:
            client["client_secret"] = re.sub(
                r'secret "[^"]+"', f'secret "{file}"', client["client_secret"]
            )


def started(plan: Plan, directory: Path, stack: ExitStack) -> Authelia:
    """Start Authelia with a plan's configuration, until the stack closes."""
    (port,) = free_ports(1)
    config, env = configured(plan, directory, port)
    log = directory / "authelia.log"
    words = ["authelia", "--config", str(config)]
    process = stack.enter_context(running(words, log, env, directory))
    await_port(port, process, log)
    return Authelia(port, config, env)
