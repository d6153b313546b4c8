"""bootctl set-oneshot ENTRY: the entry of the next boot only."""

from __future__ import annotations

from .host import oneshot, record, refuse, root


def main(arguments: list[str]) -> int:
    """Write the entry to the host's boot variable. An empty name removes it."""
    record("bootctl", arguments)
    match arguments:
        case ["set-oneshot", ""]:
            oneshot.unlink()
        case ["set-oneshot", entry]:
            if not (root / "boot/loader/entries" / entry).exists():
                refuse("bootctl", f"no boot loader entry {entry}")
            oneshot.write_text(entry)
        case _:
            refuse("bootctl", f"the lab does not know {' '.join(arguments)}")
    return 0
