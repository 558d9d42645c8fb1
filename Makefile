# Every target brings what it needs: a virtual environment, uv inside it, the locked dependencies.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# Every start would compile everything anew where the environment forbids to keep compiled code.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help install demo serve up down test check format docs simulate chaos fuzz kills bench clean

help: ## Say what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(INSTALLED): pyproject.toml uv.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(BIN)/uv || $(BIN)/pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv sync --quiet --locked --compile-bytecode
	@touch $@

install: $(INSTALLED) ## Make .venv with the locked dependencies

demo: $(INSTALLED) ## Replay real car loans and building projects; see the alerts and why (under 2 minutes)
	@$(BIN)/tocsin demo

serve: $(INSTALLED) ## Run the whole system in one process on files in .tocsin
	@$(BIN)/tocsin serve

up: $(INSTALLED) ## Run all of it in containers (docker compose), with fresh secrets the first time
	@$(BIN)/tocsin admin secrets
	@docker compose up --detach --build --remove-orphans

down: ## Stop the containers; the data stay
	@docker compose down

test: $(INSTALLED) ## Run all tests, on files and on real PostgreSQL and Apache Kafka
	@deploy/dev/debian-packages --check || true
	@$(BIN)/pytest -q -n 2 --dist loadfile $(PYTEST_ARGS)

check: $(INSTALLED) ## Lint, types, walls between the parts, dependencies, formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/deptry .
	@$(BIN)/python -m tests.architecture.lints

format: $(INSTALLED) ## Format the code
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

docs: $(INSTALLED) ## Write the generated pages and documents anew
	@$(BIN)/python -m tests.support.pages

simulate: export SEEDS ?= 100
simulate: export FROM ?= 1
simulate: $(INSTALLED) ## Disturb SEEDS simulated systems, numbered on from FROM: each must end as if nothing had happened
	@$(BIN)/pytest -q -n 2 --dist load tests/simulation/test_seeds.py tests/simulation/test_more_seeds.py

fuzz: export FACTS ?= 100000
fuzz: export SEED ?= 1
fuzz: $(INSTALLED) ## Send FACTS hostile facts by every edge, from SEED on: none may be lost or stop the others
	@$(BIN)/pytest -q -n 2 --dist load --show-capture=no tests/fuzz

chaos: $(INSTALLED) ## Disturb the real system as SEED decides, WHERE=servers or embedded, for SECONDS=60: nothing lost or doubled
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) $(if $(WHERE),--where $(WHERE)) $(if $(SECONDS),--seconds $(SECONDS))

kills: export FACTS ?= 1000000
kills: export KILLS ?= 20
kills: export SEED ?= 1
kills: $(INSTALLED) ## SIGKILL the system KILLS times while FACTS facts stream in: the hash must be that of a calm run
	@$(BIN)/python -m tests.support.kills --facts $(FACTS) --kills $(KILLS) --seed $(SEED)

bench: $(INSTALLED) ## Measure; prints a table and writes benchmarks/results.json
	@$(BIN)/python -m benchmarks

clean: ## Remove what the other targets made
	rm -rf .venv .cache .mypy_cache .ruff_cache .hypothesis .tocsin build dist demo-report.html
