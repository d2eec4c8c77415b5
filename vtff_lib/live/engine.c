/* VTFF for a page: the forward pass of vtff_lib on one picture, with every map on the way.

   Compiled to WebAssembly without any library (`python -m vtff_lib.live.build`); engine.js runs it.

   A map lies as in PyTorch, channel by channel. Tokens lie the same way, as a map of `embed_dim`
   channels and one row of 1 + h·w places, so that a linear layer is a 1×1 convolution: one kernel
   does for trunks (02), attention (03), fusion (04), encoder (05) and head (06). Batch norms are
   folded into the convolution before them, and all weights stand in the order in which they are
   used: packing.py writes them so, `next_weights` reads them so. */

#define SHOWN __attribute__((visibility("default"))) /* to engine.js, and to the tests */

typedef unsigned char byte;
typedef float Four __attribute__((vector_size(16), aligned(4)));
typedef struct {
  float *values;
  int channels, height, width;
} Map;

enum { ROWS = 4, TILE = 8, TILES = 4 }; /* channels and places that a convolution makes at once */
enum { SELECTIVE, SUM, MAX, CONCAT, RGB, LBP, MEAN, AFF, CROSS_ATTENTION };
enum { SIGMOID_OF_SUM, SUM_OF_SIGMOIDS, DOUBLE_SIGMOID };

/* The model, written before `make_room`: packing.py lists these in the same order. */
SHOWN struct {
  int height, width; /* of the picture in pixels */
  int circular;      /* bit order of the LBP codes: 0 is "reading" */
  int trunk_width, stages;
  int fusion, gate, gated_rgb, attention_reduction, fusion_heads;
  int embed_dim, depth, num_heads, mlp_dim, pre_norm, num_classes;
} settings;
SHOWN float normalisation[4][3]; /* mean and std of RGB, mean and std of LBP, by channel */

/* The answer, made by `run`, in the shapes of VTFFOutput; 0 is a map that the model has not. */
SHOWN byte *lbp;
SHOWN float *rgb_map, *lbp_map, *gate, *local_attention, *global_attention, *fused;
SHOWN float *attentions; /* depth × heads × T × T */
SHOWN float *questions;  /* depth × 3 × embed_dim × T: what attention asks, is asked and says */
SHOWN float *answers;    /* (1 + depth) × classes: the logits if n blocks were all */

SHOWN byte *image; /* 3 × height × width, written before `run` */
SHOWN const float *weights;


/* ---- Memory: taken in a row, and given back by `run`, which begins anew behind the weights. */

extern byte __heap_base;
static byte *end;
static byte *after_weights;
static const float *first_weights;

SHOWN void *take(unsigned bytes) {
  byte *start = (byte *)(((unsigned)(end ? end : &__heap_base) + 15) & ~15u);
  unsigned long long stop = (unsigned long long)(unsigned)start + bytes;
  unsigned pages = (stop + 65535) >> 16, there = __builtin_wasm_memory_size(0);
  if (pages > there && __builtin_wasm_memory_grow(0, pages - there) == -1ul) __builtin_trap();
  end = start + bytes;
  return start;
}

static void *take_zeros(int bytes) { return __builtin_memset(take(bytes), 0, bytes); }

static Map new_map(int channels, int height, int width) {
  return (Map){take(4 * channels * height * width), channels, height, width};
}

static int places(Map map) { return map.height * map.width; }

static const float *next_weights(int count) {
  const float *these = weights;
  weights += count;
  return these;
}


/* ---- Numbers: what a C library would bring. */

static float larger(float a, float b) { return a > b ? a : b; }

/* e^x = 2^n e^r with |r| <= ln 2 / 2, and a polynomial for e^r: right to about 1e-7 of it. */
static float exponential(float x) {
  if (x < -87) return 0;
  if (x > 88) x = 88;
  float n = __builtin_floorf(x * 1.44269504f + 0.5f);
  float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float tail = 1.9875691500e-4f;
  tail = tail * r + 1.3981999507e-3f;
  tail = tail * r + 8.3334519073e-3f;
  tail = tail * r + 4.1665795894e-2f;
  tail = tail * r + 1.6666665459e-1f;
  tail = tail * r + 5.0000001201e-1f;
  union {
    int bits;
    float value;
  } power = {((int)n + 127) << 23};
  return (tail * r * r + r + 1) * power.value;
}

static float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

