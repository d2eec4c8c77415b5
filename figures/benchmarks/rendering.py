"""How fast synthetic faces are rendered, on a CPU and on a GPU, and that both render the same."""

from collections.abc import Callable

import torch

from figures.benchmarks.clock import significant
from figures.benchmarks.pairs import Result, compare
from vtff_lib import load_pretrained, synthetic_faces
from vtff_lib.synthetic_faces.rendering import CHUNK, Rendered, render, render_chunk

FACES = 4 * CHUNK["cuda"]  # for a GPU
AGREEING = 0.999  # share of the values of all pixels that a GPU and a CPU are to agree in


def rendering(repeats: int) -> list[Result]:
    """Compare rendering on every core with rendering on one, and one face with reading it."""
    faces = synthetic_faces.sample(range(64))

    def on_one_core() -> None:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        for start in range(0, 64, CHUNK["cpu"]):
            render_chunk(faces[start : start + CHUNK["cpu"]], 112)
        torch.set_num_threads(threads)

    return [
        compare(
            "64 synthetic faces of 112×112", lambda: render(faces),
            "on one core", on_one_core, "times as fast", max(repeats // 3, 1),
        ),
        compare(
            "one synthetic face", lambda: render(faces[:1]),
            "a tiny VTFF reading it with maps", reader(faces), "times the time", repeats,
        ),
    ]  # fmt: skip


def reader(faces: synthetic_faces.Faces) -> Callable[[], object]:
    """Return a call in which the shipped model reads one face, as for a slider."""
    model, image = load_pretrained(), render(faces[:1]).images
    return torch.inference_mode()(lambda: model(image, return_maps=True))


def rendering_on(device: str, repeats: int) -> tuple[Result, dict[str, float]]:
    """Compare rendering on a GPU with rendering on every core of the CPU.

    Returns:
        The comparison; and faces a second on either, the share of values that both render within
        one grey level, its bound, and the share of pixels that are of the same region.

    Raises:
        SystemExit: if both render different pictures, so that their speeds say nothing.
    """
    faces = synthetic_faces.sample(range(FACES))
    there = faces.to(device)
    alike, regions = agreement(render(there), render(faces))
    if alike < AGREEING:
        raise SystemExit(
            f"Only {alike:.4%} of the values that {device} and the CPU render are within one grey "
            f"level of each other, where {AGREEING:.1%} are demanded; see rendering.py."
        )
    result = compare(
        f"{FACES} synthetic faces of 112×112 on {device}", lambda: render(there),
        "on every core of the CPU", lambda: render(faces), "times as fast", max(repeats // 3, 1),
    )  # fmt: skip
    return result, {
        "faces_per_s": significant(1000 * FACES / result.ours_ms),
        "faces_per_s_on_the_cpu": significant(1000 * FACES / result.against_ms),
        "within_one_grey_level": round(alike, 6),
        "demanded": AGREEING,
        "same_region": round(regions, 6),
    }


def agreement(there: Rendered, here: Rendered) -> tuple[float, float]:
    """Return the share of values within one grey level, and that of pixels of one region."""
    difference = (there.images.cpu().int() - here.images.int()).abs()
    same = there.regions.cpu() == here.regions
    return float((difference <= 1).float().mean()), float(same.float().mean())
