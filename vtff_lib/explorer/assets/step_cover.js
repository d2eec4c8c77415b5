// Cover a square, and see what the answer is then.

import { best } from "./ask.js";
import { make } from "./elements.js";
import { MATTERS, button, coverable, lit, noteOf } from "./step_parts.js";
import { percent } from "./words.js";

function verdict({ data, state }, plain, covered) {
  const [was, now] = [data.guess(plain), data.guess(covered)];
  if (now.name !== was.name) return `Without this square: ${now.name}.`;
  const share = covered.probabilities[was.index];
  if (Math.abs(share - was.share) < 0.01) return "Nothing moves: this square was not needed.";
  if (Math.abs(share - was.share) < MATTERS) return `Still ${was.name}: this square was hardly needed.`;
  return `It ${share < was.share ? "doubts" : "is surer"}: ${was.name} goes from ${percent(was.share)} to ${percent(share)}.`;
}

export const cover = {
  verb: "Cover",
  late: true,
  fits: (data) => data.coverable,
  build(story) {
    const uncover = button("Uncover", () => story.set({ cell: -1, all: 0 }));
    return { extra: make("div", {}, button(`Try all ${story.data.cells}`, () => story.sweep()), uncover), uncover };
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
