"""What libraries write into shell, unit files and sshd_config is read as it is meant."""

from __future__ import annotations

import json
import shlex
from importlib import resources
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homelab.hardening.paths import for_systemd
from homelab.nix import print_value
from tests.tools.libraries import MODULES
from tests.tools.programs import evaluate

QUOTE = resources.files("homelab.nix").joinpath("quote.nix").read_text(encoding="utf-8")
TEXTS = st.text(alphabet=st.sampled_from("ab/ _-.:'\"\\$%`#=\t;&|*?~!{}[]()<>é"), min_size=1)


def quoted(writer: str, texts: list[str], directory: Path) -> Any:
    (directory / "quote.nix").write_text(QUOTE, encoding="utf-8")
    lib = f"(import {MODULES}).lib"
    return evaluate(
        f"map (import ./quote.nix {{ lib = {lib}; }}).{writer} {print_value(texts)}", directory
    )


ONCE = settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ONCE
@given(st.lists(TEXTS, min_size=20, max_size=40))
def test_a_shell_reads_one_word(tmp_path: Path, texts: list[str]) -> None:
    """Plain words stay plain, as `shlex.quote` leaves them."""
    assert quoted("forShell", texts, tmp_path) == [shlex.quote(text) for text in texts]


@ONCE
@given(st.lists(TEXTS, min_size=20, max_size=40))
def test_a_path_in_a_unit_is_written_as_the_printer_of_units_does(
    tmp_path: Path, texts: list[str]
) -> None:
    assert quoted("forSystemd", texts, tmp_path) == [for_systemd(text) for text in texts]


@ONCE
@given(st.lists(TEXTS, min_size=20, max_size=40))
def test_sshd_reads_one_argument_without_tokens(tmp_path: Path, texts: list[str]) -> None:
    """In sshd_config, `%` starts a token, `#` a comment, `=` separates, and `\\` escapes in quotes."""
    for text, got in zip(texts, quoted("forSshd", texts, tmp_path), strict=True):
        plain = text.replace("%", "%%")
        if any(c in plain for c in " \t#\"'\\="):
            assert got.startswith('"')
            assert json.loads(got.replace("\t", "\\t")) == plain
        else:
            assert got == plain
