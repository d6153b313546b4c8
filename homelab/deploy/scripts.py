"""The text of every script that runs on a host, made from the `.sh` files beside this module.

Pure: the same arguments give the same text, byte for byte, because Pulumi compares it to decide
whether a host has changed. Nothing here runs anything, and every script may run twice.

Each text is meant for the standard input of `shell(user)`, where neither a process list nor a
failing command's error message can show it.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Literal

from homelab.deploy.rules import Rules
from homelab.problems import HomelabError

LOCK_SECONDS = 300
"""How long a script waits for another one on the same host before it fails and names it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(\.[A-Za-z0-9_-]{1,63}){0,8}")
_PATH = re.compile(r"[A-Za-z0-9._+@=,~ -]+(/[A-Za-z0-9._+@=,~ -]+)*")
# Some versions of bash use \001 and \177 as marks of their own inside here-documents.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


class ScriptError(HomelabError):
    """A name or path that no script may contain."""


def shell(user: str = "root") -> str:
    """The command whose standard input takes these scripts, for the user one signs in as."""
    command = "bash -euo pipefail -s"
    return command if user == "root" else f"sudo -n {command}"


def stage_script(
    release: str,
    files: Mapping[str, str | bytes],
    *,
    stack: str = "",
    lock_seconds: int = LOCK_SECONDS,
) -> str:
    """Write a release's files exactly as given, whole or not at all; one that is there stays."""
    lines = [_document(path, files[path]) for path in _checked(files)]
    body = _function("files", "flake/", files, lines)
    return _compose("stage", _of(release, stack), lock_seconds, body)


def secrets_script(
    release: str,
    secrets: Mapping[str, str],
    *,
    stack: str = "",
    lock_seconds: int = LOCK_SECONDS,
) -> str:
    """Place the whole set of a release's secrets, each at `secrets/<release>/<name>`, mode 0400.

    A set for the release that runs waits for the next switch, so that a rollback restores the old.
    """
    lines = [_secret(path, secrets[path]) for path in _checked(secrets)]
    body = _function("secrets", "", secrets, lines)
    return _compose("secrets", _of(release, stack), lock_seconds, body)


def build_script(
    release: str,
    rules: Rules,
    flags: Sequence[str] = (),
    *,
    wake: Sequence[str] = (),
    lock_seconds: int = LOCK_SECONDS,
) -> str:
    """Build a staged release into its `result`, and look ahead whether the host can switch to it.

    `wake` is the command that wakes who builds for the host, and the address and port to ask.

    A release that is built already is only looked at. What would stop a switch fails the build:
    all builds come before all switches, so no host of the fleet has changed then.
    """
    names = {"RELEASE": _name("release", release), **_ruled(rules)}
    names["WAKE_BUILDER"] = " ".join(wake)
    extra = _part("boot") + _part("reboot") + _part("preflight")
    return _compose("build", names, lock_seconds, extra, arguments=flags)


def activate_script(
    release: str,
    nonce: str,
    rules: Rules,
    *,
    secrets_version: str,
    paths: Sequence[str],
    activation_seconds: int,
    confirm_seconds: int,
    lock_seconds: int = LOCK_SECONDS,
) -> str:
    """Arm the rollback of a new attempt, then start it; both go on without the connection.

    `paths` are the ways that led to the host just before, and so must lead to it afterwards.
    """
    own = {"RELEASE": _name("release", release), "NONCE": _name("attempt", nonce)}
    version = {"SECRETS_VERSION": secrets_version}
    window = {"WINDOW_SECONDS": str(activation_seconds + confirm_seconds)}
    loader = {"BOOT_LOADER": rules.loader, "BOOT_LIMIT": str(rules.limit)}
    boot = _part("boot") + _part("reboot")
    supervise = {**own, **version, **loader, "CONFIRM_SECONDS": str(confirm_seconds)}
    supervise |= {"MAY_FAIL": " ".join(rules.may_fail), "REBOOT": rules.reboot}
    supervise |= {"CLEAN_UP": "yes" if rules.clean_up else ""}
    resume = {**own, "WINDOW_SECONDS": str(2 * confirm_seconds)}
    detached = {
        "SUPERVISE": _compose("supervise", supervise, lock_seconds, boot),
        "ROLLBACK": _compose("rollback", {**own, **window, **loader}, extra=boot),
        "RESUME": _compose("resume", resume, lock_seconds),
    }
    names = {**own, **version, **window, **detached, **_ruled(rules), "PATHS": " ".join(paths)}
    extra = boot + _part("preflight") + _part("probe")
    return _compose("activate", {**names, "PROBES": _asked(rules)}, lock_seconds, extra)


