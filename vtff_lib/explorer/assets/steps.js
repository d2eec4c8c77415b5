// The steps of the story: one verb each, at most 40 words, and an address of its own.
//
//   verb      what the reader does
//   fits      whether the page holds what the step needs
//   start     what is chosen when the step is entered
//   late      whether the bars come before what the step adds
//   build     elements that stay: { extra } beside the answer, { stage } in place of the face
//   show      what is to be seen now: heading, lead, the answer now and before, a note, a map on the
//             face, and what each square is; `next` leads on
//   choose    what a chosen square does

import { best } from "./ask.js";
import { scaleOf } from "./colours.js";
import { CellGrid } from "./cells.js";
import { drawFace, ownPixels } from "./drawing.js";
import { check, make, radios, say } from "./elements.js";
import { codeOf, codes, lightened, windowOf } from "./lbp.js";
import { PLACES, VIEWS, percent, written } from "./words.js";

const MATTERS = 0.1; // of probability: less is not needed
const ITS = { attention: "Its last attention", rollout: "Its attention", gradient: "Its gradient", cam: "Grad-CAM" };
const SAID = { attention: "Attention", rollout: "Attention rollout", gradient: "Gradient × attention", cam: "Grad-CAM" };

const amounts = (map) => map.map((value) => Math.max(value, 0));

// What the answer needs is lit by how much it needs it: where that is next to nothing, all stays dark.
function lit(map, least = 0) {
  const [low, high] = scaleOf("amount", [amounts(map)]);
  return { kind: "amount", map: amounts(map), scale: [low, Math.max(high, least)] };
}

function button(word, act) {
  return make("button", { type: "button", class: "vtff-button", onclick: act }, word);
}

// - Cover

function verdict({ data, state }, plain, covered) {
  const [was, now] = [data.guess(plain), data.guess(covered)];
  if (now.name !== was.name) return `Without this square: ${now.name}.`;
  const share = covered.probabilities[was.index];
  if (Math.abs(share - was.share) < MATTERS) return "Nothing moves: this square was not needed.";
  return `It ${share < was.share ? "doubts" : "is surer"}: ${was.name} goes from ${percent(was.share)} to ${percent(share)}.`;
}

// What is said of a face that is covered, or is none that the model knows.
function noteOf({ data, run, state }, plain, covered) {
  const { name, share } = data.guess(plain);
  if (covered) return `${data.square(state.cell, run.face)} covered; before: ${name}, ${percent(share)}`;
  const origin = data.origin(run.face);
  return data.wrong(run.face, plain.probabilities) ? `${origin}: here it is wrong` : origin;
}

function coverable(story, need, plain) {
  const { data, run, state } = story;
  return (cell) => ({
    label: `${data.squareAlone(cell, run.face)}${state.cell === cell ? ", covered" : ""}`,
    selected: state.cell === cell,
    classes: state.cell === cell ? "vtff-masked" : "",
    value: need[cell],
  });
}

const cover = {
  verb: "Cover",
  late: true,
  fits: (data) => data.coverable,
  build(story) {
    const uncover = button("Uncover", () => story.set({ cell: -1, all: 0 }));
    return {
      extra: make("div", {},
      button(`Try all ${story.data.cells}`, () => story.sweep()),
      uncover),
      uncover,
    };
  },
  async show(story) {
    const { data, run, state, built } = story;
    built.uncover.disabled = state.cell < 0 && !state.all;
    const [plain, need] = [await story.ask(), await story.need()];
    const covered = state.cell < 0 ? null : await story.ask({ patches: [state.cell] });
    const top = best(need);
    const { name } = data.guess(plain);
    const decides = need[top] >= MATTERS;
    const asked = decides ? `This face says ${name}. Which square says so?` : `This face says ${name}. No single square does.`;
    const all = decides ? `Lit: the squares that say ${name}.` : "Each square was covered: the answer hangs on none alone.";
    const described = coverable(story, need, plain);
    const hint = state.cell < 0 && !state.all && decides ? top : -1;
    return {
      heading: covered ? verdict(story, plain, covered) : state.all ? all : asked,
      lead: decides
        ? `${introduction(data)} Cover a square, and it answers again.`
        : "Whichever square is covered, it says the same: what it goes by is to be seen in several places. Another face may hang on one square.",
      now: covered || plain,
      before: covered && plain,
      note: noteOf(story, plain, covered),
      picture: state.all && !covered ? lit(need, MATTERS) : null,
      cell: (cell) => {
        const told = described(cell);
        const first = state.all && !covered && cell === top && decides;
        return { ...told, classes: `${told.classes}${cell === hint ? " vtff-hint" : ""}${first ? " vtff-top" : ""}`, mark: cell === hint ? "cover this" : "" };
      },
      enter: top,
      next: "Where does it say it looks?",
    };
  },
  choose: ({ state }, cell) => ({ cell: state.cell === cell ? -1 : cell, all: 0 }),
};

