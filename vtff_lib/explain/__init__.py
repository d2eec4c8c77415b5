"""Maps of one answer, and the tests that tell whether they are true. Taught in 08 and 08b."""

from vtff_lib.explain.attribution import integrated_gradients, occlusion
from vtff_lib.explain.faithfulness import (
    area,
    centred_blob,
    curve,
    random_map,
    randomised,
    rank_correlation,
)
from vtff_lib.explain.heat_maps import HeatMap, filled
from vtff_lib.explain.maps import (
    attention,
    energy_share,
    gate,
    global_part,
    grad_cam,
    gradient_attention,
    local_part,
    rollout,
)
from vtff_lib.explain.muscles import (
    change_in_cells,
    changed_there,
    in_order,
    mean_over,
    pairs_of,
    removals,
)
from vtff_lib.explain.pointing import expression_masks, mass_inside, pointing_game, share_of_cells
from vtff_lib.explain.priors import prior
from vtff_lib.explain.several import relit, rerun
from vtff_lib.explain.surgery import Surgery, all_surgeries, larger_surgeries, masked, operated
