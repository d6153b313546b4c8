"""A stand-in for `sops` with real age encryption, for machines without sops.

It has the commands, and writes the parts of its files, that homelab relies on. Where the real sops
is on PATH, the same tests run with it.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PLAIN = "_unencrypted"


def main(words: list[str]) -> int:
    if words == ["--version"]:
        print(f"sops {os.environ.get('STAND_IN_SOPS', '3.13.3')}")
        return 0
    command, options = words[0], [w for w in words[1:] if w.startswith("-")]
    rest = [w for w in words[1:] if not w.startswith("-")]
    if command == "encrypt":
        file = words[words.index("--filename-override") + 1]
        tree = json.load(sys.stdin)
        key = os.urandom(32)
        print(text(sealed(tree, key), key, recipients(file)), end="")
        return 0
    path = Path(rest[-1] if command == "decrypt" else rest[0])
    data = yaml.safe_load(path.read_text())
    if command == "updatekeys":
        assert options == ["-y"]
        key = data_key(data)
        write(path, {k: v for k, v in data.items() if k != "sops"}, key, recipients(rest[0]))
        return 0
    key = data_key(data)
    readers = [entry["recipient"] for entry in data["sops"]["age"]]
    tree = opened({k: v for k, v in data.items() if k != "sops"}, key)
    if command == "decrypt":
        print(value_at(tree, rest[0]) if "--extract" in options else yaml.safe_dump(tree), end="")
        return 0
    if command == "rotate":
        key = os.urandom(32)
    elif command == "set":
        assert options == ["--value-stdin"]
        change(tree, re.findall(r'\["([^"]*)"\]', rest[1]), json.load(sys.stdin))
    elif command == "unset":
        change(tree, re.findall(r'\["([^"]*)"\]', rest[1]), None)
    else:
        return 2
    write(path, sealed(tree, key), key, readers)
    return 0


def recipients(file: str) -> list[str]:
    rules = yaml.safe_load(Path(".sops.yaml").read_text())["creation_rules"]
    for rule in rules:
        if re.search(rule["path_regex"], file):
            return list(rule["age"])
    print("no matching creation rules found", file=sys.stderr)
    raise SystemExit(1)


def data_key(data: dict[str, Any]) -> bytes:
    lines = Path(os.environ["SOPS_AGE_KEY_FILE"]).read_text().splitlines()
    try:
        own = [pyrage.x25519.Identity.from_str(k) for k in lines if k and not k.startswith("#")]
    except pyrage.IdentityError:
        print("failed to load age identities", file=sys.stderr)
        raise SystemExit(128) from None
    for entry in data["sops"]["age"]:
        try:
            return pyrage.decrypt(base64.b64decode(entry["enc"]), own)
        except pyrage.DecryptError:
            continue
    print("Failed to get the data key required to decrypt the SOPS file.", file=sys.stderr)
    raise SystemExit(128)


def sealed(tree: Any, key: bytes, path: tuple[str, ...] = ()) -> Any:
    if isinstance(tree, dict):
        return {k: sealed(v, key, (*path, k)) for k, v in tree.items()}
    if any(part.endswith(PLAIN) for part in path) or tree == "":
        return tree
    nonce = os.urandom(12)
    made = AESGCM(key).encrypt(nonce, str(tree).encode(), None)
    data, tag, iv = (base64.b64encode(b).decode() for b in (made[:-16], made[-16:], nonce))
    return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]"


def opened(tree: Any, key: bytes) -> Any:
    if isinstance(tree, dict):
        return {k: opened(v, key) for k, v in tree.items()}
    found = re.fullmatch(r"ENC\[AES256_GCM,data:(.*),iv:(.*),tag:(.*),type:str\]", str(tree))
    if not found:
        return tree
    data, iv, tag = (base64.b64decode(found[n]) for n in (1, 2, 3))
    return AESGCM(key).decrypt(iv, data + tag, None).decode()


def value_at(tree: Any, where: str) -> Any:
    for part in re.findall(r'\["([^"]*)"\]', where):
        tree = tree[part]
    return tree


def change(tree: dict[str, Any], parts: list[str], value: Any) -> None:
    for part in parts[:-1]:
        tree = tree.setdefault(part, {})
    if value is None:
        tree.pop(parts[-1], None)
    else:
        tree[parts[-1]] = value


def write(path: Path, tree: Any, key: bytes, readers: list[str]) -> None:
    path.write_text(text(tree, key, readers))


def text(tree: Any, key: bytes, readers: list[str]) -> str:
    entries = []
    for reader in readers:
        made = pyrage.encrypt(key, [pyrage.x25519.Recipient.from_str(reader)])
        entries.append({"recipient": reader, "enc": base64.b64encode(made).decode()})
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    mac = "ENC[AES256_GCM,data:AAAA,iv:AAAA,tag:AAAA,type:str]"
    metadata = {"age": entries, "lastmodified": now, "mac": mac, "version": "3.13.3"}
    return yaml.safe_dump({**tree, "sops": metadata}, sort_keys=False, width=10_000)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