function introduction(data) {
  const found = data.story.need;
  if (!found) return "A model names the expression on a face.";
  return `A small model names the expression on drawn faces. Of 100 that it had never seen, it names ${found.right} right.`;
}

// - Ask

function mapsToAsk(data) {
  return ["rollout", "attention", "gradient", "cam", "need"].filter((view) => data.views.includes(view));
}

async function mapOf(story, view, run = story.run) {
  if (view === "need") return story.data.need(run);
  const answer = await story.data.ask(run);
  if (view === "attention") return answer.attention(story.data.layers - 1, -1, -1);
  return answer.map(view === "cam" ? "cam_fused" : view);
}

// How often the brightest square is the needed one: over many faces, or over those of this page.
async function agreement(story, view, decides) {
  const { data } = story;
  const marks = `Lit: what this map marks.${decides ? " Dashed: what the answer needs." : ""}`;
  const found = data.story.need;
  if (found) {
    const { chance, "same square for all": same, ...maps } = found.agreement;
    return `${marks} Over ${found.faces} faces, its brightest square is the needed one in ${maps[view === "cam" ? "grad-cam" : view]} of 100. By chance: ${chance}. Always the same square: ${same}.`;
  }
  const hits = await Promise.all(data.faces.map(async (_, face) => {
    const run = { model: 0, face };
    return best(await mapOf(story, view, run)) === best(await data.need(run));
  }));
  const count = hits.filter(Boolean).length;
  return `${marks} On ${count} of these ${hits.length} faces its brightest square is the needed one. By chance: 1 in ${data.cells}.`;
}

