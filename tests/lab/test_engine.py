"""The embedded engine's behaviour beyond the steps that `tests/engine/` compares."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

from homelab.lab import program
from homelab.lab.engine import Engine, Program, Result
from homelab.lab.errors import StateError
from homelab.lab.events import Event, Failed, Finished, Message, Skipped, Started
from homelab.lab.provider import UNKNOWN, Created, Diff, Properties, RefusedError
from homelab.lab.state import Store

HEAD = """
import pulumi

class Thing(pulumi.CustomResource):
    key: pulumi.Output[str]
    size: pulumi.Output[int]
    echo: pulumi.Output[str]

    def __init__(self, name, props=None, opts=None):
        known = {"key": None, "size": None, "echo": None}
        super().__init__("toy:index:Thing", name, {**known, **(props or {})}, opts)

Options = pulumi.ResourceOptions
"""


class Toy:
    """A provider whose resources behave as their inputs say."""

    package = "toy"

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.hooks: dict[str, Callable[[], object]] = {}

    def check(self, type_: str, inputs: Properties) -> list[str]:
        return ["size is too big"] if inputs.get("size") == 99 else []

    def diff(self, type_: str, old: Properties, new: Properties) -> Diff:
        changes = tuple(sorted(k for k in {*old, *new} if old.get(k) != new.get(k)))
        return Diff(changes, tuple(k for k in changes if k == "size"))

    def create(self, type_: str, name: str, inputs: Properties) -> Created:
        self.calls.append(f"create {name}")
        self.hooks.get(name, lambda: None)()
        if "fail" in inputs:
            raise RefusedError(f"will not have {inputs['fail']}")
        return Created(f"{name}-id", {"key": f"k-{name}", **inputs}, frozenset({"key"}))

    def update(self, type_: str, id_: str, old_outputs: Properties, inputs: Properties) -> Created:
        return self.create(type_, id_.removesuffix("-id"), inputs)

    def delete(self, type_: str, id_: str, outputs: Properties) -> None:
        self.calls.append(f"delete {id_}")

    def invoke(self, token: str, args: Properties) -> Properties:
        return {"answer": f"{token} {args.get('q')}"}


class Stage:
    """A program in a directory, and an engine for it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.toy = Toy()
        self.events: list[Event] = []
        self.config: dict[str, str] = {}
        self.secret_keys: list[str] = []
        self.state = directory / ".homelab" / "lab" / "dev"
        self.engine = Engine("toys", "dev", self.state, [self.toy], self.events.append)
        (directory / "Pulumi.yaml").write_text("name: toys\nruntime: python\n")

    def write(self, text: str, name: str = "__main__.py") -> None:
        head = HEAD if name == "__main__.py" else ""
        (self.directory / name).write_text(head + dedent(text))

    @property
    def run(self) -> Program:
        return partial(program.run, self.directory, "dev", self.config, self.secret_keys)

    def up(self, text: str = "") -> Result:
        if text:
            self.write(text)
        self.events.clear()
        return self.engine.up(self.run)

    def preview(self, text: str) -> Result:
        self.write(text)
        self.events.clear()
        return self.engine.preview(self.run)

    def said(self, severity: str = "error") -> list[str]:
        return [e.text for e in self.events if isinstance(e, Message) and e.severity == severity]

    def done(self) -> dict[str, str]:
        return {e.step.name: e.step.op for e in self.events if isinstance(e, Finished)}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


# Preview


def test_a_preview_writes_and_creates_nothing(stage: Stage) -> None:
    result = stage.preview('pulumi.export("k", Thing("a", {"echo": "e"}).key)')
    assert result.changes == {"create": 2}
    assert not stage.state.parent.parent.exists()
    assert stage.toy.calls == []


def test_a_preview_knows_only_inputs(stage: Stage) -> None:
    text = """
        a = Thing("a", {"echo": "e"})
        pulumi.export("echo", a.echo)
        pulumi.export("key", a.key)
        pulumi.export("id", a.id)
    """
    assert stage.preview(text).outputs == {"echo": "e", "key": UNKNOWN, "id": UNKNOWN}
    stage.up()
    assert stage.preview(text).outputs == {"echo": "e", "key": "[secret]", "id": "a-id"}


