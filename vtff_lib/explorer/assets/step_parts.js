// What several steps of the story have in common.

import { scaleOf } from "./colours.js";
import { make, say } from "./elements.js";
import { ORDER_WORDS, codeOf, windowOf } from "./lbp.js";
import { percent } from "./words.js";

export const MATTERS = 0.1; // of probability: less is not needed
export const ITS = { attention: "Its last attention", rollout: "Its attention", gradient: "Its gradient", cam: "Grad-CAM" };
export const SAID = { attention: "Attention", rollout: "Attention rollout", gradient: "Gradient × attention", cam: "Grad-CAM" };

const amounts = (map) => map.map((value) => Math.max(value, 0));

// What the answer needs is lit by how much it needs it: where that is next to nothing, all stays dark.
export function lit(map, least = 0) {
  const [low, high] = scaleOf("amount", [amounts(map)]);
  return { kind: "amount", map: amounts(map), scale: [low, Math.max(high, least)] };
}

export function button(word, act) {
  return make("button", { type: "button", class: "vtff-button", onclick: act }, word);
}

// What is said of a face that is covered, or is none that the model knows.
export function noteOf({ data, run, state }, plain, covered) {
  const { name, share } = data.guess(plain);
  if (covered) return `${data.square(state.cell, run.face)} covered; before: ${name}, ${percent(share)}`;
  const origin = data.origin(run.face);
  return data.wrong(run.face, plain.probabilities) ? `${origin}: here it is wrong` : origin;
}

export function coverable(story, need, plain) {
  const { data, run, state } = story;
  return (cell) => ({
    label: `${data.squareAlone(cell, run.face)}${state.cell === cell ? ", covered" : ""}`,
    selected: state.cell === cell,
    classes: state.cell === cell ? "vtff-masked" : "",
    value: need[cell],
  });
}

export function slider(word, { low, high, step, moved }) {
  const input = make("input", {
    type: "range", min: low, max: high, step, "aria-label": word,
    oninput: () => moved(Number(input.value)),
  });
  const label = make("span");
  return { element: make("label", { class: "vtff-slider" }, label, input), input, label, word };
}

export function put({ input, label, word }, value, words) {
  input.value = value;
  input.setAttribute("aria-valuetext", words);
  say(label, `${word}: ${words}`);
}

// Nine numbers, which of them are at least the middle one, and the byte that they make.
export function windowTable(pixels, row, column, order) {
  const near = windowOf(pixels, row, column);
  const code = codeOf(pixels, row, column, order);
  const table = make("table", {}, make("caption", {}, `Green of row ${row}, column ${column}`));
  near.forEach((line, down) => table.append(make("tr", {}, ...line.map((value, right) => {
    const middle = down === 1 && right === 1;
    const one = value >= near[1][1];
    return make("td", { class: middle ? "vtff-middle" : one ? "vtff-one" : "" }, `${value.toFixed(0)}${middle ? "" : one ? " → 1" : " → 0"}`);
  }))));
  return make("div", {}, table, make("p", {}, `At least as bright as the middle: 1. ${ORDER_WORDS[order]}: ${code.toString(2).padStart(8, "0")}, the code ${code}.`));
}
