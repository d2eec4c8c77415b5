// What a page is about: its words, sizes and faces, and what can be looked at and changed in it.

import { CHANGES, PLACES, VIEWS } from "./words.js";
import { Stored, best, needOf } from "./ask.js";

export class Data {
  constructor(content) {
    Object.assign(this, content);
    const stored = (name) => Object.hasOwn(this.runs[0][0], name);
    this.cells = this.grid[0] * this.grid[1];
    this.groups = stored("gate_groups") ? this.runs[0][0].gate_groups.shape[0] : 0;
    this.bars = stored("global") ? this.runs[0][0].global.shape[1] : 0;
    const coverable = Array.from({ length: this.cells }, (_, cell) => `patch ${cell}`);
    this.coverable = coverable.every((name) => this.computed.includes(name));
    this.views = Object.keys(VIEWS).filter((view) =>
      view === "need" ? this.coverable : stored(view === "cam" ? "cam_fused" : view));
    this.places = Object.keys(PLACES).filter((place) => stored(`cam_${place}`));
    this.changes = changesOf(this.surgeries);
    this.besides = besidesOf(this);
    this.asked = new Stored(this);
    this.needs = new Map();
  }

  ask(run, change = {}) {
    return this.asked.ask(run, change);
  }

  // Kept, for it takes as many questions as there are squares.
  async need(run) {
    const key = `${run.model} ${run.face}`;
    if (!this.needs.has(key)) this.needs.set(key, await needOf(this.asked, run, this.cells));
    return this.needs.get(key);
  }

  // The numbers of the channels of part `index` of `count`: as tensor_split divides them.
  channelsOf(index, count) {
    const start = (part) => part * Math.floor(this.channels / count) + Math.min(part, this.channels % count);
    const [first, last] = [start(index), start(index + 1) - 1];
    return first === last ? `channel ${first}` : `channels ${first} to ${last}`;
  }

  place(cell) {
    return `row ${Math.floor(cell / this.grid[1])}, column ${cell % this.grid[1]}`;
  }

  squares(face) {
    return (this.story.squares || [])[face];
  }

  // A square by the part of the face that it shows, where that is known.
  square(cell, face) {
    const words = this.squares(face);
    return words ? words[cell] : this.place(cell);
  }

  // The same, so that no two squares have one name.
  squareAlone(cell, face) {
    const words = this.squares(face);
    return words ? `${words[cell]}, ${this.place(cell)}` : this.place(cell);
  }

  nameOf({ model, face }) {
    return this.models.length > 1 ? `${this.faces[face].name}, ${this.models[model].name}` : this.faces[face].name;
  }

  // What the face is known to show. A face without parts, among faces that have them, is a photograph.
  origin(face) {
    const { label } = this.faces[face];
    if (this.story.squares && !this.squares(face)) return "a photograph: the model was never shown one";
    if (!label) return "";
    return this.squares(face) ? `drawn as ${label}` : `labelled ${label}`;
  }

  wrong(face, probabilities) {
    const { label } = this.faces[face];
    return Boolean(label) && this.classes[best(probabilities)] !== label;
  }

  guess({ probabilities }) {
    const first = best(probabilities);
    return { index: first, name: this.classes[first], share: probabilities[first] };
  }
}

// The way of colouring of a view. A gate says how much of the branch that it is laid on gets through;
// blue stays RGB, and orange LBP.
export function kindOf(data, view) {
  return view === "gate" && data.gated === "RGB" ? "unmixture" : VIEWS[view].kind;
}

function changesOf(surgeries) {
  const found = [];
  for (const name of surgeries) {
    const [kind, layer, head] = name.split(" ");
    const value = kind === "patch" ? "patch" : name;
    const word = kind === "head" ? `silence layer ${layer}, head ${head}` : CHANGES[value] || name;
    if (!found.some((each) => each.value === value)) found.push({ value, word });
  }
  return found;
}

function besidesOf({ faces, models }) {
  const entries = (kind, all) =>
    all.length > 1 ? all.map(({ name }, index) => ({ value: `${kind} ${index}`, word: `${kind}: ${name}` })) : [];
  return [{ value: "", word: "nothing" }, ...entries("face", faces), ...entries("model", models)];
}
