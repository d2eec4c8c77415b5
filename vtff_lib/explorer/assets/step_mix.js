// How the two views are mixed, down to the sum behind one square.

import { best } from "./ask.js";
import { make } from "./elements.js";
import { noteOf, put, slider } from "./step_parts.js";
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

export const mix = {
  verb: "Mix",
  fits: (data) => data.views.includes("gate"),
  build(story) {
    const { data } = story;
    const channel = slider("Channel", { low: 0, high: data.channels - 1, step: 1, moved: (value) => story.set({ channel: value }) });
    const sum = make("div", { class: "vtff-sum" });
    const key = make("p", { class: "vtff-key" }, "colours", make("i", { class: `vtff-ramp-mix` }), "texture");
    return { extra: make("div", {}, key, sum, ...(data.bars === data.channels ? [channel.element] : [])), channel, sum };
  },
  async show(story) {
    const { data, run, state, built } = story;
    const answer = await story.ask();
    const gate = answer.map("gate");
    const kind = data.gated === "RGB" ? "unmixture" : "mixture";
    const cell = state.cell >= 0 ? state.cell : best(gate.map((value) => Math.abs(value - 0.5)));
    const channel = Math.min(state.channel, data.channels - 1);
    put(built.channel, channel, `${channel}`);
    const [gated, other] = data.gated === "LBP" ? ["texture", "colours"] : ["colours", "texture"];
    built.sum.replaceChildren(...sumOf(story, answer, cell, channel, gated, other));
    return {
      heading: "It mixes the two, square by square.",
      lead: "Blue: the colours are heard. Orange: the texture is heard. Where the face stays grey, half of each. Choose a square to see the sum behind it.",
      now: answer,
      note: noteOf(story, answer, null),
      picture: { kind, map: gate, scale: [0, 1] },
      cell: (each) => ({
        label: `${data.squareAlone(each, run.face)}: ${percent(gate[each])} ${gated}`,
        selected: each === cell, value: gate[each], classes: each === cell ? "vtff-top" : "",
      }),
      enter: cell,
      next: "Which of the two does it need?",
    };
  },
  choose: (_, cell) => ({ cell }),
};

// The sum behind one square, in one channel; or the mean alone, where the sum is not known exactly.
function sumOf({ data, run }, answer, cell, channel, gated, other) {
  const gate = answer.map("gate")[cell];
  const head = make("p", {}, make("b", {}, data.square(cell, run.face)), ` (${data.place(cell)}): of all ${data.channels} channels, ${percent(gate)} ${gated}.`);
  if (data.bars !== data.channels) return [head];
  const l = answer.map("local")[cell];
  const scores = answer.map("global");
  const sums = SUMS[data.models[run.model].gate];
  const mean = scores.reduce((total, g) => total + sums(g, l)[0], 0) / scores.length;
  if (Math.abs(mean - gate) > 0.02) return [head]; // L is a mean here too
  const g = scores[channel];
  const [weight, rest, squeezed] = sums(g, l);
  const piece = (kind, words) => make("span", { class: `vtff-piece vtff-${kind}` }, words);
  return [
    head,
    make("p", {}, `Channel ${channel}: the square says `, piece("says-l", written(l)), ", the channel says ", piece("says-g", written(g)), `; together ${written(g + l)}.`),
    make("p", {}, `${squeezed} = ${weight.toFixed(2)}.`),
    make("p", {}, piece(gated, `${weight.toFixed(2)} × ${gated}`), " + ", piece(other, `${rest.toFixed(2)} × ${other}`), " goes on."),
  ];
}
