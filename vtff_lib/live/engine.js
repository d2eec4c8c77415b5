/* A VTFF in a page: `engine.wasm` with a packed model in it (`vtff_lib.live.pack`).

     const model = await openModel(packed, wasm);         bytes, of both
     const out = model.run(rgb, { patches: [24] });       rgb: Uint8Array, planes R, G, B

   or in a worker, where it holds up nothing: see host.js.

   Nothing is fetched and nothing is kept. What goes wrong is an Error with a sentence to show. */

const MODEL_VERSION = 1;

/* Return a model. Its `config` is that of VTFFConfig, with `size`, `grid`, `channels`, `views` and
   `gated` (it has a gate that can be changed). */
export async function openModel(packed, wasm) {
  const { header, weights } = readModel(asBytes(packed));
  const engine = await startEngine(asBytes(wasm));
  try {
    return new Model(engine, header, weights);
  } catch (error) {
    throw noMemory(error);
  }
}

function asBytes(given) {
  if (given instanceof ArrayBuffer) return new Uint8Array(given);
  if (given instanceof Uint8Array) return given;
  throw new Error("A model and an engine are bytes; give an ArrayBuffer or a Uint8Array of each.");
}

function readModel(bytes) {
  const text = (from, to) => new TextDecoder().decode(bytes.subarray(from, to));
  if (text(0, 4) !== "VTFF") {
    throw new Error("These bytes are no packed model; give what vtff_lib.live.pack returns.");
  }
  const damaged = new Error("The packed model is cut short or damaged; pack it again.");
  if (bytes.length < 8) throw damaged;
  const start = 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  let header;
  try {
    header = JSON.parse(text(8, start));
  } catch {
    throw damaged;
  }
  if (header.version !== MODEL_VERSION) {
    throw new Error(
      `The model was packed as version ${header.version} and this engine reads version ` +
        `${MODEL_VERSION}; pack it again with the vtff_lib that this engine is from.`,
    );
  }
  if (bytes.length - start !== header.count * (header.half ? 2 : 4)) throw damaged;
  return { header, weights: bytes.subarray(start) };
}

async function startEngine(bytes) {
  if (typeof WebAssembly === "undefined") {
    throw new Error("This browser runs no WebAssembly, so the model cannot run in this page.");
  }
  try {
    return (await WebAssembly.instantiate(bytes)).instance.exports;
  } catch (error) {
    const reason = error.message;
    throw new Error(`This browser refuses the engine, so the model cannot run here: ${reason}`);
  }
}

function noMemory(error) {
  if (!(error instanceof WebAssembly.RuntimeError) && !(error instanceof RangeError)) return error;
  return new Error("This device has too little memory left for the model; close other pages.");
}

class Model {
  constructor(engine, header, weights) {
    const { config, settings, normalisation, count, half } = header;
    const { views, gated, size, grid, channels } = header;
    this.engine = engine;
    this.config = { ...config, views, gated, size, grid, channels };
    this.view(Int32Array, engine.settings.value, settings.length).set(settings);
    this.view(Float32Array, engine.normalisation.value, 12).set(normalisation);
    const room = engine.make_room(count);
    this.view(Uint8Array, room + (half ? 2 * count : 0), weights.length).set(weights);
    if (half) engine.unpack_halves(count);
  }

  /* Return the answer to a picture, with every map on the way.

     rgb       Uint8Array of 3 · height · width: planes R, G, B
     change    what to change before, several at once if you like, as vtff_lib.explain.surgery:
                 patches    [cell, …], filled with the picture's mean colour
                 heads      [[layer, head], …], silenced
                 layers     [layer, …], left out
                 lbpWeight  0 to 1, weight of the LBP branch; RGB gets the rest
                 without    "global" or "local", or a list of both: left out of the gate
                 scores     { place: added to its local score, … }
                 reading    "mean": the head reads the mean of all other tokens, not [cls]

     Cells, places, layers and heads count from 0. A map that the model has not is null. */
  run(rgb, change = {}) {
    const began = performance.now();
    this.checkPicture(rgb);
    this.operate(change ?? {});
    try {
      this.view(Uint8Array, this.pointer("image"), rgb.length).set(rgb);
      this.engine.run();
      return { ...this.answer(), milliseconds: performance.now() - began };
    } catch (error) {
      throw noMemory(error);
    }
  }

  checkPicture(rgb) {
    const [height, width] = this.config.size;
    const bytes = rgb instanceof Uint8Array || rgb instanceof Uint8ClampedArray;
    if (bytes && rgb.length === 3 * height * width) return;
    throw new Error(
      `The picture is ${bytes ? `${rgb.length} bytes` : "not of bytes"}; this model needs ` +
        `${3 * height * width}: planes R, G and B of ${height} rows of ${width} pixels.`,
    );
  }

