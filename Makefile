# Each target sets up what it needs: `make test` on a bare machine with Python 3.11 or later is enough.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin
SHELLS := bot/node/terminating-node
BASHES := tests/lab/install .ci/run

.PHONY: install run demo check test browser screenshots crash lab repairs bench format clean

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "terminating needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module. On Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The bot in your workspace: make run CONFIG=/etc/terminating/terminating.yaml
run: $(STAMP)
	$(BIN)/terminating run $(if $(CONFIG),--config $(CONFIG))

# The same bot with a workspace, a cluster and a node of this machine around it: make demo PORT=8000
PORT ?= 8000

demo: $(STAMP)
	$(BIN)/terminating demo --port $(PORT)

check: $(STAMP) shellcheck
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	shellcheck --shell=sh $(SHELLS)
	shellcheck --shell=bash $(BASHES)

# Debian packages it; PyPI only has one that downloads its program while it is being installed.
.PHONY: shellcheck
shellcheck:
	@command -v shellcheck >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  { apt-get install -y -qq shellcheck >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq shellcheck >/dev/null; }; }; } || \
	  { echo "make check needs shellcheck. On Debian: sudo apt-get install shellcheck" >&2; exit 1; }

# Side by side: the part whose coverage counts, and those that wait for sockets and time limits.
WIRE := tests/cli tests/edges
SLACK := tests/edges/slack tests/demo
NODE := tests/node
QUICK := -q -m "not lab and not bench and not crash and not browser"

test: $(STAMP)
	@{ $(BIN)/coverage run -m pytest $(QUICK) $(WIRE:%=--ignore=%) $(SLACK:%=--ignore=%) --ignore=$(NODE) && $(BIN)/coverage report --fail-under=100 --skip-covered; } & pure=$$!; \
	$(BIN)/pytest $(QUICK) -p no:cacheprovider $(NODE) & node=$$!; \
	$(BIN)/pytest $(QUICK) -p no:cacheprovider $(SLACK) & slack=$$!; \
	$(BIN)/pytest $(QUICK) -p no:cacheprovider $(WIRE) $(SLACK:%=--ignore=%); wire=$$?; \
	wait $$slack; slack=$$?; wait $$node; node=$$?; wait $$pure && [ $$node = 0 ] && [ $$slack = 0 ] && exit $$wire

# A real PostgreSQL, and processes that are killed at every boundary. Side by side: those that race wait most of the time.
SLOW := -q -m crash -p no:cacheprovider -s
RACES := tests/crash/test_races.py

crash: $(STAMP) postgresql
	@$(BIN)/pytest $(SLOW) $(RACES) & races=$$!; \
	$(BIN)/pytest $(SLOW) tests/edges & edges=$$!; \
	$(BIN)/pytest $(SLOW) tests --ignore=tests/edges --ignore=$(RACES); rest=$$?; \
	wait $$races; races=$$?; wait $$edges && [ $$races = 0 ] && exit $$rest

.PHONY: postgresql
postgresql:
	@ls -d /usr/lib/postgresql/*/bin >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  { apt-get install -y -qq --no-install-recommends postgresql >/dev/null 2>&1 || \
	    { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql >/dev/null; }; }; } || \
	  { echo "make crash needs PostgreSQL's programs. On Debian: sudo apt-get install postgresql" >&2; exit 1; }

# The demo's page, read and clicked in Debian's Chromium.
browser: $(STAMP) chromium
	$(BIN)/pytest -q -m browser -p no:cacheprovider tests

# The pictures of the README: the founding story is played for them.
screenshots: $(STAMP) chromium
	$(BIN)/python -m tests.demo.stories.screenshots docs/screenshots

.PHONY: chromium
chromium:
	@[ -x /usr/bin/chromium ] || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  { apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 || \
	    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }; }; } || \
	  { echo "make browser needs chromium. On Debian: sudo apt-get install chromium" >&2; exit 1; }

lab: $(STAMP)
	tests/lab/install >/dev/null
	$(BIN)/pytest -m lab tests/lab tests/edges/test_kube_real.py --ignore=tests/lab/test_repairs.py --ignore=tests/lab/test_clicked.py

# Every repair on every stack, typed on the console; the founding incident by clicks in Slack: a quarter of an hour.
repairs: $(STAMP)
	tests/lab/install stacks >/dev/null
	$(BIN)/pytest -m lab tests/lab/test_repairs.py tests/lab/test_clicked.py -s

bench: $(STAMP)
	tests/lab/install >/dev/null
	$(BIN)/pytest -m bench tests -s

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .coverage .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
