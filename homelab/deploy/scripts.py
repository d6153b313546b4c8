"""The text of every script that runs on a host, made from the `.sh` files beside this module.

Pure: the same arguments give the same text, byte for byte, because Pulumi compares it to decide
whether a host has changed. Nothing here runs anything, and every script may run twice.

Each text is meant for the standard input of `shell(user)`, where neither a process list nor a
failing command's error message can show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Literal

from homelab.deploy.policy import DeployPolicy
from homelab.deploy.shell import (
    ScriptError,
    assigned,
    fed,
    files_function,
    function,
    named,
    secrets_function,
)

LOCK_SECONDS = 300
"""How long a script waits for another one on the same host before it fails and names it."""


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
    body = files_function("files", "flake/", files)
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
    body = secrets_function("secrets", secrets)
    return _compose("secrets", _of(release, stack), lock_seconds, body)


def build_script(
    release: str,
    policy: DeployPolicy,
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
    names = {"RELEASE": named("release", release), **_ruled(policy)}
    names |= {"WAKE_BUILDER": " ".join(wake), "DRY_RUN": "yes" if policy.dry_run else ""}
    extra = _part("boot") + _part("reboot") + _part("preflight")
    return _compose("build", names, lock_seconds, extra, arguments=flags)


def activate_script(
    release: str,
    deployment_id: str,
    policy: DeployPolicy,
    *,
    secrets_version: str,
    paths: Sequence[str],
    activation_seconds: int,
    confirm_seconds: int,
    external: Sequence[str] = (),
    lock_seconds: int = LOCK_SECONDS,
) -> str:
    """Arm the rollback of a new deployment, then start it; both go on without the connection.

    `paths` are the ways that led to the host just before, and so must lead to it afterwards;
    `external` is what the deployer found answering then, kept for a run that goes on.
    """
    own = {**_of(release, policy.stack), "DEPLOYMENT_ID": named("deployment", deployment_id)}
    version = {"SECRETS_VERSION": secrets_version}
    window = {"WINDOW_SECONDS": str(activation_seconds + confirm_seconds)}
    loader = {"BOOT_LOADER": policy.loader, "BOOT_LIMIT": str(policy.limit)}
    boot = _part("boot") + _part("reboot")
    supervise = {**own, **version, **loader, "CONFIRM_SECONDS": str(confirm_seconds)}
    supervise |= {"MAY_FAIL": " ".join(policy.may_fail), "REBOOT": policy.reboot}
    supervise |= {"CLEAN_UP": "yes" if policy.clean_up else ""}
    # Until everything has started, until it has the lock, and until it is confirmed.
    resume = {**own, "WINDOW_SECONDS": str(2 * confirm_seconds + lock_seconds)}
    detached = {
        "SUPERVISE": _compose("supervise", supervise, lock_seconds, boot),
        "ROLLBACK": _compose("rollback", {**own, **window, **loader}, extra=boot),
        "RESUME": _compose("resume", resume, lock_seconds),
    }
    names = {**own, **version, **window, **detached, **_ruled(policy), "PATHS": " ".join(paths)}
    names["EXTERNAL"] = "\t".join(external)
    extra = boot + _part("preflight") + _part("probe")
    return _compose("activate", {**names, "PROBES": _asked(policy)}, lock_seconds, extra)


def confirm_script(
    deployment_id: str,
    units: Sequence[str] = (),
    *,
    seal: bool,
    policy: DeployPolicy | None = None,
    settle: int = 0,
) -> str:
    """Check the activated system from within; with `seal`, tell the supervisor to commit.

    What seals also asks the probes: each that answered before the switch must answer again; and
    for `settle` seconds no service may have been started anew.
    """
    names = {"DEPLOYMENT_ID": named("deployment", deployment_id), "SEAL": "yes" if seal else ""}
    names["PROBES"] = _asked(policy) if policy and seal else ""
    names["MAY_FAIL"] = " ".join(policy.may_fail) if policy else ""
    names["SETTLE_SECONDS"] = str(settle)
    return _compose("confirm", names, extra=_part("probe"), arguments=units)


def resume_script(deployment_id: str) -> str:
    """Go on with a deployment after the restart that it asked for, if the host has not done so."""
    return _compose("resumed", {"DEPLOYMENT_ID": named("deployment", deployment_id)})


def rollback_script(deployment_id: str) -> str:
    """Ask for the rollback of a deployment whose client is gone, or of whichever is open where none
    is named; `status_script` tells the end.
    """
    return _compose(
        "abandon", {"DEPLOYMENT_ID": named("deployment", deployment_id) if deployment_id else ""}
    )


def unlock_script(*, force: bool) -> str:
    """Let go of what was left behind; with `force`, also of what is going on."""
    return _compose("unlock", {"FORCE": "yes" if force else ""})


def retire_script(host: str, release: str) -> str:
    """Remove what earlier releases left on a host that runs this one, which has no services."""
    names = {"HOST": named("host", host), "RELEASE": named("release", release), "YES": "yes"}
    return _compose("retire", names, extra=_part("leave"))


def forget_script(*, confirmed: bool) -> str:
    """Remove everything of ours from a host but its system; unless `confirmed`, only say what."""
    return _compose("forget", {"YES": "yes" if confirmed else ""}, extra=_part("leave"))


def status_script(
    release: str,
    deployment_id: str = "",
    *,
    log_lines: int = 0,
    full: bool = False,
    loader: str = "hardware",
) -> str:
    """Report what a host runs, what it would boot, and the deployment asked for or else open.

    With `full`, also the units that failed; with either of both, whether the boot loader agrees.
    """
    names = {
        "FULL": "yes" if full else "",
        "RELEASE": named("release", release) if release else "",
        "DEPLOYMENT_ID": named("deployment", deployment_id) if deployment_id else "",
        "LOG_LINES": str(log_lines),
        "BOOT_LOADER": loader,
    }
    return _compose("status", names, extra=_part("boot"))


def wake_script(command: str) -> str:
    """Wake a neighbour by the command that this host has for it."""
    return _compose("wake", {"WAKE": named("command", command)})


def relay_script(
    offline_host: str, do: Literal["look", "put", "drop"], bundle: str = "", signature: str = ""
) -> str:
    """What waits on a relay for an offline host, and what that host told: see, replace, drop.

    The signature goes first, as `relay.sh` hands it out.
    """
    names = {"OFFLINE_HOST": named("host", offline_host), "DO": do}
    body = function("bundle", fed("cat", signature + bundle)) if do == "put" else ""
    return _compose("bundle", names, extra=body)


def taken_script(made: int) -> str:
    """Let a host refuse every bundle that was made before this time, in nanoseconds."""
    return _compose("taken", {"MADE": str(made)})


def evaluate_script(
    files: Mapping[str, str | bytes],
    question: str,
    attribute: str,
    *,
    memory_mib: int,
    by_directories: bool,
) -> str:
    """Evaluate a tree where the script runs; JSON on standard output, Nix's words beside it.

    `question` is an expression: by flakes a function of the `attribute` of the tree's flake, by
    directories the answer itself, in a file beside the tree at `./flake`. Nothing is left behind.
    """
    names = {
        "ATTRIBUTE": attribute,
        "HOW": "by_directories" if by_directories else "whole_flake",
        "MEMORY_MIB": str(memory_mib),
        "PROGRAM": "nix-instantiate" if by_directories else "nix",
    }
    body = files_function("files", "flake/", files)
    body += function("question", fed('cat >"$work/question.nix"', question + "\n"))
    return f"set -euo pipefail\numask 077\n{assigned(names)}{body}\n{_part('evaluate')}"


def _of(release: str, stack: str) -> dict[str, str]:
    """Which release, and which stack is at work; a lease keeps others away for a while."""
    whose = {"STACK": named("stack", stack)} if stack else {}
    return {"RELEASE": named("release", release), **whose}


def _ruled(policy: DeployPolicy) -> dict[str, str]:
    """The rules as the scripts know them."""
    return {
        **({"STACK": named("stack", policy.stack)} if policy.stack else {}),
        "HOST": named("host", policy.host),
        "BOOT_LOADER": policy.loader,
        "BOOT_LIMIT": str(policy.limit),
        "AGAIN": policy.again,
        "REBOOT": policy.reboot,
        "UNLOCKED": "yes" if policy.unlocked else "",
    }


def _asked(policy: DeployPolicy) -> str:
    """The probes as `probe.sh` reads them, one on a line."""
    lines = []
    for probe in policy.probes:
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
    return f"{_part('lib')}\n{assigned(given, arguments)}{extra}\n{_part(part)}"
