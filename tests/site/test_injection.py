"""No value of the stack becomes code: hostile ones stand in every text field, and what gets past
the checks is read by the real parsers of what is rendered.

`HOSTILE_VALUES=25000` runs as many as that; a seeded sample runs without it.
"""

from __future__ import annotations

import os
import random
import shlex
import time
from pathlib import Path

import pytest

from homelab.plan import Plan
from homelab.tailnet.hujson import parse
from homelab.tailnet.policy import policy, policy_text
from tests.site import dividing, judges, proxied, staged
from tests.site.hostile import Put, round_of, settled
from tests.site.rich import VARIANTS
from tests.site.texts import language, texts

MANY = int(os.environ.get("HOSTILE_VALUES", "0"))
HOMELABS = [*VARIANTS] if MANY else ["as it is", "nginx"]


def judged(directory: Path, puts: list[Put], plan: Plan) -> list[str]:
    """Problems of the rendered files."""
    values = {p.mark: p.value for p in puts}
    written = [said for said in texts(plan) if judges.marks(said.text)]
    wrong = staged.wrong(plan, directory / "hosts", values, [said.text for said in written])
    for said in written:
        # Text that the owner writes as Nix is Nix.
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


@pytest.mark.long
@pytest.mark.parametrize("variant", HOMELABS)
def test_no_value_that_passes_the_checks_becomes_code(variant: str, tmp_path: Path) -> None:
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
    file = tmp_path / "a.nix"
    file.write_text('{ ... }: { a = "x" + zqxaaa + ""; }')
    assert staged.parsed_by_nix([file])[0]
    file.write_text('{ ... }: { a = "x\\" + zqxaaa + \\""; }')
    error, parsed = staged.parsed_by_nix([file])
    assert not error
    assert staged.literals(parsed) == {'x" + zqxaaa + "'}


def test_a_file_that_a_shell_would_change_is_found(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a/b.nix": "END\n$(zqx)\n", "c": "no line $x", "d": b"\xff"}
    assert staged.arrived(tmp_path / "good", files) == []
    (tmp_path / "bad" / "flake" / "c").mkdir(parents=True)
    assert staged.arrived(tmp_path / "bad", files)


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
        (judges.each(dividing.nginx_words), '"a zqxaaa";', "x a zqxaaa;"),
        (judges.each(dividing.sshd_words), 'Match User "a zqxaaa"', "Match User a zqxaaa"),
        (judges.each(dividing.javascript_words), '["a zqxaaa"]', '["a"] zqxaaa'),
        (judges.each(dividing.volume_words), "/x:a zqxaaa:ro", "a:zqxaaa:/x:ro"),
        (judges.html, "<p>a zqxaaa</p>", "<p>a <b>zqxaaa</b></p>"),
        (judges.as_json, '{"a zqxaaa": 1}', '{"a": "zqxaaa"}'),
        (judges.without("%"), "a zqxaaa", "a% zqxaaa"),
    ],
    ids=["systemd", "nginx", "sshd", "javascript", "volume", "html", "json", "live"],
)
def test_each_judge_distinguishes_a_whole_value_from_a_split_one(
    judge: judges.Judge, good: str, bad: str
) -> None:
    assert judge(good, SPLIT) == []
    assert judge(bad, SPLIT)
