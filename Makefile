# Targets are verbs. uv is downloaded into .tools if it is not on PATH, and installs everything else.

# bash is looked up on PATH: NixOS has no /bin/bash. Setting SHELL also makes old versions of make use our PATH.
SHELL := bash
TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS)/bin:$(PATH)
PYTHON ?= python3
STACK ?= home
# Each process of the tests rewrites the assertions of every test module unless it may keep the result.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: lab test test-lab faults boot-faults check bench bench-deploy bench-backup demo-restore format update-golden docs clean

lab: .venv/ready  ## rehearse the stack on this machine: no account, no NixOS, no Pulumi command
	uv run --no-sync homelab lab up -s $(STACK)
	@bash .ci/next.sh $(STACK)

test: .venv/ready  ## run the tests that need only this clone, with a short run of the lab
	uv run --no-sync pytest -n auto --dist worksteal -m "not lab and not long"

test-lab: .venv/ready  ## run the long tests: deployments to the lab, restores, every field; takes minutes
	uv run --no-sync pytest -n auto --dist worksteal -m "lab or long or hypothesis" --hypothesis-profile default

faults: .venv/ready  ## run tests on machines that fail: real systemd, SSH and power cuts; root on Linux
	uv run --no-sync python -m tests.faults -n 4

boot-faults: .venv/ready  ## run such tests on emulated computers: firmware, a boot loader and a kernel
	HOMELAB_FAULTS_BOOT=1 uv run --no-sync python -m tests.faults -n 2 tests/faults/test_boot_loader.py tests/faults/test_one_shot.py

check: .venv/ready  ## check types, style, imports, shell and the stack
	uv run --no-sync ruff check .
	uv run --no-sync ruff format --check .
	uv run --no-sync mypy
	uv run --no-sync lint-imports
	uv run --no-sync shellcheck homelab/*/*.sh homelab/deploy/scripts/*.sh homelab/deploy/builder/*.sh tests/faults/nixos/*.sh .ci/run .ci/next.sh
	uv run --no-sync homelab check

bench: .venv/ready  ## measure the time budgets, as ratios within one run
	uv run --no-sync python -m tests.bench

bench-deploy: .venv/ready  ## measure a deployment against a plain script, and 50 hosts; takes minutes
	uv run --no-sync python -m tests.bench_deploy

bench-backup: .venv/ready  ## measure what dumps cost, and a restore against plain restic
	uv run --no-sync python -m tests.bench_backup

demo-restore: .venv/ready  ## lose the home stack and restore it from nothing, in the lab
	uv run --no-sync python -m tests.demo_restore

format: .venv/ready
	uv run --no-sync ruff check --fix .
	uv run --no-sync ruff format .

update-golden: .venv/ready  ## rewrite the expected files; review the diff
	UPDATE_GOLDEN=1 uv run --no-sync pytest tests/golden

docs: .venv/ready  ## rewrite the reference pages from the code
	uv run --no-sync python -m tests.docs.write

clean:
	rm -rf .venv .tools .homelab out

.venv/ready: pyproject.toml uv.lock $(TOOLS)/uv
	uv sync --frozen
	@touch $@

$(TOOLS)/uv:
	@mkdir -p $(TOOLS)
	@command -v uv >/dev/null 2>&1 || $(PYTHON) .ci/fetch_uv.py $(TOOLS)
	@touch $@