const ask = {
  verb: "Ask",
  fits: (data) => data.coverable && mapsToAsk(data).length > 1,
  build(story) {
    const entries = mapsToAsk(story.data).map((view) => ({ value: view, view }));
    const small = {};
    const inside = ({ view }) => {
      small[view] = { canvas: make("canvas", { "aria-hidden": "true" }), where: make("small") };
      return [make("span", { class: "vtff-asked" }, small[view].canvas, make("b", {}, SAID[view] || VIEWS[view].word), small[view].where)];
    };
    const choice = radios({ name: story.newName(), word: "Map", kind: "maps", entries, inside, chosen: (map) => story.set({ map }) });
    return { extra: choice, small };
  },
  async show(story) {
    const { data, run, state, built } = story;
    const [plain, need] = [await story.ask(), await story.need()];
    const view = mapsToAsk(data).includes(state.map) ? state.map : mapsToAsk(data)[0];
    check(built.extra, view);
    const maps = Object.fromEntries(await Promise.all(mapsToAsk(data).map(async (each) => [each, await mapOf(story, each)])));
    for (const [each, { canvas, where }] of Object.entries(built.small)) {
      drawFace(canvas, data.faces[run.face].rgb, { ...lit(maps[each], each === "need" ? MATTERS : 0), grid: data.grid });
      say(where, data.square(best(maps[each]), run.face));
    }
    const [top, needed] = [best(maps[view]), best(need)];
    const covered = state.cell < 0 ? null : await story.ask({ patches: [state.cell] });
    const decides = need[needed] >= MATTERS;
    const headings = {
      need: decides ? "This is what the answer needs." : "The answer needs no single square.",
      hit: `${ITS[view]} points at the needed square.`,
      miss: `${ITS[view]} points elsewhere.`,
      none: `${ITS[view]} points at a square; the answer needs none.`,
    };
    const described = coverable(story, maps[view], plain);
    return {
      heading: headings[view === "need" ? "need" : !decides ? "none" : top === needed ? "hit" : "miss"],
      lead: view === "need"
        ? `All ${data.cells} squares were covered in turn; lit is where the answer fell. Grey is no natural picture, and a token sees beyond its square.`
        : await agreement(story, view, decides),
      now: covered || plain,
      before: covered && plain,
      note: noteOf(story, plain, covered),
      picture: lit(maps[view], view === "need" ? MATTERS : 0),
      cell: (cell) => {
        const told = described(cell);
        const framed = `${cell === top ? " vtff-top" : ""}${decides && cell === needed && view !== "need" ? " vtff-needed" : ""}`;
        return { ...told, classes: told.classes + framed, mark: framed.includes("needed") ? "needed" : "" };
      },
      enter: top,
      next: "What does it see at all?",
    };
  },
  choose: ({ state }, cell) => ({ cell: state.cell === cell ? -1 : cell }),
};

// - Light

function slider(word, { low, high, step, moved }) {
  const input = make("input", {
    type: "range", min: low, max: high, step, "aria-label": word,
    oninput: () => moved(Number(input.value)),
  });
  const label = make("span");
  return { element: make("label", { class: "vtff-slider" }, label, input), input, label, word };
}

function put({ input, label, word }, value, words) {
  input.value = value;
  input.setAttribute("aria-valuetext", words);
  say(label, `${word}: ${words}`);
}

const changedOf = (before, now) => before.reduce((sum, values, part) =>
  sum + values.reduce((count, value, i) => count + (Math.abs(value - now[part][i]) > 0.5 ? 1 : 0), 0), 0);

function paintParts(canvas, { width, height }, parts) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) image.data.set([parts[0][i], parts[1][i], parts[2][i], 255], 4 * i);
  context.putImageData(image, 0, 0);
}

