# Everything a newcomer or CI runs. `make` alone lists it. Needs Python >= 3.11 and make; the rest is installed here.

PYTHON ?= python3
BIN := .venv/bin

# sh replaces itself by our program, which then ends in order even when make is killed (see local/child.py).
TERMINATE := 15
RUN := exec $(BIN)/python -I -S local/child.py $(TERMINATE) $$PPID same $(BIN)/python

# A stamp is a copy of the lock that was installed: a second run compares two files and goes on.
define install
	@cmp -s requirements/$(1).txt .venv/$(1).txt || { \
	  command -v $(PYTHON) >/dev/null || \
	    { echo "$(PYTHON) is not here: install Python 3.11 or newer, or name it: make PYTHON=..." >&2; exit 1; }; \
	  $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is older than 3.11: install a newer one, or name it: make PYTHON=..." >&2; exit 1; }; \
	  $(BIN)/python -m pip --version >/dev/null 2>&1 || { \
	    $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	      { echo "$(PYTHON) has no venv module: install python3-venv" >&2; exit 1; }; \
	    $(PYTHON) -m venv --clear .venv || exit 1; }; \
	  echo "Installing $$(grep -c '^[a-z0-9]' requirements/$(1).txt) packages into .venv (once)..."; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
	    -r requirements/$(1).txt || exit 1; \
	  cp requirements/$(1).txt .venv/$(1).txt; }
endef

# Their own environment: neither the servers nor their tests have a use for these.
define tools_of_images
	{ cmp -s requirements/images.txt .venv-images/images.txt || { \
	  { test -x .venv-images/bin/pip || $(PYTHON) -m venv --clear .venv-images; } && \
	  .venv-images/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
	    -r requirements/images.txt && cp requirements/images.txt .venv-images/images.txt; }; }
endef

.PHONY: help up demo test check lock migration docs openapi dashboards clean
.PHONY: bench bench-quick bench-growth bench-endurance wheels sbom images infra-check

# What images are made of; each may be given: make images BASE=python:3.11-slim-bookworm@sha256:...
DOCKER ?= docker
BASE ?= python:3.11-slim-bookworm
ARCH ?= $(shell uname -m)
IMAGE_PYTHON ?= 3.11
VERSION ?= $(shell sed -n 's/^VERSION = "\(.*\)"/\1/p' noonmark/version.py)
REVISION ?= $(shell git describe --always --abbrev=40 --dirty --exclude '*' 2>/dev/null || echo unknown)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
APT_PACKAGES ?=
BUILD_OPTIONS ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[.a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

up: ## Start everything here, with a PostgreSQL of its own, and show a first webhook arrive
	$(call install,local)
	@$(RUN) -m local up

demo: ## The same story, then stop; fails if anything in it did
	$(call install,local)
	@$(RUN) -m local demo

test: ## All tests but the heavy ones, on an embedded PostgreSQL
	$(call install,develop)
	@$(BIN)/pytest -n auto --dist worksteal -m "not heavy"

check: ## Lint, format, types, import contracts
	$(call install,develop)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

lock: ## Compile requirements/*.in into hashed locks (upgrade=1: to the newest versions)
	@test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install -q uv; }
	@for name in run local develop bench images; do \
	  .venv-lock/bin/uv pip compile -q $(if $(upgrade),--upgrade) --universal --python-version 3.11 \
	    --generate-hashes --no-header --no-emit-index-url --no-annotate \
	    -o requirements/$$name.txt requirements/$$name.in || exit 1; done

wheels: ## Fetch the packages of the images, by hash, into build/wheels (ARCH=aarch64: for another machine)
	@mkdir -p build && printf '%s %s\n' "$(ARCH)" "$(IMAGE_PYTHON)" | \
	  cat - requirements/run.txt requirements/images.txt > build/wheels.new; \
	if cmp -s build/wheels.new build/wheels.lock; then rm build/wheels.new; exit 0; fi; \
	$(call tools_of_images) && rm -rf build/wheels build/wheels.lock && mkdir -p build/wheels && \
	sed -n '/^pip==/,/[^\\]$$/p' requirements/images.txt > build/pip.txt && \
	for lock in requirements/run.txt build/pip.txt; do \
	  .venv-images/bin/pip download --quiet --disable-pip-version-check --no-input --no-deps --require-hashes \
	    --only-binary :all: --implementation cp --python-version $(IMAGE_PYTHON) \
	    $(foreach glibc,17 24 26 27 28 31 34 35 36,--platform manylinux_2_$(glibc)_$(ARCH)) \
	    --platform manylinux2014_$(ARCH) --dest build/wheels -r $$lock || exit 1; done && \
	mv build/wheels.new build/wheels.lock && echo "build/wheels holds $$(ls build/wheels | wc -l) packages"

