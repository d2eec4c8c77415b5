"""What lesson 02, on convolutions, residual blocks and others' weights, is held to."""

import copy
import math

import torch
import torch.nn.functional as F
from torch import nn

from tests.lessons import Answers
from vtff_lib.backbone import BasicBlock, ResNetTrunk

# size_after_convolution


def by_counting(size, kernel_size, stride, padding):
    return len(range(0, size + 2 * padding - kernel_size + 1, stride))


def by_running(size, kernel_size, stride, padding):
    padded = F.pad(torch.zeros(size), (padding, padding))
    return torch.tensor(padded.unfold(0, kernel_size, stride).shape[0])


# residual_block


class BlockAsWritten(nn.Module):
    def __init__(self, in_channels, out_channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def f(self, x):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    def forward(self, x):
        return F.relu(self.downsample(x) + self.f(x))


class BlockInOtherWords(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        if in_channels != out_channels or stride > 1:
            one = nn.Conv2d(in_channels, out_channels, (1, 1), (stride, stride), bias=False)
            self.downsample = nn.Sequential(one, nn.BatchNorm2d(out_channels))
        else:
            self.downsample = None
        self.conv2 = nn.LazyConv2d(out_channels, 3, padding="same", bias=False)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding="same", bias=False)
        self.bn2, self.bn1 = (nn.BatchNorm2d(out_channels) for _ in range(2))
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return torch.maximum(out, torch.zeros_like(out))


def block(forward=None, make=lambda block: None):
    """Return a class of blocks with another forward pass, or that are changed when made."""

    class Block(BlockAsWritten):
        def __init__(self, in_channels, out_channels, stride=1):
            super().__init__(in_channels, out_channels, stride)
            make(self)

    if forward is not None:
        Block.forward = forward
    return Block


def without_bn1(b, x):
    return F.relu(b.bn2(b.conv2(F.relu(b.conv1(x)))) + b.downsample(x))


def without_bn2(b, x):
    return F.relu(b.conv2(F.relu(b.bn1(b.conv1(x)))) + b.downsample(x))


def without_inner_relu(b, x):
    return F.relu(b.bn2(b.conv2(b.bn1(b.conv1(x)))) + b.downsample(x))


def norms_exchanged(b, x):
    return F.relu(b.bn1(b.conv2(F.relu(b.bn2(b.conv1(x))))) + b.downsample(x))


def leaky(b, x):
    out = b.bn2(b.conv2(F.leaky_relu(b.bn1(b.conv1(x)))))
    return F.leaky_relu(out + b.downsample(x))


def stride_in_conv2(b):
    b.conv2.stride, b.conv1.stride = b.conv1.stride, (1, 1)


def one_conv(b):
    if isinstance(b.downsample, nn.Sequential):
        b.downsample = b.downsample[0]


def only_where_channels_change(b):
    if b.conv1.in_channels == b.conv1.out_channels:
        b.downsample = nn.Identity()


def always_projected(b):
    sizes = b.conv1.in_channels, b.conv1.out_channels
    one = nn.Conv2d(*sizes, 1, b.conv1.stride, bias=False)
    b.downsample = nn.Sequential(one, nn.BatchNorm2d(sizes[1]))


def with_bias(b):
    b.conv1 = nn.Conv2d(b.conv1.in_channels, b.conv1.out_channels, 3, b.conv1.stride, 1)


def renamed(b):
    b.norm1 = b.bn1
    del b.bn1


class HalvesUnlessTold(BlockAsWritten):
    def __init__(self, in_channels, out_channels, stride=2):
        super().__init__(in_channels, out_channels, stride)


def never_evaluated(b, x):
    return BlockAsWritten.forward(b.train(), x)


def always_evaluated(b, x):
    return BlockAsWritten.forward(b.eval(), x)


# trunk


class TrunkAsWritten(nn.Module):
    def __init__(self, width=64, stages=4):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.names = [f"layer{number + 1}" for number in range(stages)]
        channels = width
        for index, name in enumerate(self.names):
            wider = width * 2**index
            first = BlockAsWritten(channels, wider, stride=1 if index == 0 else 2)
            self.add_module(name, nn.Sequential(first, BlockAsWritten(wider, wider)))
            channels = wider

    def stem(self, x):
        return F.relu(self.bn1(self.conv1(x)))

    def on(self, x):
        for name in self.names:
            x = self.get_submodule(name)(x)
        return x

    def forward(self, x):
        return self.on(F.max_pool2d(self.stem(x), 3, stride=2, padding=1))


class TrunkInOtherWords(nn.Module):
    def __init__(self, width: int = 64, stages: int = 4) -> None:
        super().__init__()
        for number in reversed(range(1, stages + 1)):
            before = width * 2 ** max(0, number - 2)
            after = width * 2 ** (number - 1)
            both = [BlockInOtherWords(before, after, min(number, 2))]
            both += [BlockInOtherWords(after, after)]
            setattr(self, f"layer{number}", nn.Sequential(*both))
        self.bn1 = nn.BatchNorm2d(width)
        self.conv1 = nn.Conv2d(3, width, (7, 7), (2, 2), (3, 3), bias=False)
        self.maxpool = nn.MaxPool2d(3, 2, 1)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for number in range(1, 5):
            if hasattr(self, f"layer{number}"):
                x = getattr(self, f"layer{number}")(x)
        return F.relu(x)  # which changes nothing


def trunk(forward=None, make=lambda trunk: None, **settings):
    """Return a class of trunks with another forward pass, or that are changed when made."""

    class Trunk(TrunkAsWritten):
        def __init__(self, width=64, stages=4):
            super().__init__(**({"width": width, "stages": stages} | settings))
            make(self)

    if forward is not None:
        Trunk.forward = forward
    return Trunk


def with_classifier(t):
    t.fc = nn.Linear(t.get_submodule(t.names[-1])[1].conv2.out_channels, 7)


def stride_in_the_first_stage(t):
    t.layer1[0] = BlockAsWritten(t.conv1.out_channels, t.conv1.out_channels)
    t.layer1[0].conv1.stride = (2, 2)


def one_block_a_stage(t):
    for name in t.names:
        setattr(t, name, nn.Sequential(t.get_submodule(name)[0]))


def first_blocks_only(t, x):
    x = F.max_pool2d(t.stem(x), 3, 2, 1)
    for name in t.names:
        x = t.get_submodule(name)[0](x)
    return x


class NeverWider(TrunkAsWritten):
    def __init__(self, width=64, stages=4):
        super().__init__(width, stages)
        for index, name in enumerate(self.names):
            first = BlockAsWritten(width, width, stride=1 if index == 0 else 2)
            setattr(self, name, nn.Sequential(first, BlockAsWritten(width, width)))


class StrideInTheSecondBlock(TrunkAsWritten):
    def __init__(self, width=64, stages=4):
        super().__init__(width, stages)
        for name in self.names[1:]:
            both = self.get_submodule(name)
            wide = both[1].conv1.out_channels
            first = BlockAsWritten(wide // 2, wide)
            setattr(self, name, nn.Sequential(first, BlockAsWritten(wide, wide, stride=2)))


class WithAThirdBlock(TrunkAsWritten):
    def __init__(self, width=64, stages=4):
        super().__init__(width, stages)
        self.layer1.append(BlockAsWritten(width, width))


class CountsFromZero(TrunkAsWritten):
    def __init__(self, width=64, stages=4):
        super().__init__(width, stages)
        self.layer0 = self.layer1
        del self.layer1


class WithoutDefaults(TrunkAsWritten):
    def __init__(self, width, stages):
        super().__init__(width, stages)


class DefaultsOfTheTinyModel(TrunkAsWritten):
    def __init__(self, width=16, stages=3):
        super().__init__(width, stages)


# fault_in_loading


def other_numbers(module):
    """Return a state of a module in which no number is the module's own."""
    return {name: torch.full_like(each, 3) for name, each in module.state_dict().items()}


def same(module, state):
    return all(torch.equal(each, state[name]) for name, each in module.state_dict().items())


def small():
    return nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))


