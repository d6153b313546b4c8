"""Jobs of services: programs of their facts that run now and then, and end."""

from __future__ import annotations

from homelab.catalog.model import Entry
from homelab.config.service_base import ServiceConfig
from homelab.config.services import jobs_of


def job_unit(service: str, job: str) -> str:
    """The unit of a job, without `.service`."""
    return f"{service}-{job}"


def with_jobs(entry: Entry, name: str, config: ServiceConfig) -> Entry:
    """The entry with the options of the jobs that the stack runs. Their units open its state."""
    chosen = [job for job in jobs_of(config) if job in entry.jobs]
    if not chosen:
        return entry
    options = dict(entry.options)
    for job in chosen:
        options |= entry.jobs[job].options
    units = (job_unit(name, job) for job in chosen)
    return entry.model_copy(update={"options": options, "helpers": (*entry.helpers, *units)})