/* x Φ(x), by Abramowitz and Stegun's 7.1.26 for erf: wrong by at most 1.5e-7. */
SHOWN float gelu(float x) {
  float z = __builtin_fabsf(x) * 0.70710678f, t = 1 / (1 + 0.3275911f * z);
  float sum = 1.061405429f;
  sum = sum * t - 1.453152027f;
  sum = sum * t + 1.421413741f;
  sum = sum * t - 0.284496736f;
  sum = sum * t + 0.254829592f;
  float erf = 1 - sum * t * exponential(-z * z);
  return 0.5f * x * (1 + (x < 0 ? -erf : erf));
}

static void softmax(float *row, int count) {
  float most = row[0], sum = 0;
  for (int i = 1; i < count; i++) most = larger(most, row[i]);
  for (int i = 0; i < count; i++) sum += row[i] = exponential(row[i] - most);
  for (int i = 0; i < count; i++) row[i] /= sum;
}


/* ---- Convolution. */

static Map padded(Map in, int border) {
  if (!border) return in;
  int wide = in.width + 2 * border, high = in.height + 2 * border;
  Map out = {take_zeros(4 * in.channels * high * wide), in.channels, high, wide};
  for (int c = 0; c < in.channels; c++)
    for (int y = 0; y < in.height; y++)
      __builtin_memcpy(out.values + (c * high + y + border) * wide + border,
                       in.values + (c * in.height + y) * in.width, 4 * in.width);
  return out;
}

/* Lay out what the outputs `first` to `first + count` see: for each weight of a kernel, the TILE
   values that it meets. The last output stands in for those that are not there. */
static void gather(Map in, int kernel, int stride, int out_width, int first, int count,
                   float *seen) {
  int corner[TILE]; /* of each output's window, in a channel of `in` */
  for (int i = 0; i < TILE; i++) {
    int place = first + (i < count ? i : count - 1);
    corner[i] = place / out_width * stride * in.width + place % out_width * stride;
  }
  int in_a_row = corner[TILE - 1] == corner[0] + TILE - 1;
  for (int c = 0; c < in.channels; c++)
    for (int y = 0; y < kernel; y++)
      for (int x = 0; x < kernel; x++, seen += TILE) {
        const float *from = in.values + (c * in.height + y) * in.width + x;
        if (in_a_row)
          __builtin_memcpy(seen, from + corner[0], 4 * TILE);
        else
          for (int i = 0; i < TILE; i++) seen[i] = from[corner[i]];
      }
}

/* ROWS channels at TILE places: `length` weights of each channel times what they meet. */
static void multiply(const float *kernels, const float *seen, int length, const float *bias,
                     float made[ROWS][TILE]) {
  Four sums[ROWS][2]; /* kept in registers, if the loops over them are unrolled */
#pragma unroll
  for (int r = 0; r < ROWS; r++)
    sums[r][0] = sums[r][1] = (Four){bias[r], bias[r], bias[r], bias[r]};
  for (int k = 0; k < length; k++, kernels += ROWS, seen += TILE) {
    Four left = *(const Four *)seen, right = *(const Four *)(seen + 4);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      sums[r][0] += kernels[r] * left;
      sums[r][1] += kernels[r] * right;
    }
  }
  __builtin_memcpy(made, sums, sizeof sums);
}

/* Weights: for every ROWS channels the kernels side by side, then all biases. Both sides of `in`
   get a border of kernel / 2; `added`, if there, is added before the ReLU, if there. */
SHOWN __attribute__((noinline)) Map convolution(Map in, int channels, int kernel, int stride,
                                                const Map *added, int relu) {
  in = padded(in, kernel / 2);
  Map out = new_map(channels, (in.height - kernel) / stride + 1, (in.width - kernel) / stride + 1);
  int length = in.channels * kernel * kernel, rows = (channels + ROWS - 1) / ROWS * ROWS;
  const float *kernels = next_weights(rows * length), *bias = next_weights(rows);
  float *seen = take(4 * TILES * TILE * length), made[ROWS][TILE];
  int all = places(out);
  for (int from = 0; from < all; from += TILES * TILE) {
    int to = from + TILES * TILE < all ? from + TILES * TILE : all;
    for (int first = from; first < to; first += TILE)
      gather(in, kernel, stride, out.width, first, to - first < TILE ? to - first : TILE,
             seen + (first - from) * length);
    for (int row = 0; row < channels; row += ROWS)
      for (int first = from; first < to; first += TILE) {
        multiply(kernels + row * length, seen + (first - from) * length, length, bias + row, made);
        for (int r = 0; r < ROWS && row + r < channels; r++)
          for (int i = 0; i < TILE && first + i < to; i++) {
            int at = (row + r) * all + first + i;
            float value = made[r][i] + (added ? added->values[at] : 0);
            out.values[at] = relu ? larger(value, 0) : value;
          }
      }
  }
  return out;
}

