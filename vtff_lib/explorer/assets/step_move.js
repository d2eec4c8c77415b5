// Move a face between two action units, and draw the borders between the answers.

import { CellGrid } from "./cells.js";
import { make } from "./elements.js";
import { percent } from "./words.js";

export const move = {
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
      lead: `One person, ${faces.length} faces. Drag across the field, or use arrow keys and Enter: each spot keeps the answer it got, and so you draw the borders between them.`,
      now: answer,
      note: `${down} ${(state.y / (steps - 1)).toFixed(1)}, ${across} ${(state.x / (steps - 1)).toFixed(1)}`,
      face: faces[at],
      answer,
      cell: (cell) => ({ label: data.place(cell) }),
      next: "Do you know it by now?",
    };
  },
};
