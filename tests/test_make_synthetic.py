"""The set of rendered faces is made the same however often, and wherever, its making is stopped."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from data_scripts import make_synthetic
from data_scripts.make_synthetic import Settings, main, make
from vtff_lib import synthetic_faces
from vtff_lib.datasets import DEFAULT, FaceSet
from vtff_lib.names import SPLITS

ROOT = Path(__file__).parent.parent
SETTINGS = Settings(train=7, valid=3, test=2, seed=5, size=32, quality=60)


class QuickRenderer:
    """Stands in for `synthetic_faces`: a face follows from seed, split, index and wildness."""

    __file__ = synthetic_faces.__file__

    def __init__(self) -> None:
        self.rendered: list[int] = []

    def sample(
        self, indices: Sequence[int], seed: int, split: str, wildness: float
    ) -> SimpleNamespace:
        keys = torch.tensor([10_000 * seed + 1000 * SPLITS.index(split) + i for i in indices])
        return SimpleNamespace(
            identities=keys,
            labels=keys % 8,
            action_units=(keys % 256 / 255)[:, None, None].expand(-1, 19, 2),
            pose=keys[:, None] / torch.tensor([1.0, 2.0, 3.0]),
            light=(keys[:, None] + wildness) / torch.tensor([4.0, 5.0, 6.0]),
        )

    def render(self, faces: SimpleNamespace, size: int) -> SimpleNamespace:
        self.rendered += faces.identities.tolist()
        steps = torch.arange(size * size).view(size, size)
        maps = (steps * faces.identities[:, None, None] // 50 % 7).byte()
        return SimpleNamespace(images=maps[:, None].expand(-1, 3, -1, -1) * 30, regions=maps)


@pytest.fixture
def renderer(monkeypatch: pytest.MonkeyPatch) -> QuickRenderer:
    quick = QuickRenderer()
    monkeypatch.setattr(make_synthetic, "synthetic_faces", quick)
    return quick


def fail_at(count: int, do: Callable, fail: Callable[[], None]) -> Callable:
    """Return `do`, but `fail` instead of the call number `count`."""
    calls = iter(range(1, 10_000))
    return lambda *args, **kwargs: fail() if next(calls) == count else do(*args, **kwargs)


def make_until_killed(out: str, count: str) -> None:
    """Run in a process of its own, killed when file number `count` is written but not renamed."""
    make_synthetic.synthetic_faces = QuickRenderer()
    Path.replace = fail_at(int(count), Path.replace, lambda: os.kill(os.getpid(), signal.SIGKILL))
    make(Path(out), SETTINGS, shard_size=3)


@pytest.fixture
def whole(tmp_path: Path, renderer: QuickRenderer) -> bytes:
    """The set as it is when nothing stops its making."""
    make(tmp_path / "whole.safetensors", SETTINGS, shard_size=3)
    renderer.rendered.clear()
    return (tmp_path / "whole.safetensors").read_bytes()


def test_every_face_is_the_one_asked_for(tmp_path: Path, renderer: QuickRenderer) -> None:
    out = tmp_path / "new folder" / "faces.safetensors"
    lossless = Settings(train=7, valid=3, test=2, seed=5, size=32, quality=None)
    make(out, lossless, shard_size=3)
    read = FaceSet.read(out)
    for split, count in (("train", 7), ("valid", 3), ("test", 2)):
        part, faces = read.part(split), renderer.sample(range(count), 5, split, 0.25)
        rendered = renderer.render(faces, 32)
        assert torch.equal(part.images, rendered.images)
        assert torch.equal(part.labels, faces.labels)
        assert torch.equal(part.extras["regions"], rendered.regions[:, ::2, ::2])
        for name in ("identities", "action_units", "pose", "light"):
            assert torch.equal(part.extras[name], getattr(faces, name)), name
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize("shard_size", [1, 5, 100])
def test_the_size_of_the_shards_does_not_show(
    tmp_path: Path, renderer: QuickRenderer, whole: bytes, shard_size: int
) -> None:
    make(tmp_path / "faces.safetensors", SETTINGS, shard_size)
    assert (tmp_path / "faces.safetensors").read_bytes() == whole


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
@pytest.mark.parametrize(
    ("count", "left_to_render"), [(3, 6), pytest.param(6, 0, marks=pytest.mark.slow)]
)
def test_a_run_that_is_killed_goes_on_to_the_same_file(
    tmp_path: Path, renderer: QuickRenderer, whole: bytes, count: int, left_to_render: int
) -> None:
    """Killed when it names the third shard, and when all five are there and it names the whole."""
    out = tmp_path / "faces.safetensors"
    out.write_bytes(b"what stood here before")
    code = "import sys; from tests.test_make_synthetic import *; make_until_killed(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(out), str(count)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert out.read_bytes() == b"what stood here before"

    make(out, SETTINGS, shard_size=3)
    assert len(renderer.rendered) == left_to_render
    assert out.read_bytes() == whole
    assert {path.name for path in tmp_path.iterdir()} == {"whole.safetensors", out.name}


@pytest.fixture
def stopped(tmp_path: Path, renderer: QuickRenderer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output of a run that was stopped with two of its five shards made."""

    def stop() -> None:
        raise KeyboardInterrupt

    out = tmp_path / "faces.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(renderer, "render", fail_at(3, renderer.render, stop))
        with pytest.raises(KeyboardInterrupt):
            make(out, SETTINGS, shard_size=3)
    renderer.rendered.clear()
    return out