# Secrets


def test_a_secret_is_in_plain_text_neither_in_the_file_nor_in_an_event(stage: Stage) -> None:
    stage.config, stage.secret_keys = {"toys:pass": "hunter2-config"}, ["toys:pass"]
    result = stage.up("""
        secret = pulumi.Output.secret("hunter2-input")
        a = Thing("a", {"echo": secret, "nested": {"in": [secret]}, "fine": "visible"})
        pulumi.export("echo", a.echo)
        pulumi.export("key", a.key)
        pulumi.log.warn("told " + pulumi.Config().require("pass"))
        Thing("b", {"fail": secret})
        Thing("c", {"echo": a.key.apply(lambda key: "again " + key)})
    """)
    assert result.outputs == {"echo": "[secret]", "key": "[secret]"}
    everything = "".join(file.read_text() for file in stage.state.iterdir()) + repr(stage.events)
    assert "visible" in everything
    assert "hunter2" not in everything
    assert "k-a" not in everything
    assert stage.engine.outputs(show_secrets=True) == {"echo": "hunter2-input", "key": "k-a"}


def test_a_providers_credential_is_kept_secret_and_may_change(stage: Stage) -> None:
    def made(token: str) -> str:
        return f"""
            token = pulumi.Output.secret("{token}")
            toy = pulumi.ProviderResource("toy", "p", {{"token": token}})
            Thing("a", opts=Options(provider=toy))
        """

    stage.up(made("hunter2"))
    assert "hunter2" not in (stage.state / "state.json").read_text()
    stage.up(made("hunter3"))
    assert stage.done() == {"toys-dev": "same", "p": "update", "a": "same"}
    assert "hunter" not in (stage.state / "state.json").read_text() + repr(stage.events)


def test_the_key_and_the_state_are_for_the_owner_alone(stage: Stage) -> None:
    stage.up('Thing("a")')
    for name in ("key", "state.json"):
        assert stat.S_IMODE((stage.state / name).stat().st_mode) == 0o600


def test_a_call_with_a_secret_returns_secrets(stage: Stage) -> None:
    result = stage.up("""
        def ask(q):
            return pulumi.runtime.invoke_output("toy:index:ask", {"q": q}, Options())
        pulumi.export("plain", ask("who")["answer"])
        pulumi.export("secret", ask(pulumi.Output.secret("who"))["answer"])
    """)
    assert result.outputs == {"plain": "toy:index:ask who", "secret": "[secret]"}


def test_a_state_without_its_key_says_so(stage: Stage) -> None:
    stage.up('Thing("a")')
    (stage.state / "key").unlink()
    with pytest.raises(StateError, match="key is missing"):
        stage.up()


def test_a_damaged_state_says_what_to_do(stage: Stage) -> None:
    stage.up('Thing("a")')
    (stage.state / "state.json").write_text('{"version": 1, "resources": [{"ur')
    with pytest.raises(StateError, match="is damaged"):
        stage.up()


# What the program may ask


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('Thing("a", opts=Options(import_="x"))', "import"),
        ('Thing("a", opts=Options(replace_with=[Thing("b")]))', "replace_with"),
        ('Thing("a", opts=Options(replacement_trigger="x"))', "replacement_trigger"),
        ('Thing("a", opts=Options(transforms=[lambda args: None]))', "transforms"),
        ("pulumi.runtime.register_stack_transform(lambda args: None)", "transforms"),
        ('pulumi.ResourceHook("h", lambda args: None)', "hooks"),
        ('Thing("a", opts=Options(id="x"))', "get"),
        ('Thing("a", {"file": pulumi.StringAsset("x")})', "an asset"),
        ('pulumi.StackReference("other")', "get"),
        ('pulumi.CustomResource("moon:index:Base", "m")', "no stand-in for 'moon'"),
        ('Thing("a", {"size": 99})', "size is too big"),
    ],
)
def test_an_unsupported_feature_is_refused_by_name(stage: Stage, text: str, word: str) -> None:
    result = stage.up(text)
    assert not result.ok
    assert len(stage.said()) == 1
    assert word in stage.said()[0]
    assert stage.toy.calls in ([], ["create b"])


