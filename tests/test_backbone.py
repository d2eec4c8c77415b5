"""The trunk is torchvision's ResNet-18, and its weights load completely or not at all."""

import contextlib
import json
import pickle
import random

import pytest
import safetensors.torch
import torch
import torchvision

from figures.experiments import harness, plain_or_residual
from tests.lessons import stored
from vtff_lib.backbone import BasicBlock, ResNetTrunk
from vtff_lib.weights import read_weights, write_weights


@pytest.fixture
def reference() -> torchvision.models.ResNet:
    torch.manual_seed(0)
    return torchvision.models.resnet18()


def reference_features(reference: torchvision.models.ResNet, x: torch.Tensor) -> torch.Tensor:
    return torch.nn.Sequential(*list(reference.children())[:-2])(x)


@pytest.mark.parametrize("training", [True, False])
def test_same_weights_give_torchvisions_features_and_gradients(reference, training):
    trunk = ResNetTrunk()
    trunk.load_state_dict(reference.state_dict(), strict=False)
    trunk.train(training), reference.train(training)
    x = torch.randn(2, 3, 64, 96)
    ours, theirs = trunk(x), reference_features(reference, x)
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn_like(ours)
    (ours * direction).sum().backward()
    (theirs * direction).sum().backward()
    gradients = {name: p.grad for name, p in reference.named_parameters() if p.grad is not None}
    assert gradients.keys() == dict(trunk.named_parameters()).keys()
    for name, parameter in trunk.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name])


def test_names_are_torchvisions_without_the_classifier(reference):
    theirs = {name for name in reference.state_dict() if not name.startswith("fc.")}
    assert set(ResNetTrunk().state_dict()) == theirs


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
@pytest.mark.parametrize("width", [4, 6])
def test_every_size_keeps_its_promise_about_shapes(stages, width):
    trunk = ResNetTrunk(width, stages).eval()
    r = trunk.reduction
    assert (r, trunk.out_channels) == (4 * 2 ** (stages - 1), width * 2 ** (stages - 1))
    assert trunk(torch.randn(1, 3, 2 * r, 3 * r)).shape == (1, trunk.out_channels, 2, 3)
    assert f"H/{r}" in repr(trunk)


def test_a_block_whose_branch_is_zero_passes_its_input_on():
    block = BasicBlock(4, 4)
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.rand(2, 4, 5, 6)
    torch.testing.assert_close(block(x), x)


@pytest.mark.parametrize("block", [BasicBlock(4, 4, stride=2), BasicBlock(4, 6)])
def test_a_block_whose_shape_changes_projects_its_shortcut(block):
    torch.nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(block(x), torch.relu(block.downsample(x)))


def test_convolutions_start_as_he_et_al_say():
    """Variance 2 / fan_out: what leaves a layer backwards is as large as what enters it."""
    torch.manual_seed(0)
    for name, weight in ResNetTrunk().named_parameters():
        if weight.ndim == 4:
            fan_out = weight.shape[0] * weight.shape[2] * weight.shape[3]
            assert weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.05), name


PUBLISHED = {
    "torchvision": lambda weights: weights,
    "compiled": lambda weights: {f"_orig_mod.module.{k}": v for k, v in weights.items()},
    "wrapped": lambda weights: {"epoch": 3, "state_dict": weights},
    "checkpoint": lambda weights: {"model_state_dict": weights, "optimizer_state_dict": {"a": {}}},
    "beside settings": lambda weights: {"model": {"arch": "r18"}, "state_dict": weights},
    "beside more": lambda weights: {"model": {"width": 64}, "model_state_dict": weights},
    "in two": lambda weights: {"model": {"state_dict": weights}, "epoch": 3},
    "parallel": lambda weights: {"state_dict": {f"module.{k}": v for k, v in weights.items()}},
    "embedding": lambda weights: {
        "state_dict": {f"module.{k}": v for k, v in weights.items()}
        | {"module.feature.weight": torch.zeros(256, 512), "module.feature.bias": torch.zeros(256)}
    },
    "before 2018": lambda weights: {
        k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")
    },
}


