"""What a map would be for somebody else: controls that have not seen the face. Taught in 08."""

import torch
from torch import Tensor

from vtff_lib.explain.heat_maps import check_classes
from vtff_lib.refusals import check_tensor, describe, has_values, is_a


def prior(maps: Tensor, persons: Tensor, classes: Tensor | None = None) -> Tensor:
    """Return for each face the mean map of all *other* people, `(N, h, w)`.

    With `classes`, only of their faces of the same class, such as the same answer; where nobody
    else has it, of all their faces. All faces of a person are left out, not only the face itself:
    they look alike. A map that does no better than this has shown nothing of its face. Ours.

    Args:
        maps: `(N, h, w)`, any real numbers, of one kind.
        persons: `(N,)`, equal where two faces show one person; at least two people.
        classes: `(N,)` int64, from 0.

    Raises:
        ValueError: if the three do not fit together, a value is no finite number, or all faces show
            one person.
    """
    check_tensor("maps", maps, "(N, h, w)", "real", finite=True)
    whole = has_values(persons) and is_a(persons.dtype, "whole")
    if not whole or persons.shape != maps.shape[:1]:
        raise ValueError(
            f"persons are {describe(persons)}; {len(maps)} maps need whole numbers "
            f"({len(maps)},), one for each."
        )
    if classes is not None:
        check_classes(classes, len(maps), 2**31)
    classes = torch.zeros(len(maps), dtype=torch.int64) if classes is None else classes.cpu()
    persons, values = persons.cpu(), maps.double()
    if len(persons.unique()) < 2:
        raise ValueError("All faces show one person; a mean of other people needs at least two.")
    means = torch.empty_like(values)
    for person in persons.unique():
        others = persons != person
        for label in classes[~others].unique():
            alike = others & (classes == label)
            chosen = alike if alike.any() else others
            means[~others & (classes == label)] = values[chosen].mean(dim=0)
    return means.to(maps.dtype if maps.is_floating_point() else torch.float32)
