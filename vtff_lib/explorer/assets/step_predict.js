// Guess first which square the answer needs, and see who was right.

import { best } from "./ask.js";
import { make, say } from "./elements.js";
import { MATTERS, SAID, button, noteOf } from "./step_parts.js";
import { percent } from "./words.js";

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

export const predict = {
  verb: "Predict",
  late: true,
  fits: (data) => data.coverable,
  build(story) {
    const tally = make("p", { class: "vtff-count" });
    return { extra: make("div", {}, tally, button("Next face", () => story.nextDeciding())), tally, played: new Map() };
  },
  async show(story) {
    const { data, run, state, built } = story;
    const [plain, need] = [await story.ask(), await story.need()];
    const right = best(need);
    const decides = need[right] >= MATTERS;
    const three = built.three = decides ? await choices(story) : [];
    const pick = three.includes(state.cell) ? state.cell : -1;
    const covered = pick < 0 ? null : await story.ask({ patches: [pick] });
    if (covered && !built.played.has(run.face)) {
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
    const result = covered && (pick === right ? `${letter(pick)} is right. Without it: ${verdictWord(story, plain, covered)}.` : `Not ${letter(pick)}: it was ${letter(right)}.`);
    return {
      heading: !decides ? "No square decides here: take the next face." : result || "Predict first: which square does the answer need?",
      lead: !decides ? "Covering any one square changes this answer little, so there is nothing to guess." : covered
        ? `The answer needs ${letter(right)}, ${data.square(right, run.face)}. The maps were asked the same: which of the three do they mark most?`
        : "Three squares: covering one of them costs the answer most. Which one? Two maps guess with you.",
      now: covered || plain,
      before: covered && plain,
      note: noteOf({ data, run, state: { cell: pick } }, plain, covered),
      cell: (cell) => ({
        label: `${letter(cell) ? `${letter(cell)}: ` : ""}${data.squareAlone(cell, run.face)}${cell === pick ? ", covered" : ""}`,
        selected: cell === pick, mark: letter(cell) || "", value: need[cell],
        classes: `${letter(cell) ? "vtff-choice-of" : ""}${cell === pick ? " vtff-masked" : ""}${covered && cell === right ? " vtff-top" : ""}`,
      }),
      enter: three[0],
    };
  },
  choose: ({ built }, cell) => (built.three.includes(cell) ? { cell } : {}),
};

function verdictWord({ data }, plain, covered) {
  const [was, now] = [data.guess(plain), data.guess(covered)];
  return now.name === was.name ? `${was.name} falls to ${percent(covered.probabilities[was.index])}` : now.name;
}