sbom: wheels ## List what is in the images, as CycloneDX, into build/sbom.json
	@if test build/sbom.json -nt build/wheels.lock; then exit 0; fi; \
	$(call tools_of_images) && rm -rf build/listed && .venv-images/bin/python -m venv --without-pip build/listed && \
	.venv-images/bin/pip --python build/listed/bin/python install --quiet --disable-pip-version-check --no-input \
	  --no-index --find-links build/wheels --require-hashes --no-compile -r requirements/run.txt && \
	.venv-images/bin/cyclonedx-py environment --output-reproducible --of JSON -o build/sbom.new build/listed && \
	rm -rf build/listed && mv build/sbom.new build/sbom.json

images: wheels sbom ## Build noonmark/server and noonmark/scheduler (BASE, VERSION, APT_PACKAGES=ffmpeg)
	@for name in server scheduler; do \
	  $(DOCKER) build $(BUILD_OPTIONS) --quiet --file Dockerfile.$$name --tag noonmark/$$name:$(VERSION) \
	    --build-arg BASE=$(BASE) --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) \
	    --build-arg CREATED=$$(date -u -d @$(SOURCE_DATE_EPOCH) +%FT%TZ) \
	    --build-arg SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) \
	    $$(test $$name = server || echo "--build-arg APT_PACKAGES=$(APT_PACKAGES)") . || exit 1; done
	@$(DOCKER) images --filter reference='noonmark/*'

.env: ## Write settings for compose, with secrets of their own
	@umask 077 && $(PYTHON) infra/compose/environment.py .env.example > .env.new && mv .env.new .env
	@echo ".env is written; docker compose up reads it"

bench-quick: ## Three minutes of measuring; what it means is in docs/benchmarks.md
	$(call install,local)
	@$(RUN) -m benchmarks quick

bench: ## Measure beside the peers, at most forty minutes (they need npm and redis-server)
	$(call install,local)
	@test -x .venv-peers/bin/pip || $(PYTHON) -m venv --clear .venv-peers
	@cmp -s requirements/bench.txt .venv-peers/bench.txt || { .venv-peers/bin/pip install --quiet \
	  --disable-pip-version-check --no-input --require-hashes -r requirements/bench.txt || exit 1; \
	  cp requirements/bench.txt .venv-peers/bench.txt; }
	@! command -v npm >/dev/null || { cp benchmarks/peers/package*.json .venv-peers && \
	  npm install --silent --no-save --no-audit --no-fund --prefix .venv-peers; }
	@$(RUN) -m benchmarks full

bench-growth: ## Measure what a job costs when there is much of everything
	$(call install,local)
	@$(RUN) -m benchmarks growth

bench-endurance: ## Measure a pinned transaction, a backlog of a million, a soak
	$(call install,local)
	@$(RUN) -m benchmarks endurance


infra-check: ## Plan and apply what infra/terraform says; builds Terraform's providers first (needs Go, terraform, Docker)
	$(call install,develop)
	@infra/tools helm schemas docker random kubernetes standins collector
	@$(BIN)/pytest -m "infra or providers"

migration: ## Write the migration between the migrations and the tables (name=add_something)
	@test -n "$(name)" || { echo "say what it does: make migration name=add_something" >&2; exit 1; }
	$(call install,develop)
	@$(BIN)/python -m local migration "$(name)"

docs: ## Write the generated tables of README.md and docs/
	$(call install,local)
	@$(BIN)/python -m docs.generator

openapi: ## Write docs/openapi.json
	$(call install,local)
	@$(BIN)/python -m app openapi > docs/openapi.json.new && mv docs/openapi.json.new docs/openapi.json

dashboards: ## Write Grafana's dashboards into infra/observability/grafana
	$(call install,local)
	@$(BIN)/python -m infra.observability.dashboards

clean: ## Remove the local data, the installed packages and the caches
	@rm -rf .noonmark .venv .venv-lock .venv-peers .venv-images .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist build
