// Ask the maps where it looks, and hold them against what the answer needs.

import { best } from "./ask.js";
import { drawFace } from "./drawing.js";
import { check, make, radios, say } from "./elements.js";
import { ITS, MATTERS, SAID, coverable, lit, noteOf } from "./step_parts.js";
import { VIEWS } from "./words.js";

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
    return `${marks} Over ${found.faces} faces, its brightest square is the needed one in ${maps[view === "cam" ? "grad-cam" : view]} of 100. By chance: ${chance}. One and the same square for all: ${same}.`;
  }
  const hits = await Promise.all(data.faces.map(async (_, face) => {
    const run = { model: 0, face };
    return best(await mapOf(story, view, run)) === best(await data.need(run));
  }));
  const count = hits.filter(Boolean).length;
  return `${marks} On ${count} of these ${hits.length} faces its brightest square is the needed one. By chance: 1 in ${data.cells}.`;
}

export const ask = {
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
