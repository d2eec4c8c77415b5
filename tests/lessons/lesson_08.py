"""Lesson 08: answers to its exercises, right ones and wrong ones."""

import copy

import torch
import torch.nn.functional as F
from scipy.stats import spearmanr

from tests.lessons import Answers
from vtff_lib.config import VTFFConfig
from vtff_lib.explain.faithfulness import randomised, rank_correlation
from vtff_lib.explain.muscles import in_order
from vtff_lib.explain.priors import prior
from vtff_lib.vtff import VTFF

# 1: rollout


def rollout_row(
    layers,
    *,
    heads=lambda each: each.mean(dim=1),
    attention=0.5,
    shortcut=0.5,
    reverse=False,
    column=False,
    rescale="sum",
):
    """Return the right answer, or one with the mistakes that are asked for."""
    rolled = torch.eye(layers[0].shape[-1])
    for each in reversed(layers) if reverse else layers:
        rolled = (attention * heads(each) + shortcut * torch.eye(each.shape[-1])) @ rolled
    row = rolled[:, 1:, 0] if column else rolled[:, 0, 1:]
    if rescale == "sum":
        return row / row.sum(dim=1, keepdim=True)
    return row / row.amax(dim=1, keepdim=True) if rescale == "largest" else row


def rollout_from_the_end(layers):
    """Follow the row of [cls] down, a vector at a time, without ½."""
    rows = []
    for index in range(len(layers[0])):
        row = torch.zeros(layers[0].shape[-1])
        row[0] = 1
        for each in layers[::-1]:
            row = row + row @ each[index].mean(dim=0)
        rows.append(row[1:] / row[1:].sum())
    return torch.stack(rows)


def mixed(layers):
    return [(each.mean(dim=1) + torch.eye(each.shape[-1])) / 2 for each in layers]


def rescaled(matrices):
    return matrices[:, 0, 1:] / matrices[:, 0, 1:].sum(dim=1, keepdim=True)


def multiplied_by_entries(layers):
    return rescaled(torch.stack(mixed(layers)).prod(dim=0))


def whole_matrix(layers):
    rolled = torch.eye(layers[0].shape[-1])
    for each in mixed(layers):
        rolled = each @ rolled
    return rolled


def over_the_batch(layers):
    return rollout_row([each.mean(dim=0, keepdim=True).expand_as(each) for each in layers])


# 2: the randomisation control


def pearson(first, second):
    pair = [each.flatten(1).double() for each in (first, second)]
    return F.cosine_similarity(*(each - each.mean(dim=1, keepdim=True) for each in pair), dim=1)


def fresh(model):
    return VTFF(model.config).eval()


def forgotten_by_layers(model):
    """Let every layer draw for itself, and then what belongs to no layer."""
    blank = by_layers_only(model)
    for loose in (blank.cls_token, blank.position_embedding):
        torch.nn.init.trunc_normal_(loose, std=0.02)
    return blank


def cascade(model, last=-1):
    return list(randomised(model))[last][1]


def drawn(model, kinds=torch.nn.Module):
    """Draw all weights anew, or those of some kinds of layers, but no statistics."""
    blank = copy.deepcopy(model)
    for part in blank.modules():
        if isinstance(part, kinds):
            for each in part.parameters(recurse=False):
                torch.nn.init.normal_(each)
    return blank


def by_layers_only(model):
    blank = copy.deepcopy(model)
    for part in blank.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    return blank


def changed_by(change):
    """Return a way to a copy whose tensors are each changed in place."""

    def copied(model):
        blank = copy.deepcopy(model)
        for each in blank.state_dict().values():
            if each.is_floating_point():
                change(each)
        return blank

    return copied


def in_place(model):
    model.load_state_dict(VTFF(model.config).state_dict())
    return model


def stays(forget, compare=rank_correlation):
    """Return an answer that forgets and compares in its own way."""

    def answer(explanation, model, images):
        before = explanation(model, images)
        return compare(before, explanation(forget(model), images))

    return answer