static Map linear(Map in, int channels) { return convolution(in, channels, 1, 1, 0, 0); }


/* ---- 01: two views of a picture. */

/* (row, column) of each neighbour, the most significant bit first; as in lbp.py. */
static const signed char OFFSETS[2][8][2] = {
    {{-1, -1}, {-1, 0}, {-1, 1}, {0, -1}, {0, 1}, {1, -1}, {1, 0}, {1, 1}},
    {{1, 1}, {1, 0}, {1, -1}, {0, -1}, {-1, -1}, {-1, 0}, {-1, 1}, {0, 1}},
};

SHOWN byte *local_binary_pattern(const byte *picture, int height, int width) {
  byte *codes = take_zeros(3 * height * width), *framed = take_zeros((height + 2) * (width + 2));
  int wide = width + 2; /* with 0 outside */
  for (int c = 0; c < 3; c++) {
    for (int y = 0; y < height; y++)
      __builtin_memcpy(framed + (y + 1) * wide + 1, picture + (c * height + y) * width, width);
    for (int bit = 0; bit < 8; bit++) {
      const signed char *offset = OFFSETS[settings.circular][bit];
      for (int y = 0; y < height; y++) {
        const byte *centre = framed + (y + 1) * wide + 1;
        const byte *neighbour = centre + offset[0] * wide + offset[1];
        byte *code = codes + (c * height + y) * width;
        for (int x = 0; x < width; x++) code[x] |= (neighbour[x] >= centre[x]) << (7 - bit);
      }
    }
  }
  return codes;
}

static Map normalised(const byte *picture, const float *mean, const float *std) {
  Map out = new_map(3, settings.height, settings.width);
  for (int c = 0; c < 3; c++)
    for (int i = c * places(out); i < (c + 1) * places(out); i++)
      out.values[i] = (picture[i] / 255.0f - mean[c]) / std[c];
  return out;
}


/* ---- 02: a trunk, ResNet-18 without its classifier. */

/* 3×3, every second place; what lies outside counts for nothing. */
SHOWN Map max_pool(Map in) {
  Map out = new_map(in.channels, (in.height + 1) / 2, (in.width + 1) / 2);
  float *value = out.values;
  for (int c = 0; c < in.channels; c++)
    for (int y = 0; y < in.height; y += 2)
      for (int x = 0; x < in.width; x += 2) {
        float most = in.values[(c * in.height + y) * in.width + x];
        for (int row = y ? y - 1 : 0; row <= y + 1 && row < in.height; row++)
          for (int column = x ? x - 1 : 0; column <= x + 1 && column < in.width; column++)
            most = larger(most, in.values[(c * in.height + row) * in.width + column]);
        *value++ = most;
      }
  return out;
}

SHOWN Map basic_block(Map x, int channels, int stride) {
  Map shortcut = x;
  if (stride != 1 || channels != x.channels) shortcut = convolution(x, channels, 1, stride, 0, 0);
  return convolution(convolution(x, channels, 3, stride, 0, 1), channels, 3, 1, &shortcut, 1);
}

SHOWN Map trunk(Map x) {
  x = max_pool(convolution(x, settings.trunk_width, 7, 2, 0, 1));
  for (int stage = 0; stage < settings.stages; stage++) {
    x = basic_block(x, settings.trunk_width << stage, stage ? 2 : 1);
    x = basic_block(x, x.channels, 1);
  }
  return x;
}


/* ---- Changes: as vtff_lib.explain.surgery has them, but as many as one likes at once. */

static byte *covered, *silent, *left_out; /* by cell, by layer and head, by layer */
static float *score_added, forced_lbp;    /* by cell; the LBP branch's weight */
static byte is_forced, without_global, without_local, reads_mean;

static int cells(void) {
  int side = 4 << (settings.stages - 1); /* R */
  return settings.height / side * (settings.width / side);
}

SHOWN void change_nothing(void) {
  __builtin_memset(covered, 0, cells());
  __builtin_memset(score_added, 0, 4 * cells());
  __builtin_memset(silent, 0, settings.depth * settings.num_heads);
  __builtin_memset(left_out, 0, settings.depth);
  is_forced = without_global = without_local = reads_mean = 0;
}

