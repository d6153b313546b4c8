"""The recorded sequences of edits, each with its purpose."""

from __future__ import annotations

from typing import Any

Resource = dict[str, Any]
Run = dict[str, Any]
"""`operation` (up, destroy or kill), and what scenario.json holds: `resources`, `exports`,
`raises`. Each run is previewed first. With `stops` the real engine is run without
--continue-on-error."""


def command(name: str, create: str = "printf x", **more: Any) -> Resource:
    """A local command. Other keywords than inputs are resource options."""
    outside = {key: more.pop(key) for key in ("after",) if key in more}
    options = more.pop("options", {})
    return {"name": name, "inputs": {"create": create, **more}, "options": options, **outside}


def component(name: str, inputs: dict[str, Any] | None = None, **more: Any) -> Resource:
    """A component with these inputs."""
    return {"name": name, "kind": "component", "inputs": inputs or {}, **more}


def provider(name: str, **options: Any) -> Resource:
    """An explicit provider of the command package."""
    return {"name": name, "kind": "provider", "options": options}


def up(*resources: Resource, **more: Any) -> Run:
    """Bring the stack up to these resources."""
    return {"operation": "up", "resources": list(resources), **more}


DESTROY: Run = {"operation": "destroy", "resources": []}


def _tree() -> list[Run]:
    group = component("group", {"size": 1})
    inner = component("inner", options={"parent": "group"})

    def leaves(first: str, second: str) -> list[Resource]:
        return [
            command("first", f"printf {first}", options={"parent": "inner"}),
            command("second", f"printf {second}-${{first.stdout}}", options={"parent": "group"}),
            command("apart", "printf apart", options={"depends_on": ["second"]}),
        ]

    exports = {"answer": "${second.stdout}"}
    return [
        up(group, inner, *leaves("a", "b"), exports=exports),
        up(group, inner, *leaves("a", "b"), exports=exports),
        up(group, inner, *leaves("a", "c"), exports=exports),
        up(group, inner, *leaves("z", "c"), exports=exports),
        up(component("group", {"size": 2}), inner, *leaves("z", "c"), exports=exports),
        up(group, inner, leaves("z", "c")[0]),
        DESTROY,
    ]


def _rename() -> list[Run]:
    return [
        up(command("old", delete="printf gone"), command("user", "printf u-${old.stdout}")),
        up(command("new", delete="printf gone"), command("user", "printf u-${new.stdout}")),
        up(),
        DESTROY,
    ]


def _reparent() -> list[Run]:
    groups = [component("left"), component("right")]
    return [
        up(*groups, command("leaf", options={"parent": "left"})),
        up(*groups, command("leaf", options={"parent": "right"})),
        up(groups[1], command("leaf", options={"parent": "right"})),
    ]


def _triggers() -> list[Run]:
    def made(count: int, text: str) -> list[Resource]:
        return [
            command("made", f"printf {text}", triggers=[count], delete="printf old"),
            command("follows", "printf f-${made.stdout}"),
            command("after", "printf after", options={"depends_on": ["made"]}),
        ]

    return [
        up(*made(1, "one")),
        up(*made(2, "one")),
        up(*made(3, "two")),
        up(command("made", "printf two", update="printf updated", triggers=[3])),
        up(command("made", "printf two", update="printf updated", triggers=[4])),
    ]


def _delete_before_replace() -> list[Run]:
    def made(count: int, *, tail: bool = True) -> list[Resource]:
        before = {"delete_before_replace": True}
        return [
            command("made", f"printf {count}", triggers=[count], options=before),
            command(
                "falls",
                f"printf f{count}",  # not ignored by a replaced resource
                triggers=["${made.stdout}"],
                options={"ignore_changes": ["create"]},
            ),
            command("stays", "printf s-${made.stdout}"),
            *([command("falls_too", "printf t", triggers=["${falls.stdout}"])] if tail else []),
            command("waits", "printf w", options={"depends_on": ["falls"]}),
        ]

    return [up(*made(1)), up(*made(2)), up(*made(2)), up(*made(3, tail=False)), DESTROY]


