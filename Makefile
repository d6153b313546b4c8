# Targets are verbs. uv is fetched into .tools when it is not on PATH; everything else comes by it.

# Found on PATH: NixOS has no /bin/bash. A shell of its own name also makes old makes heed our PATH.
SHELL := bash
TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS)/bin:$(PATH)
PYTHON ?= python3
STACK ?= home

.PHONY: lab test test-lab faults boot-faults check bench bench-deploy format update-golden docs clean

lab: .venv/ready  ## rehearse the stack on this machine: no account, no NixOS, no Pulumi command
	uv run --no-sync homelab lab up -s $(STACK)
	@bash .ci/next.sh $(STACK)

test: .venv/ready  ## every test that needs nothing but this clone, and a short way through the lab
	uv run --no-sync pytest -n auto --dist worksteal -m "not lab"

test-lab: .venv/ready  ## the whole ways through the lab: ups, failures, kills, two stacks; minutes
	uv run --no-sync pytest -n auto --dist worksteal -m lab

faults: .venv/ready  ## machines that really fail: real systemd, SSH and power cuts; root on Linux
	uv run --no-sync python -m tests.faults -n 4

boot-faults: .venv/ready  ## the same on emulated computers: firmware, a boot loader and a kernel
	HOMELAB_FAULTS_BOOT=1 uv run --no-sync python -m tests.faults -n 2 tests/faults/test_boot_loader.py tests/faults/test_one_shot.py

check: .venv/ready  ## types, style, import arrows, shell
	uv run --no-sync ruff check .
	uv run --no-sync ruff format --check .
	uv run --no-sync mypy
	uv run --no-sync lint-imports
	uv run --no-sync shellcheck homelab/*/*.sh homelab/deploy/scripts/*.sh tests/faults/nixos/*.sh .ci/run .ci/next.sh
	uv run --no-sync homelab check

bench: .venv/ready  ## the design's budgets, as ratios in one run
	uv run --no-sync python -m tests.bench

bench-deploy: .venv/ready  ## what a deployment costs beside a plain script, and a fleet of 50; minutes
	uv run --no-sync python -m tests.bench_deploy

format: .venv/ready
	uv run --no-sync ruff check --fix .
	uv run --no-sync ruff format .

update-golden: .venv/ready  ## write the expected files anew; the diff is the review
	UPDATE_GOLDEN=1 uv run --no-sync pytest tests/golden

docs: .venv/ready  ## write the reference pages anew from the code
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
