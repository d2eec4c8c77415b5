// Down to the numbers: one place of the gate, one share of attention, one code, the answer's softmax.

import { best } from "./ask.js";
import { make } from "./elements.js";
import { relit } from "./light.js";
import { put, slider, windowTable } from "./step_parts.js";
import { sumOf } from "./sum.js";
import { VIEWS, percent, written } from "./words.js";

export class Arithmetic {
  constructor(data) {
    Object.assign(this, { data, channel: 0, row: 8, column: 8, last: null });
    const moved = (name) => (value) => {
      this[name] = value;
      this.draw();
    };
    this.sliders = {
      channel: slider("Channel", { low: 0, high: data.channels - 1, step: 1, moved: moved("channel") }),
      row: slider("Row in the square", { low: 0, high: data.size[0] / data.grid[0] - 1, step: 1, moved: moved("row") }),
      column: slider("Column in the square", { low: 0, high: data.size[1] / data.grid[1] - 1, step: 1, moved: moved("column") }),
    };
    this.sums = make("div", { class: "vtff-sum" });
    this.code = make("div", { class: "vtff-window" });
    const pixel = [this.sliders.row.element, this.sliders.column.element, this.code];
    this.element = make("details", { class: "vtff-arithmetic", ontoggle: () => this.draw() },
      make("summary", {}, "Down to the numbers"), this.sliders.channel.element, this.sums, ...pixel);
  }

  update(state, found, cell) {
    this.last = { state, found, cell };
    this.draw();
  }

  draw() {
    if (!this.element.open || !this.last) return;
    const { data } = this;
    const { state, found, cell } = this.last;
    const { group } = VIEWS[state.view];
    this.sliders.channel.element.hidden = group !== "mix";
    for (const [name, each] of Object.entries(this.sliders)) put(each, this[name], String(this[name]));
    const told = { mix: () => this.mix(found, cell), look: () => this.look(state, found, cell), answer: () => this.answer(found) }[group]();
    this.sums.replaceChildren(...told);
    this.window(state, found.run, cell);
    return data;
  }

  mix({ run, now, plain }, cell) {
    return sumOf(this.data, run, now.has("gate") ? now : plain, cell, Math.min(this.channel, this.data.channels - 1));
  }

  // q·k of the chosen token and of the square that it looks at most, and what softmax makes of it.
  look(state, { now, run }, cell) {
    const { data } = this;
    if (!now.out) return [make("p", {}, "These numbers come from the model itself, which does not run here.")];
    const { layers, heads, cells } = data;
    const tokens = cells + 1;
    const [layer, head] = [Math.min(state.layer, layers - 1), Math.max(state.head, 0)];
    const asking = state.cell + 1;
    const row = now.attention(layer, head, asking - 1);
    const asked = (state.cell >= 0 ? best(row) : cell) + 1;
    const [queries, keys] = [now.out.queries[layer], now.out.keys[layer]];
    const wide = queries.length / tokens / heads;
    const scoreOf = (token) => Array.from({ length: wide }, (_, e) => [queries[(head * wide + e) * tokens + asking], keys[(head * wide + e) * tokens + token]]);
    const total = (pairs) => pairs.reduce((sum, [q, k]) => sum + q * k, 0);
    const pairs = scoreOf(asked);
    const score = total(pairs) / Math.sqrt(wide);
    const all = Array.from({ length: tokens }, (_, token) => Math.exp(total(scoreOf(token)) / Math.sqrt(wide)));
    const sum = all.reduce((a, b) => a + b, 0);
    const who = (token) => (token ? `${data.square(token - 1, run.face)} (${data.place(token - 1)})` : "[cls]");
    const ranked = [...all.keys()].sort((one, other) => all[other] - all[one]).slice(0, 5);
    return [
      make("p", {}, make("b", {}, `Layer ${layer}, head ${head}: ${who(asking)} asks ${who(asked)}.`)),
      make("p", {}, `q·k = ${pairs.slice(0, 3).map(([q, k]) => `${written(q)} × ${written(k)}`).join(" + ")} + … (${wide} products) = ${written(total(pairs))}.`),
      make("p", {}, `Divided by √${wide}: ${written(score)}. e to that: ${written(all[asked])}. Of the row's sum, ${written(sum)}: ${percent(all[asked] / sum)}.`),
      make("p", {}, `Most of the row: ${ranked.map((token) => `${who(token)} ${percent(all[token] / sum)}`).join("; ")}.`),
    ];
  }

  answer({ now }) {
    if (!now.out) return [make("p", {}, "These numbers come from the model itself, which does not run here.")];
    const { logits } = now.out;
    const powers = logits.map((logit) => Math.exp(logit));
    const sum = powers.reduce((a, b) => a + b, 0);
    const first = best(logits);
    return [
      make("p", {}, `The head says ${[...logits].map((logit, index) => `${this.data.classes[index]} ${written(logit)}`).join(", ")}.`),
      make("p", {}, `e to the largest: ${written(powers[first])}; the sum of all: ${written(sum)}; ${this.data.classes[first]}: ${percent(powers[first] / sum)}.`),
    ];
  }

  // One pixel of the square: its window of green, and the code.
  async window(state, run, cell) {
    const { data } = this;
    const [height, width] = data.size;
    const [down, right] = [height / data.grid[0], width / data.grid[1]];
    const planes = relit(await data.asked.pixels(run), width, state);
    const row = Math.floor(cell / data.grid[1]) * down + Math.min(this.row, down - 1);
    const column = (cell % data.grid[1]) * right + Math.min(this.column, right - 1);
    const green = { width, height, values: planes.subarray(width * height, 2 * width * height) };
    this.code.replaceChildren(windowTable(green, row, column, data.order));
  }
}