OWN = """
        class Shelf(pulumi.ComponentResource):
            def __init__(self, name, former=()):
                was = [pulumi.Alias(type_=type_) for type_ in former]
                super().__init__(TYPE, name, {}, Options(aliases=was))
                Thing(f"{name}-thing", {"size": 1}, Options(parent=self))
                self.register_outputs({})
"""


def test_a_component_of_ones_own_is_renamed_by_an_alias(stage: Stage) -> None:
    assert stage.up(OWN.replace("TYPE", '"my:old:Shelf"') + '\n        Shelf("s")').ok
    renamed = OWN.replace("TYPE", '"my:new:Shelf"')
    with_alias = renamed + '\n        Shelf("s", ["my:old:Shelf"])'
    assert stage.up(with_alias).changes == {"same": 3}
    assert stage.toy.calls == ["create s-thing"]
    # Once it is up, the alias may go.
    assert stage.up(renamed + '\n        Shelf("s")').changes == {"same": 3}


def test_without_an_alias_a_renamed_resource_is_another_one(stage: Stage) -> None:
    assert stage.up('Thing("a", {"size": 1})').ok
    assert stage.up('Thing("b", {"size": 1})').changes == {"same": 1, "create": 1, "delete": 1}
    was = 'Thing("c", {"size": 1}, Options(aliases=[pulumi.Alias(name="b")]))'
    assert stage.up(was).changes == {"same": 2}
    assert stage.toy.calls == ["create a", "create b", "delete a-id"]


def test_urns_are_pulumis_and_duplicates_are_refused_with_its_message(stage: Stage) -> None:
    stage.up("""
        outer = pulumi.ComponentResource("my:mod:Outer", "o")
        inner = pulumi.ComponentResource("my:mod:Inner", "i", None, Options(parent=outer))
        Thing("a", opts=Options(parent=inner))
    """)
    urn = "urn:pulumi:dev::toys::my:mod:Outer$my:mod:Inner$toy:index:Thing::a"
    assert urn in [record.urn for record in Store(stage.state).read()]
    stage.up('Thing("a"); Thing("a")')
    urn = "urn:pulumi:dev::toys::toy:index:Thing::a"
    assert stage.said() == [f"Duplicate resource URN '{urn}'; try giving it a unique name"]


def test_without_default_providers_a_forgotten_one_fails_by_name(stage: Stage) -> None:
    stage.config = {"pulumi:disable-default-providers": '["*"]'}
    told = "Default provider for 'toy' disabled. '{}' must use an explicit provider."
    assert not stage.up('Thing("a")').ok
    assert stage.said() == [told.format("toy:index:Thing")]
    assert not stage.up('pulumi.runtime.invoke_output("toy:index:ask", {})').ok
    assert stage.said() == [told.format("toy:index:ask")]
    explicit = 'toy = pulumi.ProviderResource("toy", "p", {"token": "t"})\n'
    assert stage.up(explicit + 'Thing("a", opts=Options(provider=toy))').ok


def test_a_resource_is_a_value(stage: Stage) -> None:
    result = stage.up("""
        a = Thing("a", {"echo": "e"})
        group = pulumi.ComponentResource("my:mod:Group", "g", {"of": a})
        b = Thing("b", {"of": a})
        pulumi.export("of", b.of if hasattr(b, "of") else None)
        pulumi.export("a", a)
    """)
    assert result.ok, stage.said()


# Failure


