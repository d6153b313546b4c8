"""Images of apps that let everybody make an account unless a variable says otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.catalog import find
from homelab.openings.model import Opening, View, texts
from homelab.openings.variables import app_of_image
from homelab.services.model import Service
from homelab.services.parts import Part
from homelab.services.run_flags import flags

OPEN: Mapping[str, tuple[str, str]] = {
    "forgejo": ("FORGEJO__service__DISABLE_REGISTRATION", "true"),
    "gitea": ("GITEA__service__DISABLE_REGISTRATION", "true"),
    "healthchecks": ("REGISTRATION_OPEN", "False"),
    "hedgedoc": ("CMD_ALLOW_EMAIL_REGISTER", "false"),
    "homebox": ("HBOX_OPTIONS_ALLOW_REGISTRATION", "false"),
    "karakeep": ("DISABLE_SIGNUPS", "true"),
    "linkwarden": ("NEXT_PUBLIC_DISABLE_REGISTRATION", "true"),
    "monica": ("APP_DISABLE_SIGNUP", "true"),
    "vaultwarden": ("SIGNUPS_ALLOWED", "false"),
    "vikunja": ("VIKUNJA_SERVICE_ENABLEREGISTRATION", "false"),
}
"""Apps, by name in the catalog: the variable that closes the sign-up, and its value. Sources: the
documentation of each app, and monica's config/monica.php.
"""


def open_images(view: View) -> Iterator[tuple[str, Opening]]:
    """Containers of a host whose image lets everybody make an account by default, and whose
    settings do not name the variable that decides: (place, opening).
    """
    for service in view.plan.on(view.host.name):
        routes = view.plan.routes_of(service.name)
        if not any(r.auth != "forward" for r in routes):
            continue
        for part in service.parts:
            name = app_of_image(part.config.image)
            variable, value = OPEN.get(name, ("", ""))
            if not variable or _names(service, part, variable, view):
                continue
            entry = find(name)
            app = entry.title if entry is not None else name
            yield (
                f"{service.at(part.place)}.image",
                Opening(
                    "sign-up",
                    f"the image of {app} lets everybody who reaches {service.name} make an account",
                    f'write environment: {{{variable}: "{value}"}} once the people of the house '
                    "have accounts",
                    "warning",
                    acceptable=True,
                ),
            )


def _names(service: Service, part: Part, variable: str, view: View) -> bool:
    """Whether the container gets the variable, or may get it from a file."""
    container = ("virtualisation", "oci-containers", "containers", part.container)
    said = [*flags(list(texts(view.value(*container, "extraOptions"))))]
    if view.value(*container, "environmentFiles") or "--env-file" in dict(said):
        return True
    named = {value.partition("=")[0] for flag, value in said if flag in ("-e", "--env")}
    named |= {secret.env for secret in part.secrets.values() if secret.env}
    if part.has_all_secrets:
        named |= {secret.env for secret in service.secrets.values() if secret.env}
    for template in part.config.templates.values():
        if template.target is None and isinstance(template.content, Mapping):
            named |= {*template.content}
    return variable in named or view.value(*container, "environment", variable) is not None
