"""A transformer encoder, and the positions of its tokens. Taught in 05.

    attention(Q, K, V) = softmax(Q Kᵀ / √d) V,   d = embed_dim / num_heads

Source: the seed review names the encoder and its [cls] token and refers to ViT for the rest:
Dosovitskiy et al. 2021, after Vaswani et al. 2017, "Attention Is All You Need". The names
of the blocks in the state dict are those of timm's ViT.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vtff_lib.refusals import (
    check_choice,
    check_number,
    check_shape,
    check_sizes,
    check_tensor,
    check_whole,
)

NORMS = ("pre", "post")
MOST_BLOCKS = 1000


class MultiHeadSelfAttention(nn.Module):
    """Every token asks every token: `num_heads` questions side by side.

    `(N, T, embed_dim)` -> `(N, T, embed_dim)` and, on request, the weights `(N, num_heads, T, T)`;
    row `i` of a head says where token `i` looks and sums to 1.

    Args:
        embed_dim: C_p, the width of a token.
        num_heads: it must divide `embed_dim`.
        dropout: probability of dropping an attention weight in training.

    Raises:
        ValueError: if a number is out of range or `num_heads` does not divide `embed_dim`; in
            `forward`, if the tokens do not fit.
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0):
        super().__init__()
        check_sizes(embed_dim=embed_dim, num_heads=num_heads)
        check_number("dropout", dropout, 0, 1)
        if embed_dim % num_heads:
            raise ValueError(
                f"num_heads={num_heads} does not divide embed_dim={embed_dim}; choose a divisor."
            )
        self.embed_dim = embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, tokens: Tensor, return_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return the new tokens, and the attention weights or `None`.

        Without `return_weights` one fused kernel does it all and never stores the T × T weights.
        """
        check_tensor("tokens", tokens, f"(N, T, {self.embed_dim})", module=self)
        n, t, _ = tokens.shape
        qkv = self.qkv(tokens).reshape(n, t, 3, self.num_heads, -1)  # (N, T, 3, heads, d)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (N, heads, T, d)
        dropout = self.dropout if self.training else 0.0
        weights = None
        if return_weights:
            q = q / q.shape[-1] ** 0.5  # before the product, which could overflow in half precision
            weights = (q @ k.transpose(-2, -1)).softmax(dim=-1)
            out = F.dropout(weights, dropout) @ v  # (N, heads, T, T) @ (N, heads, T, d)
        else:
            out = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
        out = out.transpose(1, 2).reshape(n, t, self.embed_dim)  # the heads side by side again
        return self.proj(out), weights


class MLP(nn.Module):
    """Each token for itself: `fc2(gelu(fc1(x)))`, `(N, T, embed_dim)` -> the same."""

    def __init__(self, embed_dim: int, mlp_dim: int, dropout: float = 0.0):
        super().__init__()
        check_sizes(embed_dim=embed_dim, mlp_dim=mlp_dim)
        check_number("dropout", dropout, 0, 1)
        self.embed_dim = embed_dim
        self.fc1 = nn.Linear(embed_dim, mlp_dim)
        self.fc2 = nn.Linear(mlp_dim, embed_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the new tokens."""
        check_tensor("tokens", tokens, f"(N, T, {self.embed_dim})", module=self)
        return self.fc2(self.dropout(F.gelu(self.fc1(tokens))))


