"""How good a model is, how sure that is, and which of two is better. Taught in 07, 07b and 09."""

from vtff_lib.evaluation.answering import least_confidence, verdict
from vtff_lib.evaluation.comparisons import (
    Comparison,
    Crossed,
    compare,
    crossed,
    detectable,
    holm,
    sign_flips,
    student_p,
    student_t,
)
from vtff_lib.evaluation.intervals import Estimate, bootstrap, wilson
from vtff_lib.evaluation.measure import calibration_error, evaluate, predict
from vtff_lib.evaluation.report import ClassReport, Report