def test_a_failure_stops_only_what_depends_on_it(stage: Stage) -> None:
    result = stage.up("""
        bad = Thing("bad", {"fail": "this"})
        Thing("needs", {"echo": bad.key})
        Thing("waits", opts=Options(depends_on=[bad]))
        Thing("apart")
        pulumi.export("bad", bad.key)
        pulumi.export("good", "yes")
    """)
    assert not result.ok
    assert stage.done() == {"toys-dev": "create", "apart": "create"}
    assert [e.error for e in stage.events if isinstance(e, Failed)] == ["will not have this"]
    skipped = {e.urn[-5:]: e.because[-3:] for e in stage.events if isinstance(e, Skipped)}
    assert skipped == {"needs": "bad", "waits": "bad"}
    assert result.outputs == {"good": "yes"}


def test_a_failed_update_leaves_what_was(stage: Stage) -> None:
    stage.up('pulumi.export("e", Thing("a", {"echo": "old"}).echo)')
    assert not stage.up('pulumi.export("e", Thing("a", {"echo": "new", "fail": "x"}).echo)').ok
    assert stage.engine.outputs() == {"e": "old"}
    assert stage.up('pulumi.export("e", Thing("a", {"echo": "old"}).echo)').changes == {"same": 2}


def test_a_defect_of_a_stand_in_is_a_failed_step(stage: Stage) -> None:
    stage.toy.hooks["a"] = partial({"here": 1}.__getitem__, "missing")
    assert not stage.up('Thing("a"); Thing("b")').ok
    assert [e.error for e in stage.events if isinstance(e, Failed)] == ["KeyError: 'missing'"]
    assert stage.done()["b"] == "create"


def test_a_run_error_shows_its_message_alone(stage: Stage) -> None:
    assert not stage.up('Thing("a"); raise pulumi.RunError("no such host; hosts: pi")').ok
    assert stage.said() == ["no such host; hosts: pi"]
    assert stage.done()["a"] == "create"


def test_another_error_shows_the_program_and_not_what_ran_it(stage: Stage) -> None:
    stage.write("def deep():\n    raise KeyError('lost')\n", "helper.py")
    assert not stage.up("import helper\nhelper.deep()").ok
    (told,) = stage.said()
    assert told.startswith("Program failed with an unhandled exception:\nTraceback")
    assert "helper.deep()" in told
    assert "lab/program.py" not in told
    assert told.rstrip().endswith("KeyError: 'lost'")


def test_what_was_deleted_for_a_replacement_is_not_deleted_twice(stage: Stage) -> None:
    before = "Options(delete_before_replace=True)"
    stage.up(f'Thing("a", {{"size": 1}}, {before})')
    stage.up(f'Thing("a", {{"size": 2, "fail": "x"}}, {before})')
    stage.up(f'Thing("a", {{"size": 2}}, {before})')
    assert stage.toy.calls.count("delete a-id") == 1
    assert stage.done()["a"] == "replace"


# Side by side


def test_hosts_go_side_by_side(stage: Stage) -> None:
    together = threading.Barrier(12, timeout=30)
    for number in range(12):
        stage.toy.hooks[f"t{number}"] = together.wait
    assert stage.up('for n in range(12): Thing(f"t{n}")').ok


def test_slow_steps_do_not_hold_up_the_others(stage: Stage) -> None:
    through = threading.Event()
    for number in range(12):
        stage.toy.hooks[f"slow{number}"] = lambda: through.wait(30)
    stage.toy.hooks["last"] = through.set
    result = stage.up("""
        for n in range(12): Thing(f"slow{n}")
        step = Thing("first")
        for n in range(40):
            group = pulumi.ComponentResource("my:mod:Group", f"g{n}", {"of": step.key})
            step = Thing(f"step{n}", {"echo": step.key}, Options(parent=group))
            group.register_outputs({"key": step.key})
        Thing("last", {"echo": step.key})
    """)
    assert result.ok
    assert through.is_set()


# One run at a time, and what a dead one leaves


def test_a_second_run_is_refused_while_one_runs(stage: Stage) -> None:
    stage.write('Thing("a")')
    with Store(stage.state).lock(), pytest.raises(StateError, match=f"process {os.getpid()}"):
        stage.up()


