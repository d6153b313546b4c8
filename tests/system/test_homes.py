"""The home of a person: typed keys of the stack become options of home-manager."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.evaluation.origin import Origins
from homelab.ops.project.stack import check_sources
from homelab.problems import InvalidStackError, Problem
from homelab.render import render
from homelab.system.home_programs import KEYS, key_of
from homelab.testing import changed
from tests import build

pytestmark = pytest.mark.requirement("S4-11", "S0-75")

HOME = "home/sam.nix"
MAC = {
    "kind": "home-manager",
    "platform": "x86_64-darwin",
    "state_version": "25.11",
    "home": HOME,
}
KIM = {
    "email": "kim@example.org",
    "account": {"hosts": ["nas"], "ssh_keys": [f"{build.OWNER} kim"]},
}
NAS: dict[str, Any] = {"hosts": {"nas": {"home": HOME}}}


def sam(**said: Any) -> dict[str, Any]:
    return {"homes": {"sam": said}}


def home_of(release: str = "25.11", /, **said: Any) -> str:
    """The generated module of sam's home on nas."""
    pin = {"nixpkgs": {"default": {"release": release}}}
    return build.render(changed(NAS, sam(**said), pin))["nas"]["homes/sam.nix"]


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ({"packages": ["ripgrep"]}, ["home.packages = [ pkgs.ripgrep ];"]),
        (
            {"aliases": {"ll": "ls -l", "..": "cd .."}},
            ["programs.bash = {", "enable = true;", '".." = "cd ..";', 'll = "ls -l";'],
        ),
        ({"bash": {}}, ["programs.bash.enable = true;"]),
        (
            {"bash": {"history": 9000, "init": "set -o vi"}},
            ["historySize = 9000;", "historyFileSize = 9000;", "lib.mkBefore ''", "set -o vi"],
        ),
        (
            {"prompt": {"settings": {"hostname": {"ssh_only": False}}}},
            ["programs.starship = {", "settings.hostname.ssh_only = false;", "programs.bash"],
        ),
        (
            {"tmux": {"prefix": "C-a", "keys": "vi", "mouse": True, "history": 90, "config": "x"}},
            [
                "programs.tmux = {",
                'prefix = "C-a";',
                'keyMode = "vi";',
                "mouse = true;",
                "historyLimit = 90;",
                "extraConfig = lib.mkBefore ''",
            ],
        ),
        ({"tmux": {}}, ["programs.tmux.enable = true;"]),
        (
            {"micro": {"settings": {"tabsize": 2}}},
            ["programs.micro = {", "settings.tabsize = 2;"],
        ),
    ],
)
def test_each_key_is_its_option(said: dict[str, Any], lines: list[str]) -> None:
    text = home_of(**said)
    for line in lines:
        assert line in text


GIT = {
    "name": "Sam",
    "email": "sam@example.org",
    "aliases": {"st": "status"},
    "settings": {"pull": {"rebase": True}},
}


def test_git_has_the_names_of_the_options_of_its_release() -> None:
    """25.11 renamed `userName` to `settings.user.name`, and `aliases` to `settings.alias`."""
    new, old = home_of(git=GIT), home_of("25.05", git=GIT)
    for line in ('name = "Sam";', 'email = "sam@example.org";', "settings = {", "pull.rebase"):
        assert line in new
    assert 'alias.st = "status";' in new
    assert "userName" not in new
    assert "extraConfig" not in new
    for line in ('userName = "Sam";', 'userEmail = "sam@', 'aliases.st = "status";'):
        assert line in old
    assert "extraConfig.pull.rebase = true;" in old
    assert " settings" not in old


def test_vscode_has_a_profile_since_there_are_profiles_and_its_licence_is_allowed() -> None:
    said = {"extensions": ["jnoortheen.nix-ide"], "settings": {"editor.tabSize": 2}}
    new, old = home_of(vscode=said), home_of("24.11", vscode=said)
    assert "profiles.default = {" in new
    assert "profiles" not in old
    for text in (new, old):
        assert "extensions = [ pkgs.vscode-extensions.jnoortheen.nix-ide ];" in text
        assert 'userSettings."editor.tabSize" = 2;' in text
    files = build.render(changed(NAS, {"hosts": {"mac": MAC}}, sam(vscode=said)))
    for text in (files["nas"]["nix.nix"], files["mac"]["home.nix"]):
        assert '"vscode"' in text
        assert '"vscode-extension-jnoortheen-nix-ide"' in text
    assert "allowUnfree" not in files["pi"]["nix.nix"]


