"""How nbgrader runs this course. Every option: `nbgrader generate_config`, or its manual."""

import os

c = get_config()  # noqa: F821 (nbgrader puts it here)

c.CourseDirectory.course_id = "vtff"

# Behind a stub, where the source has the worked solution.
c.ClearSolutions.code_stub = {"python": "\n\n# Run this cell, then the check below."}

# Seconds for a cell, so that a loop without end costs its own mark and no other. The longest cell
# of a lesson takes about half a minute on a slow machine.
c.Execute.timeout = 120

c.Execute.extra_arguments = ["--log-level=ERROR"]  # a kernel's start is no news

# A check that was deleted is put back.
c.OverwriteCells.add_missing_cells = True

# Kernels inherit these: one thread for each, and no solved exercise of a student in your progress.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["VTFF_PROGRESS"] = ".vtff_progress.json"
