"""The training loop and all that it is made of. Taught in 07 and 07b."""

from vtff_lib.training.augmentation import Augmentation, mix
from vtff_lib.training.history import Epoch, History
from vtff_lib.training.loop import start_state, take_step, train
from vtff_lib.training.optimisation import learning_rate_share, make_optimiser, update_average
from vtff_lib.training.processes import Team
from vtff_lib.training.progress import Progress, TextProgress
from vtff_lib.training.recipe import Plan, TrainingConfig, derive_seed, generator
from vtff_lib.training.targets import Examples, Loss, class_weights, soft_targets