def test_nixos_and_another_system_get_the_same_home() -> None:
    files = build.render(changed(NAS, {"hosts": {"mac": MAC}}, sam(git=GIT, tmux={})))
    assert files["nas"]["homes/sam.nix"] == files["mac"]["homes/sam.nix"]
    for host in ("nas", "mac"):
        # The person's own module comes with it.
        assert "./own/home/sam.nix" in files[host]["home.nix"]
        assert "./homes/sam.nix" in files[host]["home.nix"]
        assert "./homes/sam.nix" not in files[host]["default.nix"]
    assert "homes/sam.nix" not in files["pi"]


def test_aliases_reach_the_shell_of_the_system() -> None:
    files = build.render(changed(NAS, {"hosts": {"mac": MAC}}, sam(aliases={"ll": "ls -l"})))
    assert "programs.zsh" in files["mac"]["homes/sam.nix"]
    assert "programs.zsh" not in files["nas"]["homes/sam.nix"]


def test_values_yield_to_the_persons_own_module() -> None:
    """Plain definitions of the module have priority 100, and those of `derive` 900."""
    text = home_of(git=GIT, bash={"init": "x"})
    assert "config = derive {" in text
    assert "mkForce" not in text


def test_named_hosts_have_it_also_without_a_module() -> None:
    files = build.render(sam(hosts=["pi"], git=GIT))
    assert "./homes/sam.nix" in files["pi"]["home.nix"]
    assert "./own/" not in files["pi"]["home.nix"]
    assert "home-manager.nixosModules.home-manager" in files["pi"]["flake.nix"]
    assert "home.nix" not in files["nas"]
    both = build.render(changed(NAS, sam(hosts=["pi"], git=GIT)))
    assert "homes/sam.nix" not in both["nas"]


def test_a_member_has_it_on_the_hosts_of_their_account() -> None:
    kim = {"site": {"members": {"kim": KIM}}, "homes": {"kim": {"tmux": {}}}}
    files = build.render(kim)
    assert "home-manager.users.kim = {" in files["nas"]["home.nix"]
    assert "programs.tmux" in files["nas"]["homes/kim.nix"]
    assert "home.nix" not in files["pi"]


def test_why_names_the_key_of_each_line() -> None:
    plan = build.plan(changed(NAS, sam(git=GIT, aliases={"ll": "ls -l"}, bash={"history": 9})))
    files = dict(render(plan, build.sources(plan))["nas"].files)
    origins = Origins(plan, plan.hosts["nas"], files)
    (git,) = origins.of_option(("programs", "git"))
    assert git.place is not None
    assert git.place.where == "homes.sam.git"
    (alias,) = origins.of_option(("programs", "bash", "shellAliases", "ll"))
    assert alias.place is not None
    assert alias.place.where == "homes.sam.aliases"
    whole = origins.of_file("homes/sam.nix").place
    assert whole is not None
    assert whole.where == "homes.sam"