const light = {
  verb: "Light",
  fits: (data) => data.places.includes("rgb") && data.places.includes("lbp"),
  build(story) {
    const rest = { step: 1, low: 0 };
    const view = (word, kind) => {
      const canvas = make("canvas", { role: "img", "aria-label": word, onclick: (event) => {
        const { left, top, width, height } = canvas.getBoundingClientRect();
        story.set({
          column: Math.floor(((event.clientX - left) / width) * canvas.width),
          row: Math.floor(((event.clientY - top) / height) * canvas.height),
        });
      } });
      const spot = make("i", { class: "vtff-spot" });
      return { canvas, spot, element: make("figure", { class: `vtff-view vtff-is-${kind}` }, make("div", {}, canvas, spot), make("figcaption", {}, word)) };
    };
    const views = [view("colours", "rgb"), view("texture", "lbp")];
    const sliders = {
      bright: slider("Light", { low: 25, high: 100, step: 5, moved: (bright) => story.set({ bright }) }),
      lamp: slider("Side lamp", { low: -80, high: 80, step: 10, moved: (lamp) => story.set({ lamp }) }),
      row: slider("Row", { ...rest, high: 111, moved: (row) => story.set({ row }) }),
      column: slider("Column", { ...rest, high: 111, moved: (column) => story.set({ column }) }),
    };
    const count = make("p", { class: "vtff-count" });
    const near = make("div", { class: "vtff-window" });
    const extra = make("div", {}, ...["bright", "lamp"].map((name) => sliders[name].element), count);
    const pixel = make("details", { open: matchMedia("(min-width: 760px)").matches },
      make("summary", {}, "One pixel and its code"), sliders.row.element, sliders.column.element, near);
    const stage = make("div", {}, make("div", { class: "vtff-both" }, ...views.map(({ element }) => element)), pixel);
    return { extra, stage, views, sliders, count, near };
  },
  async show(story) {
    const { data, run, state, built } = story;
    const pixels = await ownPixels(data.faces[run.face].rgb);
    const [bright, lamp] = [state.bright / 100, state.lamp / 100];
    const parts = [0, 1, 2];
    const [plain, turned] = [parts.map((part) => lightened(pixels, part, 1, 0)), parts.map((part) => lightened(pixels, part, bright, lamp))];
    const [before, after] = [plain.map(codes), turned.map(codes)];
    paintParts(built.views[0].canvas, pixels, turned.map(({ values }) => values));
    paintParts(built.views[1].canvas, pixels, after);
    const all = 3 * pixels.width * pixels.height;
    const [moved, recoded] = [changedOf(plain.map(({ values }) => values), turned.map(({ values }) => values)), changedOf(before, after)];
    say(built.count, `Numbers of the colours changed: ${exact(moved / all)}. Codes of the texture changed: ${exact(recoded / all)}.`);
    const [row, column] = [Math.min(state.row, pixels.height - 1), Math.min(state.column, pixels.width - 1)];
    for (const { spot } of built.views) {
      spot.style.cssText = `left: ${(100 * (column + 0.5)) / pixels.width}%; top: ${(100 * (row + 0.5)) / pixels.height}%`;
    }
    built.sliders.row.input.max = pixels.height - 1;
    built.sliders.column.input.max = pixels.width - 1;
    for (const [name, value] of Object.entries({ bright: state.bright, lamp: state.lamp, row, column })) {
      put(built.sliders[name], value, name === "bright" || name === "lamp" ? `${value} %` : String(value));
    }
    built.near.replaceChildren(windowTable(turned[1], row, column));
    const answer = await story.ask();
    return {
      heading: "It sees every face twice.",
      lead: "Once as colours, once as texture: for each pixel, which neighbours are at least as bright. Turn down the light: the colours change, the texture does not. A lamp from one side changes both.",
      now: answer,
      note: state.bright < 100 || state.lamp ? "the answer for the face as it was" : noteOf({ ...story, run, data, state }, answer, null),
      next: "How are the two mixed?",
    };
  },
};

function exact(share) {
  return share === 0 ? "0 %" : percent(share);
}

// Nine numbers, which of them are at least the middle one, and the byte that they make.
function windowTable(pixels, row, column) {
  const near = windowOf(pixels, row, column);
  const code = codeOf(pixels, row, column);
  const table = make("table", {}, make("caption", {}, `Green of row ${row}, column ${column}`));
  near.forEach((line, down) => table.append(make("tr", {}, ...line.map((value, right) => {
    const middle = down === 1 && right === 1;
    const one = value >= near[1][1];
    return make("td", { class: middle ? "vtff-middle" : one ? "vtff-one" : "" }, `${value.toFixed(0)}${middle ? "" : one ? " → 1" : " → 0"}`);
  }))));
  return make("div", {}, table, make("p", {}, `At least as bright as the middle: 1. Line by line: ${code.toString(2).padStart(8, "0")}, the code ${code}.`));
}

// - Mix

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// The weights of both branches, and how they come about, in words.
const SUMS = {
  sigmoid_of_sum: (g, l) => [sigmoid(g + l), 1 - sigmoid(g + l), `Squeezed to 0 … 1: σ(${written(g + l)})`],
  sum_of_sigmoids: (g, l) => [sigmoid(g) + sigmoid(l), 1 - sigmoid(g) - sigmoid(l), `Each squeezed to 0 … 1: ${written(sigmoid(l))} + ${written(sigmoid(g))}`],
  double_sigmoid: (g, l) => {
    const sum = sigmoid(g) + sigmoid(l);
    return [sigmoid(sum), sigmoid(1 - sum), `Squeezed twice: σ(${written(sum)}) and σ(1 − ${written(sum)})`];
  },
};

