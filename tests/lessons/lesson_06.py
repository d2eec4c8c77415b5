"""Lesson 06: answers to its exercises, right ones and wrong ones."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.lessons import FENCE, Answers, stored
from vtff_lib.checks.lesson_06_sound import PARTS
from vtff_lib.checks.models import lively_model
from vtff_lib.config import VTFFConfig
from vtff_lib.encoder import resize_position_embedding
from vtff_lib.inputs import Normalise
from vtff_lib.own import PARTS as PARTS_OF_VTFF
from vtff_lib.vtff import VTFF, VTFFOutput

# 1: tokens


def tokens_of_a_blank_image(height, width, stages):
    x = torch.zeros(1, 1, height, width)
    for _ in range(stages + 1):
        x = F.max_pool2d(x, 2)
    return 1 + x.numel()


# 2: the whole model

WHOLE = FENCE.findall(
    next(cell.source for cell in stored("06").cells if cell.id == "exercise-whole-solution")
)[0]


def whole(*changes):
    """Return the model of the solution, with pieces of its source exchanged."""
    source = WHOLE
    for old, new in changes:
        assert source.count(old) >= 1, old
        source = source.replace(old, new)
    names = {
        "__name__": "lesson",
        "nn": nn,
        "torch": torch,
        "Normalise": Normalise,
        "VTFFOutput": VTFFOutput,
        "resize_position_embedding": resize_position_embedding,
        **{name: each.library for name, each in PARTS_OF_VTFF.items()},
    }
    exec(source, names)
    return names["MyVTFF"]


class FromTheLibrary(VTFF):
    """The library's, asked in another way."""

    def forward(self, rgb):
        return super().forward(rgb, self.lbp(rgb), return_maps=True)


# 3: the loss without looking


def entropy_by_cross_entropy(counts):
    labels = torch.arange(len(counts)).repeat_interleave(counts)
    logits = (counts / counts.sum()).log().expand(len(labels), -1)
    return F.cross_entropy(logits, labels)


def entropy(counts):
    total = sum(counts.tolist())
    return -sum(n / total * math.log(n / total) for n in counts.tolist() if n)


def shares(counts):
    return (counts / counts.sum()).clamp_min(1e-12)


# 6: idle parts


def gradients(model, rgb, labels, clear=True, backward=True):
    """Return the gradients of each part, after a step on one batch."""
    if clear:
        model.zero_grad()
    if backward:
        F.cross_entropy(model(rgb).logits, labels).backward()
    return {part: [p.grad for p in model.get_submodule(part).parameters()] for part in PARTS}