SHOWN void cover(int cell) { covered[cell] = 1; }
SHOWN void silence(int layer, int head) { silent[layer * settings.num_heads + head] = 1; }
SHOWN void leave_out(int layer) { left_out[layer] = 1; }
SHOWN void add_to_score(int cell, float more) { score_added[cell] += more; }
SHOWN void force_lbp_weight(float weight) {
  is_forced = 1;
  forced_lbp = weight;
}
SHOWN void leave_out_global(void) { without_global = 1; }
SHOWN void leave_out_local(void) { without_local = 1; }
SHOWN void read_mean(void) { reads_mean = 1; }

/* A copy of the picture, its covered cells filled with its mean colour. */
static byte *as_covered(void) {
  int high = settings.height, wide = settings.width, side = 4 << (settings.stages - 1);
  byte *copy = __builtin_memcpy(take(3 * high * wide), image, 3 * high * wide);
  for (int c = 0; c < 3; c++) {
    unsigned sum = 0;
    for (int i = 0; i < high * wide; i++) sum += image[c * high * wide + i];
    byte mean = __builtin_rintf((float)sum / (high * wide));
    for (int y = 0; y < high; y++)
      for (int x = 0; x < wide; x++)
        if (covered[y / side * (wide / side) + x / side]) copy[(c * high + y) * wide + x] = mean;
  }
  return copy;
}


/* ---- 03: global and local attention. */

SHOWN Map squeeze_and_score(Map u, int channels) {
  Map squeezed = convolution(u, u.channels / settings.attention_reduction, 1, 1, 0, 1);
  return linear(squeezed, channels);
}

static Map mean_of_places(Map u) {
  Map out = new_map(u.channels, 1, 1);
  for (int c = 0; c < u.channels; c++) {
    float sum = 0;
    for (int p = 0; p < places(u); p++) sum += u.values[c * places(u) + p];
    out.values[c] = sum / places(u);
  }
  return out;
}


/* ---- 04: two maps become one. */

/* The three readings of the paper: weights of the gated branch and of the other. */
static void read_gate(float global, float local, float *gated, float *other) {
  float sum = sigmoid(global) + sigmoid(local);
  *gated = sum;
  if (settings.gate == SIGMOID_OF_SUM) *gated = sigmoid(global + local);
  if (settings.gate == DOUBLE_SIGMOID) *gated = sigmoid(sum);
  *other = settings.gate == DOUBLE_SIGMOID ? sigmoid(1 - sum) : 1 - *gated;
}

static Map selective_fusion(Map rgb, Map lbp) {
  int channels = rgb.channels, count = places(rgb), per_place = settings.fusion == AFF;
  Map u = new_map(channels, rgb.height, rgb.width);
  if (per_place) {
    for (int i = 0; i < channels * count; i++) u.values[i] = rgb.values[i] + lbp.values[i];
  } else {
    u = linear(lbp, channels);
    u = convolution(rgb, channels, 1, 1, &u, 0);
  }
  Map global = squeeze_and_score(mean_of_places(u), channels);
  Map local = squeeze_and_score(u, per_place ? channels : 1);
  if (without_global) __builtin_memset(global.values, 0, 4 * channels);
  if (without_local) __builtin_memset(local.values, 0, 4 * local.channels * count);
  for (int i = 0; i < local.channels * count; i++) local.values[i] += score_added[i % count];

  Map weight = new_map(channels, rgb.height, rgb.width);
  Map out = new_map(channels, rgb.height, rgb.width);
  const float *gated = settings.gated_rgb ? rgb.values : lbp.values;
  const float *other = settings.gated_rgb ? lbp.values : rgb.values;
  float forced = settings.gated_rgb ? 1 - forced_lbp : forced_lbp, rest;
  for (int i = 0; i < channels * count; i++) {
    float score = local.values[per_place ? i : i % count];
    read_gate(global.values[i / count], score, &weight.values[i], &rest);
    if (is_forced) {
      weight.values[i] = forced;
      rest = 1 - forced;
    }
    out.values[i] = gated[i] * weight.values[i] + other[i] * rest;
  }
  gate = weight.values;
  global_attention = global.values;
  local_attention = local.values;
  return out;
}

