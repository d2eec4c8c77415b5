"""What lesson 02, on convolutions, residual blocks and others' weights, is held to."""

import math
import re

import torch
import torch.nn.functional as F

from tests.lessons import Answers

# size_after_convolution


def by_counting(size, kernel_size, stride, padding):
    return len(range(0, size + 2 * padding - kernel_size + 1, stride))


def by_running(size, kernel_size, stride, padding):
    padded = F.pad(torch.zeros(size), (padding, padding))
    return torch.tensor(padded.unfold(0, kernel_size, stride).shape[0])


# block_output


def block_as_written(x, block):
    change = block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))
    return F.relu(block.downsample(x) + change)


def block_in_place(x, block):
    shortcut = block.downsample(x.clone())
    out = block.bn1(block.conv1(x)).clamp_(min=0)
    out = block.bn2(block.conv2(out))
    out += shortcut
    return torch.maximum(out, torch.zeros(()))


def inside(x, block):
    return block.bn2(block.conv2(F.relu(block.bn1(block.conv1(x)))))


def without_bn1(x, block):
    return F.relu(block.bn2(block.conv2(F.relu(block.conv1(x)))) + block.downsample(x))


def without_bn2(x, block):
    return F.relu(block.conv2(F.relu(block.bn1(block.conv1(x)))) + block.downsample(x))


def without_inner_relu(x, block):
    return F.relu(block.bn2(block.conv2(block.bn1(block.conv1(x)))) + block.downsample(x))


def norms_exchanged(x, block):
    change = block.bn1(block.conv2(F.relu(block.bn2(block.conv1(x)))))
    return F.relu(change + block.downsample(x))


# running_statistics


def mixed(old, new, momentum):
    return (1 - momentum) * old + momentum * new


def statistics_as_written(running_mean, running_var, x, momentum):
    mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))
    return mixed(running_mean, mean, momentum), mixed(running_var, var, momentum)


def statistics_in_a_loop(running_mean, running_var, x, momentum):
    for channel in range(x.shape[1]):
        values = x[:, channel].flatten().double()
        mean = values.sum() / len(values)
        var = (values - mean).square().sum() / (len(values) - 1)
        running_mean[channel] += momentum * (mean - running_mean[channel])
        running_var[channel] += momentum * (var - running_var[channel])
    return [running_mean, running_var]


def with_statistics(mean_of, var_of):
    def answer(running_mean, running_var, x, momentum):
        mean, var = mean_of(x), var_of(x)
        return mixed(running_mean, mean, momentum), mixed(running_var, var, momentum)

    return answer


def over_channel(function, **settings):
    return lambda x: function(x, dim=(0, 2, 3), **settings)


def momentum_turned(running_mean, running_var, x, momentum):
    return statistics_as_written(running_mean, running_var, x, 1 - momentum)


def momentum_turned_and_biased(running_mean, running_var, x, momentum):
    biased = with_statistics(over_channel(torch.mean), over_channel(torch.var, correction=0))
    return biased(running_mean, running_var, x, 1 - momentum)


def added_only(running_mean, running_var, x, momentum):
    mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3))
    return running_mean + momentum * mean, running_var + momentum * var


def dimensions_kept(running_mean, running_var, x, momentum):
    before = (running_mean[None, :, None, None], running_var[None, :, None, None])
    mean, var = (f(x, dim=(0, 2, 3), keepdim=True) for f in (torch.mean, torch.var))
    return mixed(before[0], mean, momentum), mixed(before[1], var, momentum)


def for_each_place(running_mean, running_var, x, momentum):
    mean, var = x.mean(0), x.var(0)
    old_mean, old_var = running_mean[:, None, None], running_var[:, None, None]
    return mixed(old_mean, mean, momentum), mixed(old_var, var, momentum)


# seen_pixels


def seen_backwards(index, layers):
    first = last = index
    for kernel_size, stride, padding in layers[::-1]:
        first = first * stride - padding
        last = last * stride - padding + kernel_size - 1
    return first, last


def seen_by_field_and_jump(index, layers):
    field, jump, start = 1, 1, 0
    for kernel_size, stride, padding in layers:
        start -= padding * jump
        field += (kernel_size - 1) * jump
        jump *= stride
    return [torch.tensor(start + index * jump), torch.tensor(start + index * jump + field - 1)]


def seen_forwards(index, layers):
    return seen_backwards(index, layers[::-1])


def seen_cut_off(index, layers):
    first, last = seen_backwards(index, layers)
    return max(first, 0), last


