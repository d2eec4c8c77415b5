# `make lab` opens the lessons, `make test` tests them and the library. Both set up .venv when it is missing
# or older than pyproject.toml. In an image it is elsewhere, see Dockerfile.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LAB_ARGS ?=
WORKERS ?= -n logical --maxprocesses 4
WHICH ?= not slow
SOLUTIONS ?= shown
# Jupyter refuses to run as root (in a container, say) unless it is told to.
ROOT_ARGS := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: lab test slow lowest lint grade proof site slides sheets assignment tutor notebooks figures synthetic weights engine bench gpu clean

lab: $(VENV)/installed
	$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ROOT_ARGS) $(LAB_ARGS)

test: $(VENV)/installed
	$(BIN)/python -m pytest $(WORKERS) -m "$(WHICH)" $(TEST_ARGS)

# The tests that take minutes or a browser.
slow: $(VENV)/installed
	$(BIN)/python -m pytest $(WORKERS) -m slow $(TEST_ARGS)

# Some tests with the lowest versions that pyproject.toml allows.
lowest: $(VENV)/installed build/lowest/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.lowest

build/lowest/installed: pyproject.toml tests/lowest.py
	$(PYTHON) -m tests.lowest install
	touch $@

lint: $(VENV)/installed
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

# Grade a class, and go on where it was stopped: make grade COURSE=folder, and LESSONS=03 for one.
grade: $(VENV)/installed
	$(if $(COURSE),,$(error Which course? make grade COURSE=folder, one that `make assignment` made))
	OMP_NUM_THREADS=1 $(BIN)/python -m notebooks.grading $(COURSE) $(LESSONS)

# Hand in and grade all lessons whole: right, untouched and wrong answers.
proof: $(VENV)/installed
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.grade_all_lessons

# The same lessons, three more ways, each from the stored notebooks and offline. SOLUTIONS=held makes
# a site or slides without the solutions of the exercises; an assignment never has them, and with
# SEED= each student has a version.
site: $(VENV)/installed
	$(BIN)/python -m notebooks.editions.site --solutions $(SOLUTIONS)

slides: $(VENV)/installed
	$(BIN)/python -m notebooks.editions.slides --solutions $(SOLUTIONS)

# For those who help in the room: a sheet for each meeting of the guide's plans.
sheets: $(VENV)/installed
	$(BIN)/python -m notebooks.editions.sheets

assignment: $(VENV)/installed
	$(BIN)/python -m notebooks.editions.assignment $(if $(SEED),--seed $(SEED))

# The course's text without solutions, to point a chatbot at; TUTOR.md says how it is to help.
tutor: $(VENV)/installed
	$(BIN)/python -m notebooks.editions.tutor

# Run every lesson in a fresh kernel and store its outputs.
notebooks: $(VENV)/installed
	$(BIN)/python notebooks/run.py

figures: $(VENV)/installed
	$(BIN)/python -m figures.drawings.overview
	$(BIN)/python -m figures.drawings.faces
	$(BIN)/python -m figures.drawings.explorer_pages
	$(BIN)/python -m figures.drawings.house
	for lesson in 01 02 03 04 05 06 07 08 09 10; do $(BIN)/python -m figures.drawings.lesson_$$lesson || exit 1; done
	$(BIN)/python -m figures.ledger

# Render the faces that are shipped with the package; stopped, it goes on when run again.
synthetic: $(VENV)/installed
	$(BIN)/python data_scripts/make_synthetic.py

# Train the shipped weights again, three seeds.
weights: $(VENV)/installed
	$(BIN)/python -m figures.experiments.train_tiny shipped
	$(BIN)/python -m figures.ledger.model_card

# Compile the model's engine for web pages again; clang and lld are needed, or ziglang.
engine: $(VENV)/installed
	$(BIN)/python -m vtff_lib.live.build

bench: $(VENV)/installed
	$(BIN)/python -m figures.benchmarks

# Run the next of the runs that want a GPU, nine minutes of it, see figures/RUNS.md.
gpu: $(VENV)/installed
	$(BIN)/python -m figures.experiments.gpu_runs

$(VENV)/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 15) else "Python 3.11 to 3.14 is needed, this is " + sys.version.split()[0] + ": try make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[lab,test,teach]"
	# nbgrader brings panels for teachers; in a student's JupyterLab they would be in the way.
	$(BIN)/jupyter labextension disable --level=sys_prefix @jupyter/nbgrader
	$(foreach part,formgrader validate_assignment assignment_list course_list,\
		$(BIN)/jupyter server extension disable --sys-prefix nbgrader.server_extensions.$(part) && ) true
	touch $@

clean:
	rm -rf $(VENV)
