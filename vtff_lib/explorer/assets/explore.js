// Explore freely: every map, every change, two faces or models side by side.

import { best } from "./ask.js";
import { Arithmetic } from "./arithmetic.js";
import { Changes } from "./changes.js";
import { gradient, scaleOf, shareOf } from "./colours.js";
import { kindOf } from "./data.js";
import { check, film, make, newId, radios, say } from "./elements.js";
import { Machine } from "./machine.js";
import { Panel } from "./panel.js";
import { PythonLines } from "./python.js";
import { UNCHANGED, changeOf, coveredIn, fragmentOf, isChanged, settled, tokenOf, withCovered } from "./state.js";
import { MATTERS } from "./step_parts.js";
import { scalesOf, stripLines } from "./strip.js";
import { TOKENS, VIEWS, listed, percent, written } from "./words.js";

export class Explore {
  //   state, heading; onstate(state, fragment): told of each change
  constructor(root, data, options = {}) {
    Object.assign(this, { root, data, options, id: newId(), panels: [], turn: 0 });
    this.shown = null; // what was found, maps and scale on show
    this.over = null; // what is under the pointer or the focus
    this.follows = false; // whether the hand has moved since the last choice
    this.start = settled(data, {});
    this.state = settled(data, options.state || {});
    // Jupyter would take letters and arrow keys for itself, on the way down and on the way up.
    root.dataset.lmSuppressShortcuts = "true";
    root.addEventListener("keydown", (event) => event.stopPropagation());
    this.build();
    this.draw();
  }

  put(wanted) {
    this.state = settled(this.data, wanted);
    this.follows = false;
    const drawn = this.draw();
    if (this.options.onstate) this.options.onstate(this.state, this.fragment());
    return drawn;
  }

  set(change) {
    return this.put({ ...this.state, ...change });
  }

  fragment(wanted = this.state) {
    const kept = wanted.face === this.data.own ? { ...wanted, face: this.start.face } : wanted; // no address brings it back
    return fragmentOf(settled(this.data, kept), this.start);
  }

  // Other data, while the reader's choices stay.
  replace(data) {
    const words = ({ classes, surgeries, models, faces, live, title }) => JSON.stringify([classes, surgeries, models, faces.map(({ name }) => name), live, title]);
    const same = words(this.data) === words(data);
    this.data = data;
    this.start = settled(data, {});
    this.state = settled(data, this.state);
    if (same) {
      this.faces.querySelectorAll("img").forEach((image, index) => (image.src = data.faces[index].rgb));
      for (const part of [this.machine, this.changes, this.arithmetic, this.python, ...this.panels]) part.data = data;
    } else this.build();
    return this.draw();
  }

  // Add a face of the reader's to the end of the list, in the place of an earlier one, and show it:
  // { model, pixels, title }; pixels are planes R, G, B.
  async openFace({ model = 0, pixels, title = "your own" }) {
    const face = await this.data.takeIn(pixels, title);
    this.start = settled(this.data, {});
    this.build();
    return this.put({ face, model, view: this.state.view });
  }

  // - What stays

  build() {
    const { data } = this;
    this.root.classList.add("vtff");
    this.panels = [];
    this.faces = film(`${this.id}-face`, data.faces, (face) => this.set({ face }));
    this.views = this.viewChoices();
    this.machine = new Machine(data, { under: this.views });
    this.told = make("p", { class: "vtff-told" });
    this.answer = make("p", { class: "vtff-answer", "aria-live": "polite" });
    this.bar = make("div", { class: "vtff-bar" });
    this.readout = make("p", { class: "vtff-readout" });
    this.place = make("div", { class: "vtff-panels" });
    this.below = make("div", {}, this.bar, this.readout);
    this.changes = new Changes(data, this.id, (change) => this.set(change));
    this.arithmetic = new Arithmetic(data);
    this.python = new PythonLines(data);
    const title = make(this.options.heading || "h2", { class: "vtff-title" }, data.title);
    this.root.replaceChildren(title, this.faces, this.machine.element, this.place, this.choices(), this.answer, this.told,
      this.changes.element, this.arithmetic.element, this.python.element, keysTold(data));
  }

  viewChoices() {
    const groups = {};
    for (const group of ["mix", "look", "answer"]) {
      const entries = this.data.views.filter((view) => VIEWS[view].group === group).map((view) => ({ value: view, word: VIEWS[view].word }));
      const inside = ({ word }) => [make("span", { class: "vtff-pill" }, word)];
      const chosen = (view) => this.set({ view });
      if (entries.length) groups[group] = radios({ name: `${this.id}-view`, word: `Map: ${group}`, kind: "views", entries, inside, chosen });
    }
    return groups;
  }

