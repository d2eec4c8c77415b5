// The sum behind one square of the gate, in one channel, with the numbers of a face.

import { make } from "./elements.js";
import { percent, written } from "./words.js";

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// The weights of both branches, and how they come about, in words.
const SUMS = {
  sigmoid_of_sum: (g, l) => [sigmoid(g + l), 1 - sigmoid(g + l), `Squeezed to 0 … 1: σ(${written(g + l)})`],
  sum_of_sigmoids: (g, l) => [sigmoid(g) + sigmoid(l), 1 - sigmoid(g) - sigmoid(l), `Each squeezed to 0 … 1: ${written(sigmoid(l))} + ${written(sigmoid(g))}`],
  double_sigmoid: (g, l) => {
    const sum = sigmoid(g) + sigmoid(l);
    return [sigmoid(sum), sigmoid(1 - sum), `Squeezed twice: σ(${written(sum)}) and σ(1 − ${written(sum)})`];
  },
};

// G and L of a square: the engine knows them, what is stored may hold means of neighbouring channels.
function partsOf(data, answer, cell, channel) {
  const { out } = answer;
  const exact = out && out.localPart.length === data.cells;
  if (exact) return { l: out.localPart[cell], g: out.globalPart[channel] };
  if (data.bars !== data.channels || (out && !exact)) return null;
  const [l, scores] = [answer.map("local")[cell], answer.map("global")];
  return { l, g: scores[channel], scores };
}

// Paragraphs; the mean alone, where the sum is not known exactly or the gate was forced.
export function sumOf(data, run, answer, cell, channel) {
  const [gated, other] = data.gated === "LBP" ? ["texture", "colours"] : ["colours", "texture"];
  const gate = answer.map("gate")[cell];
  const square = make("b", {}, data.squareAlone(cell, run.face));
  const head = make("p", {}, square, `: of all ${data.channels} channels, ${percent(gate)} ${gated}.`);
  const parts = partsOf(data, answer, cell, channel);
  if (!parts) return [head];
  const { g, l, scores } = parts;
  const sums = SUMS[data.models[run.model].gate];
  const [weight, rest, squeezed] = sums(g, l);
  const known = scores ? scores.reduce((total, each) => total + sums(each, l)[0], 0) / scores.length - gate : weight - answer.out.gate[channel * data.cells + cell];
  if (Math.abs(known) > 0.02) return [head]; // L is a mean here too, or a hand is on the gate
  const piece = (kind, words) => make("span", { class: `vtff-piece vtff-${kind}` }, words);
  return [
    head,
    make("p", {}, `Channel ${channel}: the square says `, piece("says-l", written(l)), ", the channel says ", piece("says-g", written(g)), `; together ${written(g + l)}.`),
    make("p", {}, `${squeezed} = ${weight.toFixed(2)}.`),
    mixed(data, answer, { at: channel * data.cells + cell, weight, rest, gated, other, piece }),
  ];
}

// What goes on, with the numbers of both maps where they are known.
function mixed(data, { out }, { at, weight, rest, gated, other, piece }) {
  if (!out) return make("p", {}, piece(gated, `${weight.toFixed(2)} × ${gated}`), " + ", piece(other, `${rest.toFixed(2)} × ${other}`), " goes on.");
  const [through, beside] = data.gated === "LBP" ? [out.lbpMap[at], out.rgbMap[at]] : [out.rgbMap[at], out.lbpMap[at]];
  return make("p", {}, piece(gated, `${weight.toFixed(2)} × ${gated} ${written(through)}`), " + ", piece(other, `${rest.toFixed(2)} × ${other} ${written(beside)}`), ` = ${written(out.fused[at])} goes on.`);
}