def seen_one_too_far(index, layers):
    first = last = index
    for kernel_size, stride, padding in reversed(layers):
        first, last = first * stride - padding, last * stride - padding + kernel_size
    return first, last


def seen_first_and_count(index, layers):
    first, last = seen_backwards(index, layers)
    return first, last - first + 1


def seen_by_the_first_layer(index, layers):
    first = last = index
    for kernel_size, stride, padding in reversed(layers):
        first = first * stride - padding
        last = first + kernel_size - 1
    return first, last


# linear_cka


def centred(x, dim=0):
    return x - x.mean(dim=dim, keepdim=True)


def norms(x, y):
    return (x.T @ x).norm() * (y.T @ y).norm()


def cka_by_norms(x, y):
    x, y = centred(x), centred(y)
    return (y.T @ x).norm() ** 2 / norms(x, y)


def cka_by_einsum(x, y):
    x, y = x.double() - x.double().mean(0), y.double() - y.double().mean(0)
    xy, xx, yy = (torch.einsum("na,nb->ab", *pair) for pair in ((x, y), (x, x), (y, y)))
    return ((xy**2).sum() / ((xx**2).sum() * (yy**2).sum()).sqrt()).item()


def cka_by_pairs(x, y):
    k, m = centred(x) @ centred(x).T, centred(y) @ centred(y).T
    return (k * m).sum() / (k.norm() * m.norm())


def cka_standardised(x, y):
    return cka_by_norms(x / x.std(0), y / y.std(0))


# compare_names

PREFIX = r"^(module\.|_orig_mod\.)+"
DROPPED = ("fc.", "feature.")


def compared(names, expected):
    missing = [name for name in expected if name not in names]
    return missing, [name for name in names if name not in expected]


def compare_by_pattern(published, expected):
    names = {re.sub(PREFIX, "", name) for name in published}
    names = {name for name in names if not name.startswith(DROPPED)}
    return set(expected) - names, names - set(expected)


def bare(name):
    for prefix in ("module.", "_orig_mod."):
        if name.startswith(prefix):
            return bare(name[len(prefix) :])
    return name


def compare_in_a_loop(published, expected):
    missing, unexpected = list(expected), []
    for name in map(bare, published):
        if name.split(".")[0] in ("fc", "feature"):
            continue
        if name in missing:
            missing.remove(name)
        else:
            unexpected.append(name)
    return tuple(missing), tuple(unexpected)


def strip_letters(name):
    return name.lstrip("module._orig_mod.")  # noqa: B005 (the mistake)


