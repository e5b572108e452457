# The one place for commands. `make` alone lists them. Arguments go through ARGS: make test ARGS="-k verdict".

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed
ARGS ?=
TREES := $(wildcard uptime common accounts monitors incidents alerts maintenance checks heartbeats drills statuspages imports operations api config dashboard meters probes onebox scripts tests bench gunicorn.conf.py manage.py)

# Set on some machines; the install below must leave byte-code, or every process compiles Celery at every start.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.DEFAULT_GOAL := help
.PHONY: help setup run manage test lint audit sbom types layers fmt lock settings words openapi fuzz bench chaos soak pictures clean chromium

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(STAMP) ## make .venv with everything that is needed

run: $(STAMP) ## start everything on this machine, servers included; Ctrl-C stops it
	@exec $(BIN)/python -m onebox

manage: $(STAMP) ## a management command on the running box: make manage ARGS=createsuperuser
	@exec $(BIN)/python -m onebox manage $(ARGS)

test: $(STAMP) chromium ## run all tests against throw-away servers
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(STAMP) ## check style
	$(BIN)/ruff check $(TREES)
	$(BIN)/ruff format --check $(TREES)
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(filter-out tests bench,$(TREES))

audit: $(STAMP) ## ask whether anything that is installed has a known flaw; says so where there is no network
	$(BIN)/python scripts/audit.py

sbom: $(STAMP) ## list what the images are made of, with hashes, as CycloneDX: var/sbom/
	@mkdir -p var/sbom
	for part in requirements requirements-region; do \
		$(BIN)/cyclonedx-py requirements --output-reproducible --of JSON -o var/sbom/$$part.cdx.json $$part.txt || exit; \
	done

# mypy's Django plugin loads the settings, and they want values; so does their reference.
types settings words openapi: export SECRET_KEY := only-for-the-type-checker-and-no-secret
types settings words openapi: export JWT_SIGNING_KEY := only-for-the-type-checker-and-no-secret
types settings words openapi: export FIELD_ENCRYPTION_KEYS := b25seS1mb3ItdGhlLXR5cGUtY2hlY2tlci0zMmJ5dGU=
types settings words openapi: export DATABASE_URL := postgresql://nowhere/uptime
types settings words openapi: export REDIS_URL := redis://nowhere/0
types: $(STAMP) ## check types
	$(BIN)/mypy $(ARGS)

layers: $(STAMP) ## check which package imports which
	$(BIN)/lint-imports

fmt: $(STAMP) ## put code into its form
	$(BIN)/ruff check --fix $(TREES)
	$(BIN)/ruff format $(TREES)

settings: $(STAMP) ## write docs/settings.md anew from the code
	$(BIN)/python -m uptime.reference > docs/settings.md

openapi: $(STAMP) ## write docs/openapi.yaml anew from the code
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file docs/openapi.yaml

fuzz: $(STAMP) ## ask the API what nobody would ask it, for about an hour
	$(BIN)/python -m pytest tests/api/test_fuzz.py --campaign --timeout 0 -s $(ARGS)

words: $(STAMP) ## collect what is to be translated (needs xgettext) and compile locale/; the results are committed
	$(BIN)/python manage.py makemessages -l de --no-wrap --no-location -e html,txt,py \
		-i '.venv/*' -i 'onebox/*' -i 'tests/*' -i 'bench/*' -i 'var/*'
	$(BIN)/pybabel -q compile -d locale -D django --statistics

lock: $(STAMP) ## pin requirements*.txt anew from requirements*.in
	for name in requirements requirements-region requirements-otel requirements-audit requirements-dev; do \
		$(BIN)/uv pip compile -q --generate-hashes --python-version 3.11 --universal --no-header \
			$$name.in -o $$name.txt || exit; \
	done

bench: $(STAMP) ## measure everything, for about an hour; each script of bench/ also runs by itself
	@for script in bench/*.py; do \
		case $$script in */soak.py|*/__init__.py) continue;; esac; \
		echo "== $$script"; $(BIN)/python $$script $(ARGS) || exit; \
	done

chaos: $(STAMP) ## break everything on purpose, for half an hour; make chaos ARGS="-k flush" breaks one thing
	$(BIN)/python -m pytest tests/chaos --campaign --timeout 0 -s $(ARGS)

soak: $(STAMP) ## use a whole box for two hours and see whether anything grows; make soak ARGS="--hours 0.5"
	$(BIN)/python bench/soak.py $(ARGS)

pictures: $(STAMP) ## take the pictures in docs/screenshots anew (needs Chromium)
	$(BIN)/python -m pytest tests/pictures.py -q

clean: ## remove .venv and caches; var/ with its data stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache staticfiles

# `--without-pip` and `pip --python` work on a Debian without python3-venv too, and where pip is externally managed.
# The .pth file lets programs such as .venv/bin/pytest find this checkout.
$(STAMP): requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Uptime needs Python 3.11 or newer as $(PYTHON): install it, or name another one: make PYTHON=python3.12." >&2; exit 1; }
	@$(PYTHON) -c 'import sys, pip; sys.exit(tuple(map(int, pip.__version__.split(".")[:2])) < (22, 3))' 2>/dev/null || { \
		echo "pip 22.3 or newer is missing for $(PYTHON): on Debian and Ubuntu run 'apt-get install python3-pip', elsewhere '$(PYTHON) -m ensurepip --upgrade'." >&2; exit 1; }
	@echo "Setting up .venv; the first time takes about a minute."
	@$(PYTHON) -m venv --without-pip .venv
	@$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes -r requirements-dev.txt
	@$(BIN)/python -c 'import pathlib, sysconfig; pathlib.Path(sysconfig.get_path("purelib"), "checkout.pth").write_text(f"{pathlib.Path.cwd()}\n")'
	@touch $@

# The browser tests skip with a reason when there is no Chromium, so not being able to install it stops nothing.
chromium:
	@for name in chromium-headless-shell chromium chromium-browser google-chrome; do \
		command -v $$name >/dev/null && exit 0; \
	done; \
	[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0; \
	echo "Installing Chromium for the browser tests."; \
	add="env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends"; \
	{ $$add chromium-headless-shell || { apt-get update -qq && $$add chromium-headless-shell; } || $$add chromium; } \
		</dev/null >/dev/null 2>&1 || echo "Chromium could not be installed: the browser tests will be skipped."