  choices() {
    const { data } = this;
    const canCover = data.live || data.changes.some(({ value }) => value === "patch");
    this.tool = radios({
      name: `${this.id}-tool`, word: "What a touch does", kind: "pills", entries: ["look", ...(canCover ? ["cover"] : [])].map((value) => ({ value, word: value })),
      inside: ({ word }) => [make("span", { class: "vtff-pill" }, word)], chosen: (tool) => this.set({ tool }),
    });
    this.tool.hidden = !canCover;
    this.strength = make("input", {
      type: "range", min: 0, max: 100, step: 5, id: `${this.id}-strength`, oninput: (event) => this.set({ strength: event.target.value }),
    });
    this.cls = make("button", { type: "button", onclick: () => this.set({ cell: -1 }) }, "look from [cls]");
    this.selects = {};
    return make("div", { class: "vtff-choices" },
      this.tool,
      ...(data.live ? [] : [this.select("surgery", "change the model", data.changes)]),
      this.select("beside", "beside it", data.besides),
      this.select("model", "model", data.models.map(({ name }, index) => ({ value: index, word: name }))),
      this.select("under", "under the map", [{ value: "rgb", word: "the face" }, { value: "lbp", word: "its LBP view" }]),
      this.choice("strength", "strength of the map", this.strength),
      this.cls);
  }

  select(name, word, entries) {
    const box = make("select", { id: `${this.id}-${name}`, onchange: (event) => this.set({ [name]: event.target.value }) });
    for (const { value, word: label } of entries) box.append(make("option", { value }, label));
    this.selects[name] = box;
    return this.choice(name, word, box, entries.length < 2);
  }

  choice(name, word, control, hidden = false) {
    return make("div", { class: "vtff-choice", hidden }, make("label", { for: `${this.id}-${name}` }, word), control);
  }

  // - What the hand does on a map

  hand() {
    return {
      take: (cell) => this.take(cell),
      look: (index) => this.look(index),
      keys: (flat) => this.keys(flat),
      paint: (cell, covers) => this.data.live && this.state.tool === "cover" && this.set(withCovered(this.data, this.state, cell, covers)),
      set: (change) => this.set(change),
    };
  }

  keys(flat) {
    const undo = { Escape: () => this.set({ ...UNCHANGED }) };
    if (flat) return undo;
    return {
      ...undo,
      m: (cell) => this.set(withCovered(this.data, this.state, cell, this.data.live ? undefined : true)),
      c: () => this.set({ cell: -1, surgery: this.state.surgery === "patch" ? "none" : this.state.surgery }),
    };
  }

  take(cell) {
    this.set(this.state.tool === "look" ? { cell } : withCovered(this.data, this.state, cell));
  }

  look(index) {
    if (index === this.over || !this.shown) return;
    this.over = index;
    this.follows = true;
    if (this.state.view === "attention") this.drawMaps();
    else this.read();
  }

  // - What is drawn anew

  runs() {
    const first = { face: this.state.face, model: this.state.model };
    const [kind, index] = this.state.beside.split(" ");
    return kind ? [first, { ...first, [kind]: Number(index) }] : [first];
  }

  async find(run, panel) {
    const { data, state } = this;
    const change = changeOf(data, state);
    const plain = await data.whole(run, {}, `${this.id} plain ${panel}`);
    const changed = isChanged(data, state) ? await data.whole(run, change, `${this.id} changed ${panel}`) : null;
    const need = plain && state.view === "need" ? (await data.need(run)).map((value) => Math.max(value, 0)) : null;
    const pictures = await data.pictures(run, change, changed);
    return { run, plain, changed, now: changed || plain, need, pictures };
  }

  // One map of one face, as the state `seen` asks for it; that of the unchanged model, where a change
  // has none.
  mapOf({ plain, now, need }, seen) {
    const { view, layer, head } = seen;
    if (view === "need") return need;
    const token = tokenOf(this.data, seen);
    if (view === "attention") {
      const answer = now.has("attention") ? now : plain;
      return answer.attention(layer, head, answer.anyToken ? token : -1);
    }
    const name = view === "cam" ? `cam_${seen.at}` : view === "gate" && seen.group >= 0 && now.has("gate_groups") ? "gate_groups" : view;
    const answer = now.has(name) ? now : plain;
    return name === "gate_groups" ? answer.map(name, seen.group) : answer.map(name);
  }

