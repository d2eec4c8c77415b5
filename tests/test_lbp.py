"""The LBP is scikit-image's on the 3×3 window, and has the properties that lesson 01 claims."""

import numpy as np
import pytest
import torch
from skimage.feature import local_binary_pattern as skimage_lbp

from vtff_lib.lbp import OFFSETS, LocalBinaryPattern, local_binary_pattern, order_table

SIZES = [(1, 1), (1, 7), (7, 1), (2, 2), (3, 3), (5, 8), (31, 17)]
REAL_DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16,
    torch.bfloat16, torch.float32, torch.float64, torch.uint16, torch.uint32, torch.uint64,
    torch.float8_e4m3fn,
]  # fmt: skip


def random_images(size: tuple[int, int], seed: int = 0) -> list[np.ndarray]:
    """Few levels (many ties), all levels, and floats of both signs."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(0, 3, size).astype(np.uint8),
        rng.integers(0, 256, size).astype(np.uint8),
        rng.normal(size=size),
    ]


def skimage_window(image: np.ndarray) -> np.ndarray:
    """scikit-image's code of the 3×3 window.

    On its circle of radius 1 the straight neighbours (even bits) are pixels and the diagonal ones
    are interpolated; on the circle of radius √2 it is the other way round.
    """
    straight = skimage_lbp(image, P=8, R=1).astype(np.uint8) & 0b01010101
    diagonal = skimage_lbp(image, P=8, R=2**0.5).astype(np.uint8) & 0b10101010
    return straight | diagonal


@pytest.mark.filterwarnings("ignore:Applying `local_binary_pattern` to floating-point")
@pytest.mark.parametrize("size", SIZES)
def test_circular_order_is_scikit_image(size):
    for image in random_images(size):
        codes = local_binary_pattern(torch.from_numpy(image), order="circular")
        np.testing.assert_array_equal(codes.numpy(), skimage_window(image))


def test_reading_order_gives_the_seeds_worked_example():
    larger, smaller = 200, 50  # around 90: larger at bits 1 0 0 0 1 1 0 1
    window = torch.tensor(
        [[larger, smaller, smaller], [smaller, 90, larger], [larger, smaller, larger]]
    )
    assert local_binary_pattern(window)[1, 1] == 0b10001101 == 141


@pytest.mark.parametrize("order", OFFSETS)
def test_each_neighbour_sets_its_own_bit(order):
    for bit, (row, column) in enumerate(OFFSETS[order]):
        window = torch.zeros(3, 3)
        window[1, 1] = 1
        window[1 + row, 1 + column] = 2
        assert local_binary_pattern(window, order)[1, 1] == 2 ** (7 - bit)


def test_a_neighbour_equal_to_the_centre_counts_as_larger():
    assert local_binary_pattern(torch.full((3, 3), 7))[1, 1] == 255


def test_outside_the_image_is_zero():
    assert local_binary_pattern(torch.tensor([[5]])).item() == 0
    assert local_binary_pattern(torch.tensor([[0]])).item() == 255
    assert local_binary_pattern(torch.tensor([[-5]])).item() == 255


def test_tables_convert_between_the_orders():
    image = torch.randint(0, 9, (2, 20, 30))
    for source, target in [("reading", "circular"), ("circular", "reading")]:
        converted = order_table(source, target)[local_binary_pattern(image, source).long()]
        torch.testing.assert_close(converted, local_binary_pattern(image, target))
    assert sorted(order_table("reading", "circular").tolist()) == list(range(256))


@pytest.mark.parametrize(
    "light",
    [
        lambda x: 0.2 * x + 3,
        lambda x: (x + 1) ** 0.4,
        lambda x: torch.log(x + 1),
        lambda x: x - 500,
    ],
)
def test_strictly_increasing_light_leaves_the_codes(light):
    image = torch.randint(0, 256, (3, 40, 50)).double()
    before, after = local_binary_pattern(image), local_binary_pattern(light(image))
    torch.testing.assert_close(after[..., 1:-1, 1:-1], before[..., 1:-1, 1:-1])


def test_light_that_keeps_black_black_leaves_the_border_too():
    image = torch.randint(0, 256, (3, 40, 50))
    torch.testing.assert_close(
        local_binary_pattern((image / 255) ** 0.5), local_binary_pattern(image)
    )


def test_light_that_reverses_the_order_does_change_the_codes():
    image = torch.randint(0, 256, (40, 50))
    assert (local_binary_pattern(255 - image) != local_binary_pattern(image)).any()


def test_a_shift_of_the_image_shifts_the_codes():
    image = torch.randint(0, 256, (30, 40))
    codes, moved = local_binary_pattern(image), local_binary_pattern(image[4:, 7:])
    torch.testing.assert_close(moved[1:-1, 1:-1], codes[4:, 7:][1:-1, 1:-1])


@pytest.mark.parametrize("lead", [(), (0,), (4,), (2, 3), (2, 1, 3)])
def test_leading_dimensions_are_separate_pictures(lead):
    images = torch.randint(0, 256, (*lead, 9, 11), dtype=torch.uint8)
    codes = local_binary_pattern(images)
    assert codes.shape == images.shape
    for image, code in zip(images.reshape(-1, 9, 11), codes.reshape(-1, 9, 11), strict=True):
        torch.testing.assert_close(local_binary_pattern(image), code)


@pytest.mark.parametrize("dtype", REAL_DTYPES, ids=str)
def test_every_real_dtype_gives_uint8_codes_of_the_same_order(dtype):
    image = torch.randint(0, 2, (20, 30))
    codes = local_binary_pattern(image.to(dtype))
    assert codes.dtype == torch.uint8
    torch.testing.assert_close(codes, local_binary_pattern(image))


@pytest.mark.parametrize("dtype", [torch.uint16, torch.uint32, torch.uint64], ids=str)
def test_the_upper_half_of_wide_unsigned_dtypes_stays_on_top(dtype):
    top = torch.iinfo(dtype).max
    window = torch.tensor([[0, top, 0], [0, top // 2, 0], [0, 0, 0]], dtype=dtype)
    assert local_binary_pattern(window)[1, 1] == 0b01000000


def test_a_strided_image_and_its_copy_agree():
    image = torch.randint(0, 256, (8, 30, 20), dtype=torch.uint8).permute(0, 2, 1)
    torch.testing.assert_close(local_binary_pattern(image), local_binary_pattern(image.clone()))


def test_codes_stay_on_the_device_of_the_image():
    assert local_binary_pattern(torch.zeros(3, 3, device="meta")).device.type == "meta"


def test_nan_compares_as_neither_larger_nor_smaller():
    window = torch.full((3, 3), 5.0)
    window[0, 0] = torch.nan
    assert local_binary_pattern(window)[1, 1] == 0b01111111


def test_the_layer_is_the_function_and_shows_its_order():
    image = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    layer = LocalBinaryPattern("circular")
    torch.testing.assert_close(layer(image), local_binary_pattern(image, "circular"))
    assert "circular" in repr(layer)
    assert not list(layer.state_dict())


def test_refusals_name_what_was_given_and_what_is_needed():
    with pytest.raises(ValueError, match=r"shape \(5,\).*\(\.\.\., H, W\)"):
        local_binary_pattern(torch.zeros(5))
    with pytest.raises(ValueError, match=r"a ndarray, not a tensor"):
        local_binary_pattern(np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"complex64.*real"):
        local_binary_pattern(torch.zeros(3, 3, dtype=torch.complex64))
    for call in (
        lambda: local_binary_pattern(torch.zeros(3, 3), "spiral"),
        lambda: LocalBinaryPattern("spiral"),
        lambda: order_table("reading", "spiral"),
        lambda: order_table("spiral", "reading"),
    ):
        with pytest.raises(ValueError, match=r"'spiral' is unknown.*reading, circular"):
            call()
