# What people type. The work is in utils/; every target sets up first and does
# so once: see utils/setup.sh.

.PHONY: help setup build demo test fuzz clients lint format clean

help:
	@echo "make demo    set up, build, then compile and run the embedded model"
	@echo "make test    set up, build, then run every check and test"
	@echo "make fuzz    set up, build and run the fuzzers, SECONDS=60 each: docs/Fuzzing.md"
	@echo "make build   set up, then build into build/ and .venv/"
	@echo "make clients PyTorch and other people's quantizers, which 'make test' then compares with"
	@echo "make lint    the checks that run no test; 'make format' mends what it can"
	@echo "make clean   remove build/ (and keep .venv/)"

setup:
	@utils/setup.sh

build: setup
	@utils/build.sh

demo: build
	@.venv/bin/python utils/demo.py

# SUITES="lit unit" runs only these; see utils/run-tests.py.
test: setup
	@utils/build.sh --tests
	@.venv/bin/python utils/run-tests.py $(SUITES)

fuzz: setup
	@utils/run-fuzzers $(SECONDS)

clients:
	@utils/setup-clients.sh

lint: setup
	@utils/lint.sh

format: setup
	@utils/lint.sh -f

clean:
	rm -rf build