def confirm_script(
    nonce: str,
    units: Sequence[str] = (),
    *,
    seal: bool,
    rules: Rules | None = None,
    settle: int = 0,
) -> str:
    """Check the activated system from within; with `seal`, tell the supervisor to commit.

    What seals also asks the probes: each that answered before the switch must answer again; and
    for `settle` seconds no service may have been started anew.
    """
    names = {"NONCE": _name("attempt", nonce), "SEAL": "yes" if seal else ""}
    names["PROBES"] = _asked(rules) if rules and seal else ""
    names["MAY_FAIL"] = " ".join(rules.may_fail) if rules else ""
    names["SETTLE_SECONDS"] = str(settle)
    return _compose("confirm", names, extra=_part("probe"), arguments=units)


def resume_script(nonce: str) -> str:
    """Go on with an attempt after the restart that it asked for, if the host has not done so."""
    return _compose("resumed", {"NONCE": _name("attempt", nonce)})


def rollback_script(nonce: str) -> str:
    """Ask for the rollback of an attempt whose client is gone; `status_script` tells the end."""
    return _compose("abandon", {"NONCE": _name("attempt", nonce)})


def unlock_script(*, force: bool) -> str:
    """Let go of what was left behind; with `force`, also of what is going on."""
    return _compose("unlock", {"FORCE": "yes" if force else ""})


def retire_script(host: str, release: str) -> str:
    """Remove what earlier releases left on a host that runs this one, which has no services."""
    names = {"HOST": _name("host", host), "RELEASE": _name("release", release), "YES": "yes"}
    return _compose("retire", names, extra=_part("leave"))


def forget_script(*, confirmed: bool) -> str:
    """Remove everything of ours from a host but its system; unless `confirmed`, only say what."""
    return _compose("forget", {"YES": "yes" if confirmed else ""}, extra=_part("leave"))


def status_script(release: str, nonce: str = "", *, log_lines: int = 0, full: bool = False) -> str:
    """Report what a host runs, what it would boot, and the attempt asked for or else open.

    With `full`, also the units that failed.
    """
    names = {
        "FULL": "yes" if full else "",
        "RELEASE": _name("release", release) if release else "",
        "NONCE": _name("attempt", nonce) if nonce else "",
        "LOG_LINES": str(log_lines),
    }
    return _compose("status", names)


def wake_script(command: str) -> str:
    """Wake a neighbour by the command that this host has for it."""
    return _compose("wake", {"WAKE": _name("command", command)})


def courier_script(
    sleeper: str, do: Literal["look", "put", "drop"], parcel: str = "", signature: str = ""
) -> str:
    """What waits on a courier for a host that sleeps, and what that host told: see, replace, drop.

    The signature goes first, as `courier.sh` hands it out.
    """
    names = {"SLEEPER": _name("host", sleeper), "DO": do}
    body = f"parcel() {{\n{fed('cat', signature + parcel)}}}\n" if do == "put" else ""
    return _compose("parcel", names, extra=body)


def taken_script(made: int) -> str:
    """Let a host refuse every parcel that was made before this time, in nanoseconds."""
    return _compose("taken", {"MADE": str(made)})


def fed(command: str, text: str) -> str:
    """Shell that gives a text of whole lines to a command on standard input, exactly."""
    mark = _delimiter(text)
    return f"{command} <<'{mark}'\n{text}{mark}\n"


def _of(release: str, stack: str) -> dict[str, str]:
    """Which release, and which stack is at work; a lease keeps others away for a while."""
    whose = {"STACK": _name("stack", stack)} if stack else {}
    return {"RELEASE": _name("release", release), **whose}