@pytest.mark.parametrize("form", PUBLISHED)
def test_every_published_form_fills_the_whole_trunk(reference, tmp_path, form):
    reference(torch.randn(2, 3, 64, 64))  # so that statistics and counters are not at their start
    torch.save(PUBLISHED[form](reference.state_dict()), tmp_path / "weights.pth")
    trunk = ResNetTrunk()
    dropped = trunk.load_published_weights(tmp_path / "weights.pth")
    assert {"fc.weight", "fc.bias"} <= set(dropped)
    assert all(name.startswith(("fc.", "feature.")) for name in dropped)
    for name, tensor in trunk.state_dict().items():
        if form != "before 2018" or not name.endswith("num_batches_tracked"):
            assert torch.equal(tensor, reference.state_dict()[name]), name


@pytest.mark.parametrize("name", ["a.safetensors", "A.SAFETENSORS", "a.pth"])
def test_safetensors_load_too_whatever_they_are_called(reference, tmp_path, name):
    write_weights(tmp_path / "weights.safetensors", reference.state_dict(), {})
    (tmp_path / "weights.safetensors").rename(tmp_path / name)
    trunk = ResNetTrunk()
    trunk.load_published_weights(tmp_path / name)
    assert torch.equal(trunk.conv1.weight, reference.conv1.weight)


