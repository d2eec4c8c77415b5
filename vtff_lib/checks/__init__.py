"""The checks of the exercises: `checks.lbp_code(your_function)` says if it is right, and why not.

A check tries the answer on small odd inputs, compares it with an independent implementation, and
names the likely mistake. It returns a `Verdict`: true if all is well. It never raises, needs no
network, and takes a second or two at most.

`checks.progress()` shows what is solved. That is forgotten with the kernel, unless you ask for it
to be kept: `checks.keep_progress()`; `checks.erase_progress()` forgets it and deletes the file.
"""

from vtff_lib.checks.judging import EXERCISES, Exercise, Verdict
from vtff_lib.checks.lesson_01 import lbp_code, lbp_in_circular_order, lbp_of_image
from vtff_lib.checks.lesson_01_codes import lbp_histogram, lbp_transitions, light_that_leaves_codes
from vtff_lib.checks.lesson_02 import (
    block_output,
    running_statistics,
    seen_pixels,
    size_after_convolution,
)
from vtff_lib.checks.lesson_02_branches import compare_names, linear_cka
from vtff_lib.checks.lesson_03 import (
    mixed_map,
    parameters_of_both,
    scores_of_channels,
    scores_of_places,
    twin_for_global,
    who_notices,
)
from vtff_lib.checks.lesson_04 import (
    broadcast_shapes,
    gated_mixture,
    is_a_sum,
    pushed_gate,
    selective_fusion,
    stretched_channels,
)
from vtff_lib.checks.lesson_05 import (
    attention_entropy,
    cells_to_tokens,
    cls_and_positions,
    dot_product_attention,
    heads_side_by_side,
    pre_norm_block,
)
from vtff_lib.checks.lesson_06 import (
    count_tokens,
    idle_parts,
    loss_without_looking,
)
from vtff_lib.checks.lesson_06_model import fault_in_batches, whole_model
from vtff_lib.checks.lesson_07 import smoothed_loss
from vtff_lib.checks.lesson_07_rates import moved_average, rate_share
from vtff_lib.checks.lesson_07_round import fault_in_epoch
from vtff_lib.checks.lesson_07_runs import diagnosis, mirrored_codes
from vtff_lib.checks.lesson_07b import expected_calibration_error
from vtff_lib.checks.lesson_07b_parts import learn_in_parts
from vtff_lib.checks.lesson_07b_stops import fault_in_resume
from vtff_lib.checks.lesson_08 import randomisation_control, rolled_out
from vtff_lib.checks.lesson_08_controls import class_prior
from vtff_lib.checks.lesson_08_fault import fault_in_map
from vtff_lib.checks.lesson_08_muscles import pairs_in_order
from vtff_lib.checks.lesson_08b import points_inside
from vtff_lib.checks.lesson_08b_control import fault_in_control
from vtff_lib.checks.lesson_08b_follows import what_follows
from vtff_lib.checks.lesson_09 import (
    holms_correction,
    how_many_seeds,
    interval_from_pairs,
    score_to_report,
    without_twins,
)
from vtff_lib.checks.lesson_10 import square_crop
from vtff_lib.checks.lesson_10_answers import least_confidence
from vtff_lib.checks.lesson_10_people import paired_gap
from vtff_lib.checks.lesson_10_split import fault_in_split
from vtff_lib.checks.lesson_10_trunk import frozen_trunk
from vtff_lib.checks.overview import erase_progress, keep_progress, progress

__all__ = [
    "EXERCISES",
    "Exercise",
    "Verdict",
    "attention_entropy",
    "block_output",
    "broadcast_shapes",
    "cells_to_tokens",
    "class_prior",
    "cls_and_positions",
    "compare_names",
    "count_tokens",
    "diagnosis",
    "dot_product_attention",
    "erase_progress",
    "expected_calibration_error",
    "fault_in_batches",
    "fault_in_control",
    "fault_in_epoch",
    "fault_in_map",
    "fault_in_resume",
    "fault_in_split",
    "frozen_trunk",
    "gated_mixture",
    "heads_side_by_side",
    "holms_correction",
    "how_many_seeds",
    "idle_parts",
    "interval_from_pairs",
    "is_a_sum",
    "keep_progress",
    "lbp_code",
    "lbp_histogram",
    "lbp_in_circular_order",
    "lbp_of_image",
    "lbp_transitions",
    "learn_in_parts",
    "least_confidence",
    "light_that_leaves_codes",
    "linear_cka",
    "loss_without_looking",
    "mirrored_codes",
    "mixed_map",
    "moved_average",
    "paired_gap",
    "pairs_in_order",
    "parameters_of_both",
    "points_inside",
    "pre_norm_block",
    "progress",
    "pushed_gate",
    "randomisation_control",
    "rate_share",
    "rolled_out",
    "running_statistics",
    "score_to_report",
    "scores_of_channels",
    "scores_of_places",
    "seen_pixels",
    "selective_fusion",
    "size_after_convolution",
    "smoothed_loss",
    "square_crop",
    "stretched_channels",
    "twin_for_global",
    "what_follows",
    "who_notices",
    "whole_model",
    "without_twins",
]