def comparing(strip, dropped=lambda name: name.startswith(DROPPED)):
    def answer(published, expected):
        names = [strip(name) for name in published]
        return compared([name for name in names if not dropped(name)], expected)

    return answer


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
            (lambda n, k, s, p: (n + 2 * p) // s, "yours is 115"),
            (lambda n, k, s, p: (n, k), "should be one number; yours is (224, 7)"),
        ],
    ),
    "block_output": Answers(
        right=[block_as_written, block_in_place],
        wrong=[
            (lambda x, b: inside(x, b) + b.downsample(x), "The last ReLU is missing"),
            (lambda x, b: F.relu(inside(x, b)) + b.downsample(x), "last ReLU before the sum"),
            (lambda x, b: F.relu(F.relu(inside(x, b)) + b.downsample(x)), "one ReLU too many"),
            (lambda x, b: F.relu(inside(x, b)), "a plain block"),
            (lambda x, b: F.relu(inside(x, b) + x), "You added x itself"),
            (lambda x, b: F.relu(inside(x, b) + F.relu(b.downsample(x))), "ReLU of the shortcut"),
            (lambda x, b: F.relu(inside(x, b) * b.downsample(x)), "You multiplied"),
            (without_bn1, "after the first convolution, bn1, is missing"),
            (without_bn2, "after the second convolution, bn2, is missing"),
            (without_inner_relu, "between the two convolutions"),
            (norms_exchanged, "the other way round"),
            (lambda x, b: b(x), "'BlockParts' object is not callable"),
            (lambda x, b: 2 * block_as_written(x, b), "Follow the arrows"),
        ],
    ),
    "running_statistics": Answers(
        right=[statistics_as_written, statistics_in_a_loop],
        wrong=[
            (momentum_turned, "the share of the *new* batch."),
            (momentum_turned_and_biased, "And there is a second mistake"),
            (
                with_statistics(over_channel(torch.mean), over_channel(torch.var, correction=0)),
                "divides by n - 1",
            ),
            (lambda m, v, x, share: (x.mean((0, 2, 3)), x.var((0, 2, 3))), "this batch alone"),
            (added_only, "without making them smaller first"),
            (
                with_statistics(over_channel(torch.mean), over_channel(torch.std)),
                "the standard deviation",
            ),
            (lambda *given: statistics_as_written(*given)[::-1], "have changed places"),
            (with_statistics(torch.mean, torch.var), "one mean over all channels"),
            (
                with_statistics(over_channel(torch.mean), lambda x: x.var((2, 3)).mean(0)),
                "each image's own",
            ),
            (
                with_statistics(lambda x: x.mean((2, 3)), lambda x: x.var((2, 3))),
                "numbers for each image",
            ),
            (dimensions_kept, "Did you keep the dimensions?"),
            (for_each_place, "numbers for each place"),
            (lambda m, v, x, share: mixed(m, x.mean((0, 2, 3)), share), "Return two things"),
            (
                with_statistics(over_channel(torch.mean), over_channel(torch.amax)),
                "The running variance should be",
            ),
        ],
    ),
    "seen_pixels": Answers(
        right=[seen_backwards, seen_by_field_and_jump],
        wrong=[
            (seen_forwards, "from the input up"),
            (lambda i, ls: seen_backwards(i, [(k, s, 0) for k, s, _ in ls]), "out the padding"),
            (lambda i, ls: seen_backwards(i, [(k, 1, p) for k, _, p in ls]), "out the strides"),
            (seen_one_too_far, "one too far in each layer"),
            (seen_cut_off, "Do not cut them off"),
            (seen_first_and_count, "how many there are"),
            (seen_by_the_first_layer, "the window's own end"),
            (lambda i, ls: seen_backwards(i, ls)[1], "Return two numbers"),
            (lambda i, ls: (i, i), "yours are 10 to 10"),
        ],
    ),
    "linear_cka": Answers(
        right=[cka_by_norms, cka_by_einsum],
        wrong=[
            (lambda x, y: (y.T @ x).norm() ** 2 / norms(x, y), "You did not centre"),
            (
                lambda x, y: (
                    (centred(y, 1).T @ centred(x, 1)).norm() ** 2
                    / norms(centred(x, 1), centred(y, 1))
                ),
                "Centre each channel over the faces",
            ),
            (
                lambda x, y: (centred(y).T @ centred(x)).norm() / norms(centred(x), centred(y)),
                "a square short",
            ),
            (lambda x, y: cka_by_norms(x, y).sqrt(), "the square root of CKA"),
            (
                lambda x, y: (
                    (centred(y).T @ centred(x)).norm() ** 2
                    / (centred(x).norm() * centred(y).norm()) ** 2
                ),
                "not of X and Y",
            ),
            (cka_standardised, "divided every column by its spread. CKA"),
            (
                lambda x, y: (
                    (centred(y).T @ centred(x)).norm() ** 2 / norms(centred(x), centred(y)) ** 2
                ),
                "norms below the line are squared",
            ),
            (cka_by_pairs, "a table of 300×300"),
            (lambda x, y: 1 - cka_by_norms(x, y), "For 12 faces"),
            (lambda x, y: centred(y).T @ centred(x), "CKA should be one number"),
        ],
    ),
    "compare_names": Answers(
        right=[compare_by_pattern, compare_in_a_loop],
        wrong=[
            (comparing(strip_letters), "takes off single letters"),
            (comparing(lambda name: bare(name).replace("module.", "")), "out of the middle"),
            (comparing(lambda name: name), "that is the trap itself"),
            (comparing(lambda name: name.removeprefix("module.")), "One name is wrapped twice"),
            (comparing(lambda name: name[7:]), "the same number of characters"),
            (comparing(bare, lambda name: False), "The classifier is no surprise"),
            (comparing(bare, lambda name: name.startswith("feature.")), "start with `fc.` are"),
            (comparing(bare, lambda name: name.startswith("fc.")), "start with `feature.` are"),
            (comparing(bare, lambda name: "fc." in name or "feature" in name), "only *contains*"),
            (comparing(bare, lambda name: name.startswith(("fc", "feature."))), "dropped `fcx"),
            (lambda p, e: compare_by_pattern(p, e)[::-1], "have changed places"),
            (lambda p, e: compare_by_pattern(p, e)[0], "Return two lists"),
            (lambda p, e: ([], compare_by_pattern(p, e)[1]), "Missing is ['bn1.weight']"),
        ],
    ),
}

EQUAL = {}
