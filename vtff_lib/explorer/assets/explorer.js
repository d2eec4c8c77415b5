// The explorer of attention maps: one module, two hosts. In Jupyter, anywidget calls `render`; a saved
// page calls `mountPage` with the page's own data. It fetches nothing and keeps nothing.
// All text from outside is set as text or as an attribute, never as HTML.

// --- Words and colours ------------------------------------------------------------------------------

// What is looked at, and a line that says what it is. `told` gets the data and the model shown.
const VIEWS = {
  gate: {
    word: "Gate",
    told: (data, model) =>
      `The weight of the ${data.gated} map at each place of the fused map: near 1 it is taken alone, near 0 ` +
      `the ${data.gated === "LBP" ? "RGB" : "LBP"} map. ${model.reading}`,
  },
  share: {
    word: "Energy share",
    told: () =>
      "Which part of the fused map's energy, its squares summed over the channels, comes from the LBP " +
      "branch, 0 to 1: the gate, weighed with what each branch has to say there.",
  },
  global: {
    word: "Global part",
    told: (data) =>
      "G(U): one score for each channel, the same at every place. A high score turns the gate towards " +
      `the ${data.gated} branch.`,
  },
  local: {
    word: "Local part",
    told: (data) =>
      "L(U): one score for each place, the same for every channel. With G it makes the gate; a high " +
      `score turns it towards the ${data.gated} branch.`,
  },
  attention: {
    word: "Attention",
    told: () =>
      "Where one token looks. Its shares of all tokens sum to 1; what falls on [cls] itself is not drawn.",
  },
  rollout: {
    word: "Rollout",
    told: () =>
      "Where [cls] could have looked through all layers: their attention, heads averaged and shortcuts " +
      "counted in, multiplied. It knows nothing of classes.",
  },
  gradient: {
    word: "Gradient × attention",
    told: () => "Attention weighed by how much it moves one class, through all layers.",
  },
  cam: {
    word: "Grad-CAM",
    told: () => "Channels weighed by the class's mean gradient: where a map speaks for one class.",
  },
};

// Views that are looked at together, in one strip of small maps.
const TOKENS = ["attention", "rollout", "gradient"];

const PLACES = { fused: "the fused map", rgb: "the RGB branch", lbp: "the LBP branch" };

const CHANGES = {
  none: "nothing",
  patch: "mask the chosen patch",
  "gate rgb": "force the gate to RGB",
  "gate lbp": "force the gate to LBP",
  "gate half": "force the gate to one half",
  "without global": "leave out the global part",
  "without local": "leave out the local part",
};

const VIRIDIS = [
  [68, 1, 84], [72, 20, 103], [72, 37, 118], [69, 55, 129], [64, 70, 136], [57, 85, 140],
  [51, 99, 141], [45, 113, 142], [40, 125, 142], [35, 138, 141], [31, 150, 139], [32, 163, 134],
  [41, 175, 127], [61, 188, 116], [86, 198, 103], [117, 208, 84], [149, 216, 64], [186, 222, 40],
  [221, 227, 24], [253, 231, 37],
];

function colourAt(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[low].map((part, i) => Math.round(part + (VIRIDIS[low + 1][i] - part) * (place - low)));
}

// Both ends of the scale for all `maps` of a kind; what is compared shares one.
function scaleOf(kind, maps) {
  let most = 0;
  for (const map of maps) for (const value of map) most = Math.max(most, Math.abs(value));
  if (kind === "gate" || kind === "share") return [0, Math.max(most, 1)];
  most = most || 1;
  return kind === "local" || kind === "global" ? [-most, most] : [0, most];
}

function shareOf(value, [low, high]) {
  return (value - low) / (high - low);
}

function written(value) {
  const size = Math.abs(value);
  if (size < 5e-5) return "0.00";
  return size >= 0.1 ? value.toFixed(2) : value.toPrecision(2);
}

function percent(share) {
  return `${(100 * share).toFixed(0)}\u00a0%`;
}

// --- Data ---------------------------------------------------------------------------------------------

