# make demo, make test: all the set-up there is. The virtual environment is .venv in this folder.

# The first Python that runs and is one TensorFlow supports; or name one: make demo PYTHON=python3.12
SUPPORTED := import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.10 python3 python; do \
	$$p -c "$(SUPPORTED)" >/dev/null 2>&1 && { echo $$p; break; }; done)

VENV := .venv
PY := $(VENV)/bin/python
PIP := PIP_USER=0 $(PY) -m pip --disable-pip-version-check
DEPENDENCIES := setup.py pyproject.toml constraints.txt

DEMO := --run demo --ckpt demo/ckpt --logs demo/logs
ARGS :=

# An environment whose Python no longer runs (upgraded, removed) is made again.
$(shell $(PY) -c "" 2>/dev/null || rm -f $(VENV)/.made $(VENV)/.installed $(VENV)/.installed-dev)

.PHONY: help demo test lint format clean bench-env
.DELETE_ON_ERROR:

help:
	@echo "make demo     set up, then records, training, evaluation and prediction on synthetic"
	@echo "              faces, and prediction on a photograph"
	@echo "make test     set up, then the tests; ARGS='-m slow' or any other of pytest's arguments"
	@echo "make lint     ruff's checks and its formatting"
	@echo "make format   formats, and fixes what ruff can fix"
	@echo "make bench-env  the packages that benchmarks/ compares with (PyTorch, fer), in .venv-bench"
	@echo "make clean    removes demo/, caches and builds; .venv, tfrecords, ckpt and logs stay"

demo: $(VENV)/.installed
	$(PY) -m fer2013_tf.make_records --out demo/tfrecords --images demo/images
	$(PY) -m fer2013_tf.train --recipe tiny --records demo/tfrecords $(DEMO) --fresh
	$(PY) -m fer2013_tf.eval --records demo/tfrecords $(DEMO) \
	    --ensemble last5 --tta flip --json demo/eval.json
	$(PY) -m fer2013_tf.predict --run demo --ckpt demo/ckpt --faces none \
	    $$(for class in demo/images/PrivateTest/*/; do ls "$$class"*.png | head -n 1; done)
	$(PY) -m fer2013_tf.predict --run shipped --annotate demo/annotated
	@echo
	@echo "Look at:"
	@echo "  demo/annotated/astronaut.png              a photograph with the prediction of the shipped weights"
	@echo "  demo/images/PrivateTest/                  synthetic faces, one folder per class"
	@echo "  demo/tfrecords/counts.png                 images per class; manifest.json beside it"
	@echo "  demo/logs/demo/confusion-PrivateTest.png  confusion matrix"
	@echo "  demo/eval.json                            metrics"
	@echo "  demo/ckpt/demo/                           checkpoints, history.json, recipe.json"
	@echo "TensorBoard: $(VENV)/bin/tensorboard --logdir demo/logs"

test: $(VENV)/.installed-dev
	$(PY) -m pytest --numprocesses 2 --dist loadfile $(ARGS)

lint: $(VENV)/.installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(VENV)/.installed-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

# PyTorch from PyPI is the build with CUDA (several GB) unless pip is told of one without. `fer` asks
# for packages of other tasks (video, MTCNN); its classifier runs without them.
bench-env: $(VENV)/.installed
	$(PY) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --disable-pip-version-check -r benchmarks/requirements.txt
	.venv-bench/bin/python -m pip install --disable-pip-version-check --no-deps fer==25.10.3

clean:
	rm -rf demo build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .coverage
	find fer2013_tf tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed: $(VENV)/.made $(DEPENDENCIES)
	$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

# Debian and Ubuntu split ensurepip off into python3-venv. Without it, pip comes from the pip of
# PYTHON, or from Debian's package of pip's wheel, which needs no installation.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.10 to 3.13 here; install one," \
	    "or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c "$(SUPPORTED)" || { echo "error: PYTHON=$(PYTHON) is no Python 3.10 to 3.13" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@mkdir -p $(VENV)
	@$(PYTHON) -m venv --clear $(VENV) >/dev/null 2>&1 \
	|| { $(PYTHON) -m venv --clear --without-pip $(VENV) && { \
	    $(PYTHON) -m pip --python $(PY) install pip 2>/dev/null \
	    || { cd $(VENV) && apt-get download python3-pip-whl >/dev/null 2>&1 \
	        && dpkg-deb -x python3-pip-whl_*.deb wheel \
	        && for wheel in wheel/usr/share/python-wheels/pip-*.whl; do \
	            bin/python $$wheel/pip install --no-index $$wheel; done; }; }; } \
	|| { echo "error: $(PYTHON) cannot make virtual environments; install that, on Debian and" \
	    "Ubuntu with: sudo apt-get install python3-venv" >&2; exit 1; }
	@touch $@