const mix = {
  verb: "Mix",
  fits: (data) => data.views.includes("gate"),
  build(story) {
    const { data } = story;
    const channel = slider("Channel", { low: 0, high: data.channels - 1, step: 1, moved: (value) => story.set({ channel: value }) });
    const sum = make("div", { class: "vtff-sum" });
    const key = make("p", { class: "vtff-key" }, "colours", make("i", { class: `vtff-ramp-mix` }), "texture");
    return { extra: make("div", {}, key, sum, ...(data.bars === data.channels ? [channel.element] : [])), channel, sum };
  },
  async show(story) {
    const { data, run, state, built } = story;
    const answer = await story.ask();
    const gate = answer.map("gate");
    const kind = data.gated === "RGB" ? "unmixture" : "mixture";
    const cell = state.cell >= 0 ? state.cell : best(gate.map((value) => Math.abs(value - 0.5)));
    const channel = Math.min(state.channel, data.channels - 1);
    put(built.channel, channel, `${channel}`);
    const [gated, other] = data.gated === "LBP" ? ["texture", "colours"] : ["colours", "texture"];
    built.sum.replaceChildren(...sumOf(story, answer, cell, channel, gated, other));
    return {
      heading: "It mixes the two, square by square.",
      lead: "Blue: the colours are heard. Orange: the texture is heard. Where the face stays grey, half of each. Choose a square to see the sum behind it.",
      now: answer,
      note: noteOf({ data, run, state }, answer, null),
      picture: { kind, map: gate, scale: [0, 1] },
      cell: (each) => ({
        label: `${data.squareAlone(each, run.face)}: ${percent(gate[each])} ${gated}`,
        selected: each === cell, value: gate[each], classes: each === cell ? "vtff-top" : "",
      }),
      enter: cell,
      next: "Which of the two does it need?",
    };
  },
  choose: (_, cell) => ({ cell }),
};

// The sum behind one square, in one channel; or the mean alone, where the sum is not known exactly.
function sumOf({ data, run }, answer, cell, channel, gated, other) {
  const gate = answer.map("gate")[cell];
  const head = make("p", {}, make("b", {}, data.square(cell, run.face)), ` (${data.place(cell)}): of all ${data.channels} channels, ${percent(gate)} ${gated}.`);
  if (data.bars !== data.channels) return [head];
  const l = answer.map("local")[cell];
  const scores = answer.map("global");
  const sums = SUMS[data.models[run.model].gate];
  const mean = scores.reduce((total, g) => total + sums(g, l)[0], 0) / scores.length;
  if (Math.abs(mean - gate) > 0.02) return [head]; // L is a mean here too
  const g = scores[channel];
  const [weight, rest, squeezed] = sums(g, l);
  const piece = (kind, words) => make("span", { class: `vtff-piece vtff-${kind}` }, words);
  return [
    head,
    make("p", {}, `Channel ${channel}: the square says `, piece("says-l", written(l)), ", the channel says ", piece("says-g", written(g)), `; together ${written(g + l)}.`),
    make("p", {}, `${squeezed} = ${weight.toFixed(2)}.`),
    make("p", {}, piece(gated, `${weight.toFixed(2)} × ${gated}`), " + ", piece(other, `${rest.toFixed(2)} × ${other}`), " goes on."),
  ];
}

// - Mute

const FORCED = { rgb: [0, "colours alone"], lbp: [1, "texture alone"], half: [0.5, "half and half"] };

