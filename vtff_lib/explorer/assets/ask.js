// The one question that everything on the page asks: what does the model say of this face, changed so?
//
//   ask(face, change, slot) -> Promise of an answer, or of null: nobody can work it out, or something
//                              newer of the same slot has been asked since
//
// A face is one of the page's list, { model, face }; one of the pad, { moved }; or pixels that nothing
// is stored of, { model, pixels }: a Uint8Array, planes R, G, B.
// A change is what is done to the model or the picture; several at once are allowed, {} is none:
//   { patches: [24], heads: [[0, 3]], lbpWeight: 0.5, without: ["local"], layers: [1], reading: "mean",
//     scores: { 24: 1.5 }, light: { bright: 80, contrast: 100, gamma: 100, lamp: 0 } }
// An answer has `probabilities`, `has(name)` and `map(name)` for one value a square, and `attention`.
// What Python worked out is answered at once; all else by the engine, where there is one.

import { planesOf } from "./drawing.js";
import { relit } from "./light.js";
import { LiveAnswer } from "./live.js";

// An array as `quantise` stored it: bytes, and for each stretch of them what 0 and 255 stand for.
function unpack({ shape, low, high, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const stretch = bytes.length / low.length;
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) {
    const range = Math.floor(i / stretch);
    values[i] = low[range] + (bytes[i] * (high[range] - low[range])) / 255;
  }
  return { shape, values };
}

// The name of a single change, as `Surgery.name` in Python; undefined if there are several.
export function nameOfChange(change) {
  const weights = { 0: "rgb", 1: "lbp", 0.5: "half" };
  const names = [
    ...(change.patches || []).map((patch) => `patch ${patch}`),
    ...(change.heads || []).map(([layer, head]) => `head ${layer} ${head}`),
    ...(change.layers || []).map((layer) => `layer ${layer}`),
    ...(change.lbpWeight === undefined ? [] : [`gate ${weights[change.lbpWeight] || change.lbpWeight}`]),
    ...[change.without || []].flat().map((part) => `without ${part}`),
    ...(change.reading ? [`reading ${change.reading}`] : []),
    ...Object.keys(change.scores || {}).map((cell) => `score ${cell}`),
    ...(change.light ? ["light"] : []),
  ];
  return names.length > 1 ? undefined : names[0] || "none";
}

export function changeOfName(name) {
  const [kind, first, second] = name.split(" ");
  const weights = { rgb: 0, lbp: 1, half: 0.5 };
  if (kind === "patch") return { patches: [Number(first)] };
  if (kind === "head") return { heads: [[Number(first), Number(second)]] };
  if (kind === "layer") return { layers: [Number(first)] };
  if (kind === "gate") return { lbpWeight: first in weights ? weights[first] : Number(first) };
  return kind === "none" ? {} : { [kind]: first };
}

class StoredAnswer {
  constructor(arrays, change) {
    this.arrays = arrays; // name -> { shape, values }
    this.change = change;
    this.probabilities = this.map("probabilities");
    this.anyToken = !change && "attention" in arrays.stored;
  }

  // Of a change its answer may be kept alone, without the maps; of attention, that of [cls].
  has(name) {
    const { stored } = this.arrays;
    if (name === "gate_groups") return !this.change && name in stored;
    if (name === "attention") return "cls_attention" in stored && this.change < stored.cls_attention.shape[2];
    return name in stored && this.change < stored[name].shape[0];
  }

  map(name, index = this.change) {
    return this.arrays.row(name, index);
  }

  // Shares of all squares, from a token; -1 is [cls], or the mean of all heads.
  attention(layer, head, token) {
    const { heads, cells } = this.arrays.size();
    const wanted = head < 0 ? [...Array(heads).keys()] : [head];
    const sum = new Float32Array(cells);
    for (const each of wanted) {
      const row = this.anyToken
        ? this.arrays.row("attention", layer, each, token + 1).subarray(1)
        : this.arrays.row("cls_attention", layer, each, this.change);
      row.forEach((value, cell) => (sum[cell] += value / wanted.length));
    }
    return sum;
  }
}

