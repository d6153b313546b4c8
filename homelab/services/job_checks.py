"""Checks of the jobs of services."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check
from homelab.config.services import jobs_of
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean


@check("job-known")
def job_known(plan: Plan) -> Iterator[Problem]:
    """A job that the facts of its service do not have never runs."""
    for service in plan.each_service():
        known = service.entry.jobs
        for job in jobs_of(service.config):
            if job not in known:
                yield Problem(
                    service.at(f"jobs.{job}"),
                    f'{service.name} has no job "{job}"',
                    did_you_mean(job, known, f"jobs of {service.name}")
                    if known
                    else "leave jobs out, or add it to the facts: jobs: {…: {summary: …, "
                    "command: […]}}",
                )