static Map stacked(Map rgb, Map lbp) {
  Map out = new_map(2 * rgb.channels, rgb.height, rgb.width);
  int half = rgb.channels * places(rgb);
  __builtin_memcpy(out.values, rgb.values, 4 * half);
  __builtin_memcpy(out.values + half, lbp.values, 4 * half);
  return out;
}

/* softmax(Q Kᵀ / √d) V for each head, the heads side by side; `looks` keeps the softmax. */
static Map attend(Map queries, Map keys, Map values, int heads, float *looks) {
  int wide = queries.channels / heads, count = places(queries);
  Map out = new_map(queries.channels, queries.height, queries.width);
  float scale = 1 / __builtin_sqrtf(wide);
  for (int head = 0; head < heads; head++)
    for (int asking = 0; asking < count; asking++, looks += count) {
      __builtin_memset(looks, 0, 4 * count);
      for (int e = head * wide; e < (head + 1) * wide; e++) {
        float query = queries.values[e * count + asking] * scale;
        for (int asked = 0; asked < count; asked++)
          looks[asked] += query * keys.values[e * count + asked];
      }
      softmax(looks, count);
      for (int e = head * wide; e < (head + 1) * wide; e++) {
        float sum = 0;
        for (int asked = 0; asked < count; asked++)
          sum += looks[asked] * values.values[e * count + asked];
        out.values[e * count + asking] = sum;
      }
    }
  return out;
}

/* What the places of one view hear from the other's, added to `sum`. */
static Map hear(Map asking, Map asked, Map sum) {
  Map queries = linear(asking, asking.channels), keys = linear(asked, asked.channels);
  Map values = linear(asked, asked.channels);
  float *looks = take(4 * settings.fusion_heads * places(asking) * places(asking));
  Map heard = attend(queries, keys, values, settings.fusion_heads, looks);
  return convolution(heard, asking.channels, 1, 1, &sum, 0);
}

SHOWN Map fuse(Map rgb, Map lbp) {
  if (settings.fusion == RGB) return rgb;
  if (settings.fusion == LBP) return lbp;
  if (settings.fusion == SELECTIVE || settings.fusion == AFF) return selective_fusion(rgb, lbp);
  if (settings.fusion == CONCAT) return linear(stacked(rgb, lbp), rgb.channels);
  Map out = new_map(rgb.channels, rgb.height, rgb.width);
  for (int i = 0; i < rgb.channels * places(rgb); i++) {
    float sum = rgb.values[i] + lbp.values[i];
    out.values[i] = settings.fusion == MAX ? larger(rgb.values[i], lbp.values[i]) : sum;
  }
  if (settings.fusion == CROSS_ATTENTION) out = hear(lbp, rgb, hear(rgb, lbp, out));
  if (settings.fusion == CROSS_ATTENTION || settings.fusion == MEAN)
    for (int i = 0; i < rgb.channels * places(rgb); i++) out.values[i] /= 2;
  return out;
}


/* ---- 05: tokens and encoder. */

SHOWN Map make_tokens(Map map) {
  Map projected = linear(map, settings.embed_dim);
  int count = places(projected);
  const float *positions = next_weights(settings.embed_dim * (1 + count)); /* [cls] is in them */
  Map tokens = new_map(settings.embed_dim, 1, 1 + count);
  for (int e = 0, i = 0; e < settings.embed_dim; e++)
    for (int t = 0; t <= count; t++, i++)
      tokens.values[i] = positions[i] + (t ? projected.values[e * count + t - 1] : 0);
  return tokens;
}

SHOWN Map layer_norm(Map tokens) {
  int wide = tokens.channels, count = places(tokens);
  const float *scale = next_weights(wide), *shift = next_weights(wide);
  Map out = new_map(wide, tokens.height, tokens.width);
  for (int t = 0; t < count; t++) {
    const float *token = tokens.values + t; /* its values lie `count` apart */
    float mean = 0, variance = 0;
    for (int e = 0; e < wide; e++) mean += token[e * count] / wide;
    for (int e = 0; e < wide; e++) {
      float from_mean = token[e * count] - mean;
      variance += from_mean * from_mean / wide;
    }
    float over = 1 / __builtin_sqrtf(variance + 1e-5f);
    for (int e = 0; e < wide; e++)
      out.values[e * count + t] = (token[e * count] - mean) * over * scale[e] + shift[e];
  }
  return out;
}

