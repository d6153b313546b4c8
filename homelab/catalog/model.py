"""An entry of the catalog: the facts of one service, with its name."""

from __future__ import annotations

from pydantic import Field

from homelab.config.base import AbsolutePath, Name, Release, Str
from homelab.config.fact_parts import Many
from homelab.config.facts import ServiceFacts

OIDC = "oidc"
"""Name of the OIDC client secret of an app."""


class Entry(ServiceFacts):
    """One service of the catalog, or of an owner.

    Entries are immutable; `model_copy(update=…)` makes another one.
    """

    name: Name
    modules: Many[Name] = ()
    """The nixpkgs modules that it consists of, its own module first, by their files in `upstream/`.
    Default: the module with the name of the entry."""
    scratch: Many[AbsolutePath] = ()
    """Directories that systemd makes for it, with content that may be lost."""
    own_state: Str = ""
    """What creates its state directories, if its module does not."""
    state_fixed: Str = ""
    """Reason why no option moves its state, without `state_at`."""
    database_fixed: Str = ""
    """Reason why its database cannot be on another host, or on a server in place of its file,
    without `database_elsewhere`."""
    instance: Str = ""
    """Name of its instance in `options` and `units`, for a module that runs several. A service with
    another name than the entry is an instance of its own, with that name."""
    infrastructure: bool = False
    """Part of the homelab's own machinery: other sections of the stack config place it."""

    before: dict[Release, Entry] = Field(default_factory=dict)
    """The whole entry on releases before this one, for a module that had another name there. In a
    file only what differs is written."""

    def at(self, release: str) -> Entry:
        """The entry on hosts with this release."""
        later = [bound for bound in self.before if release < bound]
        return self.before[min(later)] if release and later else self

    def moves_port(self, release: str) -> bool:
        """Whether an option changes the number of its web port, in a release."""
        web = self.ports.get("web")
        return web is not None and web.movable and release >= web.movable_since
