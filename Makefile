# Assay. `make` alone lists what there is; `make elt` does the main job.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
# a collector of cycles that looks through its trees over and over is a third of what sqlfluff does
SQLFLUFF := $(BIN)/python -c 'import gc; gc.set_threshold(100_000, 50, 1000); \
	from sqlfluff.cli.commands import cli; cli(prog_name="sqlfluff")'

# make elt TARGET=postgres CSV=~/mylab; every variable of .env.example works the same way. A
# TARGET of the environment is somebody else's: cross-compilers have one.
ifeq ($(origin TARGET),command line)
export ELT_TARGET := $(TARGET)
endif
ifeq ($(origin CSV),command line)
export CSV_DATA_PATH := $(CSV)
endif

CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 python
PYTHON = $(shell for python in $(CANDIDATES); do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo "$$python"; break; }; done)
# one more than cores: tests wait for programs and servers now and then
WORKERS = $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) + 1 )))
PIP_INSTALL = $(RUN) pip install --quiet --disable-pip-version-check
# all cores compile what pip has installed; what is of another Python's syntax stays as it is
COMPILE = $(RUN) compileall -qq -j 0 $(VENV)/lib loaders orchestration || true

# docker or podman, or what is missing, with exit code 2
FIND_ENGINE = ENGINE='$(ENGINE)' scripts/container_engine.sh
COMMA := ,
SCRIPTS := quickstart.sh $(wildcard scripts/*.sh) $(wildcard deploy/*/*.sh) .ci/run
MANIFESTS := $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/*/*.yaml))

.DEFAULT_GOAL := help
.PHONY: help elt run serve build docker-build docker-up docker-down docker-logs setup test coverage test-long test-system test-image smoke faults fuzz bench bench-health lint fmt docs contracts audit lock clean reset down

help: ## List the targets
	@echo "Assay: make TARGET [VARIABLE=value]"
	@sed -n -e 's/^#: \(.*\)/\1/p' -e 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | \
		awk -F'|' 'NF == 1 {print "\n" $$1; next} {printf "%-14s %s\n", $$1, $$2}'

#: Use it

elt: $(VENV)/.ready ## Land the data, build and test the models (TARGET=postgres, CSV=~/mylab)
	@$(BIN)/elt run || { code=$$?; [ $$code -eq 3 ] || exit $$code; }

serve: $(VENV)/.ready ## Answer over HTTP on http://127.0.0.1:8000/ (APP_PORT=…)
	@$(BIN)/elt serve

run: elt ## The same as elt

build: $(VENV)/.ready ## Set up what elt and serve need: the virtual environment, from the hashed lock

#: In containers (ENGINE=podman; PIP_CONF=file for an index of your own)
docker-build: ## Build the image, assay:latest
	@engine=$$($(FIND_ENGINE)) && $$engine build --file deploy/Dockerfile --tag assay:latest \
		--build-arg VERSION="$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" \
		--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
		$(if $(PIP_CONF),--secret id=pip_conf$(COMMA)src='$(PIP_CONF)') .

docker-up: ## Start PostgreSQL, the raw store and the service, and wait until they are healthy
	@engine=$$($(FIND_ENGINE)) && $$engine compose up --detach --wait

docker-down: ## Stop them; their volumes stay
	@engine=$$($(FIND_ENGINE)) && $$engine compose down

docker-logs: ## Follow what they say
	@engine=$$($(FIND_ENGINE)) && $$engine compose logs --follow --tail 100

#: Develop
setup: $(VENV)/.ready-dev ## Install everything that the other targets need

test: $(VENV)/.ready-dev ## Run the tests that need nothing but Python packages
	@$(RUN) pytest -n $(WORKERS) --dist worksteal --contract-results=data/test-results/contracts-test.json

coverage: $(VENV)/.ready-dev ## Run the same tests, and measure which lines they reach (85 % at least)
	@$(RUN) pytest -n $(WORKERS) --dist worksteal --cov

test-long: $(VENV)/.ready-dev ## Run what the second warehouse and other whole runs add, a quarter of an hour
	@$(RUN) pytest -n $(WORKERS) --dist worksteal -m long --ignore=tests/faults tests tests/system

test-system: $(VENV)/.ready-dev ## Run the tests that need a browser and a PostgreSQL server
	@$(RUN) pytest -n $(WORKERS) tests/system --contract-results=data/test-results/contracts-system.json

test-image: $(VENV)/.ready-dev ## Build the image's steps on a bare Debian and run it, minutes (root, debootstrap)
	@$(RUN) pytest -m long tests/system/test_image.py

smoke: $(VENV)/.ready-dev ## Run every pipeline against stand-ins, or the services that settings name
	@$(RUN) tests.smoke

faults: $(VENV)/.ready-dev ## Try the faults at length, half an hour of kills, and print the tally
	@$(RUN) pytest -m long tests/faults

fuzz: $(VENV)/.ready-dev ## Try every operation of the service with what nobody expects (EXAMPLES=200)
	@$(RUN) tests.fuzz $(if $(EXAMPLES),--examples $(EXAMPLES))

bench: $(VENV)/.ready-dev ## Measure landing against bare COPY and peers (BENCH="--only csv-duckdb")
	@$(RUN) benchmarks $(BENCH)

bench-health: $(VENV)/.ready-dev ## Measure how soon /health answers while a run is on
	@$(RUN) benchmarks.health

lint: $(VENV)/.ready-dev ## Check style, types, docstrings, SQL, the direction of imports, scripts and deploy/
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports --no-logo
	@eval "$$(ELT_TARGET=duckdb $(BIN)/elt env)" && $(SQLFLUFF) lint dbt_project
	@PATH="$(BIN):$$PATH" shellcheck --external-sources $(SCRIPTS)
	@$(BIN)/hadolint deploy/Dockerfile
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/kubernetes-validate --quiet --strict $(MANIFESTS)

fmt: $(VENV)/.ready-dev ## Put Python and SQL in shape
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .
	@eval "$$(ELT_TARGET=duckdb $(BIN)/elt env)" && $(SQLFLUFF) fix dbt_project

docs: $(VENV)/.ready ## Write the docs site; its path is the last line
	@$(BIN)/elt docs

contracts: $(VENV)/.ready-dev ## Show which promises are proved by the last tests (ONLY=S2)
	@$(RUN) tests.contracts $(if $(ONLY),--only $(ONLY))

audit: $(VENV)/.ready-dev ## Look for known vulnerabilities in what is locked
	@$(BIN)/pip-audit --requirement requirements.txt --disable-pip --progress-spinner off

lock: pyproject.toml ## Resolve the dependencies anew (needs uv)
	@uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-strip-extras \
		--python-version 3.11 --upgrade --group dev --output-file requirements-dev.txt pyproject.toml
	@uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --no-strip-extras \
		--python-version 3.11 --constraints requirements-dev.txt --output-file requirements.txt pyproject.toml

#: Tidy up
clean: ## Remove what was generated; the data and its logs stay
	@rm -rf dbt_project/target dbt_project/logs logs/dbt.log* build .coverage* .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

reset: $(VENV)/.ready ## Drop the warehouse, after asking; raw files and run records stay
	@$(BIN)/elt reset

down: $(VENV)/.ready ## Stop the embedded PostgreSQL
	@$(BIN)/elt down

$(VENV)/.ready: requirements.txt pyproject.toml
	@[ -n "$(PYTHON)" ] || { echo "Assay needs Python 3.11 or newer; none of $(CANDIDATES) is." \
		"Install one, or name it: make PYTHON=/path/to/python" >&2; exit 2; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Assay needs Python 3.11 or newer;" \
		"$(PYTHON) is $$("$(PYTHON)" --version 2>&1)" >&2; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module;" \
		"on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }
	@echo "Setting up $(VENV) (once, about a minute) …" >&2
	@$(BIN)/python -c '' 2>/dev/null || "$(PYTHON)" -m venv --clear $(VENV)
	@$(PIP_INSTALL) --no-compile --require-hashes -r requirements.txt
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt
	@echo "Installing what the tests and linters need (once) …" >&2
	@$(PIP_INSTALL) --no-compile --require-hashes -r requirements-dev.txt
	@$(COMPILE)
	@touch $@
