"""The services that a service calls: those in `uses`, and those that a reference names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from homelab.catalog.references import WEB, links_in
from homelab.config.service_base import ServiceConfig
from homelab.config.service_programs import StaticService, UnitService
from homelab.services.parts import parts_of


@dataclass(frozen=True)
class Use:
    """A service calls a port of another."""

    name: str
    """The service that is called."""
    port: str
    """Label of its port."""
    at: str
    """Place that requires it, below the calling service; empty if no field of the service does."""

    @property
    def is_stated(self) -> bool:
        """Whether the service has it in `uses`."""
        return self.at.startswith("uses[")


def uses_of(config: ServiceConfig) -> tuple[Use, ...]:
    """Every service and port that a service calls, each once, with the first place that says so.

    Firewall, grants and bindings follow from it, so a reference opens a port just as `uses` does.
    """
    found = [Use(name, WEB, f"uses[{i}]") for i, name in enumerate(config.uses)]
    found += [
        Use(target.name, target.port, place)
        for place, value in linking_values(config)
        for target in links_in(value)
    ]
    return tuple({(u.name, u.port): u for u in reversed(found)}.values())[::-1]


def linking_values(config: ServiceConfig) -> Iterator[tuple[str, object]]:
    """Every value of a service that may refer to other services, with its place."""
    for path, value in sorted(config.options.items()):
        yield f"options.{path}", value
    yield from texts_of(config)
    for place, text in templates_of(config):
        yield place, {"$text": text}


def texts_of(config: ServiceConfig) -> Iterator[tuple[str, object]]:
    """Values of a service, besides its options, that may be a reference: its place and the value.

    A kind of service with such values is listed here; the checks and the ports follow.
    """
    for part in parts_of("", config):
        for name, value in part.config.environment.items():
            yield f"{part.place}.environment.{name}", _as_template(value)
        for index, value in enumerate(part.config.command):
            yield f"{part.place}.command[{index}]", _as_template(value)


def _as_template(value: object) -> object:
    """A text with braces as the template that it is in every kind of service."""
    return {"$text": value} if isinstance(value, str) and set(value) & {"{", "}"} else value


def templates_of(config: ServiceConfig) -> Iterator[tuple[str, str]]:
    """Values of a service that are templates without `$text`: its place and the text."""
    if isinstance(config, UnitService):
        for index, text in enumerate(config.unit.command):
            yield f"unit.command[{index}]", text
        for name, text in config.unit.environment.items():
            yield f"unit.environment.{name}", text
    build = config.static.build if isinstance(config, StaticService) else None
    if build is not None:
        for index, command in enumerate(build.run):
            for place, text in enumerate(command):
                yield f"static.build.run[{index}][{place}]", text
        for name, text in build.environment.items():
            yield f"static.build.environment.{name}", text
