# vaa_ros: `make demo` and `make test` set up what they need, once, and then run.
#
# Set-up is kept in stamp files inside the virtual environment; `make clean` forgets all of it.

VENV        ?= .venv
PYTHON      ?=
EPISODES    ?=
ARGS        ?=
# cpu: the small build without CUDA. cuda: whatever PyPI offers, for a machine with a GPU.
TORCH       ?= cpu
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

BIN         := $(VENV)/bin
PIP         := $(BIN)/python -m pip install --quiet --disable-pip-version-check \
               --constraint constraints.txt
TORCH_PIN   := $(shell sed -n 's/^torch==//p' constraints.txt)
GL_PACKAGES := libegl1 libgl1

.DEFAULT_GOAL := help
.PHONY: help demo from-scratch test test-nodes test-long setup setup-train setup-test tables constraints clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*  ## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 22
	@echo
	@echo '  ARGS="--episodes 3"   more arguments for the command behind demo, from-scratch, test'
	@echo '  EPISODES=3            episodes of the demo'
	@echo '  PYTHON=python3.12     the Python that .venv is made with (3.10 to 3.13)'
	@echo '  TORCH=cuda            torch with CUDA from PyPI instead of the CPU build'

demo: setup  ## the simulated arm does the task with the shipped policy; table, video, report
	$(BIN)/vaa demo $(if $(EPISODES),--episodes $(EPISODES)) $(ARGS)

from-scratch: setup-train  ## record, train, export and run a policy: 25 minutes on two cores
	$(BIN)/vaa demo --from-scratch $(if $(EPISODES),--episodes $(EPISODES)) $(ARGS)

test: setup-test  ## every test but those of test-long
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal test/unit test/contract
	@$(MAKE) --no-print-directory test-nodes
endif

# Nodes mostly wait, so two halves of their tests go side by side, as processes of their own: rclpy
# does not stand pytest-xdist. The second half is shown when it has ended. They have a schedule to
# keep: what the rest of the machine made late is run once again, and shown in the summary.
NODE_TESTS := $(BIN)/python -m pytest --reruns 1 -raR -m 'not long' --splits 2 \
              --splitting-algorithm least_duration test/ros test/launch test/end_to_end

test-nodes: setup-test  ## the tests with nodes, launch files and whole loops
	$(NODE_TESTS) --group 2 $(ARGS) >$(VENV)/second_half.log 2>&1 & second=$$!; \
	$(NODE_TESTS) --group 1 $(ARGS); first=$$?; \
	wait $$second; second=$$?; cat $(VENV)/second_half.log; \
	test $$first -eq 0 -a $$second -eq 0

test-long: setup-test  ## the tests that take several minutes each
	$(BIN)/python -m pytest -m long test/end_to_end

setup: $(VENV)/.setup-run $(VENV)/.setup-rendering  ## what running needs: no torch

setup-train: setup $(VENV)/.setup-train  ## and what training needs

setup-test: setup-train $(VENV)/.setup-test  ## and what the tests need

tables: setup  ## write config/nodes and the parameter tables of the README
	$(BIN)/python scripts/update_tables.py

constraints: setup-test  ## pin the newest versions again
	$(PIP) uv
	./scripts/pin.sh $(BIN)/uv

clean:  ## remove the virtual environment and what builds leave
	rm -rf $(VENV) build install log *.egg-info .pytest_cache .ruff_cache .hypothesis

# The environment is not remade when a newer script comes along, only when it does not work.
$(VENV)/.setup-python: | scripts/create_venv.sh
	@scripts/create_venv.sh $(VENV) $(PYTHON)
	@touch $@

$(VENV)/.setup-run: $(VENV)/.setup-python setup.py constraints.txt
	@echo 'Installing what running needs (a few minutes, once) ...'
	@$(PIP) setuptools wheel
	@$(PIP) --use-pep517 --no-build-isolation --editable '.[ros,sim,ik]'
	@touch $@

$(VENV)/.setup-rendering: $(VENV)/.setup-run
	@$(BIN)/python scripts/check_rendering.py \
	    || { scripts/need_packages.sh 'The cameras need OpenGL libraries.' $(GL_PACKAGES) \
	         && $(BIN)/python scripts/check_rendering.py; }
	@touch $@

$(VENV)/.setup-train: $(VENV)/.setup-run
	@echo 'Installing what training needs (torch is large) ...'
ifeq ($(TORCH),cpu)
	@$(BIN)/python -c 'import torch' 2>/dev/null \
	    || $(PIP) --no-deps torch==$(TORCH_PIN)+cpu 2>/dev/null \
	    || $(PIP) --no-deps --retries 1 --index-url $(TORCH_INDEX) torch==$(TORCH_PIN) \
	    || echo 'No CPU build of torch was found: PyPI gives the one with CUDA (some GB).'
endif
	@$(PIP) --use-pep517 --no-build-isolation --editable '.[ros,sim,ik,train]'
	@touch $@

$(VENV)/.setup-test: $(VENV)/.setup-train
	@echo 'Installing what the tests need ...'
	@$(PIP) --use-pep517 --no-build-isolation --editable '.[ros,sim,ik,train,vision,lerobot,aloha-data,view,test]'
	@touch $@
