"""The pictures of the lessons: one look, one colour for each thing, and words beside them."""

from vtff_lib.plots.attention import AttentionPicture
from vtff_lib.plots.cells import changes_beside_faces, maps_below_faces
from vtff_lib.plots.comparisons import curves_in_panels, forest_plot, paired_points
from vtff_lib.plots.encoder import LookPicture, effects_of_scale, gradients_by_block
from vtff_lib.plots.face import FacePicture
from vtff_lib.plots.fusion import (
    halves_under_lamps,
    mixed_channel,
    readings_of_the_gate,
    sums_and_rests,
    under_lamps,
)
from vtff_lib.plots.groups import faces_by_name, gap_chart
from vtff_lib.plots.lbp import LightPicture, curves_picture, window_picture
from vtff_lib.plots.maps import maps_beside, without_muscles
from vtff_lib.plots.photos import found_face
from vtff_lib.plots.pictures import (
    COLOURS,
    INK,
    Picture,
    as_array,
    beside_face,
    channel_scores,
    class_scores,
    draw_class_scores,
    draw_image,
    draw_map,
    feature_maps,
    images,
    panels,
    picture,
    title_axis,
)
from vtff_lib.plots.runs import NotebookProgress, confusion_matrix, training_curves
from vtff_lib.plots.stored_runs import reliability, run_curves, side_by_side
from vtff_lib.plots.trunk import closest_channels, losses_by_kind
from vtff_lib.plots.verdicts import Ruled, verdict_plot
