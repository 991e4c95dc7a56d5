# make demo        a 192-frame video from two prompts, sharded in time over 8 simulated devices
# make demo-pvdm   four 128-frame videos, each clip made from the one before it
# make bench       how fast it is here, against what a person would use instead
# make test        the tests
#
# All set everything up first, in .venv, and need only make and a python3 with its venv module.

.DEFAULT_GOAL := help
SHELL := /bin/sh

READY := .venv/.ready
PYTHONS := python3 python3.12 python3.11 python3.13
RUN := .venv/bin/python
UV := uv==0.13.9

.PHONY: help setup demo demo-pvdm bench test lint clean

help:
	@echo "make demo       make a 192-frame video from two prompts: out/demo.mp4"
	@echo "make demo-pvdm  make four 128-frame videos by recursion: out/pvdm-0.mp4 to out/pvdm-3.mp4"
	@echo "make bench      measure, against PyTorch too where that is installed: benchmarks/README.md"
	@echo "make test       run the tests"
	@echo "make lint       formatter, linter and type checker"
	@echo "make setup      only set up .venv (the others do so themselves)"
	@echo "make clean      remove .venv, builds and caches; videos in out/ stay"

setup: $(READY)

demo: setup
	$(RUN) -m infer video_infinity --config configs/sprites.py \
	    --prompts $(PROMPTS) --frames 192 --clips 8 --seed 0 --out out/demo.mp4 --force

demo-pvdm: setup
	$(RUN) -m infer pvdm --frames 128 --videos 4 --seed 0 --out out/pvdm.mp4 --force

# BENCH: what else there is to compare with, such as --weights DIR --video-infinity DIR --pvdm DIR
bench: setup
	$(RUN) -m infer benchmark all $(BENCH)

# Nearly all of a test's time is compiling, on one core: two workers, each with whole files.
test: setup
	$(RUN) -m pytest -n 2 --dist loadfile

lint: setup
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m ty check

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

PROMPTS := "a red circle moves right over a striped white background" \
           "a yellow triangle moves up over a checkered brown background"

$(READY): requirements.txt pyproject.toml
	@for python in $(PYTHONS); do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	    python=; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "error: vinf_jax needs Python 3.11 or newer; none of $(PYTHONS) on the PATH is" >&2; exit 2; \
	fi; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "error: $$python has no venv module; install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 2; \
	fi; \
	$$python -m venv .venv
	@$(RUN) -m pip install --quiet --disable-pip-version-check $(UV)
	@$(RUN) -m uv pip install --quiet --python $(RUN) -r requirements.txt
	@$(RUN) -m uv pip install --quiet --python $(RUN) --no-deps -e .
	@touch $@
