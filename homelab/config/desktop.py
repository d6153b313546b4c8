"""`hosts.….desktop`: a graphical desktop on a host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from homelab.config.base import Kind, Str, pattern

_LIST = "localectl list-x11-keymap-"
Layout = Annotated[
    Str,
    pattern(
        r"[a-z]{2,12}(,[a-z]{2,12}){0,3}",
        f"this is not a keyboard layout of XKB; write one of `{_LIST}layouts`: de",
    ),
]
Variant = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9_,-]{0,60}",
        f"this is not a variant of a layout; write one of `{_LIST}variants de`: nodeadkeys",
    ),
]


class Desktop(Kind):
    """A graphical desktop with its login screen."""

    called: ClassVar[str] = "a desktop"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("auto_login", "autologin", "packages", "apps"),
        "write a module of yours, and name it in modules: homelab sets the desktop, its login "
        "screen and its keyboard",
    )

    environment: Literal["gnome", "plasma", "xfce", "cinnamon"]
    """gnome: GNOME with GDM; plasma: KDE Plasma 6 with SDDM; xfce and cinnamon: with LightDM."""
    layout: Layout | None = None
    """Keyboard layout of the desktop, as XKB calls it: `de`. `keymap` is that of the console.
    Default: `us`."""
    variant: Variant | None = None
    """Variant of the layout: `nodeadkeys`."""

    @property
    def by_systemd(self) -> bool:
        """Whether the user manager of systemd starts its programs."""
        return self.environment in ("gnome", "plasma")