static Map self_attention(Map tokens, int layer, Map added) {
  int heads = settings.num_heads, size = tokens.channels * places(tokens);
  Map all = linear(tokens, 3 * tokens.channels);
  __builtin_memcpy(questions + layer * 3 * size, all.values, 12 * size);
  Map part[3] = {tokens, tokens, tokens}; /* queries, keys and values, cut from what was made */
  for (int i = 0; i < 3; i++) part[i].values = all.values + i * size;
  float *looks = attentions + layer * heads * places(tokens) * places(tokens);
  Map heard = attend(part[0], part[1], part[2], heads, looks);
  for (int head = 0; head < heads; head++)
    if (silent[layer * heads + head])
      __builtin_memset(heard.values + head * (size / heads), 0, 4 * (size / heads));
  return convolution(heard, tokens.channels, 1, 1, &added, 0);
}

static Map mlp(Map tokens, Map added) {
  Map wide = linear(tokens, settings.mlp_dim);
  for (int i = 0; i < wide.channels * places(wide); i++) wide.values[i] = gelu(wide.values[i]);
  return convolution(wide, tokens.channels, 1, 1, &added, 0);
}

SHOWN Map encoder_block(Map x, int layer) {
  if (settings.pre_norm) {
    x = self_attention(layer_norm(x), layer, x);
    return mlp(layer_norm(x), x);
  }
  x = layer_norm(self_attention(x, layer, x));
  return layer_norm(mlp(x, x));
}


/* ---- 06: the whole. */

/* The head on [cls], or on the mean of all other tokens. Its weights stand before the blocks'. */
static void answer(Map tokens, int blocks) {
  if (settings.pre_norm) tokens = layer_norm(tokens);
  Map read = new_map(tokens.channels, 1, 1);
  int count = places(tokens);
  for (int e = 0; e < tokens.channels; e++) {
    const float *values = tokens.values + e * count;
    float sum = 0;
    for (int t = 1; t < count; t++) sum += values[t];
    read.values[e] = reads_mean ? sum / (count - 1) : values[0];
  }
  Map logits = linear(read, settings.num_classes);
  __builtin_memcpy(answers + blocks * logits.channels, logits.values, 4 * logits.channels);
}

/* With the settings written: return where `count` weights are to be written. */
SHOWN float *make_room(int count) {
  int depth = settings.depth, tokens = 1 + cells();
  end = 0;
  image = take(3 * settings.height * settings.width);
  covered = take(cells());
  score_added = take(4 * cells());
  silent = take(depth * settings.num_heads);
  left_out = take(depth);
  attentions = take(4 * depth * settings.num_heads * tokens * tokens);
  questions = take(12 * depth * settings.embed_dim * tokens);
  answers = take(4 * (1 + depth) * settings.num_classes);
  float *room = take(4 * count);
  weights = first_weights = room;
  after_weights = end;
  change_nothing();
  return room;
}

/* Make floats of `count` halves that stand in the second half of the room for weights. */
SHOWN void unpack_halves(int count) {
  unsigned *to = (unsigned *)first_weights;
  const unsigned short *from = (const unsigned short *)first_weights + count;
  for (int i = 0; i < count; i++) {
    union {
      unsigned bits;
      float value;
    } number = {(from[i] & 0x7fffu) << 13};
    number.value *= 0x1p112f; /* the exponent of a half counts from 15, that of a float from 127 */
    to[i] = number.bits | (from[i] & 0x8000u) << 16;
  }
}

SHOWN void run(void) {
  end = after_weights;
  weights = first_weights;
  lbp = 0;
  rgb_map = lbp_map = gate = local_attention = global_attention = 0;
  byte *seen = as_covered();
  Map from_rgb = {0}, from_lbp = {0};
  if (settings.fusion != LBP) {
    from_rgb = trunk(normalised(seen, normalisation[0], normalisation[1]));
    rgb_map = from_rgb.values;
  }
  if (settings.fusion != RGB) {
    lbp = local_binary_pattern(seen, settings.height, settings.width);
    from_lbp = trunk(normalised(lbp, normalisation[2], normalisation[3]));
    lbp_map = from_lbp.values;
  }
  Map one = fuse(from_rgb, from_lbp);
  fused = one.values;

  Map tokens = make_tokens(one);
  const float *head = weights;
  answer(tokens, 0);
  for (int layer = 0; layer < settings.depth; layer++) {
    Map after = encoder_block(tokens, layer);
    if (!left_out[layer]) tokens = after;
    const float *next = weights;
    weights = head;
    answer(tokens, layer + 1);
    weights = next;
  }
}
