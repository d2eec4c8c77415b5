// What can be done to the machine and to the light by hand, several things at once; with an engine alone.

import { make, say } from "./elements.js";
import { put, slider } from "./step_parts.js";
import { UNCHANGED, isChanged, numbersOf } from "./state.js";
import { written } from "./words.js";

const LIGHTS = {
  bright: ["Brightness", 10, 200], contrast: ["Contrast", 10, 200], gamma: ["Gamma", 30, 300], lamp: ["Side lamp", -80, 80],
};
const MUTED = [["global", "leave out G"], ["local", "leave out L"]];

export class Changes {
  // set(change): told of each choice
  constructor(data, id, set) {
    Object.assign(this, { data, id, set, ticks: [], sliders: {} });
    this.undo = make("button", { type: "button", class: "vtff-button", onclick: () => set({ ...UNCHANGED }) }, "Undo all changes");
    this.element = make("details", { class: "vtff-changes", hidden: !data.live, open: matchMedia("(min-width: 760px)").matches },
      make("summary", {}, "Change the machine"), ...(data.live ? this.build() : []));
  }

  build() {
    const { data } = this;
    const layers = [...Array(data.layers).keys()];
    const heads = [...Array(data.heads).keys()];
    const moved = (name) => (value) => this.set({ [name]: value });
    for (const [name, [word, low, high]] of Object.entries(LIGHTS)) this.sliders[name] = slider(word, { low, high, step: 5, moved: moved(name) });
    const parts = [];
    if (data.gateable) {
      this.sliders.weight = slider("Gate by hand", { low: -1, high: 100, step: 1, moved: moved("weight") });
      this.sliders.score = slider("Added to L at the chosen square", { low: -60, high: 60, step: 1, moved: moved("score") });
      parts.push(this.group("The mix", [this.sliders.weight.element, this.sliders.score.element, this.tick("muted", MUTED)]));
    }
    if (layers.length) {
      const lines = layers.map((layer) => this.tick("silent", heads.map((head) => [`${layer}-${head}`, `${head}`]), `Silence in layer ${layer}: head`));
      const skips = this.tick("skipped", layers.map((layer) => [`${layer}`, `${layer}`]), "Leave out layer");
      parts.push(this.group("The look", [...lines, skips, this.tick("reading", [["mean", "read the mean of all squares in place of [cls]"]])]));
    }
    parts.push(this.group("The light", Object.keys(LIGHTS).map((name) => this.sliders[name].element)));
    const hint = "Several at once: choose “cover” above and press squares, or drag over them; or change what follows.";
    return [make("p", {}, hint, " ", this.undo), make("div", {}, ...parts)];
  }

  group(word, elements) {
    return make("fieldset", {}, make("legend", {}, word), ...elements);
  }

  // Boxes to tick, whose values stand in the state, joined by dots; several rows can have one name.
  tick(name, entries, word = "") {
    const boxes = entries.map(([value, label]) => {
      const input = make("input", { type: "checkbox", value, "aria-label": word ? `${word} ${label}` : label, onchange: () => this.set({ [name]: chosen() }) });
      return { input, element: make("label", {}, input, make("span", { class: "vtff-pill" }, label)) };
    });
    const chosen = () => this.ticks.filter((row) => row.name === name).flatMap((row) => row.boxes)
      .filter(({ input }) => input.checked).map(({ input }) => input.value).join(".");
    this.ticks.push({ name, boxes });
    return make("div", { class: "vtff-pills" }, ...(word ? [make("span", { class: "vtff-ticked" }, word)] : []), ...boxes.map(({ element }) => element));
  }

  update(state) {
    const { data, sliders } = this;
    if (!data.live) return;
    for (const name of Object.keys(LIGHTS)) put(sliders[name], state[name], `${state[name]} %`);
    if (sliders.weight) {
      put(sliders.weight, state.weight, state.weight < 0 ? "off" : `${state.weight} % texture`);
      sliders.score.input.disabled = state.cell < 0;
      put(sliders.score, state.score, state.cell < 0 ? "choose one" : written(state.score / 10));
    }
    for (const { name, boxes } of this.ticks) {
      const chosen = state[name].split(".");
      for (const { input } of boxes) input.checked = chosen.includes(input.value);
    }
    this.undo.disabled = !isChanged(data, state);
    const count = numbersOf(state.covered).length;
    say(this.element.firstChild, `Change the machine${isChanged(data, state) ? ` (changed${count ? `, covered: ${count}` : ""})` : ""}`);
  }
}