  operate(change) {
    const { depth, num_heads: heads, grid, gated, fusion } = this.config;
    const { patches, heads: silenced, layers, ...others } = change;
    const { lbpWeight, without, scores, reading, ...unknown } = others;
    const [strange] = Object.keys(unknown);
    if (strange) throw new Error(`The change "${strange}" is unknown.`);
    if (!gated && [lbpWeight, without, scores].some((each) => each != null)) {
      throw new Error(`This model fuses by "${fusion}" and has no gate that could be changed.`);
    }
    const cells = grid[0] * grid[1];
    this.engine.change_nothing();
    for (const cell of patches ?? []) this.engine.cover(oneOf("patch", cell, cells));
    for (const [layer, head] of silenced ?? []) {
      this.engine.silence(oneOf("layer", layer, depth), oneOf("head", head, heads));
    }
    for (const layer of layers ?? []) this.engine.leave_out(oneOf("layer", layer, depth));
    for (const [place, more] of Object.entries(scores ?? {})) {
      this.engine.add_to_score(oneOf("place", Number(place), cells), within("score", more, 1e6));
    }
    if (lbpWeight != null) this.engine.force_lbp_weight(within("lbpWeight", lbpWeight, 1, 0));
    for (const part of [without ?? []].flat()) {
      if (part === "global") this.engine.leave_out_global();
      else if (part === "local") this.engine.leave_out_local();
      else throw new Error(`without: "${part}" is unknown; give "global" or "local".`);
    }
    if (reading === "mean") this.engine.read_mean();
    else if (reading != null) throw new Error(`reading: "${reading}" is unknown; give "mean".`);
  }

  answer() {
    const { depth, embed_dim: wide, num_heads: heads, class_names: classes } = this.config;
    const { size, grid, channels, fusion } = this.config;
    const cells = grid[0] * grid[1], tokens = 1 + cells;
    const answers = this.each("answers", 1 + depth, classes.length);
    const asked = this.each("questions", depth * 3, wide * tokens); /* [value · T + token] */
    return {
      logits: answers[depth],
      probabilities: softmax(answers[depth]),
      after: answers.slice(1).map(softmax), /* what the head says behind each block */
      lbp: this.shown("lbp", 3 * size[0] * size[1], Uint8Array),
      rgbMap: this.shown("rgb_map", channels * cells),
      lbpMap: this.shown("lbp_map", channels * cells),
      gate: this.shown("gate", channels * cells),
      globalPart: this.shown("global_attention", channels),
      localPart: this.shown("local_attention", fusion === "aff" ? channels * cells : cells),
      fused: this.shown("fused", channels * cells),
      attentions: this.each("attentions", depth, heads * tokens * tokens),
      queries: asked.filter((_, n) => n % 3 === 0),
      keys: asked.filter((_, n) => n % 3 === 1),
      values: asked.filter((_, n) => n % 3 === 2),
    };
  }

  /* Views are made anew each time: when the memory grows, older ones are void. */
  view(Kind, address, count) {
    return new Kind(this.engine.memory.buffer, address, count);
  }

  pointer(name) {
    return this.view(Uint32Array, this.engine[name].value, 1)[0];
  }

  /* Return a copy of what a pointer of the engine points to, or null. */
  shown(name, count, Kind = Float32Array) {
    const address = this.pointer(name);
    return address ? this.view(Kind, address, count).slice() : null;
  }

  each(name, times, count) {
    const all = this.shown(name, times * count);
    return Array.from({ length: times }, (_, n) => all.slice(n * count, (n + 1) * count));
  }
}

function softmax(logits) {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

function oneOf(what, number, count) {
  if (Number.isInteger(number) && number >= 0 && number < count) return number;
  throw new Error(`There is no ${what} ${number}; this model has ${count}, from 0.`);
}

function within(what, number, high, low = -high) {
  if (typeof number === "number" && number >= low && number <= high) return number;
  throw new Error(`${what} is ${number}; give a number from ${low} to ${high}.`);
}

/* The other end of startWorker of host.js: a worker runs this file and then serves the model. */
function serveModel() {
  let model;
  self.onmessage = async ({ data: { packed, wasm, rgb, change } }) => {
    try {
      if (packed) {
        model = await openModel(packed, wasm);
        self.postMessage({ answer: model.config });
      } else {
        const answer = model.run(rgb, change);
        self.postMessage({ answer }, buffersOf(answer));
      }
    } catch (error) {
      self.postMessage({ refusal: error.message });
    }
  };
}

function buffersOf(answer) {
  return Object.values(answer).flat().filter(ArrayBuffer.isView).map((each) => each.buffer);
}
