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

# Several parts side by side, each printed when it is done: most of them wait for sockets and time limits.
BESIDE = @$(MAKE) --no-print-directory --jobs --keep-going --output-sync=target
QUICK := -q -p no:cacheprovider -m "not lab and not bench and not crash and not browser"
ON_WIRES := tests/cli tests/demo tests/edges tests/node tests/stories

PARTS := test-pure test-stories test-node test-restarts test-slack test-ways test-wire test-demo

.PHONY: $(PARTS)
test: $(STAMP)
	$(BESIDE) $(PARTS)

test-pure: # its coverage counts
	$(BIN)/coverage run -m pytest $(QUICK) tests $(ON_WIRES:%=--ignore=%)
	$(BIN)/coverage report --fail-under=100 --skip-covered

test-stories:
	$(BIN)/pytest $(QUICK) tests/stories tests/cli

RESTARTS := tests/node/test_restarts.py tests/node/test_daemon_json.py

test-node:
	$(BIN)/pytest $(QUICK) tests/node $(RESTARTS:%=--ignore=%)

test-restarts:
	$(BIN)/pytest $(QUICK) $(RESTARTS)

WAYS := $(addprefix tests/edges/slack/,test_http.py test_ears.py test_groups.py)

test-slack:
	$(BIN)/pytest $(QUICK) tests/edges/slack $(WAYS:%=--ignore=%)

test-ways:
	$(BIN)/pytest $(QUICK) $(WAYS)

test-wire:
	$(BIN)/pytest $(QUICK) tests/edges --ignore=tests/edges/slack

test-demo:
	$(BIN)/pytest $(QUICK) tests/demo

# A real PostgreSQL, and processes that are killed at every boundary.
SLOW := -q -s -p no:cacheprovider -m crash
RACES := tests/crash/test_races.py

.PHONY: crash-races crash-edges crash-rest
crash: $(STAMP) postgresql
	$(BESIDE) crash-races crash-edges crash-rest

crash-races:
	$(BIN)/pytest $(SLOW) $(RACES)

crash-edges:
	$(BIN)/pytest $(SLOW) tests/edges

crash-rest:
	$(BIN)/pytest $(SLOW) tests --ignore=tests/edges --ignore=$(RACES)

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
