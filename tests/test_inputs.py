"""A model that several threads use at once, or that raises, comes back as it was lent."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from tests.explored import faces, small
from tests.small_runs import SILENT
from vtff_lib.evaluation import predict
from vtff_lib.explain import integrated_gradients, occlusion
from vtff_lib.explain.faithfulness import randomised
from vtff_lib.explain.surgery import Surgery, operated
from vtff_lib.explorer.content import examine
from vtff_lib.inputs import in_eval
from vtff_lib.training.loop import train
from vtff_lib.training.recipe import TrainingConfig
from vtff_lib.training.targets import Examples
from vtff_lib.vtff import VTFF, trace_shapes

IMAGES = faces(2)
CLASSES = torch.tensor([0, 2])
USES = {
    "predict": lambda model: predict(model, IMAGES),
    "occlusion": lambda model: occlusion(model, IMAGES, CLASSES),
    "integrated_gradients": lambda model: integrated_gradients(model, IMAGES, CLASSES, steps=2),
    "examine": lambda model: examine(model, IMAGES[0], [Surgery(), Surgery(head=(0, 1))]),
    "trace_shapes": trace_shapes,
    "randomised": lambda model: list(randomised(model)),
}


@pytest.fixture
def lent():
    model = small().train()
    model.backbones.eval()  # frozen, say
    model.head.requires_grad_(False)
    return model


def state(model):
    return (
        [part.training for part in model.modules()],
        [weight.requires_grad for weight in model.parameters()],
        [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in model.modules()],
        [value.sum().item() for value in model.state_dict().values()],
        torch.is_grad_enabled(),
        torch.get_rng_state().sum().item(),
    )


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_what_is_lent_comes_back_as_it_was_whatever_mode_the_caller_is_in(lent, use, mode):
    with mode():
        before = state(lent)
        use(lent)
        assert state(lent) == before


def test_a_mode_is_given_back_when_the_last_has_left(lent):
    before = [part.training for part in lent.modules()]
    first, second = in_eval(lent), in_eval(lent)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not any(part.training for part in lent.modules())
    second.__exit__(None, None, None)
    assert [part.training for part in lent.modules()] == before


def test_another_thread_does_not_meet_a_surgery():
    model, answers = small(), []

    def ask():
        answers.append(model(IMAGES).logits)

    ask()
    with operated(model, [Surgery(head=(0, 1))] * 2):
        ask()
        other = threading.Thread(target=ask)
        other.start()
        other.join()
    plain, changed, beside = answers
    assert torch.equal(plain, beside)
    assert not torch.equal(plain, changed)


def test_many_threads_get_what_one_alone_gets(lent):
    alone = [examine(lent, face, [Surgery(), Surgery(head=(1, 0))]) for face in IMAGES]
    before = state(lent)
    with ThreadPoolExecutor(4) as pool:
        together = list(
            pool.map(lambda face: examine(lent, face, [Surgery(), Surgery(head=(1, 0))]),
                     [*IMAGES, *IMAGES])
        )  # fmt: skip
    assert together == alone * 2
    assert state(lent) == before


def test_the_dice_of_gpus_are_left_alone(lent, monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    for use in USES.values():
        use(lent)
    assert seeded == []


def test_a_batch_that_is_refused_in_training_moves_no_running_statistics(lent):
    lent.train()
    before = state(lent)
    with pytest.raises(ValueError, match="batch of 1 in training"):
        lent(IMAGES[:1])
    assert state(lent) == before


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_model_made_where_nothing_is_recorded_can_be_trained_there_and_explained(mode, tmp_path):
    with mode():
        made = VTFF(small().config)
        made.save(tmp_path / "model.safetensors")
        loaded = VTFF.load(tmp_path / "model.safetensors")
        faces = Examples(IMAGES, torch.tensor([0, 1]))
        config = TrainingConfig(epochs=1, batch_size=2)
        assert all(train(m, faces, faces, config, progress=SILENT).finished for m in (made, loaded))
        assert not torch.is_grad_enabled()
    assert not made.head.weight.equal(VTFF.load(tmp_path / "model.safetensors").head.weight)
    examine(loaded, IMAGES[0], [Surgery()])
