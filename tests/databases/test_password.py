"""The script that sets a password, with the real servers: only the password opens the database."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.backup.restores import cluster_at, need_here

SCRIPT = str(resources.files("homelab.databases") / "password.sh")
PASSWORDS = ("a-Plain_1", "it's \\ \"quoted\" `x` $(id) :'y' %s\n", "ünïcode; DROP ROLE x; --")
"""A file may end with a line break, which is not part of the password."""


def set_password(kind: str, name: str, password: str, place: Path, **env: str) -> str:
    credentials = place / "credentials"
    credentials.mkdir(exist_ok=True)
    (credentials / "password").write_text(password, encoding="utf-8")
    for path in (credentials, credentials / "password"):
        path.chmod(0o755)
    user = ["runuser", "-u", "postgres", "--"] if kind == "postgresql" else []
    done = subprocess.run(
        [*(user if os.geteuid() == 0 else []), "bash", SCRIPT, kind, name],
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(credentials), **env},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.lab
def test_the_password_of_a_role_in_postgresql_is_the_one_in_the_file() -> None:
    with cluster_at("pad") as socket, TemporaryDirectory() as scratch:
        place = Path(scratch)
        place.chmod(0o755)
        server = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", socket]
        admin = [*(["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []), *server]
        subprocess.run([*admin, "-d", "postgres", "-c", 'CREATE USER "pad-1"'], check=True, cwd="/")
        for password in PASSWORDS:
            assert not set_password("postgresql", "pad-1", password, place, PGHOST=socket)
            stored = subprocess.run(
                [
                    *admin,
                    "-d",
                    "postgres",
                    "-c",
                    "SELECT rolpassword FROM pg_authid WHERE rolname = 'pad-1'",
                ],
                check=True,
                cwd="/",
                capture_output=True,
                text=True,
            ).stdout.strip()
            assert is_verifier_of(stored, password.removesuffix("\n"))
            assert not is_verifier_of(stored, "another")


def is_verifier_of(stored: str, password: str) -> bool:
    """Whether a SCRAM verifier of PostgreSQL is that of a password (RFC 5802)."""
    import base64
    import hashlib
    import hmac

    kind, _, rest = stored.partition("$")
    assert kind == "SCRAM-SHA-256", stored
    (rounds, salt), (key, _) = (part.split(":") for part in rest.split("$"))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    client = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client).digest() == base64.b64decode(key)


@contextmanager
def mariadb() -> Iterator[tuple[str, int]]:
    """A MariaDB whose socket lets the administrator in. Yields its socket and port."""
    for program in ("mariadbd", "mariadb-install-db", "mysql"):
        need_here(program)
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        data, socket, port = place / "data", place / "socket", 33061
        data.mkdir()
        user = "root"
        if os.geteuid() == 0:
            user = "mysql"
            place.chmod(0o755)
            shutil.chown(place, "mysql", "mysql")
            shutil.chown(data, "mysql", "mysql")
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={data}", f"--user={user}"],
            check=True,
            capture_output=True,
        )
        server = subprocess.Popen(
            [
                *("mariadbd", "--no-defaults", f"--datadir={data}", f"--user={user}"),
                *(f"--socket={socket}", f"--port={port}", "--bind-address=127.0.0.1"),
                *(
                    "--innodb-buffer-pool-size=8M",
                    f"--general-log-file={place}/log",
                    "--general-log=0",
                ),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(150):
                if socket.exists():
                    break
                time.sleep(0.2)
            yield str(socket), port
        finally:
            server.terminate()
            server.wait()


@pytest.mark.lab
def test_the_password_of_a_user_in_mariadb_opens_its_database_and_no_other(tmp_path: Path) -> None:
    with mariadb() as (socket, port):
        admin = ["mysql", "--no-defaults", f"--socket={socket}", "--batch"]
        subprocess.run(
            admin, input="CREATE DATABASE `pad_1`; CREATE DATABASE padx1;", text=True, check=True
        )
        (tmp_path / ".my.cnf").write_text(f"[client]\nsocket={socket}\n", encoding="utf-8")
        environment = {"HOME": str(tmp_path)}
        for password in PASSWORDS:
            assert not set_password("mysql", "pad_1", password, tmp_path, **environment)
            secret = password.removesuffix("\n")

            def connect(database: str, word: str) -> int:
                return subprocess.run(
                    [
                        *("mysql", "--no-defaults", "--protocol=tcp", "--host=127.0.0.1"),
                        *(f"--port={port}", "--user=pad_1", "--execute=SELECT 1", database),
                    ],
                    env={**os.environ, "MYSQL_PWD": word},
                    capture_output=True,
                    check=False,
                ).returncode

            assert connect("pad_1", secret) == 0
            assert connect("pad_1", "another") != 0
            assert connect("pad_1", "") != 0
            # `_` in a grant stands for any character.
            assert connect("padx1", secret) != 0