class Arrays {
  constructor(stored) {
    this.stored = stored;
    this.unpacked = {};
  }

  size() {
    const [, heads, , cells] = this.stored.cls_attention.shape;
    return { heads, cells };
  }

  // The last dimension of an array, at an index of all others.
  row(name, ...index) {
    this.unpacked[name] ||= unpack(this.stored[name]);
    const { shape, values } = this.unpacked[name];
    const width = shape[shape.length - 1];
    const place = index.reduce((sum, each, axis) => sum * shape[axis] + each, 0);
    return values.subarray(place * width, (place + 1) * width);
  }
}

class Stored {
  constructor({ runs, computed, story }) {
    this.computed = computed;
    this.runs = runs.map((faces) => faces.map((stored) => new Arrays(stored)));
    this.pad = ((story.pad || {}).runs || []).map((stored) => new Arrays(stored));
  }

  // Null where it is not stored.
  answer({ model = 0, face, moved }, change) {
    const arrays = moved === undefined ? this.runs[model][face] : this.pad[moved];
    const name = nameOfChange(change);
    const index = moved === undefined ? this.computed.indexOf(name) : name === "none" ? 0 : -1;
    return arrays && index >= 0 ? new StoredAnswer(arrays, index) : null;
  }
}

export class Asker {
  // `engine` runs the models of `data`, if the page has one; `data.parts` are their names in it.
  constructor(data, engine) {
    Object.assign(this, { data, engine, stored: new Stored(data), planes: new Map(), newest: {} });
    this.live = null; // a promise of the engine, once it has been told to wake
  }

  wake() {
    this.live ||= this.engine ? this.engine.wake(this.data.parts[0]).then(() => this.engine) : null;
    return this.live;
  }

  get awake() {
    return Boolean(this.engine) && this.engine.awake.has(this.data.parts[0]);
  }

  // What is stored at once; what is not, by the engine.
  async ask(face, change = {}, slot = undefined) {
    return this.stored.answer(face, change) || this.whole(face, change, slot);
  }

  // With all maps, once the engine is awake; until then what is stored, if anything is.
  async whole(face, change = {}, slot = undefined) {
    const stored = this.stored.answer(face, change);
    if (!this.engine || (stored && !this.awake)) return stored;
    try {
      return await this.run(face, change, slot, stored);
    } catch {
      return stored; // the engine keeps the reason as a sentence
    }
  }

  // What the model says, without its maps if they are not at hand.
  async shares(face, change = {}) {
    return (this.stored.answer(face, change) || (await this.ask(face, change)))?.probabilities;
  }

  async run(face, { light, ...change }, slot, stored = null) {
    const part = this.data.parts[face.model || 0];
    const asked = (this.newest[slot] = {});
    await this.engine.wake(part);
    const planes = await this.pixels(face);
    if (slot !== undefined && this.newest[slot] !== asked) return null; // its picture came late
    const out = await this.engine.run(part, light ? relit(planes, this.size[1], light) : planes, change, slot);
    return out && new LiveAnswer(out, this.data, stored);
  }

  get size() {
    return this.data.size;
  }

  // The planes of a face, as the model gets them.
  pixels({ pixels, face, moved }) {
    const shown = moved === undefined ? this.data.faces[face] : this.data.story.pad.faces[moved];
    if (pixels || shown.pixels) return pixels || shown.pixels;
    const [height, width] = this.size;
    if (!this.planes.has(shown.rgb)) this.planes.set(shown.rgb, planesOf(shown.rgb, width, height));
    return this.planes.get(shown.rgb);
  }
}

export function best(values) {
  return values.indexOf(Math.max(...values));
}

// How far the first guess falls with each square covered; null if a square cannot be tried.
export async function needOf(asked, face, cells) {
  const plain = await asked.shares(face);
  const guess = best(plain);
  const need = new Float32Array(cells);
  for (let cell = 0; cell < cells; cell += 1) {
    const covered = await asked.shares(face, { patches: [cell] });
    if (!covered) return null;
    need[cell] = plain[guess] - covered[guess];
  }
  return need;
}