def _remove_with_dependents() -> list[Run]:
    group = component("group")
    base = command("base", delete="printf gone")
    users = [
        command("user", "printf u-${base.stdout}", options={"parent": "group"}),
        command("second", "printf s-${user.stdout}", delete="printf gone"),
        command("beside", options={"depends_on": ["base"]}),
    ]
    return [up(group, base, *users), up(base), up()]


def _failure() -> list[Run]:
    def made(text: str) -> list[Resource]:
        return [
            command("works", f"printf {len(text)}"),
            command("breaks", text),
            command("needs", "printf n-${breaks.stdout}"),
            command("needs_more", "printf m-${needs.stdout}"),
            command("inside", "printf i", options={"parent": "needs"}),
            command("apart", f"printf a-{len(text)}"),
        ]

    good, bad = "printf fine", "echo said; echo complained >&2; exit 3"
    exports = {"works": "${works.stdout}"}
    return [
        up(*made(bad), exports=exports),
        up(*made(good), exports=exports),
        up(*made(bad), exports=exports),
        up(*made(good), exports=exports),
    ]


def _failure_deletes_nothing() -> list[Run]:
    # Recorded without --continue-on-error: with it, the real engine goes on to delete, and takes
    # even `applied`, which the program would have registered had there been no failure.
    def made(text: str, *more: Resource) -> list[Resource]:
        last = {"depends_on": ["works"]}
        return [
            *more,
            command("works"),
            command("breaks", text, options=last),
            command("applied", after="breaks"),
        ]

    return [
        up(*made("printf fine", command("gone"))),
        up(*made("exit 1"), stops=True),
        up(*made("printf fine")),
    ]


def _failure_above_component() -> list[Run]:
    def made(text: str, *, gone: bool) -> list[Resource]:
        return [
            *([command("gone")] if gone else []),
            command("breaks", text),
            component("group", {"of": "${breaks.stdout}"}),
            command("inside", "printf i", options={"parent": "group"}),
        ]

    return [
        up(*made("printf fine", gone=True)),
        up(*made("exit 1", gone=False)),
        up(*made("printf fine", gone=False)),
    ]


def _failed_delete() -> list[Run]:
    stuck = command("stuck", delete="exit 1", options={"depends_on": ["base"]})
    return [
        up(command("base"), stuck, command("apart")),
        up(),
        up(command("base"), {**stuck, "inputs": {"create": "printf x", "delete": "printf ok"}}),
        up(),
    ]


def _failed_replace() -> list[Run]:
    def made(text: str, count: int) -> list[Resource]:
        return [
            command("made", text, triggers=[count]),
            command("user", "printf u", triggers=["${made.stdout}"]),
        ]

    return [
        up(*made("printf a", 1)),
        up(*made("exit 1", 2)),
        up(*made("printf a", 1)),
        up(*made("printf b", 2)),
    ]


def _failed_after_delete() -> list[Run]:
    # Without a resource that falls with it: the real engine would delete that one a second time
    # when the run is repeated, which the lab does not.
    def made(text: str, count: int) -> Resource:
        options = {"delete_before_replace": True}
        return command("made", text, triggers=[count], delete="printf gone", options=options)

    return [up(made("printf a", 1)), up(made("exit 1", 2)), up(made("printf b", 2)), DESTROY]


def _ignore_changes() -> list[Run]:
    def made(text: str, value: str, *paths: str, count: int = 1) -> Resource:
        environment = {"A": value, "B": "kept"}
        options = {"ignore_changes": list(paths)}
        return command("made", text, environment=environment, triggers=[count], options=options)

    return [
        up(made("printf a", "1")),
        up(made("printf b", "2", "create", "environment.A")),
        up(made("printf b", "2", "environment.A")),
        up(made("printf b", "2")),
        up(made("printf c", "3", "create", "environment.A", count=2)),
        up(made("printf c", "3", "create", "triggers", count=3)),
    ]


