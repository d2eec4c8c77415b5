// Explore freely: every map, every change, two faces or models side by side.

import { changeOfName } from "./ask.js";
import { Bars } from "./answers.js";
import { CellGrid } from "./cells.js";
import { gradient, scaleOf, shareOf } from "./colours.js";
import { Data, kindOf } from "./data.js";
import { drawFace, drawNumbers } from "./drawing.js";
import { check, film, make, newId, radios, say } from "./elements.js";
import { Machine } from "./machine.js";
import { PLACES, TOKENS, VIEWS, percent, written } from "./words.js";

// --- A state: what the reader has chosen

// The nearest state to what is given, which can be anything: addresses are edited by hand. -1 is the
// mean of all for `group` and `head`, and [cls] for `cell`; "patch 7" is a way to write cell 7 covered.
function settled(data, given) {
  const [, patch] = /^patch (\d+)$/.exec(given.surgery) || [];
  const wanted = patch === undefined ? given : { ...given, surgery: "patch", cell: patch };
  const whole = (name, low, high, otherwise = low) => {
    const number = Math.round(wanted[name] === "" || wanted[name] == null ? NaN : Number(wanted[name]));
    return Number.isNaN(number) ? otherwise : Math.min(Math.max(number, low), high);
  };
  const oneOf = (name, choices, otherwise = choices[0]) => (choices.includes(wanted[name]) ? wanted[name] : otherwise);
  const values = (entries) => entries.map(({ value }) => value);
  const state = {
    face: whole("face", 0, data.faces.length - 1),
    model: whole("model", 0, data.models.length - 1),
    beside: oneOf("beside", values(data.besides)),
    view: oneOf("view", data.views),
    group: whole("group", -1, data.groups - 1),
    layer: whole("layer", 0, data.layers - 1, data.layers - 1),
    head: whole("head", -1, data.heads - 1),
    at: oneOf("at", data.places),
    cell: whole("cell", -1, data.cells - 1),
    surgery: oneOf("surgery", values(data.changes)),
    tool: oneOf("tool", ["look", "cover"]),
    strength: whole("strength", 0, 100, 100),
    under: oneOf("under", ["rgb", "lbp"]),
  };
  if (state.surgery === "patch" && state.cell < 0) state.cell = Math.floor(data.cells / 2);
  return state;
}

// The chosen cell, where it matters: changed in another way, the model is asked for [cls] alone.
function tokenOf(state) {
  return state.surgery === "none" || state.surgery === "patch" ? state.cell : -1;
}

function changeOf(state) {
  return state.surgery === "patch" ? { patches: [state.cell] } : changeOfName(state.surgery);
}

// --- Small maps beside the large one: what else can be looked at, all at once

