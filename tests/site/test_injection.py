"""No value of the stack becomes code: hostile ones stand in every text field, and what gets past the
checks is read by the real parsers of what is rendered.

`HOSTILE_VALUES=25000` runs as many as that; a seeded sample runs without it.
"""

from __future__ import annotations

import os
import random
import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from homelab.nix import print_module
from homelab.plan import Plan
from homelab.render import modules_of
from homelab.system.flakes import flake
from homelab.tailnet.hujson import parse
from homelab.tailnet.policy import policy, policy_text
from tests.site import judges, proxied
from tests.site.hostile import Put, round_of, settled
from tests.site.observed import sources
from tests.site.payloads import CANARY
from tests.site.rich import VARIANTS
from tests.site.texts import language, texts
from tests.tools.programs import run

MANY = int(os.environ.get("HOSTILE_VALUES", "0"))
HOMELABS = [*VARIANTS] if MANY else ["as it is", "nginx"]


def rendered(plan: Plan) -> dict[str, str]:
    """The Nix files of every host, by host and path."""
    files = sources(plan)
    out = {}
    for name, host in plan.hosts.items():
        if host.config.state == "planned":
            continue
        modules = modules_of(plan, host)
        out[f"{name}/flake.nix"] = str(flake(plan, host, modules, files, "")[0])
        out |= {f"{name}/{m.file}": print_module(m, "head") for m in modules}
    return out


def unread(directory: Path, files: Mapping[str, str]) -> tuple[str, str]:
    """What Nix says against the files, and how it read them; a variable that nobody defined is an
    error to its parser.
    """
    paths = []
    for name, text in files.items():
        if CANARY in text or name.endswith("flake.nix"):
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            paths.append(path)
    done = run("nix-instantiate", "--parse", *paths)
    return (done.stderr if done.returncode else ""), done.stdout


_LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = {"n": "\n", "r": "\r", "t": "\t"}


def literals(parsed: str) -> set[str]:
    """The strings with a canary in what Nix has read."""
    return {
        re.sub(r"\\(.)", lambda m: _ESCAPE.get(m[1], m[1]), found, flags=re.DOTALL)
        for found in _LITERAL.findall(parsed)
        if CANARY in found
    }


def judged(directory: Path, puts: list[Put], plan: Plan) -> list[str]:
    """What is wrong with what is rendered."""
    values = {p.mark: p.value for p in puts}
    error, parsed = unread(directory / "nix", rendered(plan))
    wrong = [error] if error else []
    written = [said for said in texts(plan) if judges.marks(said.text)]
    for text in literals(parsed):
        # Nix has read what was written, or (of a flake) the value as it is.
        if not any(text in said.text for said in written):
            wrong += [f"Nix: {w}" for w in judges.whole(text, values)]
    for said in written:
        # What the owner says outright is Nix's to read.
        judge = judges.option if said.stated else language(said.path)
        place = f"{said.place}: {'.'.join(said.path)}"
        if judge is None:
            wrong.append(f"{place}: nobody judges it: {said.text!r}")
        else:
            wrong += [f"{place}: {w}" for w in judge(said.text, values)]
    wrong += [f"proxy: {w}" for w in proxied.wrong(plan, directory / "proxy", values)]
    if plan.tailnet is not None and not plan.tailnet.adopt:
        read = parse(policy_text(plan.tailnet))
        wrong += [] if read == policy(plan.tailnet) else ["the tailnet's policy reads otherwise"]
        wrong += [f"tailnet: {w}" for w in judges.data(read, values)]
    return wrong


@pytest.mark.parametrize("variant", HOMELABS)
def test_no_value_that_gets_past_the_checks_becomes_code(variant: str, tmp_path: Path) -> None:
    seed = random.Random(variant)
    passed = rounds = 0
    wrong: dict[str, tuple[str, ...]] = {}
    began = time.monotonic()
    while passed < (MANY / len(HOMELABS) or 100):
        found = settled(variant, round_of(variant, seed))
        if found is None:
            continue
        puts, plan = found
        passed, rounds = passed + len(puts), rounds + 1
        for said in judged(tmp_path / str(rounds), puts, plan):
            there = judges.marks(said)
            wrong[said] = tuple(f"{p.where}: {p.value!r}" for p in puts if p.mark in there)
    minutes = (time.monotonic() - began) / 60
    print(f"{variant}: {passed} values in {rounds} homelabs, {minutes:.1f} minutes")
    assert not wrong, "\n".join(f"{said} <- {', '.join(puts)}" for said, puts in wrong.items())


VALUE = {"zqxaaa": "a'; zqxaaa"}


def test_a_canary_outside_of_a_string_is_found(tmp_path: Path) -> None:
    assert unread(tmp_path, {"a.nix": '{ ... }: { a = "x" + zqxaaa + ""; }'})[0]
    error, parsed = unread(tmp_path, {"a.nix": '{ ... }: { a = "x\\" + zqxaaa + \\""; }'})
    assert not error
    assert literals(parsed) == {'x" + zqxaaa + "'}


@pytest.mark.parametrize(
    "script",
    [
        "echo 'a'; zqxaaa",
        "echo a\\'; zqxaaa",
        'echo "a\'; zqxaaa$(x)"',
        "zqxaaa",
        "cat <<EOF\nzqxaaa\nEOF\n",
    ],
)
def test_a_value_that_is_more_than_an_argument_is_found(script: str) -> None:
    assert judges.bash(script, VALUE)


def test_a_quoted_value_is_one_argument() -> None:
    assert judges.bash("echo " + shlex.quote(VALUE["zqxaaa"]), VALUE) == []
    assert judges.bash(f"echo --x={shlex.quote(VALUE['zqxaaa'])} y", VALUE) == []


SPLIT = {"zqxaaa": "a zqxaaa"}


@pytest.mark.parametrize(
    ("judge", "good", "bad"),
    [
        (judges.systemd, '"a zqxaaa"', "a zqxaaa"),
        (judges.each(judges.nginx_words), '"a zqxaaa";', "x a zqxaaa;"),
        (judges.each(judges.sshd_words), 'Match User "a zqxaaa"', "Match User a zqxaaa"),
        (judges.each(judges.javascript_words), '["a zqxaaa"]', '["a"] zqxaaa'),
        (judges.each(judges.volume_words), "/x:a zqxaaa:ro", "a:zqxaaa:/x:ro"),
        (judges.html, "<p>a zqxaaa</p>", "<p>a <b>zqxaaa</b></p>"),
        (judges.as_json, '{"a zqxaaa": 1}', '{"a": "zqxaaa"}'),
        (judges.without("%"), "a zqxaaa", "a% zqxaaa"),
    ],
    ids=["systemd", "nginx", "sshd", "javascript", "volume", "html", "json", "live"],
)
def test_each_judge_tells_a_whole_value_from_a_divided_one(
    judge: judges.Judge, good: str, bad: str
) -> None:
    assert judge(good, SPLIT) == []
    assert judge(bad, SPLIT)