  async draw() {
    this.turn += 1;
    const { turn, state, data } = this;
    const found = await Promise.all(this.runs().map((run, panel) => this.find(run, panel)));
    if (turn !== this.turn) return; // something newer is to be shown
    if (found.some(({ plain }) => !plain)) {
      say(this.answer, "The model cannot run here, and nothing is stored of this face.");
      return;
    }
    this.shown = { found, kind: kindOf(data, state.view) };
    this.drawControls();
    const flat = state.view === "global";
    if (this.panels.length !== found.length || this.panels.some((panel) => panel.flat !== flat)) this.makePanels(found.length, flat);
    this.panels.forEach((panel, index) => panel.update(found[index], state));
    this.drawMaps();
    this.root.dataset.state = this.fragment(state);
  }

  makePanels(count, flat) {
    this.panels = Array.from({ length: count }, (_, index) => new Panel(this.data, index, flat, this.hand()));
    this.place.replaceChildren(...this.panels.map(({ element }) => element));
    if (count > 1) this.place.after(this.below);
    else this.place.querySelector(".vtff-left").append(this.below);
  }

  drawControls() {
    const { data, state, shown: { found } } = this;
    for (const [name, box] of Object.entries(this.selects)) box.value = String(state[name]);
    check(this.faces, state.face);
    check(this.tool, state.tool);
    const views = data.viewsOf(state.face);
    for (const group of Object.values(this.views)) {
      check(group, state.view);
      for (const input of group.querySelectorAll("input")) input.disabled = !views.includes(input.value);
    }
    this.strength.value = state.strength;
    this.strength.setAttribute("aria-valuetext", `${state.strength} %`);
    this.cls.hidden = state.view !== "attention";
    this.cls.disabled = tokenOf(data, state) < 0;
    this.place.classList.toggle("vtff-painted", data.live && state.tool === "cover");
    say(this.told, this.tell());
    say(this.answer, found.map((each) => this.answered(each)).join(" "));
    this.machine.update({ ...data.faces[state.face], rgb: found[0].pictures[0], lbp: found[0].pictures[1] }, found[0].now, VIEWS[state.view].group);
    this.changes.update(state, found[0]);
    this.python.update(state);
  }

  tell() {
    const { data, state, shown: { found } } = this;
    const words = [VIEWS[state.view].told(data, data.models[state.model])];
    const changed = found.some((each) => each.changed);
    if (["gradient", "cam", "need"].includes(state.view)) {
      const names = found.map(({ plain }) => data.guess(plain).name);
      words.push(`The class is what the unchanged model names first: ${[...new Set(names)].join(", beside it ")}.`);
    }
    const { view } = state;
    if (view === "need" && found.every(({ need }) => Math.max(...need) < MATTERS)) words.push("Here it hangs on no single square.");
    const fromCls = tokenOf(data, state) < 0 || (found[0].now.has("attention") && !found[0].now.anyToken);
    if (view === "attention") words.push(fromCls ? "The token is [cls], which the answer is read from." : `The token is ${data.place(state.cell)}.`);
    const name = view === "cam" ? `cam_${state.at}` : view;
    if (view === "gate" && state.group >= 0) {
      words.push(found[0].now.has("gate_groups") ? `Only ${data.channelsOf(state.group, data.groups)}.` : "Of the changed model, the mean of all channels is shown.");
    }
    if (changed && found.some(({ now }) => (view === "need" ? true : !now.has(name)))) words.push("This map is that of the model as it was: bars and answer are those of the changed one.");
    if (isChanged(data, state) && !changed) words.push("The change has not been worked out (yet): this is the model as it was.");
    return words.join(" ");
  }

  answered({ run, plain, changed }) {
    const { data, state } = this;
    const before = data.guess(plain);
    const first = `${data.nameOf(run)}: ${before.name}, ${percent(before.share)}`;
    if (!changed) return `${first}.`;
    const now = data.guess(changed);
    const covered = coveredIn(data, state);
    const alone = covered.length && Object.keys(changeOf(data, state)).length === 1;
    const squares = covered.length > 3 ? `${covered.length} squares` : listed(covered.map((cell) => data.squareAlone(cell, run.face)));
    const what = alone ? `with ${squares} covered` : "with the model changed";
    const moved = Math.abs(changed.probabilities[before.index] - before.share) < 0.01 ? " Hardly anything moves." : "";
    return `${first}; ${what}, ${now.name}, ${percent(now.share)}.${moved}`;
  }

