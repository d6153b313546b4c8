"""Jobs of services as units, each with a timer if it has a schedule."""

from __future__ import annotations

from homelab.config.fact_parts import JobFact
from homelab.config.service_parts import Job
from homelab.config.services import jobs_of
from homelab.hardening.baseline import BASELINE
from homelab.hardening.paths import for_systemd
from homelab.nix import Attrs, Nix, Raw, merge
from homelab.nix.printer import attribute
from homelab.plan import Plan
from homelab.services.command import command_line
from homelab.services.jobs import job_unit
from homelab.services.model import Service
from homelab.services.unit import reported, state_directories, timed

_PROGRAMS = "/run/current-system/sw/bin"
_PRIVATE = "/var/lib/private/"


def jobs(plan: Plan, service: Service) -> Attrs:
    """The units and timers of the jobs that a service runs."""
    facts = service.entry.jobs
    return merge(
        *(
            _job(plan, service, name, facts[name], config)
            for name, config in sorted(jobs_of(service.config).items())
            if name in facts
        )
    )


def _job(plan: Plan, service: Service, name: str, fact: JobFact, config: Job) -> Attrs:
    unit = job_unit(service.name, name)
    program, *arguments = fact.command
    settings: Attrs = {
        **_sandbox(plan, service),
        **_run_as(service),
        "ExecStart": command_line([[f"{_PROGRAMS}/{program}"], *([word] for word in arguments)]),
        "Type": "oneshot",
    }
    if fact.like:
        other = attribute(f"config.systemd.services.{fact.like}.serviceConfig.LoadCredential")
        settings["LoadCredential"] = Raw(f"{other} or [ ]")
    body: Attrs = {
        "description": fact.summary,
        "after": [f"{u}.service" for u in service.units],
        **reported(plan, service.host),
        # A switch would stop a job that runs, start it again, and wait for its end.
        "restartIfChanged": False,
        "serviceConfig": settings,
    }
    return merge(
        {"systemd": {"services": {unit: body}}},
        timed(unit, config.schedule) if config.schedule is not None else {},
    )


def _run_as(service: Service) -> Attrs:
    if not service.entry.dynamic_user:
        return {"User": service.entry.user or "root"}
    # Units with a dynamic user of one name have the same user.
    user = service.entry.user or service.units[0]
    return {"DynamicUser": True, "User": user, **state_directories(service)}


def _sandbox(plan: Plan, service: Service) -> dict[str, Nix]:
    """That of its main unit, without capabilities: the program does not change its user."""
    main = next(
        u
        for u in plan.units_on(service.host)
        if u.service == service.name and u.unit == service.units[0]
    )
    settings: dict[str, Nix] = {p.setting: p.value for p in BASELINE}
    if main.has_baseline:
        settings = dict(main.settings)
    settings["CapabilityBoundingSet"] = ""
    opened: list[Nix] = [for_systemd(p) for p in service.state if not p.startswith(_PRIVATE)]
    writes = settings.get("ReadWritePaths")
    known = writes if isinstance(writes, list) else []
    settings["ReadWritePaths"] = [*known, *(p for p in opened if p not in known)]
    return settings
