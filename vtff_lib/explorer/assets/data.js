// What a page is about: its words, sizes and faces, and what can be looked at and changed in it.

import { CHANGES, PLACES, VIEWS, percent } from "./words.js";
import { Asker, best, needOf } from "./ask.js";
import { addressOf } from "./drawing.js";
import { relit } from "./light.js";
import { codesOf } from "./lbp.js";

export class Data {
  // `engine` runs the models that the content names as `parts`, if it does.
  constructor(content, engine = null) {
    Object.assign(this, content);
    this.live = Boolean(engine && content.parts);
    const stored = (name) => Object.hasOwn(this.runs[0][0], name);
    this.cells = this.grid[0] * this.grid[1];
    this.groups = stored("gate_groups") ? this.runs[0][0].gate_groups.shape[0] : 0;
    this.bars = stored("global") ? this.runs[0][0].global.shape[1] : 0;
    const coverable = Array.from({ length: this.cells }, (_, cell) => `patch ${cell}`);
    this.coverable = this.live || coverable.every((name) => this.computed.includes(name));
    this.views = Object.keys(VIEWS).filter((view) =>
      view === "need" ? this.coverable : stored({ cam: "cam_fused", attention: "cls_attention" }[view] || view));
    this.places = Object.keys(PLACES).filter((place) => stored(`cam_${place}`));
    this.changes = changesOf(this.surgeries);
    this.besides = besidesOf(this);
    this.gateable = this.views.includes("gate");
    this.own = -1; // the number of the reader's own face
    this.asked = new Asker(this, this.live ? engine : null);
    this.needs = new Map();
  }

  ask(run, change = {}, slot = undefined) {
    return this.asked.ask(run, change, slot);
  }

  // The same with all its maps, where the engine is awake.
  whole(run, change = {}, slot = undefined) {
    return this.asked.whole(run, change, slot);
  }

  // The views that a face has: gradients were worked out for those that are stored.
  viewsOf(face) {
    return face === this.own ? this.views.filter((view) => !["gradient", "cam"].includes(view)) : this.views;
  }

  // Both views of a face, as addresses of pictures.
  async pictures({ face }, { light } = {}, answer = null) {
    const shown = this.faces[face];
    if (!light) return [shown.rgb, shown.lbp];
    const [height, width] = this.asked.size;
    const planes = relit(await this.asked.pixels({ face }), width, light);
    const codes = answer?.out?.lbp || codesOf(planes, width, height, this.order);
    return [planes, codes].map((each) => addressOf(each, width, height));
  }

  // Take in a face of the reader's, in the place of an earlier one; return its number.
  async takeIn(pixels, title) {
    const [height, width] = this.asked.size;
    const pictures = [pixels, codesOf(pixels, width, height, this.order)];
    const [rgb, lbp] = pictures.map((each) => addressOf(each, width, height));
    if (this.own < 0) this.own = this.faces.length;
    this.faces = [...this.faces.slice(0, this.own), { name: title, label: "", rgb, lbp, pixels }];
    for (const model of this.models.keys()) this.needs.delete(`${model} ${this.own}`);
    this.besides = besidesOf(this);
    return this.own;
  }

  // What the head says behind each layer, in words; "" where that is not known, or there is one alone.
  saidAfter({ after }) {
    if (!after || after.length < 2) return "";
    const words = after.map((probabilities, layer) => {
      const { name, share } = this.guess({ probabilities });
      return `after layer ${layer} ${name}, ${percent(share)}`;
    });
    return `What it would say: ${words.join("; ")}.`;
  }

  // Kept, for it takes as many questions as there are squares.
  async need(run) {
    const key = `${run.model} ${run.face}`;
    if (!this.needs.has(key)) this.needs.set(key, await needOf(this.asked, run, this.cells));
    return this.needs.get(key);
  }

  // The first channel of part `index` of `count` and the one after its last: as tensor_split divides.
  span(index, count) {
    return [index, index + 1].map((part) => part * Math.floor(this.channels / count) + Math.min(part, this.channels % count));
  }

  channelsOf(index, count) {
    const [first, end] = this.span(index, count);
    const last = end - 1;
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