  // The large map follows the hand: where a token looks is drawn while it is pointed at.
  seenNow() {
    const { follows, over, state, shown } = this;
    const moved = follows && over !== null && state.view === "attention" && shown.found.every(({ now }) => now.anyToken);
    return moved ? { ...state, surgery: "none", cell: over } : state;
  }

  drawMaps() {
    const { shown, state } = this;
    const seen = this.seenNow();
    shown.maps = shown.found.map((each) => this.mapOf(each, seen));
    shown.scale = scaleOf(shown.kind, shown.maps);
    this.panels.forEach((panel, index) => panel.draw(shown.maps[index], shown, shown.found[index], state));
    this.drawBar();
    this.drawStrips(seen);
    this.arithmetic.update(state, shown.found[0], state.cell >= 0 ? state.cell : best(shown.maps[0].map(Math.abs)));
    this.read();
  }

  drawStrips(seen) {
    const { data, state, shown: { found } } = this;
    const lines = stripLines(data, state, found.map(({ now, plain }) => (state.view === "cam" ? plain : now)));
    const entries = lines.flatMap((line) => line.entries);
    const maps = entries.map(({ change }) => found.map((each) => this.mapOf(each, { ...seen, ...change })));
    const scales = scalesOf(data, entries, maps);
    const token = tokenOf(data, seen);
    const from = token < 0 || found.some(({ now }) => !now.anyToken) ? "[cls]" : data.place(token);
    this.panels.forEach((panel, index) => {
      panel.strip.fill(lines, state.view);
      panel.strip.draw(data, state, entries, maps.map((each) => each[index]), scales, from);
    });
  }

  // - The colour bar, and the value under the pointer or the focus

  drawBar() {
    const { shown: { maps, scale, kind }, bar } = this;
    const [low, high] = scale;
    bar.hidden = this.state.view === "global"; // its bars have an axis of their own
    this.marks = maps.map(() => make("div", { class: "vtff-mark", hidden: true }));
    bar.replaceChildren(
      make("div", { class: "vtff-ramp", style: `background: ${gradient(kind)}` }, ...this.marks),
      make("div", { class: "vtff-ticks" }, ...[low, (low + high) / 2, high].map((value) => make("span", {}, written(value)))));
  }

  read() {
    const { data, state, shown: { found, maps, scale } } = this;
    const flat = state.view === "global";
    if (this.over !== null && this.over >= maps[0].length) this.over = null;
    const { over } = this;
    this.panels.forEach((panel) => panel.grid.over(over));
    this.marks.forEach((mark) => (mark.hidden = over === null));
    if (over === null) {
      const does = state.view === "attention" ? "to see where its token looks" : "to read its value";
      say(this.readout, `Point at a ${flat ? "bar" : "square"}, or move the focus there, ${does}.`);
      return;
    }
    const values = found.map(({ run }, index) => {
      const value = maps[index][over];
      this.marks[index].style.left = `${100 * shareOf(value, scale)}%`;
      return found.length > 1 ? `${written(value)} (${data.nameOf(run)})` : written(value);
    });
    const where = flat ? data.channelsOf(over, maps[0].length) : data.squareAlone(over, found[0].run.face);
    say(this.readout, `${where}: ${values.join(", ")}${this.compared()}`);
  }

  // What a share of attention is to be held against; and what the token gives to [cls].
  compared() {
    const { data, state, shown: { maps, found }, over } = this;
    if (!TOKENS.includes(state.view) || state.view === "gradient" || found.length > 1) return "";
    const times = maps[0][over] * (data.cells + 1);
    const rest = 1 - maps[0].reduce((sum, value) => sum + value, 0);
    const cls = state.view === "attention" ? `; [cls] gets ${written(Math.max(rest, 0))}` : "";
    return `, ${times.toFixed(times < 10 ? 1 : 0)} times an even share${cls}`;
  }
}

function keysTold({ live }) {
  return make("details", { class: "vtff-keys" }, make("summary", {}, "Keys, and how things are counted"), make("p", {},
    "Tab reaches every control. On a map, arrow keys move, Home and End jump in the row, Enter chooses a square, " +
    `M covers it${live ? " or uncovers it" : ""}, C goes back to [cls], Escape undoes ${live ? "all changes" : "the change of the model"}. Layers, heads, channels, rows and ` +
    "columns are counted from 0, as in the lessons."));
}