def idle(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [
        part
        for part, each in found.items()
        if all(g is None or not g.abs().sum() > 0 for g in each)
    ]


def idle_by_autograd(model, rgb, labels):
    loss = F.cross_entropy(model(rgb).logits, labels)
    found = set()
    for part in PARTS:
        parameters = [p for p in model.get_submodule(part).parameters() if p.requires_grad]
        each = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
        if not any(g is not None and bool((g != 0).any()) for g in each):
            found.add(part)
    return found


def only_none(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [part for part, each in found.items() if all(g is None for g in each)]


def only_zero(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [
        part
        for part, each in found.items()
        if each and all(g is not None and not g.any() for g in each)
    ]


def any_layer(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [
        part for part, each in found.items() if any(g is None or not (g != 0).any() for g in each)
    ]


def last_layer(model, rgb, labels):
    return [part for part, each in gradients(model, rgb, labels).items() if each[-1] is None]


def with_threshold(model, rgb, labels):
    found = gradients(model, rgb, labels)
    return [
        part for part, each in found.items() if all(g is None or g.abs().max() < 1e-6 for g in each)
    ]


def stale(model, rgb, labels):
    found = gradients(model, rgb, labels, clear=False)
    return [
        part for part, each in found.items() if all(g is None or not (g != 0).any() for g in each)
    ]


def no_backward(model, rgb, labels):
    found = gradients(model, rgb, labels, backward=False)
    return [part for part, each in found.items() if all(g is None for g in each)]


def learning(model, rgb, labels):
    return set(PARTS) - set(idle(model, rgb, labels))


def parameter_names(model, rgb, labels):
    gradients(model, rgb, labels)
    return [name for name, p in model.named_parameters() if p.grad is None]


def any_idle(model, rgb, labels):
    return bool(idle(model, rgb, labels))


# 5: a test of what asks a model about many images


def tried_on(answers, count, size, training=True, frozen=True):
    """Return model, images, and what a function answers, with the modes before."""
    model = lively_model().train(training)
    if frozen:
        model.backbones["lbp"].bn1.eval()
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8)
    images[0, 0, 0, 0] = 255
    modes = [each.training for each in model.modules()]
    twin = copy.deepcopy(model).eval()
    with torch.no_grad():
        truth = torch.cat([twin(each[None]).logits for each in images])
    given = images.clone()
    return model, images, given, modes, truth, answers(model, given, size)


def batches_compared(answers):
    for training in (True, False):
        for count, size in ((5, 2), (1, 8)):
            model, images, given, modes, truth, found = tried_on(answers, count, size, training)
            assert found.shape == truth.shape
            assert (found - truth).abs().max() < 1e-3
            assert modes == [each.training for each in model.modules()]
            assert torch.equal(images, given)


def batches_told(answers):
    rows = []
    for training in (False, True):
        model, images, given, modes, truth, found = tried_on(answers, 7, 3, training)
        rows += [truth.shape == found.shape and torch.allclose(truth, found, atol=1e-3)]
        rows += [
            modes == [each.training for each in model.modules()],
            bool((images == given).all()),
        ]
    return all(rows)


def shape_alone(answers):
    *_, truth, found = tried_on(answers, 5, 2)
    assert found.shape == truth.shape


def values_alone(answers):
    *_, truth, found = tried_on(answers, 5, 2)
    assert found.shape == truth.shape
    assert torch.allclose(found, truth, atol=1e-3)


def modes_of_the_whole(answers):
    for training in (True, False):
        model, _, _, _, truth, found = tried_on(answers, 5, 2, training, frozen=False)
        assert found.shape == truth.shape
        assert torch.allclose(found, truth, atol=1e-3)
        assert model.training == training


def bit_for_bit(answers):
    *_, truth, found = tried_on(answers, 5, 2)
    assert torch.equal(found, truth)


def images_forgotten(answers):
    for training in (True, False):
        model, _, _, modes, truth, found = tried_on(answers, 5, 2, training)
        assert found.shape == truth.shape
        assert torch.allclose(found, truth, atol=1e-3)
        assert modes == [each.training for each in model.modules()]


ANSWERS = {
    "count_tokens": Answers(
        right=[
            lambda h, w, s: 1 + (h // (4 * 2 ** (s - 1))) * (w // (4 * 2 ** (s - 1))),
            lambda h, w, s: h * w // 4 ** (s + 1) + 1,
            tokens_of_a_blank_image,
        ],
        wrong=[
            (lambda h, w, s: (h >> (s + 1)) * (w >> (s + 1)), "[cls] is a token too"),
            (lambda h, w, s: 1 + (h // 32) * (w // 32), "R = 32 whatever the stages"),
            (lambda h, w, s: 1 + (h >> s) * (w >> s), "R is 4 · 2^(stages-1)"),
            (lambda h, w, s: 1 + (h >> (s + 1)) ** 2, "square; height and width"),
            (lambda h, w, s: 1 + (w >> (s + 1)) ** 2, "as wide as it is"),
            (lambda h, w, s: 1 + (h >> (s + 1)) + (w >> (s + 1)), "You added rows and columns"),
            (lambda h, w, s: 1 + h * w // 2 ** (s + 1), "You divided the number of pixels by R"),
            (lambda h, w, s: 2 + (h >> (s + 1)) * (w >> (s + 1)), "Yours gives 17"),
            (lambda h, w, s: f"{h}", "should be one number; yours is '160'"),
        ],
    ),
    "whole_model": Answers(
        right=[whole(), VTFF, FromTheLibrary],
        wrong=[
            (whole(("my_lbp(rgb)", "rgb")), "look at my_lbp (lesson 01)"),
            (whole(("my_lbp(rgb)", "my_lbp(rgb.flip(1))")), "What enters `backbones.lbp` differs"),
            (
                whole(('["lbp"](my_lbp', '["rgb"](my_lbp')),
                "or the normalisation of the codes",
            ),
            (
                whole(("self.fusion(rgb_map, lbp_map)", "self.fusion(lbp_map, rgb_map)")),
                "look at which of the two maps comes first",
            ),
            (whole(('"norm"](tokens)[:, 0]', '"norm"](tokens)[:, -1]')), "which token is read"),
            (
                whole(('"norm"](tokens)[:, 0]', '"norm"](tokens).mean(dim=1)')),
                "What enters `head` differs",
            ),
            (
                whole(('self.encoder["norm"](tokens)', "tokens")),
                "`encoder.norm` is never called",
            ),
            (
                whole(('in self.encoder["blocks"]:', 'in self.encoder["blocks"][:1]:')),
                "`encoder.blocks.1` is never called",
            ),
            (
                whole(("tokens, _ = block(tokens)", "_ = block(tokens)")),
                "What enters `encoder.blocks.1` differs",
            ),
            (whole(("positions = resize", "positions = 0 * resize")), "look at my_tokens"),
            (
                whole(("self.config.grid, grid)", "self.config.grid, grid[::-1])")),
                "What enters `encoder.blocks.0` differs",
            ),
            (whole(("return VTFFOutput(", "return (")), "Return `VTFFOutput(logits)`"),
            (whole(("(c.channels, c.attention_reduction)", "(c.channels)")), "should have shape"),
            (whole(("self.head = nn.Linear", "self.fc = nn.Linear")), "no place for 2"),
            (whole(("c = self.config = config", "c = config")), "Keep the settings"),
            (whole(("fused = self.f", "fused = 1.1 * self.f")), "or what it is given"),
            (whole(("(tokens)[:, 0]", "(tokens)[:, 0].detach()")), "No gradient reaches"),
            (whole(("lbp_map)\n", "lbp_map.detach())\n")), "reaches `backbones.lbp."),
            (whole(('self.backbones["lbp"](self', 'self.backbones["rgb"](self')), "never called"),
            (
                whole(
                    ("nn.Parameter(torch.zeros(1, count, c.embed_dim))", "None"),
                    (
                        "blocks = [",
                        'del self.position_embedding\n        self.register_buffer("position_'
                        'embedding", torch.zeros(1, count, c.embed_dim))\n        blocks = [',
                    ),
                ),
                "`position_embedding` is no parameter",
            ),
            (whole((" for _ in range(c.depth)]", "] * c.depth")), "`encoder.blocks.1."),
            (
                whole(("rgb_map = self", "self.eval(); rgb_map = self")),
                "in training mode it is not",
            ),
            (VTFF(VTFFConfig.tiny(8)), "Pass the class"),
            (lambda config: "a model", "inherits from `nn.Module`"),
        ],
    ),
    "loss_without_looking": Answers(
        right=[
            entropy,
            entropy_by_cross_entropy,
            lambda counts: torch.distributions.Categorical(probs=counts / counts.sum()).entropy(),
        ],
        wrong=[
            (lambda n: entropy(n) / math.log(2), "to the base 2"),
            (lambda n: entropy(n) / math.log(10), "to the base 10"),
            (lambda n: -entropy(n), "The sign is turned round"),
            (lambda n: math.log(len(n)), "the loss of an even guess"),
            (lambda n: -shares(n).log().mean(), "You averaged over the classes"),
            (lambda n: entropy(n) * n.sum(), "cross-entropy is their mean"),
            (lambda n: -(n * n.log()).nansum(), "divide them by their sum first"),
            (lambda n: -shares(n).max().log(), "the largest share"),
            (lambda n: 1 - shares(n).max(), "the share of wrong answers"),
            (lambda n: -(n / n.sum() * (n / n.sum()).log()).sum(), "came out as nan"),
            (lambda n: 0.5 * entropy(n), "should be 1.2130; yours is 0.6065"),
        ],
    ),
    "idle_parts": Answers(
        right=[idle, idle_by_autograd, lambda *given: (part for part in idle(*given))],
        wrong=[
            (only_none, "With the LBP map multiplied by 0"),
            (only_zero, "A gradient that was never made is None"),
            (any_layer, "With the first layer of a part frozen"),
            (last_layer, "With the last layer of a part frozen"),
            (with_threshold, "A gradient may be small and still be one"),
            (stale, "gradients of an earlier step"),
            (no_backward, "is `backward()` called"),
            (learning, "you returned the parts that learn"),
            (parameter_names, "are no names of PARTS"),
            (any_idle, "Return a list of the names"),
        ],
    ),
    "fault_in_batches": Answers(
        right=[batches_compared, batches_told],
        wrong=[
            (lambda answers: None, "leaves out what does not fill a batch"),
            (shape_alone, "gives the last batch first"),
            (modes_of_the_whole, "puts a frozen part of a model that trains back"),
            (values_alone, "leaves a model that came in training mode in eval mode"),
            (bit_for_bit, "rejects a version that is right"),
            (images_forgotten, "changes the images"),
            (lambda answers: False, "it returned False"),
            (lambda: None, "it raised TypeError"),
            ("a test", "Pass the test itself"),
        ],
    ),
}

EQUAL: dict = {}
