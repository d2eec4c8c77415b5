// The model in the page: it answers where nothing is stored. It wakes once the page has been drawn.

import { startWorker } from "./host.js";

// Five letters of base 85 for four bytes, as Python writes them, but for three that HTML would read.
const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%.()*+-;,=:?@^_`{|}~";

// The bytes of a part that stands in the page as `as_text` of live/parts.py wrote it.
export async function partOf(text) {
  const values = new Uint8Array(128);
  [...LETTERS].forEach((letter, value) => (values[letter.charCodeAt(0)] = value));
  const bytes = new Uint8Array(4 * Math.ceil(text.length / 5));
  const view = new DataView(bytes.buffer);
  for (let from = 0; from < text.length; from += 5) {
    let number = 0;
    for (let i = from; i < from + 5; i += 1) number = 85 * number + (i < text.length ? values[text.charCodeAt(i)] : 84);
    view.setUint32((4 * from) / 5, number);
  }
  const deflated = bytes.subarray(0, bytes.length - ((5 - (text.length % 5)) % 5));
  const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
  const apart = new Uint8Array(await new Response(stream).arrayBuffer());
  const part = new Uint8Array(apart.length);
  const even = Math.ceil(apart.length / 2);
  apart.forEach((byte, i) => (part[i < even ? 2 * i : 2 * (i - even) + 1] = byte));
  return part;
}

// Workers for the models of a page, one each, started when first asked.
export class Engine {
  // load(name): a promise of the bytes of a part
  constructor(load) {
    Object.assign(this, { load, workers: {}, awake: new Set(), fault: "" });
  }

  // A promise of the config of a model; what hinders it is kept as a sentence.
  wake(part) {
    this.workers[part] ||= this.start(part);
    return this.workers[part].then(({ ready }) => ready);
  }

  async start(part) {
    try {
      const [code, packed, wasm] = await Promise.all(["engine.js", part, "engine.wasm"].map(this.load));
      const worker = startWorker(new TextDecoder().decode(code), packed, wasm);
      await worker.ready;
      this.awake.add(part);
      return worker;
    } catch (error) {
      this.fault = error.message;
      throw error;
    }
  }

  // Null if something newer of the same slot has been asked.
  async run(part, pixels, change, slot) {
    return (await this.workers[part]).run(pixels, change, slot);
  }

  stop() {
    for (const worker of Object.values(this.workers)) worker.then(({ stop }) => stop(), () => {});
  }
}

// What the engine answered, in the page's words.
export class LiveAnswer {
  // `stored` is what Python had worked out of the same: it has the gradients, which the engine has not.
  constructor(out, data, stored = null) {
    Object.assign(this, { out, data, stored, made: {}, anyToken: out.attentions.length > 0 });
    this.probabilities = out.probabilities;
    this.after = out.after;
  }

  has(name) {
    if (["gate", "gate_groups", "share", "global", "local"].includes(name)) return this.out.gate !== null;
    if (["rollout", "attention"].includes(name)) return this.anyToken;
    return Boolean(this.stored) && this.stored.has(name);
  }

  map(name, index = 0) {
    const key = `${name} ${index}`;
    this.made[key] ||= name in MAPS ? MAPS[name](this.out, this.data, index) : this.stored.map(name);
    return this.made[key];
  }

  // Shares of all squares, from a token; -1 is [cls], or the mean of all heads.
  attention(layer, head, token) {
    const { cells, heads } = this.data;
    const tokens = cells + 1;
    const wanted = head < 0 ? [...Array(heads).keys()] : [head];
    return Float32Array.from({ length: cells }, (_, cell) => wanted.reduce((sum, each) =>
      sum + this.out.attentions[layer][(each * tokens + token + 1) * tokens + cell + 1] / wanted.length, 0));
  }
}

// As vtff_lib.explain.maps and explorer/content.py have them.
const MAPS = {
  gate: ({ gate }, { cells, channels }) => meanOf(gate, cells, 0, channels),
  gate_groups: ({ gate }, data, group) => meanOf(gate, data.cells, ...data.span(group, data.groups)),
  share: (out, { cells, channels, gated }) => Float32Array.from({ length: cells }, (_, cell) => {
    const branch = gated === "LBP" ? out.lbpMap : out.rgbMap;
    let [through, other] = [0, 0];
    for (let at = cell; at < channels * cells; at += cells) {
      const here = branch[at] * out.gate[at];
      through += here ** 2;
      other += (out.fused[at] - here) ** 2;
    }
    return through + other > 0 ? (gated === "LBP" ? through : other) / (through + other) : 0.5;
  }),
  local: ({ localPart }, { cells }) => meanOf(localPart, cells, 0, localPart.length / cells),
  global: ({ globalPart }, data) => Float32Array.from({ length: data.bars }, (_, bar) => {
    const part = globalPart.subarray(...data.span(bar, data.bars));
    return part.reduce((sum, value) => sum + value / part.length, 0);
  }),
  rollout({ attentions }, { cells, heads }) {
    const tokens = cells + 1;
    let row = Float32Array.from({ length: tokens }, (_, token) => (token ? 0 : 1)); // of [cls]
    for (const weights of [...attentions].reverse()) {
      const next = row.map((value) => value / 2);
      weights.forEach((weight, at) => {
        next[at % tokens] += (row[Math.floor(at / tokens) % tokens] * weight) / heads / 2;
      });
      row = next;
    }
    const sum = row.subarray(1).reduce((total, value) => total + value, 0);
    return row.subarray(1).map((value) => value / sum);
  },
};

// The mean of some channels, at each square.
function meanOf(values, cells, first, end) {
  const mean = new Float32Array(cells);
  for (let at = first * cells; at < end * cells; at += 1) mean[at % cells] += values[at] / (end - first);
  return mean;
}
