// The one question that everything on the page asks: what does the model say of this face, changed so?
//
//   ask({ model, face }, change) -> Promise of an answer, or of null where nobody has worked it out
//
// A change is what is done to the model or the picture; several at once are allowed, {} is none:
//   { patches: [24], heads: [[0, 3]], lbpWeight: 0.5, without: "local", layers: [1], reading: "mean" }
// An answer has `probabilities`, `has(name)` and `map(name)` for one value a square, and `attention`.
// Here they come from what Python worked out; an engine that runs the model answers the same way.

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
    ...(change.without ? [`without ${change.without}`] : []),
    ...(change.reading ? [`reading ${change.reading}`] : []),
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
  }

  has(name) {
    return name in this.arrays.stored;
  }

  map(name, index = this.change) {
    return this.arrays.row(name, index);
  }

  // Shares of all squares, from a token; -1 is [cls], or the mean of all heads. Of a changed model
  // that of [cls] is known alone.
  attention(layer, head, token) {
    const { heads, cells } = this.arrays.size();
    const wanted = head < 0 ? [...Array(heads).keys()] : [head];
    const sum = new Float32Array(cells);
    for (const each of wanted) {
      const row = this.change
        ? this.arrays.row("cls_attention", layer, each, this.change)
        : this.arrays.row("attention", layer, each, token + 1).subarray(1);
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

export class Stored {
  constructor({ runs, computed, story }) {
    this.computed = computed;
    this.runs = runs.map((faces) => faces.map((stored) => new Arrays(stored)));
    this.pad = ((story.pad || {}).runs || []).map((stored) => new Arrays(stored));
  }

  // Which of the stored changes this is; -1 for none of them.
  index(change) {
    return this.computed.indexOf(nameOfChange(change));
  }

  // A face is one of the list, `{ model, face }`, or one of the pad, `{ moved }`.
  async ask({ model = 0, face, moved }, change = {}) {
    const index = moved === undefined ? this.index(change) : Object.keys(change).length ? -1 : 0;
    if (index < 0) return null;
    return new StoredAnswer(moved === undefined ? this.runs[model][face] : this.pad[moved], index);
  }
}

export function best(values) {
  return values.indexOf(Math.max(...values));
}

// How far the first guess falls with each square covered; null if a square has not been tried.
export async function needOf(asked, face, cells) {
  const plain = await asked.ask(face);
  const guess = best(plain.probabilities);
  const need = new Float32Array(cells);
  for (let cell = 0; cell < cells; cell += 1) {
    const covered = await asked.ask(face, { patches: [cell] });
    if (!covered) return null;
    need[cell] = plain.probabilities[guess] - covered.probabilities[guess];
  }
  return need;
}