def _protect() -> list[Run]:
    def kept(*, protect: bool, count: int = 1) -> list[Resource]:
        return [
            command("base"),
            command(
                "kept",
                triggers=[count],
                options={"protect": protect, "depends_on": ["base"]},
            ),
        ]

    return [
        up(*kept(protect=True), command("apart")),
        up(command("apart")),
        up(*kept(protect=True, count=2), command("apart")),
        DESTROY,
        up(*kept(protect=False)),
        DESTROY,
    ]


def _kill() -> list[Run]:
    # The first time it says that it has begun, and never ends.
    once = "[ -e started ] || { touch started; exec sleep 60; }; printf through"
    resources = [
        command("before"),
        command("long", once, options={"depends_on": ["before"]}),
        command("later", "printf l-${long.stdout}"),
    ]
    return [{**up(*resources), "operation": "kill"}, up(*resources), up(*resources)]


def _explicit_provider() -> list[Run]:
    def made(name: str, text: str) -> list[Resource]:
        return [provider(name), command("made", f"printf {text}", options={"provider": name})]

    return [
        up(*made("one", "a")),
        up(*made("one", "b")),
        up(*made("two", "b")),
        up(component("group"), command("made", "printf b")),
        DESTROY,
    ]


def _secrets() -> list[Run]:
    def made(value: Any, *names: str) -> list[Resource]:
        options = {"additional_secret_outputs": list(names)} if names else {}
        return [
            command("made", "printf $PASS", environment={"PASS": value}, options=options),
            command("reads", "cat", stdin="got ${made.stdout}"),
            component("group", {"value": value}, outputs={"given": "${made.stdout}"}),
        ]

    exports = {"told": "${reads.stdout}", "made": "${made.stdout}"}
    return [
        up(*made("hunter2"), exports=exports),
        up(*made({"secret": "hunter2"}), exports=exports),
        up(*made({"secret": "hunter2"}, "stdout"), exports=exports),
        up(*made({"secret": "hunter3"}, "stdout"), exports=exports),
        up(*made("hunter3"), exports=exports),
    ]


def _left_behind() -> list[Run]:
    return [
        up(
            command("host", delete="printf gone"),
            command("on_host", delete="exit 1", options={"deleted_with": "host"}),
            command("left", delete="exit 1", options={"retain_on_delete": True}),
        ),
        up(command("host", triggers=[1]), command("on_host", options={"deleted_with": "host"})),
        up(command("host", triggers=[2]), command("on_host", options={"deleted_with": "host"})),
        up(),
    ]


def _aliases() -> list[Run]:
    """Found by type, name, parent, no parent and URN; children by what their parent was."""
    urn = "urn:pulumi:dev::recorded::test:old:Group$command:local:Command::by_urn"

    def below(parent: str, name: str, **options: Any) -> Resource:
        return command(name, delete="exit 1", options={"parent": parent, **options})

    def group(name: str, type_: str, **options: Any) -> Resource:
        return component(name, type=f"test:{type_}:Group", options=options)

    old = [
        group("group", "old"),
        below("group", "leaf"),
        below("group", "group-leaf"),
        below("group", "by_name"),
        below("group", "by_urn"),
        group("inner", "old", parent="group"),
        below("inner", "deep"),
        command("top", "printf top", delete="exit 1"),
        command("needs", "printf n-${deep.stdout}", delete="exit 1"),
    ]
    new = [
        group("renamed", "new", aliases=[{"name": "group", "type_": "test:old:Group"}]),
        below("renamed", "leaf"),
        below("renamed", "renamed-leaf"),
        below("renamed", "other_name", aliases=[{"name": "by_name"}]),
        command("apart", delete="exit 1", options={"aliases": [urn]}),
        group("inner", "newer", parent="renamed", aliases=[{"type_": "test:old:Group"}]),
        below("inner", "deep"),
        {
            **below("inner", "moved", aliases=[{"name": "top", "parent": None}]),
            "inputs": {"create": "printf top", "delete": "exit 1"},
        },
        command("needs", "printf n-${deep.stdout}", delete="exit 1"),
    ]
    # Two levels are renamed at once, and one leaf changes and another one goes.
    third = [
        group("again", "new", aliases=[{"name": "renamed"}]),
        below("again", "leaf"),
        group("outer", "outer", parent="again"),
        group(
            "inner",
            "last",
            parent="outer",
            aliases=[{"type_": "test:newer:Group", "parent": "again"}],
        ),
        command("deep", "printf y", delete="exit 1", options={"parent": "inner"}),
    ]
    return [up(*old), up(*new), up(*new), up(*third)]