// An array as `quantise` stored it: bytes, and for each stretch of them what 0 and 255 stand for.
function unpack({ shape, low, high, data }) {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const stretch = bytes.length / low.length;
  const values = new Float32Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) {
    const range = Math.floor(i / stretch);
    values[i] = low[range] + (bytes[i] * (high[range] - low[range])) / 255;
  }
  return { shape, values };
}

class Data {
  constructor(content) {
    Object.assign(this, content);
    const arrays = this.runs[0][0];
    const stored = (name) => Object.hasOwn(arrays, name);
    this.cells = this.grid[0] * this.grid[1];
    this.groups = stored("gate_groups") ? arrays.gate_groups.shape[0] : 0;
    this.views = Object.keys(VIEWS).filter((view) => stored(view === "cam" ? "cam_fused" : view));
    this.places = Object.keys(PLACES).filter((place) => stored(`cam_${place}`));
    this.changes = changesOf(this.surgeries);
    this.besides = besidesOf(this);
    this.unpacked = new Map();
    this.start = settled(this, {});
  }

  // The last dimension of an array, at an index of all others.
  row({ model, face }, name, ...index) {
    const key = `${model} ${face} ${name}`;
    if (!this.unpacked.has(key)) this.unpacked.set(key, unpack(this.runs[model][face][name]));
    const { shape, values } = this.unpacked.get(key);
    const width = shape[shape.length - 1];
    const place = index.reduce((sum, each, axis) => sum * shape[axis] + each, 0);
    return values.subarray(place * width, (place + 1) * width);
  }

  // Which of the computed changes is shown: 0, none, while the chosen one is not worked out.
  change(state) {
    const name = state.surgery === "patch" ? `patch ${state.cell}` : state.surgery;
    return Math.max(this.computed.indexOf(name), 0);
  }

  map(state, run) {
    const change = this.change(state);
    if (state.view === "attention") return this.attention(state, run);
    if (state.view === "cam") return this.row(run, `cam_${state.at}`, change);
    if (state.view === "gate" && state.group >= 0 && !change) return this.row(run, "gate_groups", state.group);
    return this.row(run, state.view, change);
  }

  // Attention from the chosen token, or from [cls] where the model is changed; the mean of all heads for -1.
  attention(state, run) {
    const change = this.change(state);
    const heads = state.head < 0 ? [...Array(this.heads).keys()] : [state.head];
    const sum = new Float32Array(this.cells);
    for (const head of heads) {
      const row = change
        ? this.row(run, "cls_attention", state.layer, head, change)
        : this.row(run, "attention", state.layer, head, tokenOf(state) + 1).subarray(1);
      row.forEach((value, cell) => (sum[cell] += value / heads.length));
    }
    return sum;
  }

  // The numbers of the channels, from 1, of part `index` of `count`: as tensor_split divides them.
  channelsOf(index, count) {
    const start = (part) => part * Math.floor(this.channels / count) + Math.min(part, this.channels % count);
    const [first, last] = [start(index) + 1, start(index + 1)];
    return first === last ? `channel ${first}` : `channels ${first} to ${last}`;
  }

  place(cell) {
    return `row ${Math.floor(cell / this.grid[1]) + 1}, column ${(cell % this.grid[1]) + 1}`;
  }

  nameOf({ model, face }) {
    return this.models.length > 1 ? `${this.faces[face].name}, ${this.models[model].name}` : this.faces[face].name;
  }

  guess(run, change) {
    const shares = this.row(run, "probabilities", change);
    const best = shares.indexOf(Math.max(...shares));
    return { name: this.classes[best], share: shares[best] };
  }
}

function changesOf(surgeries) {
  const found = [];
  for (const name of surgeries) {
    const [kind, layer, head] = name.split(" ");
    const value = kind === "patch" ? "patch" : name;
    const word = kind === "head" ? `silence layer ${Number(layer) + 1}, head ${Number(head) + 1}` : CHANGES[value] || name;
    if (!found.some((each) => each.value === value)) found.push({ value, word });
  }
  return found;
}