const mute = {
  verb: "Mute",
  fits: (data) => ["gate rgb", "gate lbp"].every((name) => data.computed.includes(name)),
  build(story) {
    const known = Object.entries(FORCED).filter(([name]) => story.data.computed.includes(`gate ${name}`));
    const entries = [["", [0, "as trained"]], ...known].map(([value, [, word]]) => ({ value, word }));
    const inside = ({ word }) => [make("span", { class: "vtff-pill" }, word)];
    return { extra: radios({ name: story.newName(), word: "What it hears", kind: "pills", entries, inside, chosen: (alone) => story.set({ alone }) }) };
  },
  async show(story) {
    const { data, run, state, built } = story;
    const plain = await story.ask();
    const [weight, word] = FORCED[state.alone] || [];
    check(built.extra, state.alone);
    const changed = word ? await story.ask({ lbpWeight: weight }) : null;
    const counts = await Promise.all([0, 1].map((each) => turned(story, each)));
    const now = data.guess(changed || plain).name;
    const same = now === data.guess(plain).name;
    const capital = word && word[0].toUpperCase() + word.slice(1);
    return {
      heading: word ? `${capital}: ${same ? "still " : ""}${now}.` : "Which of the two does it need?",
      lead: `Let it hear one of the two alone. On these ${data.faces.length} faces, colours alone turn ${counts[0]} answers into others, texture alone ${counts[1]}.`,
      now: changed || plain,
      before: changed && plain,
      note: noteOf({ data, run, state: { cell: -1 } }, plain, null),
      picture: { kind: "mixture", map: new Float32Array(data.cells).fill(word ? weight : 0.5), scale: [0, 1], strength: word && weight !== 0.5 ? 0.55 : 0 },
      cell: (cell) => ({ label: data.squareAlone(cell, run.face) }),
      next: "Where does one answer become another?",
    };
  },
};

// How many first guesses become others when the gate is forced.
async function turned({ data }, lbpWeight) {
  const hits = await Promise.all(data.faces.map(async (_, face) => {
    const run = { model: 0, face };
    const [plain, changed] = [await data.ask(run), await data.ask(run, { lbpWeight })];
    return best(plain.probabilities) !== best(changed.probabilities);
  }));
  return hits.filter(Boolean).length;
}

// - Move

const move = {
  verb: "Move",
  fits: (data) => Boolean(data.story.pad),
  start: ({ story: { pad } }) => ({ x: 0, y: pad.steps - 1 }),
  build(story) {
    const { across, down, steps } = story.data.story.pad;
    const pad = new CellGrid({
      rows: steps, columns: steps, kind: "field", panel: "pad", drag: true,
      label: `From left to right ${across}, from top to bottom ${down}`,
      choose: (index) => story.set({ x: index % steps, y: Math.floor(index / steps) }),
    });
    const trail = new Map();
    const extra = make("div", { class: "vtff-pad" }, make("p", {}, `${across} →`), pad.element, make("p", {}, `${down} ↓`));
    return { extra, pad, trail };
  },
  async show(story) {
    const { data, state, built } = story;
    const { steps, faces, across, down } = data.story.pad;
    const at = Math.min(state.y, steps - 1) * steps + Math.min(state.x, steps - 1);
    const answer = await story.ask({}, { moved: at });
    const { index, name, share } = data.guess(answer);
    built.trail.set(at, { index, name, share });
    built.pad.enterAt(at);
    built.pad.update((spot) => {
      const seen = built.trail.get(spot);
      const where = `${across} ${((spot % steps) / (steps - 1)).toFixed(1)}, ${down} ${(Math.floor(spot / steps) / (steps - 1)).toFixed(1)}`;
      return {
        label: `${where}${seen ? `: ${seen.name}, ${percent(seen.share)}` : ""}`, selected: spot === at,
        classes: `${seen ? `vtff-seen-${seen.index % 8}` : ""}${spot === at ? " vtff-top" : ""}`, mark: seen ? seen.name.slice(0, 3) : "",
      };
    });
    return {
      heading: built.trail.size === faces.length ? "The whole map of answers." : "Where does one answer become another?",
      lead: `One person, ${faces.length} faces. Drag across the field, or use the arrow keys: each spot keeps the answer it got, and so you draw the borders between them.`,
      now: answer,
      note: `${down} ${(state.y / (steps - 1)).toFixed(1)}, ${across} ${(state.x / (steps - 1)).toFixed(1)}`,
      face: faces[at],
      answer,
      cell: (cell) => ({ label: data.place(cell) }),
      next: "Do you know it by now?",
    };
  },
};