def _ruled(rules: Rules) -> dict[str, str]:
    """The rules as the scripts know them."""
    return {
        **({"STACK": _name("stack", rules.stack)} if rules.stack else {}),
        "HOST": _name("host", rules.host),
        "BOOT_LOADER": rules.loader,
        "BOOT_LIMIT": str(rules.limit),
        "AGAIN": rules.again,
        "REBOOT": rules.reboot,
        "UNLOCKED": "yes" if rules.unlocked else "",
    }


def _asked(rules: Rules) -> str:
    """The probes as `probe.sh` reads them, one on a line."""
    lines = []
    for probe in rules.probes:
        words = (probe.kind, probe.name, probe.target, probe.resolve)
        if any(set(word) & set(" \t\n\\") for word in words):
            raise ScriptError(f"{probe.name}: a probe is words without blanks; mend its address")
        lines.append(" ".join(word for word in words if word))
    return "\n".join(lines)


# --- from values to text --------------------------------------------------------------------------


@cache
def _part(name: str) -> str:
    return (resources.files("homelab.deploy") / "scripts" / f"{name}.sh").read_text("utf-8")


def _compose(
    part: str,
    names: Mapping[str, str],
    lock_seconds: int = LOCK_SECONDS,
    extra: str = "",
    *,
    arguments: Sequence[str] = (),
) -> str:
    """Library, names, body. The body is called in its last line: a text cut short does nothing."""
    given = {"LOCK_SECONDS": str(lock_seconds), **names}
    assignments = "".join(f"{name}={shlex.quote(text)}\n" for name, text in given.items())
    if arguments:
        assignments += f"set -- {shlex.join(arguments)}\n"
    return f"{_part('lib')}\n{assignments}{extra}\n{_part(part)}"


def _function(name: str, below: str, paths: Iterable[str], lines: Iterable[str]) -> str:
    """A shell function that makes the directories of a tree and then each of its files."""
    parents = sorted({str(d) for p in paths for d in PurePosixPath(p).parents if str(d) != "."})
    folders = "".join(f'mkdir -p "$work"/{shlex.quote(below + d)}\n' for d in parents)
    body = folders + "".join(lines) or ":\n"
    return f"{name}() {{\n{body}}}\n"


def _document(path: str, content: str | bytes) -> str:
    """One file as a here-document; base64 where a here-document would not be faithful."""
    data = _encoded(path, content) if isinstance(content, str) else content
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    where = shlex.quote(path)
    if _UNFIT.search(text):
        return f"put_base64 {where} <<'BASE64'\n{base64.encodebytes(data).decode()}BASE64\n"
    mark = _delimiter(text)
    if text and not text.endswith("\n"):
        return f"put_bare {where} {len(data)} <<'{mark}'\n{text}\n{mark}\n"
    return f"put {where} <<'{mark}'\n{text}{mark}\n"


def _delimiter(text: str) -> str:
    """A line that the text does not have, and that is the same for the same text."""
    lines = frozenset(text.split("\n"))
    mark = "END"
    while mark in lines:
        mark = f"END_{hashlib.sha256((mark + text).encode()).hexdigest()[:16]}"
    return mark


def _secret(path: str, value: str) -> str:
    where, data = shlex.quote(path), _encoded(path, value)
    if _UNFIT.search(value):
        return f"secret_base64 {where} {base64.b64encode(data).decode()}\n"
    return f"secret {where} {shlex.quote(value)}\n"


def _encoded(path: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Its own words would show the text, which may be a secret.
        raise ScriptError(f"{path}: not text that can be written as UTF-8; give it again") from None


def _name(what: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ScriptError(
            f"{what} {name!r}: it names a directory on a host; use letters, digits, - and _"
        )
    return name


def _checked(paths: Iterable[str]) -> list[str]:
    """The paths in order, each one below the tree's root and none the directory of another."""
    ordered = sorted(paths)
    for path in ordered:
        if not _PATH.fullmatch(path) or not {".", ".."}.isdisjoint(path.split("/")):
            raise ScriptError(
                f"{path!r}: not a path below the release; use a/b.nix, without .., // or a first /"
            )
    known = frozenset(ordered)
    for path in ordered:
        for parent in PurePosixPath(path).parents:
            if str(parent) in known:
                raise ScriptError(f"{path!r}: {str(parent)!r} is a file too; rename one of them")
    return ordered
