// Turn the light: the face seen twice, as colours and as texture.

import { ownPixels, paint } from "./drawing.js";
import { make, say } from "./elements.js";
import { codes, lightened } from "./lbp.js";
import { noteOf, put, slider, windowTable } from "./step_parts.js";
import { percent } from "./words.js";

const changedOf = (before, now) => before.reduce((sum, values, part) =>
  sum + values.reduce((count, value, i) => count + (Math.abs(value - now[part][i]) > 0.5 ? 1 : 0), 0), 0);

export const light = {
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
    const [asWas, turned] = [parts.map((part) => lightened(pixels, part, 1, 0)), parts.map((part) => lightened(pixels, part, bright, lamp))];
    const [before, after] = [asWas, turned].map((planes) => planes.map((plane) => codes(plane, data.order)));
    paint(built.views[0].canvas, pixels, turned.map(({ values }) => values));
    paint(built.views[1].canvas, pixels, after);
    const all = 3 * pixels.width * pixels.height;
    const [moved, recoded] = [changedOf(asWas.map(({ values }) => values), turned.map(({ values }) => values)), changedOf(before, after)];
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
    built.near.replaceChildren(windowTable(turned[1], row, column, data.order));
    const plain = await story.ask();
    const dimmed = state.bright < 100 || state.lamp !== 0;
    const answer = dimmed ? await story.ask({ light: { bright: state.bright, lamp: state.lamp } }) : null;
    return {
      heading: "It sees every face twice.",
      lead: "Once as colours, once as texture: for each pixel, which neighbours are at least as bright. Turn down the light: the colours change, the texture does not. A lamp from one side changes both.",
      now: answer || plain,
      before: answer && plain,
      note: answer ? roundedIn(answer, before, recoded) : dimmed ? "the answer for the face as it was" : noteOf(story, plain, null),
      next: "How are the two mixed?",
    };
  },
};

// The model gets whole numbers: what is rounded can tie with its neighbour.
function roundedIn({ out }, before, recoded) {
  if (recoded || !out || !out.lbp) return "answered in this light";
  const size = before[0].length;
  const moved = out.lbp.reduce((count, code, i) => count + (code === before[Math.floor(i / size)][i % size] ? 0 : 1), 0);
  return moved ? `in exact numbers no code changes; rounded to whole ones, as the model gets them, ${percent(moved / out.lbp.length)} do` : "answered in this light";
}

function exact(share) {
  return share === 0 ? "0 %" : percent(share);
}