class Payload:
    """What a malicious file would do on being read: here, create a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def wrong_files(folder, reference):
    """Each way a file can be wrong: (path, what the sentence must say)."""
    weights = reference.state_dict()
    torch.save(weights, folder / "good.pth")
    good = (folder / "good.pth").read_bytes()
    safetensors.torch.save_file(weights, folder / "good.safetensors")
    good_safetensors = (folder / "good.safetensors").read_bytes()

    def saved(name, content):
        torch.save(content, folder / name)
        return folder / name

    def written(name, content):
        (folder / name).write_bytes(content)
        return folder / name

    without = {k: v for k, v in weights.items() if k != "layer1.0.conv1.weight"}
    yield folder / "nowhere.pth", "no weight file"
    yield written("empty.pth", b""), "damaged or not a weight file"
    yield written("cut.pth", good[: len(good) // 2]), "damaged or not a weight file"
    yield written("text.pth", b"<html>404</html>"), "not a plain file of tensors"
    yield written("cut.safetensors", good_safetensors[:9999]), "damaged or not a weight file"
    yield written("text.safetensors", b"<html>404</html>"), "damaged or not a weight file"
    yield saved("code.pth", {"x": Payload(folder / "pwned")}), "would run code|run code"
    yield written("pickle.pth", pickle.dumps(Payload(folder / "pwned"), protocol=2)), "run code"
    yield saved("list.pth", [1, 2]), "no tensors by name"
    yield saved("numbers.pth", {"state_dict": {"conv1.weight": 3}}), "no tensors by name"
    yield saved("fcx.pth", weights | {"fcx.weight": torch.ones(1)}), "1 unexpected .'fcx.weight'"
    yield saved("keys.pth", {1: torch.ones(1)}), "no tensors by name"
    yield saved("inner.pth", {"state_dict": 3}), "no tensors by name"
    twice = weights | {"module.conv1.weight": weights["conv1.weight"]}
    yield saved("twice.pth", twice), "some tensors twice"
    middle = {k.replace("conv1", "module.conv1"): v for k, v in weights.items()}
    yield saved("middle.pth", middle), "unexpected .'layer1.0.module.conv1.weight'"
    integers = weights | {"conv1.weight": weights["conv1.weight"].to(torch.int8)}
    yield saved("integers.pth", integers), "1 of another kind .'conv1.weight: torch.int8'"
    yield saved("newline.pth", weights | {"a\nb": torch.ones(1)}), "1 unexpected"
    yield saved("missing.pth", without), "1 missing .'layer1.0.conv1.weight'"
    yield (
        saved("extra.pth", {**weights, "neck.weight": torch.ones(1)}),
        "1 unexpected .'neck.weight'",
    )
    yield (
        saved("prefix.pth", {f"net.{k}": v for k, v in weights.items()}),
        "of 120 tensors, 100 missing .'conv1.weight'., 122 unexpected",
    )
    yield (
        saved("shape.pth", {**weights, "conv1.weight": torch.ones(64, 1, 7, 7)}),
        r"1 of another shape \('conv1.weight: \(64, 1, 7, 7\) instead of \(64, 3, 7, 7\)'\)",
    )
    resnet34 = torchvision.models.resnet34().state_dict()
    yield saved("resnet34.pth", resnet34), r"another network.*\d+ unexpected \('layer1.2"


def test_wrong_files_are_refused_in_words_and_change_nothing(reference, tmp_path):
    trunk = ResNetTrunk()
    before = {name: tensor.clone() for name, tensor in trunk.state_dict().items()}
    for path, sentence in wrong_files(tmp_path, reference):
        with pytest.raises((ValueError, FileNotFoundError), match=sentence) as refusal:
            trunk.load_published_weights(path)
        assert path.name in str(refusal.value)
        assert "\n" not in str(refusal.value)
    assert not (tmp_path / "pwned").exists()
    for name, tensor in trunk.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_with_wrong_bytes_is_read_or_refused_in_words(tmp_path, suffix):
    path, rng = tmp_path / f"small{suffix}", random.Random(0)
    weights = {"conv1.weight": torch.randn(4, 3, 7, 7)}
    if suffix == ".pth":
        torch.save(weights, path)
    else:
        write_weights(path, weights, {})
    good = path.read_bytes()
    for _ in range(150):
        damaged = bytearray(good)
        for _ in range(8):
            damaged[rng.randrange(min(len(good), 600))] = rng.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError):  # any other error fails the test
            read_weights(path)


def test_settings_and_inputs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"stages=5 .*1 to 4"):
        ResNetTrunk(stages=5)
    with pytest.raises(ValueError, match=r"width=0 .*number, 1 to"):
        ResNetTrunk(width=0)
    for x in (torch.zeros(1, 1, 32, 32), torch.zeros(3, 32, 32), torch.zeros(1, 3, 4, 32, 32)):
        with pytest.raises(ValueError, match=r"shape .*; ResNetTrunk needs float \(N, 3, H"):
            ResNetTrunk(4)(x)
    with pytest.raises(ValueError, match=r"uint8 tensor of shape .*float \(N, 3, H, W\)"):
        ResNetTrunk(4)(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


# From here on: the experiment of lesson 02, with shortcuts and without.


def test_the_lesson_trains_the_nets_of_the_script():
    lesson = stored("02").definitions()
    x = torch.randn(4, 1, 32, 32)
    for ours, theirs in (
        (lesson["PlainBlock"], plain_or_residual.PlainBlock),
        (lesson["BasicBlock"], BasicBlock),
    ):
        answers = []
        for deep_net, block in ((lesson["deep_net"], ours), (plain_or_residual.deep_net, theirs)):
            torch.manual_seed(0)
            answers.append(deep_net(block, 3)(x))
        assert torch.equal(*answers)


def test_plain_and_residual_nets_start_alike_and_differ_by_the_shortcut_alone():
    nets = []
    for block in plain_or_residual.BLOCKS.values():
        torch.manual_seed(0)
        nets.append(plain_or_residual.deep_net(block, 2))
    plain, residual = (net.state_dict() for net in nets)
    assert plain.keys() == residual.keys()
    assert all(torch.equal(plain[name], residual[name]) for name in plain)
    x = torch.rand(2, 16, 5, 7)
    change = nets[0][4](x)  # relu(f(x)), so residual - x is f(x) wherever that is positive
    torch.testing.assert_close(nets[1][4](x)[change > 0], (x + change)[change > 0])


def test_the_stored_experiment_says_what_it_needs_to_be_made_again():
    path = harness.FIGURES / "plain_or_residual.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    assert [run["seed"] for run in told["runs"]] == [0, 1, 2]
    for run in told["runs"]:
        assert {"command", "date", "torch", "faces_sha256", "cpu_seconds"} <= run.keys()
        assert len(run["nets"]) == 12
    assert told["summary"] == plain_or_residual.summarise(told["runs"])