function besidesOf({ faces, models }) {
  const entries = (kind, all) =>
    all.length > 1 ? all.map(({ name }, index) => ({ value: `${kind} ${index}`, word: `${kind}: ${name}` })) : [];
  return [{ value: "", word: "nothing" }, ...entries("face", faces), ...entries("model", models)];
}

// --- A state: what the reader has chosen ----------------------------------------------------------

// The nearest state to what is given, which can be anything: addresses are edited by hand. -1 is the
// mean of all for `group` and `head`, and [cls] for `cell`; "patch 7" is a way to write cell 7 masked.
function settled(data, given) {
  const [, patch] = /^patch (\d+)$/.exec(given.surgery) || [];
  const wanted = patch === undefined ? given : { ...given, surgery: "patch", cell: patch };
  const whole = (name, low, high, otherwise = low) => {
    const number = Math.round(wanted[name] === "" || wanted[name] === null ? NaN : Number(wanted[name]));
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
    opacity: whole("opacity", 0, 100, 75),
    under: oneOf("under", ["rgb", "lbp"]),
  };
  if (state.surgery === "patch" && state.cell < 0) state.cell = Math.floor(data.cells / 2);
  return state;
}

// The chosen cell, where it matters: changed in another way, the model is asked for [cls] alone.
function tokenOf(state) {
  return state.surgery === "none" || state.surgery === "patch" ? state.cell : -1;
}

function toFragment(data, state) {
  const changed = Object.entries(state).filter(([name, value]) => value !== data.start[name]);
  return new URLSearchParams(changed.map(([name, value]) => [name, String(value)])).toString();
}

