"""Options whose name resembles one that their module has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from homelab.catalog.option_names import close, known, unknown
from homelab.nix.source import Setting
from homelab.openings.model import Opening, View, rule

UNKNOWN = "unknown-option"


@rule("services.**")
def mistyped(setting: Setting, view: View) -> Iterator[Opening]:
    """An option that no module has fails a build after cloud resources have changed. A name that
    resembles no known one may be newer than our list, and is left to Nix.
    """
    if not setting.source or setting.written or len(setting.path) < 3:
        return
    found = unknown(setting.path)
    if found is not None:
        name, names = found
        near = close(name.rpartition(".")[2], names)
    else:
        # The module's own name: compare it with the service's module only, as there are hundreds.
        name = ".".join(setting.path[:2])
        own = {m for s in view.plan.on(view.host.name) for m in _modules(s.entry.options)}
        near = "" if name in known() or name in own else close(name, frozenset(own))
    if near:
        yield Opening(
            UNKNOWN,
            f"no option {name} is known",
            f'did you mean "{near}"?',
            acceptable=True,
        )


def _modules(options: Iterable[str]) -> Iterator[str]:
    for path in options:
        if path.startswith("services."):
            yield ".".join(path.split(".")[:2])
