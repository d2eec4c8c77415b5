"""Grading a class: `make grade COURSE=folder`, see notebooks/instructors_guide.md, "Grading".

intake      what was handed in is found, whatever it is called
mending     a submission becomes the steps that are run: the release, with the answers
walls       what stands between a student's code and the machine
answering   the student's side: runs the cells, answers questions about what they made
wire        the only values that may come from there
asking      the grader's side: the checks, and stand-ins for the answers
examining   one submission, from both sides
results     what each got, in the course and in nbgrader's gradebook
reports     pages for students and teacher, lists for Canvas and Moodle
"""