def _aliases_of_failures() -> list[Run]:
    """An alias of what then fails, is replaced or is needed by what goes; two claims of one."""
    name = [{"name": "old"}]

    def old(**more: Any) -> list[Resource]:
        return [
            command("old", delete="printf gone", **more),
            command("user", "printf u", options={"depends_on": ["old"]}),
        ]

    def new(text: str = "printf x", **more: Any) -> list[Resource]:
        return [
            command("new", text, delete="printf gone", options={"aliases": name}, **more),
            command("user", "printf u", options={"depends_on": ["new"]}),
        ]

    twice = [
        command("one", options={"aliases": name}),
        command("two", options={"aliases": name, "depends_on": ["one"]}),
    ]
    return [
        up(*old()),
        up(*new("exit 1")),
        up(*new()),
        up(*old()),
        up(*new(triggers=[1])),
        up(*old()),
        up(command("new", delete="printf gone", options={"aliases": name})),
        up(command("old")),
        up(*twice),
    ]


def _aliases_of_providers() -> list[Run]:
    """A provider that is renamed keeps what it made."""
    named = {"provider": "plain"}
    return [
        up(provider("plain"), command("made", delete="exit 1", options=named)),
        up(
            provider("other", aliases=[{"name": "plain"}]),
            command("made", delete="exit 1", options={"provider": "other"}),
        ),
    ]


def _program_error() -> list[Run]:
    return [
        up(command("stays"), command("goes")),
        up(command("stays", "printf new"), raises="the program gave up"),
        up(command("stays", "printf new")),
    ]


def _duplicate() -> list[Run]:
    again = command("one", "printf y", options={"depends_on": ["one"]})
    return [up(command("one"), command("goes")), up(command("one"), again)]


def _no_default_provider() -> list[Run]:
    config = {"config": {"pulumi:disable-default-providers": ["*"]}}
    named = command("made", options={"provider": "own"})
    forgotten = command("forgotten", options={"depends_on": ["made"]})
    return [
        {**up(provider("own"), named), **config},
        {**up(provider("own"), named, forgotten), **config},
        {**up(provider("own"), component("group"), named), **config},
    ]


SEQUENCES: dict[str, list[Run]] = {
    "aliases": _aliases(),
    "aliases_of_failures": _aliases_of_failures(),
    "aliases_of_providers": _aliases_of_providers(),
    "delete_before_replace": _delete_before_replace(),
    "duplicate": _duplicate(),
    "explicit_provider": _explicit_provider(),
    "failed_after_delete": _failed_after_delete(),
    "failed_delete": _failed_delete(),
    "failed_replace": _failed_replace(),
    "failure": _failure(),
    "failure_deletes_nothing": _failure_deletes_nothing(),
    "failure_above_component": _failure_above_component(),
    "ignore_changes": _ignore_changes(),
    "kill": _kill(),
    "left_behind": _left_behind(),
    "no_default_provider": _no_default_provider(),
    "program_error": _program_error(),
    "protect": _protect(),
    "remove_with_dependents": _remove_with_dependents(),
    "rename": _rename(),
    "reparent": _reparent(),
    "secrets": _secrets(),
    "tree": _tree(),
    "triggers": _triggers(),
}
