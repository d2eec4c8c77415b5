// One of the two views alone.

import { best } from "./ask.js";
import { check, make, radios } from "./elements.js";
import { noteOf } from "./step_parts.js";

const FORCED = { rgb: [0, "colours alone"], lbp: [1, "texture alone"], half: [0.5, "half and half"] };

export const mute = {
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
      note: noteOf(story, plain, null),
      picture: { kind: "mixture", map: new Float32Array(data.cells).fill(word ? weight : 0.5), scale: [0, 1], strength: word && weight !== 0.5 ? 0.55 : 0 },
      cell: (cell) => ({ label: data.squareAlone(cell, run.face) }),
      next: "Where does one answer become another?",
    };
  },
};

// How many first guesses become others when the gate is forced.
export async function turned({ data }, lbpWeight) {
  const hits = await Promise.all(data.faces.map(async (_, face) => {
    const run = { model: 0, face };
    const [plain, changed] = [await data.ask(run), await data.ask(run, { lbpWeight })];
    return best(plain.probabilities) !== best(changed.probabilities);
  }));
  return hits.filter(Boolean).length;
}