def wrapped(state, before="module."):
    return {f"{before}{name}": each for name, each in state.items()}


CLASSIFIER = {"fc.weight": torch.ones(2), "feature.bias": torch.ones(3)}


def odd_files(state, kinds=("missing", "more", "shape")):
    files = {
        "missing": {name: each for name, each in state.items() if name != "1.bias"},
        "more": state | {"2.weight": torch.ones(2)},
        "shape": state | {"1.bias": torch.ones(4)},
    }
    return [files[kind] for kind in kinds]


def refuses(load, module, state):
    try:
        load(module, state)
    except ValueError:
        return True
    return False


def test_by_small_modules(load):
    for before in ("", "module.", "_orig_mod.module.", "module._orig_mod.", "module.module."):
        module = small()
        state = other_numbers(module)
        load(module, wrapped(state | CLASSIFIER, before))
        assert same(module, state), before
    for file in odd_files(state):
        module = small()
        was = copy.deepcopy(module.state_dict())
        assert refuses(load, module, file)
        assert same(module, was)


def test_by_answers(load):
    torch.manual_seed(5)
    x, theirs = torch.randn(3, 3, 40, 40), ResNetTrunk(width=4, stages=2)
    theirs(x)  # moves the running statistics
    published = theirs.state_dict()
    for before in ("module._orig_mod.module._orig_mod.", ""):
        mine = ResNetTrunk(width=4, stages=2)
        load(mine, wrapped(published | CLASSIFIER, before))
        if not torch.equal(mine.eval()(x), theirs.eval()(x)):
            return False
    mine = ResNetTrunk(width=4, stages=2).eval()
    answer = mine(x)
    last = dict(reversed(published.items()))
    last.pop("layer2.1.bn2.bias")
    wider = ResNetTrunk(width=8, stages=2).state_dict()
    deeper = ResNetTrunk(width=4, stages=3).state_dict()
    refused = [refuses(load, mine, file) for file in (last, wider, deeper, wrapped(wider))]
    return all(refused) and torch.equal(mine(x), answer)