def test_every_option_has_its_key() -> None:
    assert {key_of(f"{option}.x") for option in KEYS} == {*KEYS.values()}
    assert key_of("programs.gitui") == ""


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "nothing in it"),
        ({"hosts": ["nas"]}, "nothing in it"),
        ({"aliases": {"a b": "x"}}, "not the name of an alias"),
        ({"aliases": {"$(id)": "x"}}, "not the name of an alias"),
        ({"tmux": {"prefix": "a; kill-server"}}, "prefix"),
        ({"git": {"aliases": {"a.b": "x"}}}, "not the name of an alias in Git"),
        ({"git": {"name": "S", "settings": {"user": {"name": "T"}}}}, "are one setting"),
        (
            {"git": {"name": "S", "settings": {"User": {"Name": "T"}}}},
            "name and settings.User.Name are one setting; write name",
        ),
        (
            {"git": {"settings": {"pull": {"rebase": True}, "Pull": {"Rebase": False}}}},
            "settings.pull.rebase and settings.Pull.Rebase are one setting",
        ),
        (
            {"git": {"settings": {"url": {"a": {"insteadOf": "b", "insteadof": "c"}}}}},
            "settings.url.a.insteadOf and settings.url.a.insteadof are one setting",
        ),
        ({"git": {"settings": {"alias": {"st": "status"}}}}, "written as aliases"),
        (
            {"git": {"aliases": {"st": "status", "ST": "stash"}}},
            "aliases.st and aliases.ST are one setting",
        ),
        ({"git": {"settings": {"init": {"default branch": "x"}}}}, "Git cannot read"),
        ({"git": {"settings": {"url": {'a"b': {"insteadOf": "c"}}}}}, "has a name with a quote"),
        ({"git": {"settings": {"core": {"pager": None}}}}, "without a value"),
        ({"prompt": {"settings": {"character": {"x": None}}}}, "without a value"),
        ({"vscode": {"extensions": ["nix-ide"]}}, "not an extension"),
    ],
)
def test_what_no_program_could_read_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.stack_config(changed(NAS, sam(**said)))
    assert message in str(refused.value)


def test_a_subsection_of_git_stands_between() -> None:
    said = {"url": {"git@github.com:": {"insteadOf": "gh:"}}}
    assert 'url."git@github.com:".insteadOf = "gh:";' in home_of(git={"settings": said})


def problems(check: str, *changes: Any, **files: str) -> list[Problem]:
    plan = build.plan(changed(*changes))
    given = {HOME: "{ programs.vim.enable = true; }", **files}
    found = check_sources(plan, {**build.sources(plan), **given})
    return [p for p in found if p.check == check]


@pytest.mark.parametrize(
    "module",
    [
        "{ }",
        "{ pkgs, ... }: { home.packages = with pkgs; [ micro ncdu ]; programs.bash.enable = true; }",
        '{ home.stateVersion = "25.11"; programs.home-manager.enable = true; }',
    ],
)
def test_a_home_of_packages_alone_is_thin(module: str) -> None:
    (thin,) = problems("home-minimum", NAS, **{HOME: module})
    assert (thin.where, thin.severity) == ("hosts.nas.home", "warning")
    # The stack describes the rest of it.
    assert problems("home-minimum", NAS, sam(git=GIT), **{HOME: module}) == []


@pytest.mark.parametrize(
    "module",
    [
        "{ programs.git.enable = true; }",
        '{ home.file.".vimrc".text = "set nu"; }',
        "{ inputs, ... }: { imports = [ inputs.mine.homeModules.sam ]; }",
        '{ imports = [ (builtins.fetchTarball "https://example.org/x.tar.gz") ]; }',
        "{ services.syncthing.enable = true; }",
    ],
)
def test_a_home_with_any_setting_is_no_thin_one(module: str) -> None:
    assert problems("home-minimum", NAS, **{HOME: module}) == []


def test_a_described_home_of_packages_alone_is_thin() -> None:
    (thin,) = problems("home-minimum", sam(hosts=["nas"], packages=["htop"], bash={}))
    assert thin.where == "homes.sam"
    assert problems("home-minimum", sam(hosts=["nas"], packages=["htop"], tmux={})) == []


OWN = "hosts/nas/own.nix"
WITH = changed(NAS, {"hosts": {"nas": {"modules": [OWN]}}})


@pytest.mark.parametrize(
    "system",
    ['environment.shellAliases = { ll = "ls -l"; };', 'programs.bash.shellAliases.ll = "ls -l";'],
)
def test_an_alias_of_the_system_that_a_home_has_too_is_told(system: str) -> None:
    there = {OWN: f"{{ {system} }}"}
    (same,) = problems("home-alias", WITH, sam(aliases={"ll": "ls -l"}), **there)
    assert same.where == "homes.sam.aliases.ll"
    assert "says the same as" in same.what
    (other,) = problems("home-alias", WITH, sam(aliases={"ll": "exa"}), **there)
    assert "hides" in other.what
    mine = {HOME: '{ home.shellAliases.ll = "ls -l"; }'}
    (module,) = problems("home-alias", WITH, **there, **mine)
    assert module.where == "hosts.nas.home"
    assert problems("home-alias", WITH, sam(aliases={"la": "ls -a"}), **there) == []
