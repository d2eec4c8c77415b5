// What the reader has chosen in the free explorer, as it stands in the address.

import { changeOfName, nameOfChange } from "./ask.js";
import { DAYLIGHT } from "./light.js";

// The nearest state to what is given, which can be anything: addresses are edited by hand. -1 is the
// mean of all for `group` and `head`, and [cls] for `cell`; "patch 7" is a way to write cell 7 covered.
export function settled(data, asked) {
  const given = data.live || asked.surgery ? asked : { ...asked, ...singleOf(asked) };
  const [, patch] = /^patch (\d+)$/.exec(given.surgery) || [];
  const wanted = patch === undefined ? given : { ...given, surgery: "patch", cell: patch };
  const whole = (name, low, high, otherwise = low) => {
    const number = Math.round(wanted[name] === "" || wanted[name] == null ? NaN : Number(wanted[name]));
    return Number.isNaN(number) ? otherwise : Math.min(Math.max(number, low), high);
  };
  const oneOf = (name, choices, otherwise = choices[0]) => (choices.includes(wanted[name]) ? wanted[name] : otherwise);
  const values = (entries) => entries.map(({ value }) => value);
  const face = whole("face", 0, data.faces.length - 1);
  const state = {
    face,
    model: whole("model", 0, data.models.length - 1),
    beside: oneOf("beside", values(data.besides)),
    view: oneOf("view", data.viewsOf(face)),
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
  return data.live ? { ...state, ...byHand(data, wanted, state, whole, oneOf) } : state;
}

// A single change in the address of a page whose engine runs, for one where none does.
function singleOf({ covered, silent, weight, muted }) {
  const gates = { 0: "gate rgb", 50: "gate half", 100: "gate lbp" };
  const found = [
    /^\d+$/.test(covered) && `patch ${covered}`,
    /^\d+-\d+$/.test(silent) && `head ${silent.replace("-", " ")}`,
    /^(global|local)$/.test(muted) && `without ${muted}`,
    Object.hasOwn(gates, weight) && gates[weight],
  ].filter(Boolean);
  return found.length === 1 ? { surgery: found[0] } : {};
}

// What the engine can change at once. A single change of an older address becomes one of these.
function byHand(data, wanted, { surgery, cell }, whole, oneOf) {
  const single = surgery === "patch" ? { patches: [cell] } : changeOfName(surgery);
  const listed = (name, valid) => String(wanted[name] ?? "").split(".").filter((each, index, all) => valid(each) && all.indexOf(each) === index);
  const below = (count) => (each) => /^\d+$/.test(each) && Number(each) < count;
  const isHead = (each) => /^\d+-\d+$/.test(each) && below(data.layers)(each.split("-")[0]) && below(data.heads)(each.split("-")[1]);
  const both = (list, more) => [...new Set([...list, ...more.map(String)])].join(".");
  const gated = data.gateable;
  return {
    surgery: "none",
    covered: both(listed("covered", below(data.cells)), single.patches || []),
    silent: both(listed("silent", isHead), (single.heads || []).map((head) => head.join("-"))),
    skipped: both(listed("skipped", below(data.layers)), single.layers || []),
    weight: !gated ? -1 : single.lbpWeight === undefined ? whole("weight", -1, 100) : Math.round(100 * single.lbpWeight),
    muted: gated ? both(listed("muted", (each) => ["global", "local"].includes(each)), [single.without || []].flat()) : "",
    score: gated && cell >= 0 ? whole("score", -60, 60, 0) : 0, // tenths, added at the chosen square
    reading: single.reading || oneOf("reading", ["", "mean"]),
    bright: whole("bright", 10, 200, DAYLIGHT.bright),
    contrast: whole("contrast", 10, 200, DAYLIGHT.contrast),
    gamma: whole("gamma", 30, 300, DAYLIGHT.gamma),
    lamp: whole("lamp", -80, 80, DAYLIGHT.lamp),
  };
}

export const UNCHANGED = {
  surgery: "none", covered: "", silent: "", skipped: "", weight: -1, muted: "", score: 0, reading: "", ...DAYLIGHT,
};

export function numbersOf(text) {
  return text ? text.split(".").map(Number) : [];
}

// The change of the model and the picture that a state asks for, as `ask` takes it.
export function changeOf(data, state) {
  if (!data.live) return state.surgery === "patch" ? { patches: [state.cell] } : changeOfName(state.surgery);
  const light = Object.fromEntries(Object.keys(DAYLIGHT).map((name) => [name, state[name]]));
  const all = {
    patches: numbersOf(state.covered),
    heads: state.silent ? state.silent.split(".").map((head) => head.split("-").map(Number)) : [],
    layers: numbersOf(state.skipped),
    without: state.muted ? state.muted.split(".") : [],
    lbpWeight: state.weight < 0 ? undefined : state.weight / 100,
    scores: state.score ? { [state.cell]: state.score / 10 } : undefined,
    reading: state.reading || undefined,
    light: Object.keys(light).some((name) => light[name] !== DAYLIGHT[name]) ? light : undefined,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value.length !== 0));
}

export function isChanged(data, state) {
  return nameOfChange(changeOf(data, state)) !== "none";
}

export function coveredIn(data, state) {
  return data.live ? numbersOf(state.covered) : state.surgery === "patch" ? [state.cell] : [];
}

// With a square covered or not, in the words of the state.
export function withCovered(data, state, cell, covers = !coveredIn(data, state).includes(cell)) {
  if (!data.live) return { cell, surgery: covers ? "patch" : "none" };
  const others = numbersOf(state.covered).filter((each) => each !== cell);
  return { cell, covered: [...others, ...(covers ? [cell] : [])].join(".") };
}

// The chosen cell, where it matters: changed in another way, a stored answer knows [cls] alone.
export function tokenOf(data, state) {
  return data.live || state.surgery === "none" || state.surgery === "patch" ? state.cell : -1;
}

export function fragmentOf(state, start) {
  const changed = Object.entries(state).filter(([name, value]) => value !== start[name]);
  return new URLSearchParams(changed.map(([name, value]) => [name, String(value)])).toString();
}