function fromFragment(fragment) {
  return Object.fromEntries(new URLSearchParams(fragment.replace(/^#/, "")));
}

// --- The explorer on a page -----------------------------------------------------------------------

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function mount(root, content, options = {}) {
  // By chance, for each widget of a notebook has this module to itself, and ids and radio buttons of
  // one name would meet.
  const id = `vtff-${Math.random().toString(36).slice(2)}`;
  const focused = { cell: 0, channel: 0 }; // where Tab enters a map, and the bars of the channels
  const parts = {}; // elements that stay while panels are drawn anew
  let data = new Data(content);
  let state = settled(data, options.state || {});
  let shown = {}; // the runs, maps and scale on show
  let over = null; // what is under the pointer or the focus: { kind, index }

  function put(wanted) {
    state = settled(data, wanted);
    draw();
    if (options.onstate) options.onstate(state, toFragment(data, state));
  }

  function set(change) {
    put({ ...state, ...change });
  }

  function runsOf() {
    const first = { face: state.face, model: state.model };
    const [kind, index] = state.beside.split(" ");
    return kind ? [first, { ...first, [kind]: Number(index) }] : [first];
  }

  // - What stays

  function build() {
    root.classList.add("vtff");
    const picture = (face) => [make("img", { src: face.rgb, alt: "" }), make("span", { class: "vtff-hidden" }, face.name)];
    parts.faces = radios("face", "Face", data.faces, picture, (face) => face.name);
    parts.faces.hidden = data.faces.length < 2;
    parts.views = radios("view", "Map", data.views, (view) => [make("span", {}, VIEWS[view].word)], () => null);
    parts.told = make("p", { class: "vtff-told" });
    parts.answer = make("p", { class: "vtff-answer", "aria-live": "polite" });
    parts.bar = make("div", { class: "vtff-bar" });
    parts.readout = make("p", { class: "vtff-readout" });
    parts.panels = make("div", { class: "vtff-panels" });
    parts.cls = make("button", { type: "button", onclick: () => set({ cell: -1 }) }, "look from [cls]");
    parts.opacity = make("input", {
      type: "range", min: 0, max: 100, step: 5, id: `${id}-opacity`,
      oninput: (event) => set({ opacity: event.target.value }),
    });
    const choices = make(
      "div",
      { class: "vtff-choices" },
      select("surgery", "change the model", data.changes),
      select("beside", "beside it", data.besides),
      select("model", "model", data.models.map(({ name }, index) => ({ value: index, word: name }))),
      select("under", "under the map", [{ value: "rgb", word: "the face" }, { value: "lbp", word: "its LBP view" }]),
      choice("opacity", "opacity"),
      parts.cls,
    );
    const keys = make("details", { class: "vtff-keys" }, make("summary", {}, "Keys"), make("p", {},
      "Tab reaches every control. On a map, arrow keys move, Home and End jump in the row, Enter chooses " +
      "a place, M masks it, C goes back to [cls], Escape undoes the change of the model."));
    parts.link = make("a", { class: "vtff-link", hidden: !options.linkable }, "Link to this view");
    const title = make(options.heading || "h2", { class: "vtff-title" }, data.title);
    root.replaceChildren(title, parts.faces, parts.views, parts.told, choices, parts.answer, parts.bar,
      parts.readout, parts.panels, keys, parts.link);
  }

  function radios(name, word, entries, inside, title) {
    const group = make("div", { class: `vtff-${name}s`, role: "radiogroup", "aria-label": word });
    entries.forEach((entry, index) => {
      const value = typeof entry === "string" ? entry : index;
      const input = make("input", { type: "radio", name: `${id}-${name}`, value, onchange: () => set({ [name]: value }) });
      group.append(make("label", { title: title(entry) }, input, ...inside(entry)));
    });
    return group;
  }

  function select(name, word, entries) {
    parts[name] = make("select", { id: `${id}-${name}`, onchange: (event) => set({ [name]: event.target.value }) });
    for (const { value, word: label } of entries) parts[name].append(make("option", { value }, label));
    return choice(name, word, entries.length < 2);
  }

  function choice(name, word, hidden = false) {
    return make("div", { class: "vtff-choice", hidden }, make("label", { for: `${id}-${name}` }, word), parts[name]);
  }

  // - What is drawn anew

  function draw() {
    for (const name of ["surgery", "beside", "model", "under"]) parts[name].value = String(state[name]);
    for (const name of ["face", "view"]) {
      for (const input of parts[`${name}s`].querySelectorAll("input")) input.checked = input.value === String(state[name]);
    }
    parts.opacity.value = state.opacity;
    parts.opacity.setAttribute("aria-valuetext", `${state.opacity} %`);
    root.style.setProperty("--veil", `${state.opacity}%`);
    parts.cls.hidden = state.view !== "attention";
    parts.cls.disabled = tokenOf(state) < 0;
    parts.told.textContent = told();
    const answer = answered();
    if (parts.answer.textContent !== answer) parts.answer.textContent = answer;
    const runs = runsOf();
    const maps = runs.map((run) => data.map(state, run));
    shown = { runs, maps, scale: scaleOf(state.view, maps) };
    drawBar();
    keepingFocus(() => parts.panels.replaceChildren(...runs.map(panel)));
    drawStrips();
    read();
    root.dataset.state = toFragment(data, state);
    parts.link.href = `#${root.dataset.state}`;
  }

  // Panels are made anew; the focus goes to what took the place of what had it.
  function keepingFocus(change) {
    const active = root.getRootNode().activeElement;
    const { panel: number, key } = active && parts.panels.contains(active) ? active.dataset : {};
    change();
    if (key === undefined) return;
    const found = [...parts.panels.querySelectorAll("[data-key]")].filter((each) => each.dataset.key === key);
    const next = found.find((each) => each.dataset.panel === number) || found[0];
    if (next) next.focus({ preventScroll: true });
  }

  function told() {
    const words = [VIEWS[state.view].told(data, data.models[state.model])];
    const change = data.change(state);
    if (["gradient", "cam"].includes(state.view)) {
      const names = runsOf().map((run) => data.guess(run, 0).name);
      words.push(`The class is what the unchanged model names first: ${[...new Set(names)].join(", beside it ")}.`);
    }
    if (state.view === "attention") {
      words.push(tokenOf(state) < 0 || change ? "The token is [cls], which the answer is read from." : `The token is ${data.place(state.cell)}.`);
    }
    if (state.view === "gate" && state.group >= 0) {
      words.push(change ? "Of the changed model, the mean of all channels is shown." : `Only ${data.channelsOf(state.group, data.groups)}.`);
    }
    if (state.surgery !== "none" && !change) words.push("The change has not been worked out (yet): this is the model as it was.");
    return words.join(" ");
  }

  function answered() {
    const change = data.change(state);
    const what = state.surgery === "patch" ? `with ${data.place(state.cell)} masked` : "with the model changed";
    return runsOf().map((run) => {
      const [before, now] = [data.guess(run, 0), data.guess(run, change)];
      const first = `${data.nameOf(run)}: ${before.name}, ${percent(before.share)}`;
      return change ? `${first}; ${what}, ${now.name}, ${percent(now.share)}.` : `${first}.`;
    }).join(" ");
  }

  function panel(run, index) {
    const face = data.faces[run.face];
    const source = (src, alt, word) => make("figure", {}, make("img", { src, alt }), make("figcaption", {}, word));
    const sources = make("div", { class: "vtff-sources" },
      source(face.rgb, `The face: ${face.name}`, "RGB view"),
      source(face.lbp, `Its local binary patterns: ${face.name}`, "LBP view"));
    const map = state.view === "global" ? channelBars(index) : mapOver(face, index);
    return make("div", { class: "vtff-panel", role: "group", "aria-label": data.nameOf(run) },
      make("p", { class: "vtff-name" }, data.nameOf(run) + (face.label ? ` (labelled ${face.label})` : "")),
      make("div", { class: "vtff-sides" },
        make("div", { class: "vtff-pair" }, map, sources),
        make("div", { class: "vtff-more" }, classBars(run), strip(index))));
  }

  function mapOver(face, index) {
    const [rows, columns] = data.grid;
    const map = shown.maps[index];
    const grid = make("div", {
      class: "vtff-grid", role: "grid", style: `--columns: ${columns}`,
      "aria-label": `${VIEWS[state.view].word}, ${rows} rows, ${columns} columns`,
    });
    for (let row = 0; row < rows; row += 1) {
      const cells = Array.from({ length: columns }, (_, column) => {
        const cell = row * columns + column;
        const chosen = cell === tokenOf(state);
        const masked = chosen && state.surgery === "patch";
        return make("div", {
          ...spot("cell", cell, index, map[cell]), "aria-selected": String(chosen),
          "aria-label": `${data.place(cell)}: ${written(map[cell])}${masked ? ", masked" : ""}`,
          class: `vtff-cell${chosen ? " vtff-chosen" : ""}${masked ? " vtff-masked" : ""}`,
          style: `--colour: ${colourAt(shareOf(map[cell], shown.scale)).join(" ")}`,
        });
      });
      grid.append(make("div", { role: "row", class: "vtff-row" }, ...cells));
    }
    listen(grid, "cell", columns);
    return make("div", { class: "vtff-map" }, make("img", { class: "vtff-under", src: face[state.under], alt: "" }), grid);
  }

  function channelBars(index) {
    const map = shown.maps[index];
    const row = make("div", { role: "row", class: "vtff-row" });
    map.forEach((value, channel) => {
      const height = 100 * shareOf(Math.abs(value), [0, shown.scale[1]]);
      row.append(make("div", {
        ...spot("channel", channel, index, value), class: `vtff-channel${value < 0 ? " vtff-below" : ""}`,
        "aria-label": `${data.channelsOf(channel, map.length)}: ${written(value)}`, style: `--height: ${height / 2}%`,
      }));
    });
    const grid = make("div", { role: "grid", class: "vtff-channels", "aria-label": `Global scores of ${data.channels} channels` }, row);
    listen(grid, "channel", map.length);
    const ticks = make("div", { class: "vtff-heights" }, ...[1, 0, -1].map((end) => make("span", {}, written(end * shown.scale[1]))));
    return make("div", { class: "vtff-map vtff-bars" }, ticks, grid);
  }

  // What a cell and a bar have in common: one value, which the pointer and the focus can reach.
  function spot(kind, number, panelNumber, value) {
    return {
      role: "gridcell", tabindex: number === focused[kind] ? 0 : -1, "data-kind": kind, "data-index": number,
      "data-key": `${kind} ${number}`, "data-panel": panelNumber, "data-value": value,
    };
  }

  function classBars(run) {
    const change = data.change(state);
    const [before, now] = [data.row(run, "probabilities", 0), data.row(run, "probabilities", change)];
    const table = make("table", { class: "vtff-classes" }, make("caption", { class: "vtff-hidden" }, "Class scores"));
    data.classes.forEach((name, index) => {
      const track = make("div", { class: "vtff-track" },
        make("div", { class: "vtff-fill", style: `width: ${100 * now[index]}%` }),
        make("div", { class: "vtff-before", hidden: !change, style: `left: ${100 * before[index]}%` }));
      const words = change ? `${percent(now[index])} (was ${percent(before[index])})` : percent(now[index]);
      table.append(make("tr", { "data-class": name, "data-value": now[index] },
        make("th", { scope: "row" }, name), make("td", {}, track), make("td", { class: "vtff-percent" }, words)));
    });
    return table;
  }

  // - Small maps beside the large one: what else can be looked at, all at once

  // The token whose attention they show: the one under the pointer or the focus, else the chosen one.
  function lookedFrom() {
    if (data.change(state)) return -1;
    return over && over.kind === "cell" ? over.index : tokenOf(state);
  }

  // Lines of entries: { word, kind, change, map }; entries of one kind share a scale.
  function stripLines() {
    const now = data.change(state) ? state : { ...state, surgery: "none", cell: lookedFrom() };
    const entry = (kind, word, change, long) => ({
      kind, word, change, long: long || word, map: (run) => data.map({ ...now, ...change }, run),
    });
    if (state.view === "gate" && data.change(state) === 0) {
      const groups = Array.from({ length: data.groups }, (_, group) =>
        entry("gate", `group ${group + 1}`, { view: "gate", group }, data.channelsOf(group, data.groups)));
      return [{ entries: [entry("gate", "mean", { view: "gate", group: -1 }), ...groups] }];
    }
    if (state.view === "cam") {
      return [{ entries: data.places.map((at) => entry(`cam ${at}`, { fused: "fused", rgb: "RGB", lbp: "LBP" }[at], { view: "cam", at }, PLACES[at])) }];
    }
    if (!TOKENS.includes(state.view)) return [];
    const lines = Array.from({ length: data.layers }, (_, layer) => ({
      word: `layer ${layer + 1}`,
      entries: [-1, ...Array(data.heads).keys()].map((head) => {
        const word = head < 0 ? "mean" : `head ${head + 1}`;
        return entry("attention", word, { view: "attention", layer, head }, `layer ${layer + 1}, ${word}`);
      }),
    }));
    const whole = ["rollout", "gradient"].map((view) => entry(view, view, { view }, VIEWS[view].word));
    return [...lines, { word: "all layers", entries: whole }];
  }

  function strip(index) {
    const lines = stripLines();
    const box = make("div", { class: "vtff-strip", hidden: lines.length === 0 });
    lines.forEach((line, row) => {
      const thumbs = line.entries.map((each, column) => make("button", {
        type: "button", class: "vtff-thumb", "data-panel": index, "data-key": `thumb ${row} ${column}`,
        "aria-label": each.long, title: each.long, onclick: () => set(each.change),
        "aria-pressed": String(Object.entries(each.change).every(([name, value]) => state[name] === value)),
      }, make("canvas", { width: data.grid[1], height: data.grid[0] }), make("span", {}, each.word)));
      if (line.word) box.append(make("span", { class: "vtff-line" }, line.word));
      box.append(make("div", { class: "vtff-thumbs", role: "group", "aria-label": line.word || VIEWS[state.view].word }, ...thumbs));
    });
    box.append(make("p", { class: "vtff-small" }));
    return box;
  }

  function drawStrips() {
    const from = lookedFrom();
    const entries = stripLines().flatMap((line) => line.entries);
    const maps = entries.map((each) => shown.runs.map(each.map));
    const scales = {};
    for (const { kind } of entries) {
      const alike = maps.filter((_, number) => entries[number].kind === kind).flat();
      scales[kind] = scales[kind] || scaleOf(kind, alike);
    }
    const words = Object.entries(scales).map(([kind, [low, high]]) => {
      const token = kind === "attention" ? ` from ${from < 0 ? "[cls]" : data.place(from)}` : "";
      return `${kindWord(kind)}${token}, ${written(low)} to ${written(high)}`;
    });
    parts.panels.querySelectorAll(".vtff-strip").forEach((box, index) => {
      box.querySelectorAll("canvas").forEach((canvas, number) => paint(canvas, maps[number][index], scales[entries[number].kind]));
      box.querySelector(".vtff-small").textContent = `Small maps: ${words.join("; ")}.`;
    });
  }

  function kindWord(kind) {
    const [view, at] = kind.split(" ");
    return at ? PLACES[at] : VIEWS[view].word;
  }

  function paint(canvas, map, scale) {
    const context = canvas.getContext("2d");
    const image = context.createImageData(data.grid[1], data.grid[0]);
    map.forEach((value, cell) => image.data.set([...colourAt(shareOf(value, scale)), 255], 4 * cell));
    context.putImageData(image, 0, 0);
  }

  // - The colour bar, and the value under the pointer or the focus

  function drawBar() {
    const stops = VIRIDIS.map((colour) => `rgb(${colour.join(" ")})`).join(", ");
    const [low, high] = shown.scale;
    parts.bar.hidden = state.view === "global"; // its bars have an axis of their own
    parts.marks = shown.runs.map(() => make("div", { class: "vtff-mark", hidden: true }));
    parts.bar.replaceChildren(
      make("div", { class: "vtff-ramp", style: `background: linear-gradient(to right, ${stops})` }, ...parts.marks),
      make("div", { class: "vtff-ticks" }, ...[low, (low + high) / 2, high].map((value) => make("span", {}, written(value)))));
  }

  function read() {
    const kind = state.view === "global" ? "channel" : "cell";
    if (over && over.kind !== kind) over = null;
    for (const each of parts.panels.querySelectorAll("[data-index]")) {
      each.classList.toggle("vtff-over", Boolean(over) && Number(each.dataset.index) === over.index);
    }
    parts.marks.forEach((mark) => (mark.hidden = !over));
    if (!over) {
      parts.readout.textContent = `Point at a ${kind === "cell" ? "place" : "bar"}, or move the focus there, to read its value.`;
      return;
    }
    const where = kind === "cell" ? data.place(over.index) : data.channelsOf(over.index, shown.maps[0].length);
    const values = shown.runs.map((run, index) => {
      const value = shown.maps[index][over.index];
      parts.marks[index].style.left = `${100 * shareOf(value, shown.scale)}%`;
      return shown.runs.length > 1 ? `${written(value)} (${data.nameOf(run)})` : written(value);
    });
    parts.readout.textContent = `${where}: ${values.join(", ")}`;
  }

  // - The hand

  function listen(grid, kind, columns) {
    const point = (target) => {
      const { index } = target.dataset;
      if (index !== undefined) look({ kind, index: Number(index) });
    };
    grid.addEventListener("pointerover", (event) => point(event.target));
    grid.addEventListener("pointerleave", () => look(null));
    grid.addEventListener("focusin", (event) => point(event.target));
    grid.addEventListener("focusout", () => look(null));
    grid.addEventListener("click", (event) => choose(event.target));
    grid.addEventListener("keydown", (event) => press(event, kind, columns));
  }

  function look(next) {
    if (next && over && next.index === over.index && next.kind === over.kind) return;
    over = next;
    read();
    if (TOKENS.includes(state.view)) drawStrips();
  }

  function choose(target) {
    const { kind, index } = target.dataset;
    if (index === undefined) return;
    focused[kind] = Number(index);
    if (kind === "cell") set({ cell: focused.cell });
    else moveFocus(kind, focused.channel, target.dataset.panel);
  }

  function press(event, kind, columns) {
    const { index, panel: panelNumber } = event.target.dataset;
    if (event.ctrlKey || event.metaKey || event.altKey || index === undefined) return;
    const here = Number(index);
    const [column, start] = [here % columns, here - (here % columns)];
    const moves = {
      ArrowLeft: start + Math.max(column - 1, 0),
      ArrowRight: start + Math.min(column + 1, columns - 1),
      ArrowUp: here - columns,
      ArrowDown: here + columns,
      Home: start,
      End: start + columns - 1,
    };
    const acts = {
      Enter: () => choose(event.target),
      " ": () => choose(event.target),
      Escape: () => set({ surgery: "none" }),
    };
    if (kind === "cell") {
      acts.m = () => set({ cell: here, surgery: "patch" });
      acts.c = () => set({ cell: -1, surgery: state.surgery === "patch" ? "none" : state.surgery });
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (Object.hasOwn(moves, key)) moveFocus(kind, moves[key], panelNumber);
    else if (Object.hasOwn(acts, key)) acts[key]();
    else return;
    event.preventDefault();
  }

  function moveFocus(kind, index, panelNumber) {
    const all = [...parts.panels.querySelectorAll(`[data-kind="${kind}"]`)];
    const next = all.find((each) => each.dataset.index === String(index) && each.dataset.panel === panelNumber);
    if (!next) return; // over the edge
    focused[kind] = index;
    for (const each of all) each.tabIndex = each.dataset.index === String(index) ? 0 : -1;
    next.focus({ preventScroll: true });
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
    fragment: (wanted) => toFragment(data, settled(data, wanted)),
    // Other data, while the reader's choices stay.
    replace(next) {
      const words = ({ faces, runs, computed, ...rest }) => JSON.stringify([rest, faces.map(({ name }) => name)]);
      const [before, after] = [words(content), words(next)];
      content = next;
      data = new Data(next);
      state = settled(data, state);
      if (before !== after) build();
      else parts.faces.querySelectorAll("img").forEach((image, index) => (image.src = data.faces[index].rgb));
      draw();
    },
  };
}

// --- Hosts ----------------------------------------------------------------------------------------------

// A page of its own: its data are packed, and the state is in the address, to be sent to someone.
export async function mountPage(root, holder) {
  const bytes = Uint8Array.from(atob(holder.textContent), (letter) => letter.charCodeAt(0));
  let content;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    content = JSON.parse(await new Response(stream).text());
  } catch (error) {
    root.append(make("p", { role: "alert" }, `The maps cannot be shown: this browser is too old, or the file is damaged (${error}).`));
    return;
  }
  const own = location.protocol !== "about:"; // an isolated frame has no address to be linked to
  const explorer = mount(root, content, {
    state: fromFragment(location.hash),
    heading: "h1",
    linkable: own,
    onstate(_, fragment) {
      try {
        if (own) history.replaceState(null, "", `#${fragment}`);
      } catch {
        // an isolated frame with an address may not change it
      }
    },
  });
  addEventListener("hashchange", () => {
    if (location.hash.slice(1) !== explorer.fragment(explorer.state)) explorer.put(fromFragment(location.hash));
  });
}

// A notebook: anywidget hands over the data, and later data too. The state is kept in the kernel.
export default {
  render({ model, el }) {
    const explorer = mount(el, JSON.parse(model.get("content")), {
      state: model.get("state"),
      onstate(state) {
        model.set("state", { ...state });
        model.save_changes();
      },
    });
    const onContent = () => explorer.replace(JSON.parse(model.get("content")));
    const onState = () => {
      const wanted = { ...explorer.state, ...model.get("state") };
      if (explorer.fragment(wanted) !== explorer.fragment(explorer.state)) explorer.put(wanted);
    };
    model.on("change:content", onContent);
    model.on("change:state", onState);
    return () => {
      model.off("change:content", onContent);
      model.off("change:state", onState);
    };
  },
};
