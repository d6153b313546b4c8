"""The deployer's secrets, as secret outputs.

A preview works without them: a secret that cannot be read is unknown, with one warning. An `up`
without one stops before the first resource registers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pulumi

from homelab.config.base import SecretRef
from homelab.ops.secrets.derive import derive, derive_secret
from homelab.ops.secrets.lookup import SecretUnavailableError, resolve, resolve_all
from homelab.plan import Plan
from homelab.problems import HomelabError
from homelab.secrets.deployer import MASTER, references
from homelab.secrets.model import Secret, scoped


class SecretResolver:
    """Reads each secret of the deployer once."""

    hosts_alone: bool
    """Whether the run is for hosts only, so that credentials of clouds were not read."""

    def __init__(
        self,
        values: Mapping[str, str | None],
        master: str | None,
        namespace: str | None = None,
        *,
        hosts_alone: bool = False,
        look_up: Callable[[SecretRef], str | None] | None = None,
    ) -> None:
        self._look_up = look_up
        self._values: dict[str, str | None] = {**values}
        self._master = master
        self._namespace = namespace
        self.hosts_alone = hosts_alone

    @classmethod
    def open(
        cls, plan: Plan, directory: str, *, preview: bool, hosts_alone: bool = False
    ) -> SecretResolver:
        """Read the secrets that the plan names; in a run for hosts only, those that hosts need.

        Raises HomelabError with every secret that an `up` lacks.
        """
        from pathlib import Path

        named = references(plan)
        wanted = [r for place, r in named.items() if not hosts_alone or place == MASTER]
        once = {ref.name: ref for ref in wanted}.values()
        values, lacking = resolve_all(once, Path(directory), plan.secrets.file)
        if lacking and preview:
            reasons = sorted({str(e) for e in lacking})
            pulumi.log.warn(
                f"{len(lacking)} of the deployer's secrets cannot be had, so what depends on them "
                f"is unknown in this preview; `up` will need them.\n  " + "\n  ".join(reasons)
            )
        elif lacking:
            raise HomelabError("\n".join(sorted({str(e) for e in lacking})))
        master = plan.secrets.master
        key = values.get(master.name) if master is not None else None

        def look_up(ref: SecretRef) -> str | None:
            try:
                return resolve(ref, Path(directory), plan.secrets.file)
            except SecretUnavailableError as error:
                if not preview:
                    raise pulumi.RunError(str(error)) from None
                pulumi.log.warn(f"unknown in this preview: {error}")
                return None

        # The secrets that the plan names were read before.
        asked: dict[str, str | None] = {ref.name: values.get(ref.name) for ref in wanted}
        return cls(
            asked,
            key,
            plan.stack.secrets.namespace,
            hosts_alone=hosts_alone,
            look_up=look_up,
        )

    def credential(self, ref: SecretRef) -> pulumi.Output[str] | None:
        """A credential of a cloud's provider. None in a run for hosts only."""
        return None if self.hosts_alone else self.value(ref)

    def value(self, ref: SecretRef) -> pulumi.Output[str]:
        """A secret as a secret output. It is unknown if a preview cannot read it.

        A secret that the plan does not name is read here. Raises pulumi.RunError if an `up` cannot
        read it.
        """
        if ref.name not in self._values and self._look_up is not None:
            self._values[ref.name] = self._look_up(ref)
        return _secret(self._values.get(ref.name))

    def derived(self, secret: Secret) -> pulumi.Output[str]:
        """A derived secret of a host."""
        if self._master is None:
            return _secret(None)
        if secret.hashed:
            # A hash takes longer than all other secrets together. In a thread it takes no time from
            # the registration of resources.
            loop = asyncio.get_event_loop()
            return pulumi.Output.secret(
                loop.run_in_executor(None, derive_secret, self._master, secret)
            )
        return _secret(derive_secret(self._master, secret))

    def derived_for(self, purpose: str) -> pulumi.Output[str]:
        """A derived secret without a host, such as a tunnel's."""
        if self._master is None:
            return _secret(None)
        return _secret(derive(self._master, scoped(self._namespace, purpose)))


def _secret(value: str | None) -> pulumi.Output[str]:
    if value is not None:
        return pulumi.Output.secret(value)
    return unknown()


def unknown() -> pulumi.Output[str]:
    """A secret output that is never resolved, for values that a preview cannot know."""
    loop = asyncio.get_event_loop()

    def done(value: object) -> asyncio.Future[object]:
        future: asyncio.Future[object] = loop.create_future()
        future.set_result(value)
        return future

    return pulumi.Output(set(), done(None), done(False), done(True))  # type: ignore[arg-type]
