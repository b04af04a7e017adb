# `make report` and `make test` set up what they need; see README.md.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo
WEEKS ?= 6
NEED := tests/need.sh
# One more than cores: tests wait for programs, too.
JOBS ?= $(shell echo $$(($$(nproc) + 1)))

.PHONY: help report test thorough .need-tests torture fuzz mutants spark docs package audit tsharks bench benchmarks simulation lab speeds lint format lock clean

help: ## Say what there is to make.
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1	\2/p' $(MAKEFILE_LIST) | expand -t 16

report: $(VENV)/.run ## Simulate a hospital, report on its last week, print the page's path.
	@$(BIN)/pacsflow demo $(DEMO) --weeks $(WEEKS)

TESTS = @tests/run.sh $(BIN)/python -n $(JOBS) --dist worksteal

test: .need-tests ## Set up what the tests need and run them, each on the first of its inputs where it has many.
	$(TESTS) -m "not thorough" $(ARGS)

thorough: .need-tests ## Run what `make test` leaves out: more inputs, moments and places, and the dearest tests.
	$(TESTS) -m thorough $(ARGS)

.need-tests: $(VENV)/.dev
	@$(NEED) tshark:tshark lua5.2:lua5.2 lua5.4:lua5.4 chromium:chromium chrome-sandbox:chromium-sandbox \
		pdftoppm:poppler-utils wireshark:wireshark Xvfb:xvfb xdotool:xdotool import:imagemagick \
		dcmdump:dcmtk dot:graphviz ip:iproute2 systemd-analyze:systemd bzcat:bzip2 xzcat:xz-utils zstd:zstd lz4cat:lz4 \
		lib/libatomic.so.1:libatomic1 \
		font/DejaVuSans.ttf:fonts-dejavu-core font/LiberationSans-Regular.ttf:fonts-liberation

torture: $(VENV)/.dev ## Kill, cut the power, fill the disk, rotate logs; ARGS="--kills 50 --seed 2" sets how often.
	@PYTHONPATH=tests $(BIN)/python tests/torture/run.py $(ARGS)

fuzz: $(VENV)/.dev ## Feed mutants to readers, plugin and Zeek; ARGS="--readers 500 --plugin 0" sets how many.
	@PYTHONPATH=.:tests/zeek $(BIN)/python tests/fuzzing.py $(ARGS)

spark: $(VENV)/.dev ## Hold what Spark reads against what is read here; brings PySpark, and Java 17 or later.
	@$(NEED) java:default-jre-headless
	@test -d .tools/spark/pyspark || $(BIN)/python -m pip install -q --target .tools/spark 'pyspark>=4.0,<5' polars
	@PYTHONPATH=$(CURDIR)/.tools/spark $(BIN)/python -m pytest tests/spark $(ARGS)

docs: $(VENV)/.docs ## Build the documents as a site, and check every link between them.
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet && echo "$(CURDIR)/build/site/index.html"

package: $(VENV)/.dev ## Build wheel, sdist and manual, and try the wheel in a new environment elsewhere.
	@rm -rf dist && $(BIN)/python -m hatchling build -d dist
	@cp docs/pacsflow.1 dist/
	@tests/packages/clean.sh $(PYTHON) dist/*.whl requirements.lock

audit: $(VENV)/.run ## Write the SBOM and the licences of what is installed, and look for known holes.
	@tests/packages/audit.sh $(PYTHON) requirements.lock dist

mutants: $(VENV)/.dev ## Run mutants of the pure modules; ARGS="findings --all" takes all of a group.
	@$(BIN)/python tests/mutants/run.py $(ARGS)

tsharks: $(VENV)/.dev ## Hold what each tshark tells against the same; SUITES="trixie sid" brings Debian's.
	@TSHARKS="$(TSHARKS)" tests/tsharks.sh $(BIN)/python $(SUITES)

bench: $(VENV)/.dev ## Measure the figures that are promised, as ratios, in one run.
	@$(NEED) tshark:tshark
	@for bench in $$(ls tests/bench/bench_*.py); do echo "== $$bench"; $(BIN)/python $$bench || code=1; done; exit $$code

benchmarks: $(VENV)/.dev ## Run every bench and write docs/benchmarks.md; ARGS="report year" runs some.
	@$(NEED) tshark:tshark
	@$(BIN)/python tests/bench/benchmarks.py $(ARGS)

simulation: $(VENV)/.dev ## Merge the ledgers of 40 sensors that see the same traffic; ARGS="--sensors 8".
	@$(BIN)/python tests/scale/group.py $(ARGS)

lab: $(VENV)/.dev ## Play the scenarios on a real PACS on loopback; captures with their truth come out.
	@$(NEED) Orthanc:orthanc dcmqrscp:dcmtk wlmscpfs:dcmtk dumpcap:tshark editcap:wireshark-common
	@timeout -k 30 600 $(BIN)/python tests/lab/run.py $(ARGS)

speeds: $(VENV)/.dev ## Play slow servers, paths and devices with stopwatches, in two network namespaces (root).
	@timeout -k 30 600 $(BIN)/python tests/lab/speeds.py $(ARGS)

lint: $(VENV)/.dev ## Check style, types for each Python and system, and the globals of the Lua sources.
	@$(NEED) luacheck:lua-check
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@luacheck -q wireshark_plugin/src tests/wireshark/*.lua
	@$(BIN)/python tests/check_types.py

format: $(VENV)/.dev ## Put the code into the house's form.
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

lock: $(VENV)/.dev ## Resolve the dependencies anew.
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --group dev --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		-c requirements.lock -o requirements-dev.lock
	$(BIN)/uv pip compile --quiet --upgrade pyproject.toml --group docs --universal \
		--python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
		-c requirements-dev.lock -o requirements-docs.lock

clean: ## Remove what the other targets made.
	rm -rf $(VENV) $(VENV).lock $(DEMO) build dist

# Whoever comes second waits for the first, and finds it done.
$(VENV)/.run: requirements.lock requirements-build.lock pyproject.toml
	@[ -w . ] || { echo "$(CURDIR) cannot be written: copy the project to a folder of yours and run it there" >&2; exit 2; }
	@flock $(VENV).lock tests/setup.sh $(PYTHON) $(VENV) run $^

$(VENV)/.docs: requirements-docs.lock $(VENV)/.run
	@flock $(VENV).lock tests/setup.sh $(PYTHON) $(VENV) docs $<

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@flock $(VENV).lock tests/setup.sh $(PYTHON) $(VENV) dev $<
