"""Splits configuration into words as each program does, after its manual. For languages without
a parser here."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator


def systemd_words(text: str) -> Iterator[str]:
    """The words of a systemd setting: quotes and C escapes (systemd.syntax(7))."""
    word, quote, inside, i = "", "", False, 0
    while i < len(text):
        char = text[i]
        if char == "\n":
            raise ValueError("a line ends within a setting")
        if char == "\\":
            if i + 1 == len(text):
                raise ValueError("a line goes on after a backslash")
            if text[i + 1] == "x":
                word, i = word + chr(int(text[i + 2 : i + 4], 16)), i + 2
            elif text[i + 1] in "abfnrtv\\\"'s":
                word += {"s": " ", "n": "\n", "t": "\t"}.get(text[i + 1], text[i + 1])
            else:
                raise ValueError("an escape that systemd does not know")
            i, inside = i + 2, True
            continue
        if quote:
            word, quote = (word, "") if char == quote else (word + char, quote)
        elif char in "\"'":
            quote, inside = char, True
        elif char in " \t\r":
            if inside:
                yield word
            word, inside = "", False
        else:
            word, inside = word + char, True
        i += 1
    if quote:
        raise ValueError("a quote has no end")
    if inside:
        yield word


def command_words(text: str) -> Iterator[str]:
    """The arguments of ExecStart, without specifiers and variables, which are written doubled."""
    for word in systemd_words(text):
        plain = word.replace("%%", "").replace("$$", "")
        if "%" in plain or "$" in plain:
            raise ValueError("systemd expands a part of a command")
        if word == ";":
            raise ValueError("a command ends")
        yield word.replace("%%", "%").replace("$$", "$")


def nginx_words(text: str) -> Iterator[str]:
    """The words of an nginx configuration, as ngx_conf_read_token splits it."""
    i, size = 0, len(text)
    while i < size:
        char = text[i]
        if char in " \t\r\n;{}":
            i += 1
        elif char == "#":
            i = (text.find("\n", i) + size + 1) % (size + 1) or size
        elif char in "\"'":
            word, i = "", i + 1
            while i < size and text[i] != char:
                if text[i] == "\\" and i + 1 < size and text[i + 1] in "\"'\\tnr":
                    i += 1
                    word += {"t": "\t", "n": "\n", "r": "\r"}.get(text[i], text[i])
                else:
                    word += text[i]
                i += 1
            i += 1
            if i < size and text[i] not in " \t\r\n;{)":
                raise ValueError("a word goes on after its quote")
            yield word
        else:
            start = i
            while i < size and text[i] not in " \t\r\n;{":
                i += 2 if text[i] == "\\" or text.startswith("${", i) else 1
            yield text[start:i]


def ldif_lines(text: str) -> Iterator[str]:
    """The values of LDIF records (RFC 2849), without continuation lines."""
    for line in text.split("\n"):
        if line and not line.startswith("#"):
            if line[0] == " " or ": " not in line or line.partition(": ")[2][:1] in " :<":
                raise ValueError("no line of LDIF")
            yield line.partition(": ")[2]


def volume_words(text: str) -> Iterator[str]:
    """The parts of podman's --volume: source, target, options."""
    parts = text.split(":")
    if len(parts) > 3 or "," in text.rpartition(":")[0]:
        raise ValueError("a volume has a source, a target and options")
    yield from parts


_STRING_OR_WORD = re.compile(r'"(?:[^"\\\n]|\\.)*"|//[^\n]*|\w+|\s+|[^\w\s"\'`]')


def javascript_words(text: str) -> Iterator[str]:
    """The tokens of a polkit rule. Its strings are JSON strings."""
    at = 0
    while at < len(text):
        found = _STRING_OR_WORD.match(text, at)
        if not found:
            raise ValueError(f"no token of JavaScript at {text[at : at + 20]!r}")
        yield json.loads(found[0]) if found[0].startswith('"') else found[0]
        at = found.end()


def sshd_words(text: str) -> Iterator[str]:
    """The words of each line of sshd_config."""
    for line in text.splitlines():
        yield from shlex.split(line, comments=False)
