// The story: one step at a time, with the face, the answer and the machine where they were.

import { best } from "./ask.js";
import { Answer } from "./answers.js";
import { CellGrid } from "./cells.js";
import { drawFace } from "./drawing.js";
import { begin, film, check, make, newId, say } from "./elements.js";
import { Machine } from "./machine.js";
import { STEPS } from "./steps.js";

const SWEEP = 1500; // ms in which all squares are covered in turn
const HERE = { cover: "face", ask: "look", light: "views", mix: "mix", mute: "mix", move: "answer", predict: "answer" };

// The steps that a page can tell.
export function stepsOf(data) {
  return Object.keys(STEPS).filter((name) => STEPS[name].fits(data));
}

// The nearest state to what is given, which can be anything: addresses are edited by hand.
function settledStory(data, given, steps) {
  const whole = (name, low, high, otherwise) => {
    const number = Math.round(given[name] === "" || given[name] == null ? NaN : Number(given[name]));
    return Number.isNaN(number) ? otherwise : Math.min(Math.max(number, low), high);
  };
  const oneOf = (name, choices, otherwise) => (choices.includes(given[name]) ? given[name] : otherwise);
  const last = data.story.pad ? data.story.pad.steps - 1 : 0;
  return {
    step: oneOf("step", steps, steps[0]),
    face: whole("face", 0, data.faces.length - 1, Math.min(data.story.first, data.faces.length - 1)),
    cell: whole("cell", -1, data.cells - 1, -1),
    all: whole("all", 0, 1, 0),
    map: oneOf("map", data.views, ""),
    bright: whole("bright", 25, 100, 100),
    lamp: whole("lamp", -80, 80, 0),
    row: whole("row", 0, 1e4, 40),
    column: whole("column", 0, 1e4, 48),
    channel: whole("channel", 0, data.channels - 1, 0),
    alone: oneOf("alone", ["rgb", "lbp", "half"], ""),
    x: whole("x", 0, last, 0),
    y: whole("y", 0, last, last),
  };
}

export class Story {
  //   onstate(fragment): told of each change; beyond: { word, go(face) } after the last step
  constructor(data, { onstate, beyond, heading = "h1" }) {
    Object.assign(this, { data, onstate, beyond, steps: stepsOf(data), turn: 0, builts: {}, id: newId(), names: 0 });
    this.rest = settledStory(data, {}, this.steps);
    this.state = this.rest;
    this.heading = make(heading, { class: "vtff-heading", tabindex: -1 });
    this.lead = make("p", { class: "vtff-lead" });
    this.canvas = make("canvas", { role: "img" });
    this.grid = new CellGrid({
      rows: data.grid[0], columns: data.grid[1], label: `The face in ${data.cells} squares`, kind: "square", look: "cell", panel: "story",
      choose: (cell) => this.choose(cell), keys: { Escape: () => this.set({ cell: -1, all: 0 }) },
    });
    this.face = make("div", { class: "vtff-face" }, this.canvas, this.grid.element);
    this.place = make("div", { class: "vtff-place" }, this.face);
    this.answer = new Answer(data);
    this.extra = make("div", { class: "vtff-extra" });
    this.next = make("button", { type: "button", class: "vtff-next", onclick: () => this.goOn() });
    this.film = film(this.newName(), data.faces, (face) => this.set({ face, cell: -1, all: 0 }));
    this.machine = new Machine(data, { press: (part) => this.stepOf(part) });
    this.side = make("div", { class: "vtff-side" }, this.answer.head, this.extra, this.answer.bars.element, this.next);
    this.element = make("div", { class: "vtff-story" }, this.heading, this.lead,
      make("div", { class: "vtff-stage" }, this.place, this.side), this.film, this.machine.element);
  }

  newName() {
    this.names += 1;
    return `${this.id}-${this.names}`;
  }

  get run() {
    return { model: 0, face: this.state.face };
  }

  get built() {
    this.builts[this.state.step] ||= (STEPS[this.state.step].build || (() => ({})))(this);
    return this.builts[this.state.step];
  }

  ask(change = {}, face = this.run) {
    this.last = { face, change };
    return this.data.ask(face, change);
  }

