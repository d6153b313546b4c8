"""A service from a compose file: its containers, ports, secrets and dumps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from homelab.services.compose.container import container_of, literal, options_of
from homelab.services.compose.native import native_entry
from homelab.services.compose.ports import Published, exposed, place_of_ports, published
from homelab.services.compose.reading import ComposeFile, Note, Tree
from homelab.services.compose.variables import Variables, slug, variables_of
from homelab.services.container_templates import values_in
from homelab.services.databases import database_in, dumped_as
from homelab.services.images import Image

UNPINNED = "sha256:…"
_LOWEST = 1024
_SECTIONS = ("services", "volumes", "networks", "secrets", "configs", "name", "version")
_USERS = {"postgresql": "POSTGRES_USER"}
_NAMES = {
    "postgresql": ("POSTGRES_DB", "POSTGRESQL_DATABASE", "POSTGRES_USER"),
    "mysql": ("MYSQL_DATABASE", "MARIADB_DATABASE"),
}


@dataclass(frozen=True)
class Imported:
    """A service for the stack, and what is left to do."""

    name: str
    settings: Mapping[str, object]
    notes: tuple[Note, ...]
    native: str = ""
    """Entry of the catalog that runs the app without containers."""


def imported(
    file: ComposeFile,
    name: str,
    host: str,
    digests: Mapping[str, str],
    env_files: Mapping[tuple[str, str], Mapping[str, str] | None],
) -> Imported:
    """The service of a compose file. `digests` has those of images, by what the file writes."""
    composed = file.section("services")
    for key in file.values:
        if key not in _SECTIONS and not key.startswith("x-"):
            file.note((key,), "it is not taken over", "copy what it names into this file")
    ports = [p for c in composed for p in published(file, c)]
    web = _web(file, ports)
    names = {c: slug(c) for c in composed}
    variables = variables_of(file, env_files)
    parts: dict[str, object] = {}
    options: dict[str, str] = {}
    for container, part in names.items():
        stated = _of(composed[container])
        made: dict[str, object] = {"image": _image(file, container, stated, digests)}
        if container == web.container:
            made["port"] = web.inside
        depends = _depends(file, container, stated.get("depends_on"), names)
        if depends:
            made["depends_on"] = depends
        made |= _environment(variables, container)
        made |= container_of(file, part, name, container)
        secrets = _secrets(file, container, stated, variables)
        parts[part] = {**made, **({"secrets": secrets} if secrets else {})}
        options |= options_of(file, part, name, container)
        if part != container or stated.get("container_name") not in (None, container):
            _note_name(file, container, part, stated)
    settings: dict[str, object] = {
        "host": host,
        "port": _outside(file, web),
        "containers": parts,
    }
    more = _more_ports(file, [p for p in ports if p != web], web, names)
    if more:
        settings["ports"] = more
    read = {s for p in parts.values() for s in _of(p).get("secrets") or {}}
    read |= {s for t in variables.texts.values() for v in t.values() for s in values_in(v)}
    kept: dict[str, object] = {
        s: {} for s in (*variables.values, *map(slug, file.section("secrets"))) if s in read
    }
    if kept:
        settings["secrets"] = kept
        _note_secrets(file, sorted(kept))
    settings["backup"] = _backup(composed, names, variables, parts)
    if options:
        settings["options"] = options
    native = native_entry(str(_of(composed[web.container]).get("image") or ""))
    notes = tuple(sorted(file.notes, key=lambda n: (n.line, n.place)))
    return Imported(name, {k: v for k, v in settings.items() if v}, notes, native)


def _of(value: object) -> dict[str, Tree]:
    return value if isinstance(value, dict) else {}


def _image(
    file: ComposeFile, container: str, stated: Mapping[str, Tree], digests: Mapping[str, str]
) -> str:
    text = stated.get("image")
    if not isinstance(text, str) or not text:
        file.note(
            ("services", container),
            "it has no image" + (", and is built" if "build" in stated else ""),
            "build it, push it to a registry, and write image: NAME:TAG@sha256:…",
        )
        return f"…@{UNPINNED}"
    image = Image.of(text)
    if image.digest:
        return str(image)
    digest = digests.get(text)
    if digest is None:
        file.note(
            ("services", container, "image"),
            "its digest is not known",
            f"write image: {image.name}@sha256:…, as `skopeo inspect docker://{image.name}` "
            "shows it",
        )
    return f"{image.name}@{digest or UNPINNED}"


def _web(file: ComposeFile, ports: list[Published]) -> Published:
    """The port that browsers open: the first that is published, and not that of a database."""
    composed = file.section("services")
    apps = [c for c in composed if not database_in(str(_of(composed[c]).get("image") or ""))]
    usable = [p for p in ports if p.protocol == "tcp" and p.container in apps and p.inside != 443]
    if usable:
        return usable[0]
    container, number = next(
        ((c, n) for c in apps for n in exposed(file, c)), (next(iter(apps or composed)), 0)
    )
    if not number:
        file.note(
            ("services", container),
            "the file does not say on which port its web page is",
            f"correct port of {slug(container)}, here 80",
        )
    return Published(container, number or 80, number or 80, "tcp", is_local=True)


def _outside(file: ComposeFile, web: Published) -> int:
    if web.outside >= _LOWEST:
        return web.outside
    port = web.inside if web.inside >= _LOWEST else 8000 + web.outside
    file.note(
        place_of_ports(web),
        f"port {web.outside} of the host belongs to the reverse proxy or to a system service",
        f"the service has {port} instead; nothing to do",
    )
    return port


def _more_ports(
    file: ComposeFile, ports: list[Published], web: Published, names: Mapping[str, str]
) -> dict[str, object]:
    made: dict[str, object] = {}
    for port in ports:
        one: dict[str, object] = {"port": port.outside}
        if port.inside != port.outside:
            one["inside"] = port.inside
        if port.protocol != "tcp":
            one["protocol"] = port.protocol
        if port.container != web.container:
            one["part"] = names[port.container]
        if not port.is_local:
            one |= {"scope": "lan", "why": "the compose file published it"}
            file.note(
                place_of_ports(port),
                f"{port.outside}/{port.protocol} is open on the LAN as before",
                "leave scope and why out if only this host needs it, or leave the port out",
            )
        made[f"{port.protocol}-{port.outside}"] = one
    return made


def _depends(file: ComposeFile, container: str, value: Tree, names: Mapping[str, str]) -> list[str]:
    stated = [*value] if isinstance(value, dict | list) else []
    for name, how in value.items() if isinstance(value, dict) else ():
        if _of(how).get("condition") == "service_completed_successfully":
            file.note(
                ("services", container, "depends_on", name),
                f"it waits for the start of {name}, and not for its end",
                f"leave {name} out if it does one task, and run the task before the first start",
            )
    return [names[c] for c in stated if isinstance(c, str) and c in names]


def _environment(variables: Variables, container: str) -> dict[str, object]:
    made: dict[str, object] = {}
    if plain := variables.plain.get(container):
        made["environment"] = {name: literal(value) for name, value in plain.items()}
    if texts := variables.texts.get(container):
        content = {name: {"$text": text} for name, text in texts.items()}
        made["templates"] = {"variables": {"format": "env", "content": content}}
    return made


def _secrets(
    file: ComposeFile, container: str, stated: Mapping[str, Tree], variables: Variables
) -> dict[str, object]:
    """The secrets that a container reads. One with an empty text is only in a template."""
    made: dict[str, object] = dict(variables.secrets.get(container, {}))
    listed = stated.get("secrets")
    for item in listed if isinstance(listed, list) else ():
        source = item if isinstance(item, str) else _of(item).get("source")
        if not isinstance(source, str):
            continue
        target = _of(item).get("target")
        target = target if isinstance(target, str) else source
        path = target if target.startswith("/") else f"/run/secrets/{target}"
        made[slug(source)] = {"target": path}
        if source not in file.section("secrets"):
            file.note(("services", container, "secrets"), f"no secret {source}", "leave it out")
            del made[slug(source)]
    if stated.get("configs"):
        file.note(
            ("services", container, "configs"),
            "configs are not taken over",
            "write a template: templates: {NAME: {format: text, content: …, target: /…}}",
        )
    return made


def _note_name(file: ComposeFile, container: str, part: str, stated: Mapping[str, Tree]) -> None:
    old = stated.get("container_name")
    other = old if isinstance(old, str) and old != container else container
    text = str([s.get("environment") for s in map(_of, file.section("services").values())])
    if other in text and other != part:
        file.note(
            ("services", container),
            f"other containers reach it as {part}, and variables name {other}",
            f"write {part} there if it is meant as a host name",
        )


def _note_secrets(file: ComposeFile, names: list[str]) -> None:
    file.note(
        ("services",),
        f"the values of {', '.join(names)} are not taken over: each is derived from the master key",
        "for data that exists already, store the old value with `homelab secret set`, and write "
        "ref: {sops: …} at the secret",
    )


def _backup(
    composed: Mapping[str, Tree],
    names: Mapping[str, str],
    variables: Variables,
    parts: Mapping[str, object],
) -> dict[str, object]:
    dumps = []
    for container, part in names.items():
        kind = dumped_as(database_in(str(_of(composed[container]).get("image") or "")))
        if not kind:
            continue
        plain = variables.plain.get(container, {})
        unnamed = "postgres" if kind == "postgresql" else ""
        database = next((plain[n] for n in _NAMES[kind] if plain.get(n)), unnamed)
        if not database:
            continue  # backup-dump asks for it
        dump = {kind: database, "part": part}
        if user := plain.get(_USERS.get(kind, "")):
            dump["user"] = user
        dumps.append(dump)
    if dumps:
        return {"dump": dumps[0] if len(dumps) == 1 else dumps}
    written = [m for p in parts.values() for m in _of(p).get("mounts") or []]
    writes = any(isinstance(m, dict) and "read_only" not in m for m in written)
    return {} if writes else {"skip": "its containers write no directory of the host"}
