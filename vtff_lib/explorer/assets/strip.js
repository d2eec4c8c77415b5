// Small maps beside the large one: what else can be looked at, all at once.

import { scaleOf } from "./colours.js";
import { kindOf } from "./data.js";
import { drawNumbers } from "./drawing.js";
import { make, say } from "./elements.js";
import { PLACES, TOKENS, VIEWS, written } from "./words.js";

// Lines of entries { kind, word, long, change }; entries of one kind share a scale.
export function stripLines(data, state, answers) {
  const entry = (kind, word, change, long) => ({ kind, word, change, long: long || word });
  const all = (name) => answers.every((answer) => answer.has(name));
  if (state.view === "gate" && all("gate_groups")) {
    const groups = Array.from({ length: data.groups }, (_, group) =>
      entry("gate", `group ${group}`, { view: "gate", group }, data.channelsOf(group, data.groups)));
    return [{ entries: [entry("gate", "mean", { view: "gate", group: -1 }), ...groups] }];
  }
  if (state.view === "cam" && all("cam_fused")) {
    return [{ entries: data.places.map((at) => entry(`cam ${at}`, { fused: "fused", rgb: "RGB", lbp: "LBP" }[at], { view: "cam", at }, PLACES[at])) }];
  }
  if (!TOKENS.includes(state.view)) return [];
  const lines = Array.from({ length: data.layers }, (_, layer) => ({
    word: `layer ${layer}`,
    entries: [-1, ...Array(data.heads).keys()].map((head) => {
      const word = head < 0 ? "mean" : `head ${head}`;
      return entry("attention", word, { view: "attention", layer, head }, `layer ${layer}, ${word}`);
    }),
  }));
  const whole = ["rollout", "gradient"].filter(all).map((view) => entry(view, view, { view }, VIEWS[view].word));
  return [...lines, { word: "all layers", entries: whole }];
}

export class Strip {
  // choose(change): a small map is pressed; panel: number of the panel that it stands in
  constructor(panel, choose) {
    Object.assign(this, { panel, choose, lines: "" });
    this.small = make("p", { class: "vtff-small" });
    this.element = make("div", { class: "vtff-strip" });
  }

  fill(lines, view) {
    if (this.lines === JSON.stringify(lines)) return;
    this.lines = JSON.stringify(lines);
    this.element.hidden = !lines.length;
    this.element.replaceChildren();
    lines.forEach((line, row) => {
      const thumbs = line.entries.map((each, column) => make("button", {
        type: "button", class: "vtff-thumb", "data-panel": this.panel, "data-key": `thumb ${row} ${column}`,
        "aria-label": each.long, title: each.long, onclick: () => this.choose(each.change),
      }, make("canvas"), make("span", {}, each.word)));
      if (line.word) this.element.append(make("span", { class: "vtff-line" }, line.word));
      this.element.append(make("div", { class: "vtff-thumbs", role: "group", "aria-label": line.word || VIEWS[view].word }, ...thumbs));
    });
    this.element.append(this.small);
  }

  // maps: one for each entry; scales: by kind
  draw(data, state, entries, maps, scales, from) {
    this.element.querySelectorAll("button").forEach((button, number) => {
      const { kind, change } = entries[number];
      const how = { kind: kindOf(data, kind.split(" ")[0]), scale: scales[kind], grid: data.grid };
      drawNumbers(button.querySelector("canvas"), maps[number], how);
      button.setAttribute("aria-pressed", String(Object.entries(change).every(([name, value]) => state[name] === value)));
    });
    say(this.small, Object.entries(scales).map(([kind, [low, high]]) => {
      const [view, at] = kind.split(" ");
      return `${at ? PLACES[at] : VIEWS[view].word}${view === "attention" ? ` from ${from}` : ""}: ${written(low)} to ${written(high)}`;
    }).join("; "));
  }
}

// One scale for all maps of a kind; `maps` are lists, one for each entry.
export function scalesOf(data, entries, maps) {
  const scales = {};
  for (const { kind } of entries) {
    const alike = maps.filter((_, number) => entries[number].kind === kind).flat();
    scales[kind] ||= scaleOf(kindOf(data, kind.split(" ")[0]), alike);
  }
  return scales;
}