def stays_one_by_one(explanation, model, images):
    blank, found = fresh(model), []
    for image in images:
        pair = [explanation(each, image[None])[0].flatten() for each in (blank, model)]
        found.append(float(spearmanr(*pair).statistic))
    return torch.tensor(found)


def copy_twice(explanation, model, images):
    blank = fresh(model)
    return rank_correlation(explanation(blank, images), explanation(blank, images))


def in_training(explanation, model, images):
    return stays(fresh)(explanation, model.train(), images)


def without_gradients(explanation, model, images):
    with torch.no_grad():
        return stays(fresh)(explanation, model, images)


def other_pictures(explanation, model, images):
    after = explanation(fresh(model), torch.randint_like(images, 256))
    return rank_correlation(explanation(model, images), after)


def pooled(first, second):
    return rank_correlation(first.reshape(1, 1, -1), second.reshape(1, 1, -1))


# 3: the map of others


def of_others(maps, persons, answers, *, out="person", among="same answer", nobody="others"):
    """Return the right answer, or one with the mistakes that are asked for."""
    found = []
    for n in range(len(maps)):
        left_out = {
            "person": persons == persons[n],
            "face": torch.arange(len(maps)) == n,
            "nothing": torch.zeros(len(maps), dtype=torch.bool),
        }[out]
        alike = {
            "same answer": answers == answers[n],
            "other answers": answers != answers[n],
            "all": torch.ones(len(maps), dtype=torch.bool),
            "own": persons == persons[n],
        }[among]
        chosen = alike & (~left_out if among != "own" else True)
        if nobody == "others" and not chosen.any():
            chosen = ~left_out
        if nobody == "zero" and not chosen.any():
            found.append(torch.zeros_like(maps[n]))
        else:
            found.append(
                maps[n] if nobody == "own" and not chosen.any() else maps[chosen].mean(dim=0)
            )
    return torch.stack(found)


def of_others_by_matrix(maps, persons, answers):
    other = persons[:, None] != persons
    same = other & (answers[:, None] == answers)
    chosen = torch.where(same.any(dim=1, keepdim=True), same, other).double()
    flat = chosen @ maps.flatten(1).double() / chosen.sum(dim=1, keepdim=True)
    return flat.float().view(maps.shape)


def of_others_person_by_person(maps, persons, answers):
    means = []
    for n, who in enumerate(persons):
        rows = [
            k for k, other in enumerate(persons) if other != who and answers[k] == answers[n]
        ] or [k for k, other in enumerate(persons) if other != who]
        each = [
            maps[[k for k in rows if persons[k] == p]].mean(dim=0)
            for p in {int(persons[k]) for k in rows}
        ]
        means.append(
            torch.stack(each).mean(dim=0)
            if (answers == answers[n]).sum() > 1
            else of_others(maps, persons, answers)[n]
        )
    return torch.stack(means)


def summed_up(maps, persons, answers):
    counts = ((persons[:, None] != persons) & (answers[:, None] == answers)).sum(dim=1)
    return of_others(maps, persons, answers) * counts.clamp_min(1)[:, None, None]


# 4: a test for occlusion


def occlusion_test(
    occlude, *, count=2, size=(4, 9), grid=(2, 3), asked=(4, 1), kept=True, low=False, grey=False,
    only=None, tolerance=1e-4,
):  # fmt: skip
    """Ask a linear model, of which the truth is known; or one that shows less."""
    dice = torch.Generator().manual_seed(3)
    images = torch.rand(count, 3, *size, generator=dice)
    images = images.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1).clone() if grey else images
    weights = torch.randn(3, *size, 5, generator=dice)
    classes = torch.tensor(asked[:count])
    lost = torch.einsum(
        "nchw,chwn->nhw", images - images.mean(dim=(2, 3), keepdim=True), weights[..., classes]
    )
    rows, columns = size[0] // grid[0], size[1] // grid[1]
    truth = lost.view(count, grid[0], rows, grid[1], columns).sum(dim=(2, 4))
    given = images.clone()
    falls = occlude(
        lambda some: torch.einsum("nchw,chwk->nk", some, weights) + 2, images, classes, grid
    )
    if only is not None:
        falls, truth = only(falls), only(truth)
    torch.testing.assert_close(falls, truth, rtol=tolerance, atol=tolerance)
    if kept:
        assert torch.equal(images, given)