class EncoderBlock(nn.Module):
    """Attention between tokens, then an MLP in each, both added to what was there.

        pre-LN:  x = x + attn(norm1(x));  x = x + mlp(norm2(x))
        post-LN: x = norm1(x + attn(x));  x = norm2(x + mlp(x))

    Args:
        embed_dim: C_p, the width of a token.
        num_heads: heads of the attention.
        mlp_dim: width inside the MLP.
        norm: `"pre"` (ViT; our choice) or `"post"` (Vaswani et al.); the paper's order is unknown.
        dropout: probability in training, on attention weights, inside the MLP and on both branches.

    Raises:
        ValueError: if `norm` is unknown or `num_heads` does not divide `embed_dim`.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        mlp_dim: int,
        norm: str = "pre",
        dropout: float = 0.0,
    ):
        super().__init__()
        check_choice("norm", norm, NORMS)
        check_sizes(embed_dim=embed_dim)
        self.embed_dim = embed_dim
        self.pre_norm = norm == "pre"
        self.norm1 = nn.LayerNorm(embed_dim)
        self.attn = MultiHeadSelfAttention(embed_dim, num_heads, dropout)
        self.norm2 = nn.LayerNorm(embed_dim)
        self.mlp = MLP(embed_dim, mlp_dim, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor, return_weights: bool = False) -> tuple[Tensor, Tensor | None]:
        """Return the new tokens `(N, T, embed_dim)`, and the attention weights or `None`."""
        check_tensor("tokens", tokens, f"(N, T, {self.embed_dim})", module=self)
        if self.pre_norm:
            attended, weights = self.attn(self.norm1(tokens), return_weights)
            tokens = tokens + self.dropout(attended)
            return tokens + self.dropout(self.mlp(self.norm2(tokens))), weights
        attended, weights = self.attn(tokens, return_weights)
        tokens = self.norm1(tokens + self.dropout(attended))
        return self.norm2(tokens + self.dropout(self.mlp(tokens))), weights


class TransformerEncoder(nn.Module):
    """A stack of `depth` encoder blocks; after pre-LN blocks a last layer norm.

    Arguments and errors are those of `EncoderBlock`. A `depth` of 0 leaves the last norm alone, and
    with post-LN nothing.
    """

    def __init__(
        self,
        embed_dim: int,
        depth: int,
        num_heads: int,
        mlp_dim: int,
        norm: str = "pre",
        dropout: float = 0.0,
    ):
        super().__init__()
        check_choice("norm", norm, NORMS)
        check_sizes(embed_dim=embed_dim)
        check_whole("depth", depth, low=0, high=MOST_BLOCKS)
        self.embed_dim = embed_dim
        self.blocks = nn.ModuleList(
            EncoderBlock(embed_dim, num_heads, mlp_dim, norm, dropout) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim) if norm == "pre" else nn.Identity()

    def forward(
        self, tokens: Tensor, return_weights: bool = False
    ) -> tuple[Tensor, tuple[Tensor, ...] | None]:
        """Return the tokens `(N, T, embed_dim)`, and the weights of each block or `None`."""
        check_tensor("tokens", tokens, f"(N, T, {self.embed_dim})", module=self)
        attentions = []
        for block in self.blocks:
            tokens, weights = block(tokens, return_weights)
            attentions.append(weights)
        return self.norm(tokens), tuple(attentions) if return_weights else None


def make_tokens(
    fused: Tensor, projection: nn.Linear, cls_token: Tensor, positions: Tensor
) -> Tensor:
    """Make the tokens that the encoder reads: [cls], then the cells of a map row by row.

        tokens = [cls; W · cell 1 + b; …] + positions

    Args:
        fused: `(N, C, h, w)`.
        projection: C -> C_p, the same for each cell.
        cls_token: `(1, 1, C_p)`, learned.
        positions: `(1, 1 + h·w, C_p)`, learned, [cls] first.

    Returns:
        `(N, 1 + h·w, C_p)`.
    """
    cells = projection(fused.flatten(2).transpose(1, 2))  # (N, h·w, C_p)
    return torch.cat([cls_token.expand(cells.shape[0], -1, -1), cells], dim=1) + positions


def resize_position_embedding(
    embedding: Tensor, grid: tuple[int, int], new_grid: tuple[int, int]
) -> Tensor:
    """Stretch a learned position embedding to another grid, bicubically; [cls] stays as it is.

    Args:
        embedding: `(1, 1 + rows·columns, C_p)`, [cls] first, then the grid row by row.
        grid: `(rows, columns)` that it was made for.
        new_grid: `(rows, columns)` wanted.

    Returns:
        `(1, 1 + new rows·new columns, C_p)`; `embedding` itself if the grids are equal.

    Raises:
        ValueError: if `embedding` has not one token for [cls] and one for each cell of `grid`, or
            a grid is none.
    """
    check_shape("grid", grid, 2)
    check_shape("new_grid", new_grid, 2)
    check_tensor("embedding", embedding, f"(1, {1 + grid[0] * grid[1]}, C_p)")
    # An exported graph has to serve every grid, so there the branch must not be taken for good.
    if grid == new_grid and not torch.compiler.is_exporting():
        return embedding
    cls_token, cells = embedding[:, :1], embedding[:, 1:]
    cells = cells.reshape(1, *grid, -1).permute(0, 3, 1, 2)  # (1, C_p, rows, columns)
    cells = F.interpolate(cells.float(), new_grid, mode="bicubic")  # whatever the model's dtype
    cells = cells.flatten(2).transpose(1, 2).to(embedding.dtype)  # (1, new rows·columns, C_p)
    return torch.cat([cls_token, cells], dim=1)
