"""A model of the learner's own, built like VTFF: trained, measured, shown, and given a photo."""

import pytest
import torch
from skimage.data import astronaut
from torch import nn

from vtff_lib import explain, load_pretrained
from vtff_lib.backbone import ResNetTrunk
from vtff_lib.config import VTFFConfig
from vtff_lib.encoder import TransformerEncoder, make_tokens
from vtff_lib.evaluation import predict
from vtff_lib.explorer import Explorer
from vtff_lib.fusion import AttentionalSelectiveFusion
from vtff_lib.inputs import Normalise
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.photos import crops_to_batch, face_from_photo
from vtff_lib.training import Augmentation, Examples, Progress, TrainingConfig, train
from vtff_lib.vtff import VTFF, VTFFOutput
from vtff_lib.widgets import PhotoBooth

SMALL = VTFFConfig.tiny(3, image_size=32)


class MyVTFF(nn.Module):
    """As lesson 06 has it written: an image in, logits out, and no maps."""

    def __init__(self, config):
        super().__init__()
        c = self.config = config
        self.normalise = nn.ModuleDict(
            {"rgb": Normalise(c.rgb_mean, c.rgb_std), "lbp": Normalise(c.lbp_mean, c.lbp_std)}
        )
        self.backbones = nn.ModuleDict({v: ResNetTrunk(c.width, c.stages) for v in ("rgb", "lbp")})
        self.fusion = AttentionalSelectiveFusion(c.channels, c.attention_reduction)
        self.token_projection = nn.Linear(c.channels, c.embed_dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, c.embed_dim))
        self.position_embedding = nn.Parameter(
            torch.zeros(1, 1 + c.grid[0] * c.grid[1], c.embed_dim)
        )
        encoder = TransformerEncoder(c.embed_dim, c.depth, c.num_heads, c.mlp_dim)
        self.encoder = nn.ModuleDict({"blocks": encoder.blocks, "norm": encoder.norm})
        self.head = nn.Linear(c.embed_dim, c.num_classes)

    def forward(self, rgb):
        rgb_map = self.backbones["rgb"](self.normalise["rgb"](rgb))
        lbp_map = self.backbones["lbp"](self.normalise["lbp"](local_binary_pattern(rgb)))
        fused = self.fusion(rgb_map, lbp_map)
        tokens = make_tokens(fused, self.token_projection, self.cls_token, self.position_embedding)
        for block in self.encoder["blocks"]:
            tokens, _ = block(tokens)
        return VTFFOutput(self.head(self.encoder["norm"](tokens)[:, 0]))


def own(model: VTFF) -> MyVTFF:
    """Return the learner's model with the settings and weights of a VTFF."""
    mine = MyVTFF(model.config)
    mine.load_state_dict(model.state_dict())
    return mine.train(model.training)


def random_faces(count, side=32):
    dice = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, side, side), generator=dice, dtype=torch.uint8)


@pytest.fixture(scope="module")
def shipped():
    return load_pretrained("tiny")


def test_a_vtff_of_a_model_answers_as_it_and_shows_what_vtff_shows(shipped):
    mine, rgb = own(shipped), random_faces(2, 112)
    twin = VTFF.of(mine)
    with torch.inference_mode():
        shown, wanted = (each(rgb, return_maps=True) for each in (twin, shipped))
        torch.testing.assert_close(mine(rgb).logits, shown.logits)
    torch.testing.assert_close(shown, wanted)
    for change in explain.all_surgeries(twin)[::20]:
        with torch.inference_mode(), explain.operated(twin, [change]):
            changed = twin(rgb[:1])
        with torch.inference_mode(), explain.operated(shipped, [change]):
            torch.testing.assert_close(changed, shipped(rgb[:1]))


def test_it_is_a_copy_and_a_vtff_is_itself(shipped):
    assert VTFF.of(shipped) is shipped
    mine = own(shipped)
    twin = VTFF.of(mine)
    before = shipped.state_dict()
    with torch.no_grad():
        for weight in mine.parameters():
            weight.zero_()
    assert all(torch.equal(value, before[name]) for name, value in twin.state_dict().items())
    assert all(weight.requires_grad for weight in twin.parameters())


@pytest.mark.parametrize("training", [False, True])
def test_it_has_the_mode_dtype_and_memory_format_of_the_model(training):
    mine = own(VTFF(SMALL)).train(training).double().to(memory_format=torch.channels_last)
    twin = VTFF.of(mine)
    assert {part.training for part in twin.modules()} == {training}
    assert {value.dtype for value in twin.normalise.buffers()} == {torch.float64}
    assert twin.backbones["rgb"].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert twin(random_faces(2)).logits.dtype == torch.float64


def test_what_is_not_built_like_a_vtff_is_refused_with_what_is_wrong():
    renamed = own(VTFF(SMALL))
    renamed.classifier = renamed.head
    del renamed.head
    unsettled, narrow = own(VTFF(SMALL)), own(VTFF(SMALL))
    unsettled.config = {"image_size": 32}
    narrow.head = nn.Linear(SMALL.embed_dim, 2)
    for model, words in (
        (nn.Linear(2, 2), "model is a Linear; give a VTFF"),
        (renamed, "2 missing .'head.weight'.*2 unexpected .'classifier.weight'.*Give its layers"),
        (unsettled, "model.config is .*; keep the VTFFConfig"),
        (narrow, "2 of another shape"),
    ):
        with pytest.raises(ValueError, match=words):
            VTFF.of(model)


def test_it_trains_to_the_same_weights_as_the_librarys():
    config = TrainingConfig(epochs=2, batch_size=4, augmentation=Augmentation.preset("light"))
    few = Examples(random_faces(8), torch.arange(8) % 3)
    torch.manual_seed(0)
    theirs = VTFF(SMALL)
    mine = own(theirs)
    losses = [train(model, few, few, config, progress=Progress()).epochs[-1].train_loss
              for model in (mine, theirs)]  # fmt: skip
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(mine.state_dict()[name], value, rtol=1e-3, atol=1e-5)


def test_a_stopped_run_of_it_goes_on(tmp_path):
    config = TrainingConfig(epochs=2, batch_size=4)
    few = Examples(random_faces(8), torch.arange(8) % 3)
    weights = []
    for folder, limits in ((None, [float("inf")]), (tmp_path, [0.0, float("inf")])):
        for limit in limits:
            torch.manual_seed(0)
            model = own(VTFF(SMALL))
            train(model, few, few, config, folder, time_limit=limit, progress=Progress())
        weights.append(model.state_dict())
    assert all(torch.equal(weights[1][name], value) for name, value in weights[0].items())


def test_it_reads_faces_and_photos_as_the_librarys(shipped):
    mine = own(shipped)
    photo = crops_to_batch([face_from_photo(astronaut(), 0, size=112)])
    for images in (photo, random_faces(3, 48)):
        torch.testing.assert_close(predict(mine, images), predict(shipped, images))


def test_the_explorer_and_the_booth_show_it_as_the_librarys(shipped):
    faces, changes = random_faces(1, 112), [explain.Surgery(), explain.Surgery(head=(0, 1))]
    contents = [
        Explorer(model, faces, surgeries=changes).content for model in (own(shipped), shipped)
    ]
    assert contents[0] == contents[1]
    photos = load_pretrained("photos")
    words = [PhotoBooth(model, astronaut()).words.value for model in (own(photos), photos)]
    assert words[0] == words[1]