def occlusion_test_by_pixels(occlude):
    """A model that reads one pixel for each class."""
    images = torch.arange(2 * 3 * 6 * 8).view(2, 3, 6, 8) ** 2 % 101 / 101
    before = images.clone()
    spots = ((0, 1, 7), (2, 5, 0), (1, 2, 5))  # channel, row, column

    def predict(some):
        return torch.stack([some[:, c, i, j] for c, i, j in spots], dim=1)

    for asked in ([0, 1], [2, 0], [1, 2]):
        falls = occlude(predict, images, torch.tensor(asked), (3, 2))
        for n, wanted in enumerate(asked):
            c, i, j = spots[wanted]
            truth = torch.zeros(3, 2)
            truth[i // 2, j // 4] = images[n, c, i, j] - images[n, c].mean()
            if not torch.allclose(falls[n], truth, atol=1e-5) or not images.equal(before):
                return False
    return True


def occlusion_of_one_batch(occlude):
    """Asks for a single call."""
    calls = []

    def predict(some):
        calls.append(len(some))
        return some.mean(dim=(2, 3))

    occlude(predict, torch.rand(1, 3, 4, 4), torch.tensor([0]), (2, 2))
    assert len(calls) == 5


# 5: pairs of muscles


def ordered(
    marks, losses, faces, parts, *, apart=0.5, tie=0.5, score=None, same_face=True, same_part=False
):
    """Return the right answer, or one with the mistakes that are asked for."""
    found = []
    for i in range(len(marks)):
        for j in range(i):
            if same_face and faces[i] != faces[j]:
                continue
            if not same_part and parts[i] == parts[j]:
                continue
            if abs(losses[i] - losses[j]) < apart:
                continue
            said = marks[i] - marks[j]
            right = float((said > 0) == (losses[i] > losses[j]))
            right = right if said else tie
            if right is not None:
                found.append(right)
    return sum(found) / len(found)


def ordered_by_library(marks, losses, faces, parts):
    i, j = torch.triu_indices(len(marks), len(marks), offset=1)
    counts = (
        (faces[i] == faces[j]) & (parts[i] != parts[j]) & ((losses[i] - losses[j]).abs() >= 0.5)
    )
    return in_order(marks, losses, torch.stack([i, j], dim=1)[counts]).mean()


def ordered_by_faces(marks, losses, faces, parts):
    means = [
        ordered(*(each[faces == face] for each in (marks, losses, faces, parts)))
        for face in faces.unique()
    ]
    return sum(means) / len(means)


def ordered_neighbours(marks, losses, faces, parts):
    found = []
    for i in range(1, len(marks)):
        pair = slice(i - 1, i + 1)
        try:
            found.append(ordered(*(each[pair] for each in (marks, losses, faces, parts))))
        except ZeroDivisionError:
            continue
    return sum(found) / len(found)


def ordered_by_sizes(marks, losses, faces, parts):
    i, j = torch.triu_indices(len(marks), len(marks), offset=1)
    counts = (
        (faces[i] == faces[j]) & (parts[i] != parts[j]) & ((losses[i] - losses[j]).abs() >= 0.5)
    )
    return in_order(marks, losses.abs(), torch.stack([i, j], dim=1)[counts]).mean()


def how_many_ordered(marks, losses, faces, parts):
    i, j = torch.triu_indices(len(marks), len(marks), offset=1)
    counts = (
        (faces[i] == faces[j]) & (parts[i] != parts[j]) & ((losses[i] - losses[j]).abs() >= 0.5)
    )
    return in_order(marks, losses, torch.stack([i, j], dim=1)[counts]).sum()


ANSWERS = {
    "rolled_out": Answers(
        right=[rollout_row, rollout_from_the_end, lambda layers: rescaled(whole_matrix(layers))],
        wrong=[
            (lambda layers: rollout_row(layers, rescale=""), "does not sum to 1"),
            (lambda layers: rollout_row(layers, rescale="largest"), "divided by the largest"),
            (lambda layers: rollout_row(layers, reverse=True), "in the wrong order"),
            (lambda layers: rollout_row(layers, shortcut=0), "The shortcuts are missing"),
            (lambda layers: rollout_row(layers, shortcut=1), "halved the attention and not"),
            (lambda layers: rollout_row(layers, column=True), "You took the column of [cls]"),
            (lambda layers: rollout_row(layers[-1:]), "Only your last layer"),
            (lambda layers: rollout_row(layers[:1]), "Only your first layer"),
            (lambda layers: rescaled(sum(mixed(layers))), "You added the layers up"),
            (multiplied_by_entries, "`*` multiplies entry by entry"),
            (
                lambda layers: rollout_row(layers, heads=lambda each: each.amax(dim=1)),
                "the largest of the heads",
            ),
            (
                lambda layers: rollout_row(layers, heads=lambda each: each.sum(dim=1)),
                "You added the heads up",
            ),
            (
                lambda layers: rollout_row(layers, heads=lambda each: each[:, 0]),
                "You used head 0 alone",
            ),
            (over_the_batch, "You averaged over the batch"),
            (whole_matrix, "is wanted for [cls] alone"),
            (lambda layers: layers.mean(dim=2), "Called with (a tensor (2, 4, 7, 7), a tensor "),
            (lambda layers: whole_matrix(layers)[:, 0], "still has [cls] in it"),
            (lambda layers: rollout_row(layers).square(), "your rollout is off by"),
        ],
    ),
    "randomisation_control": Answers(
        right=[stays(fresh), stays(forgotten_by_layers), stays(cascade), stays_one_by_one],
        wrong=[
            (stays(in_place), "of the given model anew"),
            (in_training, "left the given model in another mode"),
            (stays(copy.deepcopy), "Every map is the trained model's"),
            (copy_twice, "Every map is the copy's"),
            (lambda explanation, model, images: torch.ones(len(images)), "never asked for a map"),
            (stays(lambda model: cascade(model, 0)), "Only the head of your copy"),
            (
                stays(lambda model: drawn(model, (torch.nn.Linear,))),
                "The convolutions of your copy are still",
            ),
            (
                stays(lambda model: drawn(model, (torch.nn.Linear, torch.nn.Conv2d))),
                "tensors of your copy are as trained, such as `cls_token`",
            ),
            (stays(by_layers_only), "`cls_token` and `position_embedding` are as trained"),
            (stays(drawn), "The running means and variances"),
            (stays(lambda model: VTFF(VTFFConfig.tiny(8))), "other settings than the model"),
            (stays(changed_by(torch.Tensor.normal_)), "a variance is positive"),
            (stays(changed_by(torch.zero_)), "the same number"),
            (
                stays(changed_by(lambda each: each.add_(0.3 * torch.rand_like(each)))),
                "under noise or scaled",
            ),
            (stays(lambda model: VTFF(model.config)), "Your copy is in training mode"),
            (without_gradients, "with gradients switched off"),
            (other_pictures, "with the same pictures"),
            (lambda explanation, model, images: explanation(images, model), "in this order"),
            (stays(fresh, pearson), "That is Pearson's"),
            (stays(fresh, lambda a, b: 1 - rank_correlation(a, b)), "what goes; what stays"),
            (stays(fresh, lambda a, b: -rank_correlation(a, b)), "The sign is turned round"),
            (stays(fresh, lambda a, b: rank_correlation(a, b).abs()), "You dropped the sign"),
            (stays(fresh, lambda a, b: rank_correlation(a, a)), "You compared a map with itself"),
            (stays(fresh, pooled), "ranked the cells of all pictures together"),
            (stays(fresh, lambda a, b: rank_correlation(a, b).mean()), "one number for all"),
            (
                stays(fresh, lambda a, b: rank_correlation(a, b).mean().expand(len(a))),
                "the mean of all",
            ),
            (
                stays(fresh, lambda a, b: (a - b).abs().mean(dim=(1, 2))),
                "the mean difference of the values",
            ),
            (
                stays(fresh, lambda a, b: (a - b).square().mean(dim=(1, 2))),
                "the mean squared difference of the values",
            ),
            (stays(fresh, lambda a, b: (a - b).abs()), "What stays should have shape (5,)"),
            (
                stays(fresh, lambda a, b: rank_correlation(a, b) / 2),
                "What stays, by your function, is off",
            ),
        ],
    ),
    "class_prior": Answers(
        right=[of_others, of_others_by_matrix, prior],
        wrong=[
            (lambda *given: of_others(*given, out="face"), "You left out the face only"),
            (lambda *given: of_others(*given, out="nothing"), "The face itself is in its mean"),
            (lambda *given: of_others(*given, among="all"), "whatever their answer"),
            (lambda *given: of_others(*given, among="own"), "the person's own faces"),
            (lambda *given: of_others(*given, among="other answers"), "got another answer"),
            (lambda *given: of_others(*given, nobody="nan"), "a mean of nothing"),
            (lambda *given: of_others(*given, nobody="zero"), "yours is 0"),
            (lambda *given: of_others(*given, nobody="own"), "yours is its own map"),
            (of_others_person_by_person, "each person the same weight"),
            (summed_up, "You added the maps up"),
            (lambda *given: of_others(*given).mean(dim=0), "one map for all"),
            (lambda *given: of_others(*given) / 2, "your means are off by"),
        ],
    ),
    "fault_in_map": Answers(
        right=[occlusion_test, occlusion_test_by_pixels],
        wrong=[
            (lambda o: occlusion_test(o, count=1), "the mean colour of all images"),
            (lambda o: occlusion_test(o, grey=True), "the mean of all three channels"),
            (
                lambda o: occlusion_test(o, only=lambda falls: falls[:, 0, 0]),
                "does not put a cell back",
            ),
            (lambda o: occlusion_test(o, asked=(4, 4)), "the first class for all images"),
            (lambda o: occlusion_test(o, size=(6, 9)), "takes cells for square"),
            (
                lambda o: occlusion_test(o, only=lambda falls: falls.flatten(1).sort()[0]),
                "puts the cells down column by column",
            ),
            (lambda o: occlusion_test(o, only=lambda f: f.abs()), "drops the sign"),
            (lambda o: occlusion_test(o, only=lambda f: f.clamp_min(0)), "cuts off what is"),
            (lambda o: occlusion_test(o, kept=False), "that it was given painted"),
            (occlusion_of_one_batch, "rejects a version that is right"),
            (lambda o: False, "it returned False"),
        ],
    ),
    "pairs_in_order": Answers(
        right=[ordered, ordered_by_library],
        wrong=[
            (lambda *given: 1 - ordered(*given), "The order is turned round"),
            (lambda *given: ordered(*given, same_face=False), "muscles of different faces"),
            (lambda *given: ordered(*given, same_part=True), "muscles of one part"),
            (lambda *given: ordered(*given, apart=0.0), "whose losses hardly differ"),
            (lambda *given: ordered(*given, apart=0.51), "differ by just 0.5"),
            (lambda *given: ordered(*given, tie=1.0), "Equal marks are no right answer"),
            (lambda *given: ordered(*given, tie=0.0), "Equal marks are no wrong answer"),
            (lambda *given: ordered(*given, tie=None), "pairs with equal marks"),
            (
                lambda m, losses, *rest: ordered_by_sizes(m, losses, *rest),
                "the sizes of the losses",
            ),
            (ordered_by_faces, "the mean of the faces' means"),
            (ordered_neighbours, "neighbours in the list only"),
            (how_many_ordered, "how many pairs are right"),
            (lambda *given: torch.zeros(3), "should be one number"),
            (lambda *given: ordered(*given) / 2, "pairs are in order; you say"),
        ],
    ),
}

EQUAL: dict = {}