def loading(befores=("module.", "module._orig_mod."), kinds=("missing", "more", "shape"), **look):
    """Return a test that looks at less."""

    def test(load):
        for before in befores:
            module = small()
            state = other_numbers(module)
            load(module, wrapped(state | look.get("classifier", CLASSIFIER), before))
            seen = dict(module.named_parameters()) if look.get("parameters") else None
            ok = same(module, state) if seen is None else all(seen[n].eq(3).all() for n in seen)
            assert ok
        for file in odd_files(state, kinds):
            module = small()
            was = copy.deepcopy(module.state_dict())
            assert refuses(load, module, file)
            assert same(module, was)

    return test


def asks_for_the_counter(load):
    test_by_small_modules(load)
    module = small()
    state = other_numbers(module)
    state.popitem()
    assert refuses(load, module, state)


ANSWERS = {
    "size_after_convolution": Answers(
        right=[lambda n, k, s, p: (n + 2 * p - k) // s + 1, by_counting, by_running],
        wrong=[
            (lambda n, k, s, p: (n + p - k) // s + 1, "added the padding once"),
            (lambda n, k, s, p: (n + 2 * p - k) // s, "One place is missing"),
            (lambda n, k, s, p: math.ceil((n + 2 * p - k) / s) + 1, "rounded up"),
            (lambda n, k, s, p: round((n + 2 * p - k) / s) + 1, "rounded to the nearest"),
            (lambda n, k, s, p: (n + 2 * p - k) / s + 1, "not whole numbers"),
            (lambda n, k, s, p: (n - k) // s + 1, "left out the padding"),
            (lambda n, k, s, p: n + 2 * p - k + 1, "left out the stride"),
            (lambda n, k, s, p: n // s, "divided the size by the stride"),
            (lambda n, k, s, p: (n + 2 * p - k + 1) // s, "counted all places"),
            (lambda n, k, s, p: (n + 2 * p) // s, "You left out the kernel"),
            (lambda n, k, s, p: (n - 2 * p - k) // s + 1, "You took the padding off"),
            (lambda n, k, s, p: (n + 2 * p - k) // s + 2, "One place is too many"),
            (lambda n, k, s, p: n + 2 * p - k // s + 1, "Put it into brackets"),
            (lambda n, k, s, p: (n + k // 2 * 2 - k) // s + 1, "half the kernel for the padding"),
            (lambda n, k, s, p: (n + 2 * p) // s - k // s + 1, "each on its own"),
            (lambda n, k, s, p: n + k + s + p, "yours is 236"),
            (lambda n, k, s, p: (n, k), "should be one number; yours is (224, 7)"),
        ],
    ),
    "residual_block": Answers(
        right=[
            BlockAsWritten,
            BlockInOtherWords,
            BasicBlock,
            block(lambda b, x: F.relu(b.f(x).add(b.downsample(x)))),
        ],
        wrong=[
            (block(lambda b, x: b.f(x) + b.downsample(x)), "The last ReLU is missing"),
            (block(lambda b, x: F.relu(b.f(x)) + b.downsample(x)), "last ReLU before the sum"),
            (block(lambda b, x: F.relu(F.relu(b.f(x)) + b.downsample(x))), "one ReLU too many"),
            (block(lambda b, x: F.relu(b.f(x))), "a plain block"),
            (block(lambda b, x: b.f(x)), "The shortcut and the last ReLU are missing"),
            (block(lambda b, x: F.relu(b.f(x) + x)), "You added x itself"),
            (
                block(lambda b, x: F.relu(b.f(x) + F.relu(b.downsample(x)))),
                "ReLU of the shortcut is one too many",
            ),
            (block(lambda b, x: F.relu(b.f(x) * b.downsample(x))), "You multiplied"),
            (block(without_bn1), "`bn1` is missing, the batch norm after the first"),
            (block(without_bn2), "`bn2` is missing, the batch norm after the second"),
            (block(without_inner_relu), "between the two convolutions"),
            (block(norms_exchanged), "the other way round"),
            (block(leaky), "Your activation is a leaky ReLU"),
            (block(make=stride_in_conv2), "`conv1` has stride=1; it should be 2. (Tried"),
            (block(make=lambda b: setattr(b.bn2, "eps", 0.1)), "`bn2` has eps=0.1"),
            (block(make=lambda b: setattr(b.bn1, "momentum", 0.9)), "`bn1` has momentum=0.9"),
            (block(make=one_conv), "no place for 6 of them, `downsample.0.weight` first"),
            (block(make=only_where_channels_change), "by its stride alone"),
            (block(make=always_projected), "Here the shape stays"),
            (HalvesUnlessTold, "Made without `stride`, a block has stride 1; yours has 2"),
            (block(make=with_bias), "`conv1` has a bias"),
            (block(make=renamed), "yours has `norm1.weight`"),
            (block(never_evaluated), "In eval mode yours still uses the batch's own"),
            (block(always_evaluated), "who calls `eval()`?"),
            (block(lambda b, x: BasicBlock.forward(b, x).detach()), "No gradient comes out"),
            (BlockAsWritten(3, 3), "Pass the class itself"),
            (lambda i, o, stride=1: 4, "inherits from `nn.Module`"),
            (block(lambda b, x: 2 * BlockAsWritten.forward(b, x)), "its numbers are off"),
        ],
    ),
    "trunk": Answers(
        right=[TrunkAsWritten, TrunkInOtherWords, ResNetTrunk],
        wrong=[
            (trunk(lambda t, x: t.on(t.stem(x))), "The max pooling of the stem is missing"),
            (
                trunk(lambda t, x: t.on(F.max_pool2d(t.bn1(t.conv1(x)), 3, 2, 1))),
                "The ReLU of the stem is missing",
            ),
            (
                trunk(lambda t, x: t.on(F.max_pool2d(F.relu(t.conv1(x)), 3, 2, 1))),
                "`bn1` of the stem is missing",
            ),
            (trunk(lambda t, x: t.on(F.max_pool2d(t.stem(x), 2))), "windows of 2×2; they are"),
            (trunk(lambda t, x: t.on(F.max_pool2d(t.stem(x), 3, 2))), "lacks its padding"),
            (trunk(lambda t, x: t.on(F.avg_pool2d(t.stem(x), 3, 2, 1))), "mean of each window"),
            (
                trunk(lambda t, x: TrunkAsWritten.forward(t, x).mean((2, 3), keepdim=True)),
                "mean over all places. The trunk ends",
            ),
            (
                trunk(lambda t, x: TrunkAsWritten.forward(t, x).mean((2, 3))),
                "mean over all places, flattened",
            ),
            (trunk(first_blocks_only), "the first block alone"),
            (
                trunk(lambda t, x: t.layer1(F.max_pool2d(t.stem(x), 3, 2, 1))),
                "a `return` stand inside the loop",
            ),
            (trunk(make=with_classifier), "Leave the classifier"),
            (trunk(make=stride_in_the_first_stage), "`layer1.0.conv1` has stride=2"),
            (trunk(make=one_block_a_stage), "`layer1.1.conv1.weight` first"),
            (trunk(stages=4), "`stages` is 3 here"),
            (trunk(width=64), "`width` is 4 here"),
            (StrideInTheSecondBlock, "`layer2.1` should leave the shape as it is"),
            (WithAThirdBlock, "two blocks; yours has `layer1.2."),
            (CountsFromZero, "yours has `layer0.0."),
            (trunk(lambda t, x: [TrunkAsWritten.forward(t, x)]), "one tensor; yours is a list"),
            (NeverWider, "the second stage on, each doubles them"),
            (trunk(make=lambda t: setattr(t.conv1, "padding", (0, 0))), "padding=0"),
            (WithoutDefaults, "Made without settings, the trunk should be ResNet-18's, of width"),
            (DefaultsOfTheTinyModel, "120 tensors of torchvision's"),
            (trunk(lambda t, x: TrunkAsWritten.forward(t, x) + 1), "its numbers are off"),
        ],
    ),
    "fault_in_loading": Answers(
        right=[test_by_small_modules, test_by_answers],
        wrong=[
            (lambda load: None, "has filled half of the trunk"),
            (loading(befores=("", "module.", "_orig_mod.module.")), "each once"),
            (loading(classifier={}), "whose classifier is wrapped"),
            (loading(kinds=("more", "shape")), "a tensor is missing"),
            (loading(kinds=("missing", "shape")), "a tensor too many"),
            (loading(kinds=("missing", "more")), "another shape in silence"),
            (loading(parameters=True), "forgets the running statistics"),
            (asks_for_the_counter, "rejects a version that is right"),
        ],
    ),
}

EQUAL = {}
