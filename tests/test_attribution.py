"""Maps of many passes: integrated gradients add up, occlusion is a plain loop."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from vtff_lib.config import VTFFConfig
from vtff_lib.explain.attribution import integrated_gradients, occlusion
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.pretrained import load_pretrained
from vtff_lib.synthetic_faces import render, sample
from vtff_lib.vtff import VTFF, VTFFOutput

CLASSES = torch.tensor([6, 1])


@pytest.fixture(scope="module")
def model() -> VTFF:
    return load_pretrained("tiny")


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    return render(sample(range(2), split="test"), size=112).images


@pytest.fixture(scope="module")
def rgb(faces) -> torch.Tensor:
    return faces[..., 16:80, 16:96]  # 4 × 5 cells


def rise(model: VTFF, rgb: torch.Tensor) -> torch.Tensor:
    """How much the logits grow from two views of nothing to those of the faces."""
    nothing = torch.zeros_like(rgb)
    logits = model(rgb).logits - model(nothing, nothing).logits
    return logits.gather(1, CLASSES[:, None])[:, 0].detach()


def test_integrated_gradients_add_up_to_the_rise_of_the_logit_the_better_the_more_steps(
    model, faces
):
    errors = []
    for steps in (4, 16, 64):
        maps = integrated_gradients(model, faces, CLASSES, steps)
        total = sum(each.values.sum(dim=(1, 2)) for each in maps)
        errors.append(((total - rise(model, faces)) / rise(model, faces)).abs().max().item())
    assert errors[2] < 0.05
    assert errors[2] < errors[1] / 2 < errors[0] / 4


class Weighing(nn.Module):
    """A model that weighs every pixel of both views: its integrated gradients are known."""

    def __init__(self, height: int, width: int):
        super().__init__()
        self.config = SimpleNamespace(reduction=16, num_classes=2)
        self.backbones, self.lbp = ("rgb", "lbp"), local_binary_pattern
        generator = torch.Generator().manual_seed(0)
        shape = (2, 2, 3, height, width)  # classes, views
        self.weights = torch.randn(shape, generator=generator)

    def forward(self, rgb, lbp):
        views = torch.stack([rgb, lbp], dim=1)  # (N, views, 3, H, W)
        return VTFFOutput(torch.einsum("nvchw,kvchw->nk", views, self.weights))


def test_each_cell_of_each_view_holds_the_sum_of_its_own_pixels(rgb):
    model, classes = Weighing(64, 80), torch.tensor([1, 0])
    for view, heat in enumerate(integrated_gradients(model, rgb, classes, steps=1)):
        pixels = (rgb, local_binary_pattern(rgb))[view] / 255
        assert heat.values.shape == (2, 4, 5)
        for n, row, column in ((0, 0, 0), (0, 3, 4), (1, 1, 4), (1, 2, 0)):
            cell = (..., slice(16 * row, 16 * row + 16), slice(16 * column, 16 * column + 16))
            wanted = (pixels[n] * model.weights[classes[n], view])[cell].sum()
            assert heat.values[n, row, column] == pytest.approx(wanted.item(), abs=1e-3)


def test_occlusion_is_a_loop_over_cells(model, rgb):
    found = occlusion(model, rgb, CLASSES).values
    assert found.shape == (2, 4, 5)
    for n, face in enumerate(rgb / 255):
        whole = model(face[None]).logits.softmax(1)[0, CLASSES[n]]
        for row in range(4):
            for column in range(5):
                hidden = face.clone()
                for channel in range(3):
                    patch = hidden[
                        channel, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16
                    ]
                    patch.fill_(face[channel].mean())
                fall = whole - model(hidden[None]).logits.softmax(1)[0, CLASSES[n]]
                assert found[n, row, column].item() == pytest.approx(fall.item(), abs=1e-4)
    assert found.abs().max() > 0.01


def test_occlusion_of_one_view_leaves_the_other_whole(model, rgb):
    """By hand: the hole goes into the image, into the codes made of it, or into both."""
    unit, row, column = rgb / 255, slice(16, 32), slice(32, 48)
    hidden = unit.clone()
    hidden[..., row, column] = unit.mean(dim=(2, 3), keepdim=True)
    whole_codes, codes = (local_binary_pattern(image) for image in (unit, hidden))
    views = {"both": (hidden, codes), "rgb": (hidden, whole_codes), "lbp": (unit, codes)}

    def probability(*seen):
        return model(*seen).logits.softmax(1).gather(1, CLASSES[:, None])[:, 0].detach()

    found = {view: occlusion(model, rgb, CLASSES, view).values[:, 1, 2] for view in views}
    for view, seen in views.items():
        fall = probability(unit, whole_codes) - probability(*seen)
        torch.testing.assert_close(found[view], fall, rtol=1e-3, atol=1e-5)
    assert not torch.allclose(found["rgb"], found["lbp"], atol=1e-4)


@pytest.mark.parametrize(
    "method",
    [lambda *a: torch.stack([m.values for m in integrated_gradients(*a, 4)], 1), occlusion],
)
def test_each_image_has_its_own_map_and_nothing_else_changes(model, rgb, method):
    def values(*arguments):
        found = method(*arguments)
        return found if isinstance(found, torch.Tensor) else found.values

    before = {name: each.clone() for name, each in model.state_dict().items()}
    floats = rgb / 255
    kept = floats.clone()
    with torch.no_grad():
        together, alone = values(model, floats, CLASSES), values(model, rgb[1:], CLASSES[1:])
    torch.testing.assert_close(together[1:], alone, rtol=1e-3, atol=1e-5)
    assert torch.equal(floats, kept)
    assert not floats.requires_grad
    assert all(torch.equal(each, before[name]) for name, each in model.state_dict().items())
    assert all(each.grad is None for each in model.parameters())


@pytest.mark.parametrize("method", [integrated_gradients, occlusion])
def test_what_does_not_fit_is_refused(model, rgb, method):
    with pytest.raises(ValueError, match=r"2 images need int64 \(2,\)"):
        method(model, rgb, CLASSES[:1])
    with pytest.raises(ValueError, match="from 1 to 8; use 0 to 7"):
        method(model, rgb, torch.tensor([1, 8]))
    with pytest.raises(ValueError, match="multiples of 16"):
        method(model, rgb[..., :60], CLASSES)


def test_one_branch_has_no_two_maps(rgb):
    one = VTFF(VTFFConfig.tiny(8, fusion="rgb")).eval()
    with pytest.raises(ValueError, match="fusion='rgb' has one branch"):
        integrated_gradients(one, rgb, CLASSES)
    assert occlusion(one, rgb, CLASSES).values.shape == (2, 4, 5)
    with pytest.raises(ValueError, match="fusion='rgb' has no view 'lbp'"):
        occlusion(one, rgb, CLASSES, "lbp")
