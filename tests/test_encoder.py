"""The encoder is PyTorch's own given the same weights, with and without the attention weights."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vtff_lib.encoder import (
    MLP,
    EncoderBlock,
    MultiHeadSelfAttention,
    TransformerEncoder,
    resize_position_embedding,
)

EMBED, HEADS, MLP_DIM = 24, 4, 40


@pytest.fixture
def tokens() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 11, EMBED)


def copy_attention(source: nn.MultiheadAttention, target: MultiHeadSelfAttention) -> None:
    target.qkv.weight.data, target.qkv.bias.data = (
        source.in_proj_weight.data,
        source.in_proj_bias.data,
    )
    target.proj.load_state_dict(source.out_proj.state_dict())


def test_attention_is_nn_multihead_attention_with_its_weights(tokens):
    reference = nn.MultiheadAttention(EMBED, HEADS, batch_first=True)
    nn.init.normal_(reference.in_proj_bias)
    ours = MultiHeadSelfAttention(EMBED, HEADS)
    copy_attention(reference, ours)
    expected, expected_weights = reference(tokens, tokens, tokens, average_attn_weights=False)
    fused, nothing = ours(tokens)
    explicit, weights = ours(tokens, return_weights=True)
    assert nothing is None
    torch.testing.assert_close(fused, expected)
    torch.testing.assert_close(explicit, expected)
    torch.testing.assert_close(weights, expected_weights)


def test_each_head_is_scaled_dot_product_attention(tokens):
    attention = MultiHeadSelfAttention(EMBED, HEADS)
    attention.proj = nn.Identity()
    q, k, v = attention.qkv(tokens).chunk(3, dim=-1)
    d = EMBED // HEADS
    for head in range(HEADS):
        part = slice(head * d, (head + 1) * d)
        expected = F.scaled_dot_product_attention(q[..., part], k[..., part], v[..., part])
        for return_weights in (False, True):
            torch.testing.assert_close(attention(tokens, return_weights)[0][..., part], expected)


def test_asking_for_weights_changes_neither_result_nor_gradients(tokens):
    torch.manual_seed(0)
    encoder = TransformerEncoder(EMBED, 3, HEADS, MLP_DIM).double()
    tokens = tokens.double()
    gradients = []
    for return_weights in (False, True):
        out, attentions = encoder(tokens, return_weights)
        encoder.zero_grad()
        out.square().sum().backward()
        gradients.append([p.grad.clone() for p in encoder.parameters()])
    assert [a.shape for a in attentions] == [(3, HEADS, 11, 11)] * 3
    for fused, explicit in zip(*gradients, strict=True):
        torch.testing.assert_close(fused, explicit)


def test_where_a_token_looks_sums_to_one(tokens):
    weights = MultiHeadSelfAttention(EMBED, HEADS)(tokens, return_weights=True)[1]
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(3, HEADS, 11))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_block_is_nn_transformer_encoder_layer(tokens, norm, training):
    reference = nn.TransformerEncoderLayer(
        EMBED, HEADS, MLP_DIM, dropout=0.0, activation="gelu", batch_first=True,
        norm_first=norm == "pre",
    )  # fmt: skip
    ours = EncoderBlock(EMBED, HEADS, MLP_DIM, norm)
    for parameter in reference.parameters():  # no norm may be at its neutral start
        nn.init.normal_(parameter, std=0.3)
    copy_attention(reference.self_attn, ours.attn)
    for source, target in (
        ("linear1", "mlp.fc1"),
        ("linear2", "mlp.fc2"),
        ("norm1", "norm1"),
        ("norm2", "norm2"),
    ):
        ours.get_submodule(target).load_state_dict(reference.get_submodule(source).state_dict())
    reference.train(training), ours.train(training)
    x, y = tokens.clone().requires_grad_(), tokens.clone().requires_grad_()
    torch.testing.assert_close(ours(x)[0], reference(y), rtol=1e-4, atol=1e-4)
    ours(x, return_weights=True)[0].square().sum().backward()
    reference(y).square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_without_positions_the_order_of_tokens_means_nothing(tokens, norm):
    encoder = TransformerEncoder(EMBED, 2, HEADS, MLP_DIM, norm).double()
    order, tokens = torch.randperm(11), tokens.double()
    torch.testing.assert_close(encoder(tokens[:, order])[0], encoder(tokens)[0][:, order])


def test_with_positions_it_does(tokens):
    encoder = TransformerEncoder(EMBED, 2, HEADS, MLP_DIM)
    positions, order = torch.randn(11, EMBED), torch.randperm(11)
    shuffled = encoder(tokens[:, order] + positions)[0]
    assert not torch.allclose(shuffled, encoder(tokens + positions)[0][:, order], atol=1e-2)


@pytest.mark.parametrize("return_weights", [False, True])
def test_attention_drops_weights_in_training_and_keeps_their_mean(tokens, return_weights):
    attention = MultiHeadSelfAttention(EMBED, HEADS, dropout=0.5)
    whole = attention.eval()(tokens)[0]
    attention.train()
    dropped = torch.stack([attention(tokens, return_weights)[0] for _ in range(600)])
    assert not torch.equal(dropped[0], dropped[1])
    torch.testing.assert_close(dropped.mean(0), whole, atol=0.1, rtol=0)


def test_the_mlp_drops_in_training_alone(tokens):
    mlp = MLP(EMBED, MLP_DIM, dropout=0.5)
    assert not torch.equal(mlp(tokens), mlp(tokens))
    assert torch.equal(mlp.eval()(tokens), mlp(tokens))


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_both_branches_of_a_block_drop_in_training(tokens, norm):
    block = EncoderBlock(EMBED, HEADS, MLP_DIM, norm)
    dropping = EncoderBlock(EMBED, HEADS, MLP_DIM, norm, dropout=0.3)
    assert dropping.dropout.p == dropping.mlp.dropout.p == dropping.attn.dropout == 0.3
    block.dropout = nn.Dropout(1.0)  # all is dropped: only the shortcut is left
    shortcut = tokens if norm == "pre" else block.norm2(block.norm1(tokens))
    torch.testing.assert_close(block(tokens)[0], shortcut)


def test_attention_weights_come_in_the_order_of_the_blocks(tokens):
    encoder = TransformerEncoder(EMBED, 3, HEADS, MLP_DIM)
    attentions = encoder(tokens, return_weights=True)[1]
    torch.testing.assert_close(attentions[0], encoder.blocks[0](tokens, True)[1])
    assert not torch.allclose(attentions[0], attentions[2])


def test_only_pre_norm_ends_in_a_norm_of_its_own(tokens):
    assert isinstance(TransformerEncoder(EMBED, 1, HEADS, MLP_DIM, "pre").norm, nn.LayerNorm)
    encoder = TransformerEncoder(EMBED, 1, HEADS, MLP_DIM, "post")
    nn.init.normal_(encoder.blocks[0].norm2.weight)  # a second plain norm would now show
    torch.testing.assert_close(encoder(tokens)[0], encoder.blocks[0](tokens)[0])


def test_weights_on_request_survive_half_precision():
    attention = MultiHeadSelfAttention(4, 1).half()
    nn.init.eye_(attention.qkv.weight[:4].data), nn.init.eye_(attention.qkv.weight[4:8].data)
    tokens = 150 * torch.ones(1, 3, 4).half()  # q·k is over 65,504, q·k / √d is not
    weights = attention(tokens, return_weights=True)[1]
    torch.testing.assert_close(weights, torch.full((1, 1, 3, 3), 1 / 3).half())


def test_names_in_the_state_dict_are_those_of_timms_blocks():
    names = {name.rsplit(".", 1)[0] for name in EncoderBlock(EMBED, HEADS, MLP_DIM).state_dict()}
    assert names == {"norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"}


def test_no_blocks_leave_the_last_norm(tokens):
    out, attentions = TransformerEncoder(EMBED, 0, HEADS, MLP_DIM)(tokens, return_weights=True)
    torch.testing.assert_close(out, F.layer_norm(tokens, (EMBED,)))
    assert attentions == ()


def test_positions_of_the_same_grid_are_untouched():
    embedding = torch.randn(1, 1 + 6, EMBED)
    assert resize_position_embedding(embedding, (2, 3), (2, 3)) is embedding


def test_resized_positions_keep_cls_and_a_flat_field_and_rows_from_columns():
    embedding = torch.cat([torch.randn(1, 1, EMBED), torch.ones(1, 35, EMBED)], dim=1)
    bigger = resize_position_embedding(embedding, (5, 7), (10, 14))
    assert bigger.shape == (1, 141, EMBED)
    torch.testing.assert_close(bigger[:, 0], embedding[:, 0])
    torch.testing.assert_close(bigger[:, 1:], torch.ones(1, 140, EMBED))

    rows = torch.arange(5.0)[:, None].expand(5, 7).reshape(1, 35, 1).repeat(1, 1, EMBED)
    field = resize_position_embedding(torch.cat([rows[:, :1], rows], 1), (5, 7), (10, 14))
    field = field[0, 1:, 0].reshape(10, 14)
    torch.testing.assert_close(field, field[:, :1].expand(10, 14))  # the same along a row
    assert (field[1:, 0] > field[:-1, 0]).all()  # growing down the rows


@pytest.mark.parametrize("new_grid", [(3, 4), (9, 7)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_positions_are_resized_as_an_image_is_bicubically(new_grid, dtype):
    embedding = torch.randn(1, 36, EMBED).to(dtype)
    image = embedding[0, 1:].float().T.reshape(1, EMBED, 5, 7)
    expected = F.interpolate(image, new_grid, mode="bicubic", align_corners=False)
    resized = resize_position_embedding(embedding, (5, 7), new_grid)
    assert resized.dtype == dtype
    torch.testing.assert_close(resized[0, 1:].T.reshape(1, EMBED, *new_grid), expected.to(dtype))


def test_what_does_not_fit_is_refused(tokens):
    with pytest.raises(ValueError, match="num_heads=5 does not divide embed_dim=24"):
        MultiHeadSelfAttention(EMBED, 5)
    with pytest.raises(ValueError, match="num_heads=0 will not do"):
        MultiHeadSelfAttention(EMBED, 0)
    with pytest.raises(ValueError, match=r"norm='middle' is unknown.*pre, post"):
        EncoderBlock(EMBED, HEADS, MLP_DIM, norm="middle")
    with pytest.raises(ValueError, match="norm='middle' is unknown"):
        TransformerEncoder(EMBED, 0, HEADS, MLP_DIM, norm="middle")
    with pytest.raises(ValueError, match=r"shape \(3, 11, 20\).*\(N, T, 24\)"):
        MultiHeadSelfAttention(EMBED, HEADS)(tokens[..., :20])
    with pytest.raises(ValueError, match=r"\(1, 7, 24\).*give .*\(1, 36, C_p"):
        resize_position_embedding(torch.zeros(1, 7, EMBED), (5, 7), (2, 2))
    with pytest.raises(ValueError, match=r"\(2, 36, 24\).*give .*\(1, 36, C_p"):
        resize_position_embedding(torch.zeros(2, 36, EMBED), (5, 7), (2, 2))