// - Predict

const NAMES = ["A", "B", "C"];

// Three squares of a face: the needed one and what maps mark brightest, then what is not needed.
async function choices(story) {
  const { data, run } = story;
  const need = await story.need();
  const plain = await story.ask();
  const marked = ["rollout", "gradient"].filter((name) => plain.has(name)).map((name) => best(plain.map(name)));
  const idle = [...need.keys()].sort((one, other) => Math.abs(need[one]) - Math.abs(need[other]));
  const inside = idle.filter((cell) => data.square(cell, run.face) !== "outside the face");
  const found = [...new Set([best(need), ...marked, ...inside, ...idle])];
  return found.slice(0, 3).sort((one, other) => one - other);
}

const predict = {
  verb: "Predict",
  late: true,
  fits: (data) => data.coverable,
  build(story) {
    const tally = make("p", { class: "vtff-count" });
    return { extra: make("div", {}, tally, button("Next face", () => story.nextDeciding())), tally, played: new Map() };
  },
  async show(story) {
    const { data, run, state, built } = story;
    const [plain, need, three] = [await story.ask(), await story.need(), await choices(story)];
    const right = best(need);
    const decides = need[right] >= MATTERS;
    const pick = three.includes(state.cell) ? state.cell : -1;
    const covered = pick < 0 ? null : await story.ask({ patches: [pick] });
    if (covered && decides && !built.played.has(run.face)) {
      const guesses = { you: pick };
      for (const name of ["rollout", "gradient"]) {
        if (plain.has(name)) guesses[SAID[name]] = three[best(three.map((cell) => plain.map(name)[cell]))];
      }
      built.played.set(run.face, Object.fromEntries(Object.entries(guesses).map(([name, cell]) => [name, cell === right])));
    }
    const games = [...built.played.values()];
    say(built.tally, games.length
      ? Object.keys(games[0]).map((name) => `${name}: ${games.filter((game) => game[name]).length} of ${games.length}`).join(" · ")
      : "Nobody has guessed yet.");
    const letter = (cell) => NAMES[three.indexOf(cell)];
    const result = covered && (pick === right ? `${letter(pick)}. You are right: ${verdictWord(story, plain, covered)}.` : `Not ${letter(pick)}. It was ${letter(right)}.`);
    return {
      heading: !decides ? "No square decides here: take the next face." : result || "Predict first: which square does the answer need?",
      lead: covered
        ? `Framed: the square that the answer needs, ${data.square(right, run.face)}. The maps were asked the same: which of the three do they mark most?`
        : "Three squares: covering one of them costs the answer most. Which one? Two maps guess with you.",
      now: covered || plain,
      before: covered && plain,
      note: noteOf({ data, run, state: { cell: pick } }, plain, covered),
      cell: (cell) => ({
        label: `${letter(cell) ? `${letter(cell)}: ` : ""}${data.squareAlone(cell, run.face)}${cell === pick ? ", covered" : ""}`,
        selected: cell === pick, mark: letter(cell) || "", value: need[cell],
        classes: `${letter(cell) && decides ? "vtff-choice-of" : ""}${cell === pick ? " vtff-masked" : ""}${covered && cell === right ? " vtff-top" : ""}`,
      }),
      enter: three[0],
      next: "Explore freely",
    };
  },
  choose: (_, cell) => ({ cell }),
};

function verdictWord({ data }, plain, covered) {
  const [was, now] = [data.guess(plain), data.guess(covered)];
  return now.name === was.name ? `${was.name} falls to ${percent(covered.probabilities[was.index])}` : now.name;
}

export const STEPS = { cover, ask, light, mix, mute, move, predict };