def test_a_damaged_shard_is_made_again(
    stopped: Path, renderer: QuickRenderer, whole: bytes
) -> None:
    shard = min(stopped.with_name(f"{stopped.name}.parts").iterdir())
    shard.write_bytes(shard.read_bytes()[:-10])
    make(stopped, SETTINGS, shard_size=3)
    assert renderer.rendered[:4] == [50_000, 50_001, 50_002, 50_006]
    assert stopped.read_bytes() == whole


@pytest.mark.parametrize(
    "other",
    [
        Settings(train=8, valid=3, test=2, seed=5, size=32, quality=60),
        Settings(train=7, valid=3, test=2, seed=6, size=32, quality=60),
        Settings(train=7, valid=3, test=2, seed=5, size=48, quality=60),
        Settings(train=7, valid=3, test=2, seed=5, size=32, quality=61),
        Settings(train=0, valid=3, test=2, seed=5, size=32, quality=60),
        Settings(train=7, valid=3, test=2, seed=5, size=32, quality=60, wildness=0.5),
    ],
)
def test_shards_of_other_settings_are_refused_and_left_alone(
    stopped: Path, other: Settings
) -> None:
    folder = stopped.with_name(f"{stopped.name}.parts")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(
        ValueError, match=r"shards made with other settings .*--train 7 .*delete that"
    ):
        make(stopped, other, shard_size=3)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_shards_of_another_renderer_are_refused(stopped: Path, renderer: QuickRenderer) -> None:
    renderer.__file__ = str(ROOT / "vtff_lib" / "data" / "__init__.py")
    with pytest.raises(ValueError, match="or by another version of this code; delete that"):
        make(stopped, SETTINGS, shard_size=3)


@pytest.mark.parametrize(
    ("out", "settings", "message"),
    [
        ("faces.zip", SETTINGS, r"Cannot write to .*faces\.zip; give a \.safetensors file"),
        ("faces.safetensors", Settings(0, 0, 0), "Cannot write no faces"),
        ("faces.safetensors", Settings(9, -1, 2), "--valid=-1 will not do"),
        ("faces.safetensors", Settings(9, 1, 10**12), "--test=1000000000000 will not do"),
    ],
)
def test_what_cannot_be_made_is_refused_and_leaves_nothing(
    tmp_path: Path, out: str, settings: Settings, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(tmp_path / "new" / out, settings)
    assert not list(tmp_path.iterdir())


def test_without_arguments_the_shipped_set_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(make_synthetic, "make", lambda *given: made.append(given))
    monkeypatch.setattr(make_synthetic, "tell", lambda out, seconds: "")
    main([])
    main(["--out", "a.safetensors", "--valid", "1", "--quality", "lossless"])
    assert made[0] == (DEFAULT, Settings(2800, 400, 400, 0, 112, 82))
    assert made[1] == (Path("a.safetensors"), Settings(2800, 1, 400, 0, 112, None))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyboardInterrupt(), "^130$"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (ValueError("One sentence."), "^One sentence.$"),
    ],
)
def test_a_run_that_fails_ends_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, error: BaseException, message: str
) -> None:
    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr(make_synthetic, "make", fail)
    with pytest.raises(SystemExit, match=message):
        main([])


def test_the_command_works_from_any_folder_with_the_real_renderer(tmp_path: Path) -> None:
    script = str(ROOT / "data_scripts" / "make_synthetic.py")
    counts = ["--train", "5", "--valid", "2", "--test", "1"]
    command = [sys.executable, script, "--out", "made.safetensors", *counts]
    command += ["--quality", "lossless"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    read = FaceSet.read(tmp_path / "made.safetensors")
    faces = synthetic_faces.sample(range(2), seed=0, split="valid")
    rendered = synthetic_faces.render(faces, size=112)
    assert torch.equal(read.part("valid").images, rendered.images)
    assert torch.equal(read.part("valid").extras["identities"], faces.identities)
    assert read.manifest["made_by"].endswith(
        "--train 5 --valid 2 --test 1 --seed 0 --size 112 --quality lossless --wildness 0.25"
    )
    assert "valid: 2 faces (neutral " in result.stdout
    assert f"{(tmp_path / 'made.safetensors').stat().st_size:,} bytes" in result.stdout
    assert "8/8" in result.stderr  # the progress bar