@contextlib.contextmanager
def in_a_process(stage: Stage) -> Iterator[subprocess.Popen[str]]:
    """Start an `up` in a process. Its resource `slow` starts and then waits for a line."""
    script = f"""
        import signal, sys
        # Whoever started the tests in the background made their children deaf to it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
        from test_engine import Path, Stage
        stage = Stage(Path({str(stage.directory)!r}))
        def begin():
            print("begun", flush=True)
            sys.stdin.readline()
        stage.toy.hooks["slow"] = begin
        print(stage.up().ok, stage.said(), flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process


CHAIN = """
    first = Thing("first")
    slow = Thing("slow", {"echo": first.id})
    Thing("last", {"echo": slow.id})
"""


def test_after_a_killed_run_the_next_repeats_one_step(stage: Stage) -> None:
    stage.write(CHAIN)
    with in_a_process(stage) as process:
        process.kill()
    assert stage.up().ok
    assert stage.said("info") == ["An earlier run was killed; going on from what it finished."]
    assert stage.toy.calls == ["create slow", "create last"]
    assert stage.up().ok
    assert stage.said("info") == []


def test_ctrl_c_finishes_the_running_step_and_starts_no_other(stage: Stage) -> None:
    stage.write(CHAIN)
    with in_a_process(stage) as process:
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate("go on\n", timeout=60)
    assert told == "False ['update canceled']\n"
    assert process.returncode == 0
    assert stage.up().ok
    assert stage.said("info") == []
    assert stage.toy.calls == ["create last"]


# The program in its place


def test_the_program_runs_in_the_same_environment_as_under_pulumi(stage: Stage) -> None:
    (stage.directory / "Pulumi.yaml").write_text("name: toys\nruntime: python\nmain: src\n")
    (stage.directory / "src").mkdir()
    stage.write("VALUE = 1", "src/beside.py")
    (stage.directory / "src" / "__main__.py").write_text(
        dedent("""
        import os, pulumi, beside
        pulumi.export("value", beside.VALUE)
        pulumi.export("cwd", os.getcwd())
        pulumi.export("names", [pulumi.get_organization(), pulumi.get_project(),
                                pulumi.get_stack(), __name__])
        pulumi.export("config", pulumi.Config("other").require("key"))
    """)
    )
    stage.config = {"other:key": "v"}
    cwd, path = Path.cwd(), list(sys.path)
    assert stage.up().outputs == {
        "value": 1,
        "cwd": str(stage.directory),
        "names": ["organization", "toys", "dev", "__main__"],
        "config": "v",
    }
    stage.write("VALUE = 2", "src/beside.py")
    os.utime(stage.directory / "src" / "beside.py", (0, 0))
    assert stage.up().outputs["value"] == 2
    assert (Path.cwd(), sys.path) == (cwd, path)


def test_one_run_leaves_nothing_in_the_sdk_for_the_next(stage: Stage) -> None:
    assert not stage.up('Thing("a").key.apply(lambda _: 1 / 0); raise ValueError("x")').ok
    assert stage.up('pulumi.export("echo", Thing("a", {"echo": "e"}).echo)').outputs == {
        "echo": "e"
    }


# What is told


def test_a_step_says_what_changed(stage: Stage) -> None:
    stage.up('Thing("a", {"echo": "old", "files": {"f": "1"}}, Options(hide_diffs=["files"]))')
    stage.up('Thing("a", {"echo": "new", "files": {"f": "2"}}, Options(hide_diffs=["files"]))')
    started, finished = (
        next(e.step for e in stage.events if isinstance(e, kind) and e.step.name == "a")
        for kind in (Started, Finished)
    )
    assert started == finished
    assert finished.diff == ("echo", "files")
    assert finished.hide == ("files",)
    assert (finished.old["echo"], finished.new["echo"]) == ("old", "new")


def test_destroy_leaves_an_empty_stack(stage: Stage) -> None:
    stage.up('pulumi.export("e", Thing("a").id)')
    assert stage.engine.destroy(preview=True).changes == {"delete": 2}
    result = stage.engine.destroy()
    assert (result.ok, result.changes, result.outputs) == (True, {"delete": 2}, {})
    assert Store(stage.state).read() == []
    assert stage.engine.outputs() == {}