// Lines of entries { kind, word, long, change }; entries of one kind share a scale.
function stripLines(data, state, changed) {
  const entry = (kind, word, change, long) => ({ kind, word, change, long: long || word });
  if (state.view === "gate" && !changed) {
    const groups = Array.from({ length: data.groups }, (_, group) =>
      entry("gate", `group ${group}`, { view: "gate", group }, data.channelsOf(group, data.groups)));
    return [{ entries: [entry("gate", "mean", { view: "gate", group: -1 }), ...groups] }];
  }
  if (state.view === "cam") {
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
  const whole = ["rollout", "gradient"].map((view) => entry(view, view, { view }, VIEWS[view].word));
  return [...lines, { word: "all layers", entries: whole }];
}

// --- The explorer

export function mount(root, content, options = {}) {
  const id = newId();
  const parts = {}; // elements that stay while others are drawn anew
  let data = new Data(content);
  let start = settled(data, {});
  let state = settled(data, options.state || {});
  let shown = null; // the runs, answers, maps and scale on show
  let panels = [];
  let over = null; // what is under the pointer or the focus
  let follows = false; // whether the hand has moved since the last choice
  let turn = 0;

  function put(wanted) {
    state = settled(data, wanted);
    follows = false;
    const drawn = draw();
    if (options.onstate) options.onstate(state, fragment(state));
    return drawn;
  }

  function set(change) {
    return put({ ...state, ...change });
  }

  function fragment(wanted) {
    const changed = Object.entries(wanted).filter(([name, value]) => value !== start[name]);
    return new URLSearchParams(changed.map(([name, value]) => [name, String(value)])).toString();
  }

  function runsOf() {
    const first = { face: state.face, model: state.model };
    const [kind, index] = state.beside.split(" ");
    return kind ? [first, { ...first, [kind]: Number(index) }] : [first];
  }

  // - What stays

  function build() {
    root.classList.add("vtff");
    parts.faces = film(`${id}-face`, data.faces, (face) => set({ face }));
    const groups = {};
    for (const group of ["mix", "look", "answer"]) {
      const views = data.views.filter((view) => VIEWS[view].group === group);
      const entries = views.map((view) => ({ value: view, word: VIEWS[view].word }));
      const inside = ({ word }) => [make("span", { class: "vtff-pill" }, word)];
      if (views.length) groups[group] = radios({ name: `${id}-view`, word: `Map: ${group}`, kind: "views", entries, inside, chosen: (view) => set({ view }) });
    }
    parts.views = groups;
    parts.machine = new Machine(data, { under: groups });
    parts.told = make("p", { class: "vtff-told" });
    parts.answer = make("p", { class: "vtff-answer", "aria-live": "polite" });
    parts.bar = make("div", { class: "vtff-bar" });
    parts.readout = make("p", { class: "vtff-readout" });
    parts.panels = make("div", { class: "vtff-panels" });
    panels = [];
    const title = make(options.heading || "h2", { class: "vtff-title" }, data.title);
    parts.below = make("div", {}, parts.bar, parts.readout);
    root.replaceChildren(title, parts.faces, parts.machine.element, parts.panels, choices(), parts.answer, parts.told, keysTold());
  }

  function choices() {
    const tools = [{ value: "look", word: "look" }, ...(data.changes.some(({ value }) => value === "patch") ? [{ value: "cover", word: "cover" }] : [])];
    parts.tool = radios({
      name: `${id}-tool`, word: "What a touch does", kind: "pills", entries: tools,
      inside: ({ word }) => [make("span", { class: "vtff-pill" }, word)], chosen: (tool) => set({ tool }),
    });
    parts.tool.hidden = tools.length < 2;
    parts.strength = make("input", {
      type: "range", min: 0, max: 100, step: 5, id: `${id}-strength`, oninput: (event) => set({ strength: event.target.value }),
    });
    parts.cls = make("button", { type: "button", onclick: () => set({ cell: -1 }) }, "look from [cls]");
    return make("div", { class: "vtff-choices" },
      parts.tool,
      select("surgery", "change the model", data.changes),
      select("beside", "beside it", data.besides),
      select("model", "model", data.models.map(({ name }, index) => ({ value: index, word: name }))),
      select("under", "under the map", [{ value: "rgb", word: "the face" }, { value: "lbp", word: "its LBP view" }]),
      choice("strength", "strength of the map"),
      parts.cls);
  }

  function keysTold() {
    return make("details", { class: "vtff-keys" }, make("summary", {}, "Keys, and how things are counted"), make("p", {},
      "Tab reaches every control. On a map, arrow keys move, Home and End jump in the row, Enter chooses a square, " +
      "M covers it, C goes back to [cls], Escape undoes the change of the model. Layers, heads, channels, rows and " +
      "columns are counted from 0, as in the lessons."));
  }

  function select(name, word, entries) {
    parts[name] = make("select", { id: `${id}-${name}`, onchange: (event) => set({ [name]: event.target.value }) });
    for (const { value, word: label } of entries) parts[name].append(make("option", { value }, label));
    return choice(name, word, entries.length < 2);
  }

  function choice(name, word, hidden = false) {
    return make("div", { class: "vtff-choice", hidden }, make("label", { for: `${id}-${name}` }, word), parts[name]);
  }

  // - A panel: a face with its map, its answer, and small maps

  function panelOf(run, index) {
    const flat = state.view === "global";
    const grid = new CellGrid({
      rows: flat ? 1 : data.grid[0], columns: flat ? data.bars : data.grid[1], kind: flat ? "channel" : "cell", panel: index,
      label: flat ? `G's scores of ${data.channels} channels` : `Map, ${data.grid[0]} rows, ${data.grid[1]} columns`,
      choose: flat ? () => {} : take, point: look, keys: keysOf(flat),
    });
    const panel = { grid, flat, bars: new Bars(data.classes), canvas: make("canvas", { role: "img" }), numbers: make("canvas", { "aria-hidden": "true" }) };
    panel.name = make("p", { class: "vtff-name" });
    panel.heights = make("div", { class: "vtff-heights" }, ...[0, 1, 2].map(() => make("span")));
    panel.views = ["rgb", "lbp"].map(() => make("img"));
    panel.strip = make("div", { class: "vtff-strip" });
    const source = (picture, word) => make("figure", {}, picture, make("figcaption", {}, word));
    panel.figure = source(panel.numbers, "as numbers");
    const sources = make("div", { class: "vtff-sources" }, panel.figure, source(panel.views[0], "RGB view"), source(panel.views[1], "LBP view"));
    const map = flat ? make("div", { class: "vtff-map vtff-bars" }, panel.heights, grid.element)
      : make("div", { class: "vtff-face vtff-map" }, panel.canvas, grid.element);
    panel.element = make("div", { class: "vtff-panel", role: "group" }, panel.name,
      make("div", { class: "vtff-sides" }, make("div", { class: "vtff-left" }, make("div", { class: "vtff-pair" }, map, sources)),
        make("div", { class: "vtff-more" }, panel.bars.element, panel.strip)));
    return panel;
  }

  function keysOf(flat) {
    const undo = { Escape: () => set({ surgery: "none" }) };
    if (flat) return undo;
    return {
      ...undo,
      m: (cell) => set({ cell, surgery: "patch" }),
      c: () => set({ cell: -1, surgery: state.surgery === "patch" ? "none" : state.surgery }),
    };
  }

  function take(cell) {
    if (state.tool === "look") set({ cell });
    else set({ cell, surgery: state.surgery === "patch" && state.cell === cell ? "none" : "patch" });
  }

  // - What is drawn anew

  async function known(run) {
    const plain = await data.ask(run);
    const changed = state.surgery === "none" ? null : await data.ask(run, changeOf(state));
    const need = state.view === "need" ? (await data.need(run)).map((value) => Math.max(value, 0)) : null;
    return { run, plain, changed, now: changed || plain, need };
  }

  // One map of one face, as the state `seen` asks for it.
  function mapOf({ now, changed, need }, seen) {
    if (seen.view === "attention") return now.attention(seen.layer, seen.head, changed ? -1 : tokenOf(seen));
    if (seen.view === "cam") return now.map(`cam_${seen.at}`);
    if (seen.view === "need") return need;
    if (seen.view === "gate" && seen.group >= 0 && !changed) return now.map("gate_groups", seen.group);
    return now.map(seen.view);
  }

  async function draw() {
    turn += 1;
    const mine = turn;
    const found = await Promise.all(runsOf().map(known));
    if (mine !== turn) return; // something newer is to be shown
    shown = { found, kind: kindOf(data, state.view) };
    drawControls();
    const flat = state.view === "global";
    if (panels.length !== found.length || panels.some((panel) => panel.flat !== flat)) {
      panels = found.map(({ run }, index) => panelOf(run, index));
      parts.panels.replaceChildren(...panels.map(({ element }) => element));
      if (panels.length > 1) parts.panels.after(parts.below);
      else parts.panels.querySelector(".vtff-left").append(parts.below);
    }
    found.forEach(drawPanel);
    drawMaps();
    root.dataset.state = fragment(state);
  }

  function drawControls() {
    for (const name of ["surgery", "beside", "model", "under"]) parts[name].value = String(state[name]);
    check(parts.faces, state.face);
    check(parts.tool, state.tool);
    for (const group of Object.values(parts.views)) check(group, state.view);
    parts.strength.value = state.strength;
    parts.strength.setAttribute("aria-valuetext", `${state.strength} %`);
    parts.cls.hidden = state.view !== "attention";
    parts.cls.disabled = tokenOf(state) < 0;
    say(parts.told, told());
    say(parts.answer, shown.found.map(answered).join(" "));
    parts.machine.update(data.faces[state.face], shown.found[0].now, VIEWS[state.view].group);
  }

  function told() {
    const words = [VIEWS[state.view].told(data, data.models[state.model])];
    const changed = shown.found.some((each) => each.changed);
    if (["gradient", "cam", "need"].includes(state.view)) {
      const names = shown.found.map(({ plain }) => data.guess(plain).name);
      words.push(`The class is what the unchanged model names first: ${[...new Set(names)].join(", beside it ")}.`);
    }
    if (state.view === "attention") {
      words.push(tokenOf(state) < 0 || changed ? "The token is [cls], which the answer is read from." : `The token is ${data.place(state.cell)}.`);
    }
    if (state.view === "gate" && state.group >= 0) {
      words.push(changed ? "Of the changed model, the mean of all channels is shown." : `Only ${data.channelsOf(state.group, data.groups)}.`);
    }
    if (state.surgery !== "none" && !changed) words.push("The change has not been worked out (yet): this is the model as it was.");
    return words.join(" ");
  }

  function answered({ run, plain, changed }) {
    const before = data.guess(plain);
    const first = `${data.nameOf(run)}: ${before.name}, ${percent(before.share)}`;
    if (!changed) return `${first}.`;
    const now = data.guess(changed);
    const what = state.surgery === "patch" ? `with ${data.squareAlone(state.cell, run.face)} covered` : "with the model changed";
    const moved = Math.abs(changed.probabilities[before.index] - before.share) < 0.01 ? " Hardly anything moves." : "";
    return `${first}; ${what}, ${now.name}, ${percent(now.share)}.${moved}`;
  }

  function drawPanel({ run, plain, changed, now }, index) {
    const panel = panels[index];
    const face = data.faces[run.face];
    const origin = data.origin(run.face);
    panel.element.setAttribute("aria-label", data.nameOf(run));
    say(panel.name, data.nameOf(run) + (origin ? ` (${origin}${data.wrong(run.face, plain.probabilities) ? ": here it is wrong" : ""})` : ""));
    panel.bars.update(now.probabilities, changed && plain.probabilities);
    panel.canvas.setAttribute("aria-label", `The face, ${face.name}, with the map: ${VIEWS[state.view].word}`);
    panel.views.forEach((image, view) => {
      image.src = [face.rgb, face.lbp][view];
      image.alt = [`The face: ${face.name}`, `Its local binary patterns: ${face.name}`][view];
    });
    panel.figure.hidden = panel.flat;
  }

  // The large map follows the hand: where a token looks is drawn while it is pointed at.
  function seenNow() {
    const moved = follows && over !== null && state.view === "attention" && !shown.found.some(({ changed }) => changed);
    return moved ? { ...state, surgery: "none", cell: over } : state;
  }

  function drawMaps() {
    const seen = seenNow();
    shown.maps = shown.found.map((each) => mapOf(each, seen));
    shown.scale = scaleOf(shown.kind, shown.maps);
    panels.forEach((panel, index) => drawMap(panel, shown.maps[index], shown.found[index].run));
    drawBar();
    drawStrips(seen);
    read();
  }

  function drawMap(panel, map, run) {
    const { kind, scale } = shown;
    if (panel.flat) {
      [1, 0, -1].forEach((end, line) => say(panel.heights.children[line], written(end * scale[1])));
      panel.grid.update((bar) => ({
        label: `${data.channelsOf(bar, map.length)}: ${written(map[bar])}`, value: map[bar],
        classes: map[bar] < 0 ? "vtff-below" : "", style: `--height: ${50 * shareOf(Math.abs(map[bar]), [0, scale[1]])}%`,
      }));
      return;
    }
    const top = map.indexOf(Math.max(...map));
    panel.grid.update((cell) => {
      const chosen = cell === tokenOf(state);
      const covered = chosen && state.surgery === "patch";
      return {
        label: `${data.squareAlone(cell, run.face)}: ${written(map[cell])}${covered ? ", covered" : ""}`, value: map[cell], selected: chosen,
        classes: `${chosen ? "vtff-chosen" : ""}${covered ? " vtff-masked" : ""}${kind === "amount" && cell === top && map[top] > 0 ? " vtff-top" : ""}`,
      };
    });
    const how = { kind, map, scale, grid: data.grid };
    drawFace(panel.canvas, data.faces[run.face][state.under], { ...how, strength: state.strength / 100 });
    drawNumbers(panel.numbers, map, how);
  }

  function drawStrips(seen) {
    const changed = shown.found.some((each) => each.changed);
    const lines = stripLines(data, state, changed);
    const entries = lines.flatMap((line) => line.entries);
    const maps = entries.map(({ change }) => shown.found.map((each) => mapOf(each, { ...seen, ...change })));
    const scales = {};
    for (const { kind } of entries) {
      const alike = maps.filter((_, number) => entries[number].kind === kind).flat();
      scales[kind] ||= scaleOf(kindOf(data, kind.split(" ")[0]), alike);
    }
    panels.forEach((panel, index) => {
      if (panel.lines !== JSON.stringify(lines)) fillStrip(panel, lines, index);
      panel.strip.querySelectorAll("canvas").forEach((canvas, number) => {
        const { kind } = entries[number];
        drawNumbers(canvas, maps[number][index], { kind: kindOf(data, kind.split(" ")[0]), scale: scales[kind], grid: data.grid });
      });
      panel.strip.querySelectorAll("button").forEach((button, number) => {
        const chosen = Object.entries(entries[number].change).every(([name, value]) => state[name] === value);
        button.setAttribute("aria-pressed", String(chosen));
      });
      say(panel.strip.lastChild, smallTold(scales, seen, changed));
    });
  }

  function smallTold(scales, seen, changed) {
    const from = changed || tokenOf(seen) < 0 ? "[cls]" : data.place(tokenOf(seen));
    return Object.entries(scales).map(([kind, [low, high]]) => {
      const [view, at] = kind.split(" ");
      return `${at ? PLACES[at] : VIEWS[view].word}${view === "attention" ? ` from ${from}` : ""}: ${written(low)} to ${written(high)}`;
    }).join("; ");
  }

  function fillStrip(panel, lines, index) {
    panel.lines = JSON.stringify(lines);
    panel.strip.hidden = !lines.length;
    panel.strip.replaceChildren();
    lines.forEach((line, row) => {
      const thumbs = line.entries.map((each, column) => make("button", {
        type: "button", class: "vtff-thumb", "data-panel": index, "data-key": `thumb ${row} ${column}`,
        "aria-label": each.long, title: each.long, onclick: () => set(each.change),
      }, make("canvas"), make("span", {}, each.word)));
      if (line.word) panel.strip.append(make("span", { class: "vtff-line" }, line.word));
      panel.strip.append(make("div", { class: "vtff-thumbs", role: "group", "aria-label": line.word || VIEWS[state.view].word }, ...thumbs));
    });
    panel.strip.append(make("p", { class: "vtff-small" }));
  }

  // - The colour bar, and the value under the pointer or the focus

  function drawBar() {
    const [low, high] = shown.scale;
    parts.bar.hidden = state.view === "global"; // its bars have an axis of their own
    parts.marks = shown.maps.map(() => make("div", { class: "vtff-mark", hidden: true }));
    parts.bar.replaceChildren(
      make("div", { class: "vtff-ramp", style: `background: ${gradient(shown.kind)}` }, ...parts.marks),
      make("div", { class: "vtff-ticks" }, ...[low, (low + high) / 2, high].map((value) => make("span", {}, written(value)))));
  }

  function read() {
    const flat = state.view === "global";
    if (over !== null && over >= shown.maps[0].length) over = null;
    panels.forEach((panel) => panel.grid.over(over));
    parts.marks.forEach((mark) => (mark.hidden = over === null));
    if (over === null) {
      const does = state.view === "attention" ? "to see where its token looks" : "to read its value";
      say(parts.readout, `Point at a ${flat ? "bar" : "square"}, or move the focus there, ${does}.`);
      return;
    }
    const values = shown.found.map(({ run }, index) => {
      const value = shown.maps[index][over];
      parts.marks[index].style.left = `${100 * shareOf(value, shown.scale)}%`;
      return shown.found.length > 1 ? `${written(value)} (${data.nameOf(run)})` : written(value);
    });
    const where = flat ? data.channelsOf(over, shown.maps[0].length) : data.squareAlone(over, shown.found[0].run.face);
    say(parts.readout, `${where}: ${values.join(", ")}${compared()}`);
  }

  // What a share of attention is to be held against; and what the token gives to [cls].
  function compared() {
    if (!TOKENS.includes(state.view) || state.view === "gradient" || shown.found.length > 1) return "";
    const even = 1 / (data.cells + 1);
    const times = shown.maps[0][over] / even;
    const rest = 1 - shown.maps[0].reduce((sum, value) => sum + value, 0);
    const cls = state.view === "attention" ? `; [cls] gets ${written(Math.max(rest, 0))}` : "";
    return `, ${times.toFixed(times < 10 ? 1 : 0)} times an even share${cls}`;
  }

  function look(index) {
    if (index === over || !shown) return;
    over = index;
    follows = true;
    if (state.view === "attention") drawMaps();
    else read();
  }

  // Jupyter would take letters and arrow keys for itself, on the way down and on the way up.
  root.dataset.lmSuppressShortcuts = "true";
  root.addEventListener("keydown", (event) => event.stopPropagation());
  build();
  draw();
  return {
    put,
    get state() {
      return state;
    },
    fragment: (wanted) => fragment(settled(data, wanted)),
    // Other data, while the reader's choices stay.
    replace(next) {
      const words = ({ faces, runs, computed, story, ...rest }) => JSON.stringify([rest, faces.map(({ name }) => name)]);
      const [before, after] = [words(content), words(next)];
      content = next;
      data = new Data(next);
      start = settled(data, {});
      state = settled(data, state);
      if (before !== after) build();
      else parts.faces.querySelectorAll("img").forEach((image, index) => (image.src = data.faces[index].rgb));
      parts.machine.data = data;
      draw();
    },
  };
}
