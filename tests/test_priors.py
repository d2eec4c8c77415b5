"""A prior is what the map would be for somebody else: the face's own person never enters it."""

import pytest
import torch

from vtff_lib.explain import prior

PERSONS = torch.tensor([7, 7, 3, 3, 9, 9, 9])
CLASSES = torch.tensor([0, 1, 0, 1, 1, 1, 2])
MAPS = torch.rand(7, 2, 3, generator=torch.Generator().manual_seed(0))


def by_hand(maps: torch.Tensor, classes: torch.Tensor | None) -> torch.Tensor:
    rows = []
    for n, person in enumerate(PERSONS.tolist()):
        others = [k for k in range(7) if PERSONS[k] != person]
        alike = [k for k in others if classes is None or classes[k] == classes[n]]
        rows.append(sum(maps[k] for k in alike or others) / len(alike or others))
    return torch.stack(rows)


@pytest.mark.parametrize("classes", [None, CLASSES], ids=["all", "same class"])
def test_it_is_the_mean_of_other_people(classes):
    torch.testing.assert_close(prior(MAPS, PERSONS, classes), by_hand(MAPS, classes))


@pytest.mark.parametrize("classes", [None, CLASSES], ids=["all", "same class"])
def test_no_face_of_the_own_person_enters_it(classes):
    """Leaving out the face alone would let its neighbour in, which shows the same person."""
    for person in PERSONS.unique():
        mine = person == PERSONS
        changed = torch.where(mine[:, None, None], MAPS + 100, MAPS)
        before, after = prior(MAPS, PERSONS, classes), prior(changed, PERSONS, classes)
        assert torch.equal(before[mine], after[mine])
        assert not torch.equal(before[~mine], after[~mine])


def test_where_nobody_else_has_the_class_all_others_count():
    assert torch.equal(prior(MAPS, PERSONS, CLASSES)[6], prior(MAPS, PERSONS)[6])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="one person"):
        prior(MAPS, torch.zeros(7).long())
    with pytest.raises(ValueError, match="7 maps need whole numbers"):
        prior(MAPS, PERSONS[:6])
    with pytest.raises(ValueError, match="7 images need int64"):
        prior(MAPS, PERSONS, CLASSES[:6])