  // What is stored of a change may be its answer alone: the machine's maps follow from the engine.
  async follow(turn, face, answer) {
    if (!face.lbp && this.data.faces.includes(face)) {
      await this.data.pictures(this.run);
      if (turn === this.turn) this.machine.update(face, answer, HERE[this.state.step]);
    }
    if (answer.has("gate") || answer.has("rollout")) return;
    const whole = await this.data.whole(this.last.face, this.last.change, "machine");
    if (whole && turn === this.turn) this.machine.update(face, whole, HERE[this.state.step]);
  }

  need() {
    return this.data.need(this.run);
  }

  put(wanted) {
    this.state = settledStory(this.data, wanted, this.steps);
    return this.draw();
  }

  set(change) {
    return this.put({ ...this.state, ...change });
  }

  // Go to a step, and let whoever listens begin at its heading.
  async go(step) {
    const begun = (STEPS[step].start || (() => ({})))(this.data);
    await this.put({ step, face: this.state.face, ...begun });
    begin(this.heading);
  }

  goOn() {
    const next = this.steps[this.steps.indexOf(this.state.step) + 1];
    if (next) this.go(next);
    else this.beyond.go(this.state.face);
  }

  stepOf(part) {
    const step = this.steps.find((name) => HERE[name] === part);
    return step && (() => this.go(step));
  }

  choose(cell) {
    const { choose } = STEPS[this.state.step];
    if (choose) this.set(choose(this, cell));
  }

  fragment(state = this.state) {
    const changed = Object.entries(state).filter(([name, value]) => name === "step" || value !== this.rest[name]);
    return new URLSearchParams(changed.map(([name, value]) => [name, String(value)])).toString();
  }

  async draw() {
    this.turn += 1;
    const { turn, data } = this;
    const { step } = this.state;
    const shown = await STEPS[step].show(this);
    if (turn !== this.turn) return; // something newer is to be shown
    const { extra, stage } = this.built;
    if (this.extra.firstChild !== (extra || null)) this.extra.replaceChildren(...(extra ? [extra] : []));
    this.side.classList.toggle("vtff-late", Boolean(STEPS[step].late));
    const place = stage || this.face;
    if (this.place.firstChild !== place) this.place.replaceChildren(place);
    say(this.heading, shown.heading);
    say(this.lead, shown.lead);
    this.answer.update(shown.now, shown.before, shown.note || "");
    const last = step === this.steps[this.steps.length - 1];
    say(this.next, `${last ? this.beyond.word : shown.next}\u00a0→`);
    check(this.film, this.state.face);
    this.film.hidden = data.faces.length < 2 || Boolean(shown.face);
    this.drawSquares(shown);
    const face = shown.face || data.faces[this.state.face];
    this.machine.update(face, shown.answer || shown.now, HERE[step]);
    this.follow(turn, face, shown.answer || shown.now);
    this.element.dataset.state = this.fragment();
    this.onstate(this.fragment());
  }

  drawSquares({ cell, enter, face, picture }) {
    const { data, state } = this;
    const shown = face || data.faces[state.face];
    this.canvas.setAttribute("aria-label", shown.name ? `The face: ${shown.name}` : "The moved face");
    this.grid.element.hidden = !STEPS[state.step].choose;
    if (cell) this.grid.update(cell);
    if (enter !== undefined && !this.grid.element.contains(document.activeElement)) this.grid.enterAt(enter);
    drawFace(this.canvas, shown.rgb, { ...(picture || {}), grid: data.grid });
  }

  // Cover all squares in turn, and leave the map of what that cost.
  sweep() {
    const done = () => this.set({ cell: -1, all: 1 });
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return done();
    const { turn } = this;
    const { cells } = this.grid;
    const step = (at) => {
      if (turn !== this.turn) return;
      cells.forEach((cell, each) => cell.classList.toggle("vtff-masked", each === at));
      if (at < cells.length) setTimeout(step, SWEEP / cells.length, at + 1);
      else done();
    };
    return step(0);
  }

  // The next face whose answer hangs on one square.
  async nextDeciding() {
    const count = this.data.faces.length;
    for (let ahead = 1; ahead <= count; ahead += 1) {
      const face = (this.state.face + ahead) % count;
      const need = await this.data.need({ model: 0, face });
      if (need[best(need)] >= 0.3 || ahead === count) return this.set({ face, cell: -1 });
    }
  }
}
