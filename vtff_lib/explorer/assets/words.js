// All words that are no step's own: what is looked at, what is changed, numbers as people say them.
// Layers, heads, rows, columns and channels are counted from 0, as in the lessons.

// What is looked at, and a line that says what it is. `told` gets the data and the model shown.
// A `kind` is one quantity and one way of colouring: light for amounts, blue to orange for a mixture,
// purple to green for what has a sign.
export const VIEWS = {
  gate: {
    word: "Gate",
    group: "mix",
    kind: "mixture",
    told: (data, model) =>
      `How the two views are mixed at each square: near 1 the ${data.gated} map is taken alone, near 0 ` +
      `the ${data.gated === "LBP" ? "RGB" : "LBP"} map. ${READINGS[model.gate]}`,
  },
  share: {
    word: "Energy share",
    group: "mix",
    kind: "mixture",
    told: () =>
      "Which part of the fused map's energy, its squares summed over the channels, comes from the LBP " +
      "branch, 0 to 1: the gate, weighed with what each branch has to say there.",
  },
  local: {
    word: "L, by square",
    group: "mix",
    kind: "signed",
    told: (data) =>
      "L(U): one score for each square, the same for every channel. With G it makes the gate; a high " +
      `score turns it towards the ${data.gated} branch.`,
  },
  global: {
    word: "G, by channel",
    group: "mix",
    kind: "signed",
    told: (data) =>
      "G(U): one score for each channel, the same at every square. A high score turns the gate towards " +
      `the ${data.gated} branch.`,
  },
  attention: {
    word: "Attention",
    group: "look",
    kind: "amount",
    told: () => "Where one token looks. Its shares of all tokens sum to 1; what falls on [cls] itself is not drawn.",
  },
  rollout: {
    word: "Rollout",
    group: "look",
    kind: "amount",
    told: () =>
      "Where [cls] could have looked through all layers: their attention, heads averaged and shortcuts " +
      "counted in, multiplied. It knows nothing of classes.",
  },
  need: {
    word: "What it needs",
    group: "answer",
    kind: "amount",
    told: () =>
      "How far the first guess falls when each square is covered, all of them tried in turn; a square that " +
      "makes it rise counts as 0. Grey is no natural picture, and two squares can stand in for each other.",
  },
  gradient: {
    word: "Gradient × attention",
    group: "answer",
    kind: "amount",
    told: () => "Attention weighed by how much it moves one class, through all layers.",
  },
  cam: {
    word: "Grad-CAM",
    group: "answer",
    kind: "amount",
    told: () =>
      "The channels of a map, each weighed by the mean of the class's gradient over its places, summed; what is " +
      "below 0 is left out.",
  },
};

export const GROUPS = { mix: "mix", look: "look", answer: "answer" };

const READINGS = {
  sigmoid_of_sum: "What is left of 1 weighs the other branch.",
  sum_of_sigmoids: "It can reach 2; what is left of 1, also below 0, weighs the other branch.",
  double_sigmoid: "The other branch has a weight of its own: the two do not sum to 1.",
};

// Views that are looked at together, in one strip of small maps.
export const TOKENS = ["attention", "rollout", "gradient"];

export const PLACES = { fused: "the fused map", rgb: "the RGB branch", lbp: "the LBP branch" };

export const CHANGES = {
  none: "nothing",
  patch: "cover the chosen square",
  "gate rgb": "force the gate to RGB",
  "gate lbp": "force the gate to LBP",
  "gate half": "force the gate to one half",
  "without global": "leave out the global part",
  "without local": "leave out the local part",
};

export function written(value) {
  const size = Math.abs(value);
  if (size < 5e-5) return "0.00";
  return (size >= 0.1 ? value.toFixed(2) : value.toPrecision(2)).replace("-", "−");
}

export function percent(share) {
  const text = share < 0.005 ? "< 1" : share > 0.995 ? "> 99" : (100 * share).toFixed(0);
  return `${text}\u00a0%`;
}

export function listed(words) {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}
