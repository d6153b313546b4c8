"""A stand-in for zfs(8) and zpool(8): datasets, snapshots, streams and delegated rights in one file.

This kernel may have no ZFS. The stand-in keeps what the tests ask for: a stream fits only onto the
snapshot that it begins with, a broken one leaves a token and no snapshot, and a user does only what
`zfs allow` says. Run as `zfs_stub.py STATE zfs|zpool WORD…`; STUB_USER is the user, root by default.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from typing import Any

END = "end of stream"


class RefusedError(Exception):
    """What zfs answers with status 1."""


class Zfs:
    """The pools of one machine."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.user = os.environ.get("STUB_USER", "root")

    def run(self, words: list[str]) -> None:
        with open(self.state, "r+") as file:  # noqa: PTH123 - starts hundreds of times
            fcntl.flock(file, fcntl.LOCK_EX)
            self.sets: dict[str, Any] = json.load(file)
            try:
                getattr(self, words[0])(words[1:])
            finally:
                file.seek(0)
                file.truncate()
                json.dump(self.sets, file)

    # --- what the commands share ---

    def dataset(self, name: str) -> dict[str, Any]:
        if name not in self.sets:
            raise RefusedError(f"cannot open '{name}': dataset does not exist")
        found: dict[str, Any] = self.sets[name]
        return found

    def needs(self, rights: str, name: str) -> None:
        """Local rights: on the dataset, or on its parent if it does not exist yet."""
        place = name if name in self.sets else name.rpartition("/")[0]
        given = self.dataset(place)["allow"].get(self.user, [])
        if self.user != "root" and not {*rights.split(",")} <= {*given}:
            raise RefusedError(f"cannot act on '{name}': permission denied")

    def snapshot_of(self, name: str) -> dict[str, Any]:
        where, _, snapshot = name.partition("@")
        for one in self.dataset(where)["snapshots"]:
            if one["name"] == snapshot:
                return dict(one)
        raise RefusedError(f"cannot open '{name}': dataset does not exist")

    @staticmethod
    def parsed(words: list[str], valued: str) -> tuple[dict[str, str], list[str]]:
        """Options, some of which take a value, and operands. Options may be in one word: -Hpd 1."""
        options: dict[str, str] = {}
        rest = list(words)
        operands: list[str] = []
        while rest:
            word = rest.pop(0)
            if word == "--" or not word.startswith("-"):
                operands += [] if word == "--" else [word]
                continue
            for index, letter in enumerate(word[1:], 2):
                options[letter] = ""
                if letter in valued:
                    options[letter] = word[index:] or rest.pop(0)
                    break
        return options, operands

    # --- commands ---

    def list(self, words: list[str]) -> None:
        options, (name,) = self.parsed(words, "odtsS")
        self.dataset(name)
        if options.get("t") != "snapshot":
            print(name)
            return
        for one in self.dataset(name)["snapshots"]:
            shown = {**one, "name": f"{name}@{one['name']}"}
            print("\t".join(str(shown[c]) for c in options["o"].split(",")))

    def get(self, words: list[str]) -> None:
        options, (properties, name) = self.parsed(words, "odt")
        if not name:
            raise RefusedError("cannot open '': empty component")
        rows = [(name, {"type": "filesystem", "used": 1, **self.dataset(name)["properties"]})]
        if "d" in options:
            below = [
                (f"{name}@{s['name']}", {**s, "type": "snapshot"})
                for s in self.dataset(name)["snapshots"]
            ]
            rows = below if options.get("t") == "snapshot" else [*rows, *below]
        for row, values in rows:
            for wanted in properties.split(","):
                value = row if wanted == "name" else values.get(wanted, "-")
                print(value if options.get("o") == "value" else f"{row}\t{wanted}\t{value}\t-")

    def set(self, words: list[str]) -> None:
        self.needs("anything", words[1])
        key, _, value = words[0].partition("=")
        self.dataset(words[1])["properties"][key] = value

    def create(self, words: list[str]) -> None:
        _, (name,) = self.parsed(words, "o")
        self.needs("create,mount", name)
        parts = name.split("/")
        for depth in range(2, len(parts) + 1):
            self.sets.setdefault("/".join(parts[:depth]), new())

    def allow(self, words: list[str]) -> None:
        options, (rights, name) = self.parsed(words, "u")
        given = self.dataset(name)["allow"].setdefault(options.get("u", "creator"), [])
        given += [r for r in rights.split(",") if r not in given]

    def unallow(self, words: list[str]) -> None:
        options, (rights, name) = self.parsed(words, "u")
        given = self.dataset(name)["allow"].get(options["u"], [])
        given[:] = [r for r in given if r not in rights.split(",")]

    def snapshot(self, words: list[str]) -> None:
        (name,) = words
        where, _, snapshot = name.partition("@")
        self.needs("snapshot", where)
        self.add(where, snapshot, int(os.environ.get("STUB_TIME", time.time())))

    def add(self, where: str, name: str, creation: int, guid: int | None = None) -> None:
        held = self.dataset(where)["snapshots"]
        if any(s["name"] == name for s in held):
            raise RefusedError(f"cannot create snapshot '{where}@{name}': dataset already exists")
        number = guid or int.from_bytes(os.urandom(6), "big")
        txg = max((s["createtxg"] for s in held), default=0) + 1
        held.append({"name": name, "creation": creation, "guid": number, "createtxg": txg})

    def destroy(self, words: list[str]) -> None:
        (name,) = words
        where, _, snapshot = name.partition("@")
        self.needs("destroy,mount", where)
        self.snapshot_of(name)
        held = self.dataset(where)["snapshots"]
        held[:] = [s for s in held if s["name"] != snapshot]

    def send(self, words: list[str]) -> None:
        options, (target,) = self.parsed(words, "Iit")
        where, _, _ = target.partition("@")
        self.needs("send", where)
        last = self.snapshot_of(target)
        held = self.dataset(where)["snapshots"]
        since = options.get("I") or options.get("i")
        first = self.snapshot_of(since)["createtxg"] if since else last["createtxg"] - 1
        carried = [s for s in held if first < s["createtxg"] <= last["createtxg"]]
        base = self.snapshot_of(since)["guid"] if since else 0
        if "n" in options:
            print(f"size\t{len(carried)}")
            return
        print(json.dumps({"base": base, "raw": "w" in options, "snapshots": carried}))
        print(END)

    def receive(self, words: list[str]) -> None:
        options, (name,) = self.parsed(words, "ox")
        if "A" in options:
            self.needs("destroy,mount", name)
            self.dataset(name)["properties"].pop("receive_resume_token", None)
            return
        self.needs("create,mount,receive", name)
        text = sys.stdin.read().splitlines()
        stream = json.loads(text[0])
        held = self.sets[name]["snapshots"] if name in self.sets else []
        if stream["base"] != (held[-1]["guid"] if held else 0):
            raise RefusedError(f"cannot receive: most recent snapshot of {name} does not match")
        if name in self.sets and not held and "receive_resume_token" not in self.properties(name):
            raise RefusedError(f"cannot receive: destination '{name}' exists")
        if name not in self.sets:
            self.sets[name] = new()
            rights = self.dataset(name.rpartition("/")[0])["allow"].get("creator", [])
            self.sets[name]["allow"][self.user] = [*rights]
        if text[-1] != END:
            self.properties(name)["receive_resume_token"] = "1-abc"
            raise RefusedError("cannot receive: checksum mismatch or incomplete stream")
        self.properties(name).pop("receive_resume_token", None)
        self.properties(name)["raw"] = str(stream["raw"])
        for one in stream["snapshots"]:
            self.add(name, one["name"], one["creation"], one["guid"])

    def properties(self, name: str) -> dict[str, str]:
        found: dict[str, str] = self.dataset(name)["properties"]
        return found


def new() -> dict[str, Any]:
    """A dataset without snapshots."""
    return {"allow": {}, "properties": {}, "snapshots": []}


def main() -> None:
    _, state, program, *words = sys.argv
    if program == "zpool":
        print("enabled")
        return
    try:
        Zfs(state).run(words)
    except RefusedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
