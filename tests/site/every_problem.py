"""Print every problem of every stack in `ways_out`, and of pairs of them: two stacks whose mistakes
hide each other are where an order can show. With a number N, of every Nth of them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from homelab import testing
from homelab.ops.project.stack import check_stack
from homelab.problems import InvalidStackError
from tests import stackdir
from tests.site.ways_out.test_ways_out import ALL, ways

SEVERAL = (
    {"nixpkgs": {"old": {"release": 24.11, "lock": "locks/old.lock"}}},
    {"nixpkgs": {"old": {"release": 24.11, "rev": 1, "sha256": 2, "ulr": "x"}}},
    {"hosts": {"nas": {"address": 1, "disks": {"x": 2}, "users": [3, {"name": 4}]}}},
    {"backup": {"targets": {"disk": {"kind": "lokal", "hots": "nas", "paht": 1}}}},
)
"""Several mistakes in one entry of the stack."""


def main(step: int = 1) -> None:
    for way in ALL[::step]:
        print(way.name, *way.before(), sep="\n  ")
    with TemporaryDirectory() as folder:
        pairs = zip((*SEVERAL, *(w.broken for w in ways("site"))), ALL[:: 5 * step], strict=False)
        for one, other in pairs:
            stackdir.write_stack(Path(folder), testing.merged(one, other.broken))
            try:
                found = check_stack(Path(folder), stackdir.NAME)[1]
            except InvalidStackError as error:
                found = error.problems
            print(one, other.name, *found, sep="\n  ")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
