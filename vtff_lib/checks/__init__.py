"""The checks of the exercises: `checks.lbp_code(your_function)` says if it is right, and why not.

A check tries the answer on small odd inputs, compares it with an independent implementation, and
names the likely mistake. It returns a `Verdict`: true if all is well. It never raises, needs no
network, and takes a second or two at most.

`checks.progress()` shows what is solved. That is forgotten with the kernel, unless you ask for it
to be kept: `checks.keep_progress()`; `checks.erase_progress()` forgets it and deletes the file.
"""

from vtff_lib.checks.judging import EXERCISES, Exercise, Verdict
from vtff_lib.checks.lesson_01 import lbp_code, lbp_in_circular_order
from vtff_lib.checks.lesson_01_image import lbp_of_image
from vtff_lib.checks.lesson_01_light import fault_in_lbp, light_that_leaves_codes
from vtff_lib.checks.lesson_02 import residual_block, size_after_convolution, trunk
from vtff_lib.checks.lesson_02_loading import fault_in_loading
from vtff_lib.checks.lesson_03 import mixed_map
from vtff_lib.checks.lesson_03_modules import global_attention, local_attention
from vtff_lib.checks.lesson_03_notices import fault_in_attention, twin_for_global
from vtff_lib.checks.lesson_04 import broadcast_shapes, is_a_sum
from vtff_lib.checks.lesson_04_faults import fault_in_gate
from vtff_lib.checks.lesson_04_gate import pushed_gate, selective_fusion
from vtff_lib.checks.lesson_05 import dot_product_attention
from vtff_lib.checks.lesson_05_heads import fault_in_heads, heads_side_by_side
from vtff_lib.checks.lesson_05_tokens import pre_norm_block, tokens_from_map
from vtff_lib.checks.lesson_06 import count_tokens
from vtff_lib.checks.lesson_06_model import whole_model
from vtff_lib.checks.lesson_06_sound import fault_in_batches, idle_parts, loss_without_looking
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
from vtff_lib.checks.lesson_09 import average_of_two, cross_fusion
from vtff_lib.checks.lesson_09_pairs import holms_correction, interval_from_pairs
from vtff_lib.checks.lesson_09_runs import fault_in_comparison
from vtff_lib.checks.lesson_10 import square_crop
from vtff_lib.checks.lesson_10_answers import least_confidence
from vtff_lib.checks.lesson_10_people import paired_gap
from vtff_lib.checks.lesson_10_split import fault_in_split
from vtff_lib.checks.lesson_10_trunk import frozen_trunk
from vtff_lib.checks.overview import erase_progress, keep_progress, progress
from vtff_lib.checks.versions import asked, version

__all__ = [
    "EXERCISES",
    "Exercise",
    "Verdict",
    "asked",
    "average_of_two",
    "broadcast_shapes",
    "class_prior",
    "count_tokens",
    "cross_fusion",
    "diagnosis",
    "dot_product_attention",
    "erase_progress",
    "expected_calibration_error",
    "fault_in_attention",
    "fault_in_batches",
    "fault_in_comparison",
    "fault_in_control",
    "fault_in_epoch",
    "fault_in_gate",
    "fault_in_heads",
    "fault_in_lbp",
    "fault_in_loading",
    "fault_in_map",
    "fault_in_resume",
    "fault_in_split",
    "frozen_trunk",
    "global_attention",
    "heads_side_by_side",
    "holms_correction",
    "idle_parts",
    "interval_from_pairs",
    "is_a_sum",
    "keep_progress",
    "lbp_code",
    "lbp_in_circular_order",
    "lbp_of_image",
    "learn_in_parts",
    "least_confidence",
    "light_that_leaves_codes",
    "local_attention",
    "loss_without_looking",
    "mirrored_codes",
    "mixed_map",
    "moved_average",
    "paired_gap",
    "pairs_in_order",
    "points_inside",
    "pre_norm_block",
    "progress",
    "pushed_gate",
    "randomisation_control",
    "rate_share",
    "residual_block",
    "rolled_out",
    "selective_fusion",
    "size_after_convolution",
    "smoothed_loss",
    "square_crop",
    "tokens_from_map",
    "trunk",
    "twin_for_global",
    "version",
    "what_follows",
    "whole_model",
]
