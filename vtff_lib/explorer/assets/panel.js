// A panel of the free explorer: a face with its map, its answer, and small maps.

import { Bars } from "./answers.js";
import { CellGrid } from "./cells.js";
import { shareOf } from "./colours.js";
import { drawFace, drawNumbers } from "./drawing.js";
import { make, say } from "./elements.js";
import { coveredIn, tokenOf } from "./state.js";
import { Strip } from "./strip.js";
import { VIEWS, written } from "./words.js";

export class Panel {
  // hand: { take, look, keys, paint, set }, what mouse, touch and keyboard do
  constructor(data, index, flat, hand) {
    Object.assign(this, { data, flat });
    this.grid = new CellGrid({
      rows: flat ? 1 : data.grid[0], columns: flat ? data.bars : data.grid[1], kind: flat ? "channel" : "cell", panel: index,
      label: flat ? `G's scores of ${data.channels} channels` : `Map, ${data.grid[0]} rows, ${data.grid[1]} columns`,
      choose: flat ? () => {} : hand.take, point: hand.look, keys: hand.keys(flat), paint: flat ? null : hand.paint,
    });
    this.bars = new Bars(data.classes);
    this.canvas = make("canvas", { role: "img" });
    this.numbers = make("canvas", { "aria-hidden": "true" });
    this.name = make("p", { class: "vtff-name" });
    this.heights = make("div", { class: "vtff-heights" }, ...[0, 1, 2].map(() => make("span")));
    this.views = ["rgb", "lbp"].map(() => make("img"));
    this.strip = new Strip(index, hand.set);
    this.after = make("p", { class: "vtff-after" });
    this.element = this.build();
  }

  build() {
    const source = (picture, word) => make("figure", {}, picture, make("figcaption", {}, word));
    this.figure = source(this.numbers, "as numbers");
    const sources = make("div", { class: "vtff-sources" }, this.figure, source(this.views[0], "RGB view"), source(this.views[1], "LBP view"));
    const map = this.flat ? make("div", { class: "vtff-map vtff-bars" }, this.heights, this.grid.element)
      : make("div", { class: "vtff-face vtff-map" }, this.canvas, this.grid.element);
    return make("div", { class: "vtff-panel", role: "group" }, this.name,
      make("div", { class: "vtff-sides" }, make("div", { class: "vtff-left" }, make("div", { class: "vtff-pair" }, map, sources)),
        make("div", { class: "vtff-more" }, this.bars.element, this.after, this.strip.element)));
  }

  // What is no map: names, answers, pictures.
  update({ run, plain, changed, now, pictures }, state) {
    const { data } = this;
    const face = data.faces[run.face];
    const origin = data.origin(run.face);
    this.element.setAttribute("aria-label", data.nameOf(run));
    say(this.name, data.nameOf(run) + (origin ? ` (${origin}${data.wrong(run.face, plain.probabilities) ? ": here it is wrong" : ""})` : ""));
    this.bars.update(now.probabilities, changed && plain.probabilities);
    this.canvas.setAttribute("aria-label", `The face, ${face.name}, with the map: ${VIEWS[state.view].word}`);
    this.views.forEach((image, view) => {
      image.src = pictures[view];
      image.alt = [`The face: ${face.name}`, `Its local binary patterns: ${face.name}`][view];
    });
    this.figure.hidden = this.flat;
    say(this.after, data.saidAfter(now));
    this.after.hidden = !this.after.textContent;
  }

  draw(map, { kind, scale }, { run, pictures }, state) {
    if (this.flat) this.drawBars(map, scale);
    else this.drawSquares(map, { kind, scale, grid: this.data.grid }, run, pictures, state);
  }

  drawBars(map, scale) {
    [1, 0, -1].forEach((end, line) => say(this.heights.children[line], written(end * scale[1])));
    this.grid.update((bar) => ({
      label: `${this.data.channelsOf(bar, map.length)}: ${written(map[bar])}`, value: map[bar],
      classes: map[bar] < 0 ? "vtff-below" : "", style: `--height: ${50 * shareOf(Math.abs(map[bar]), [0, scale[1]])}%`,
    }));
  }

  drawSquares(map, how, run, pictures, state) {
    const { data } = this;
    const covered = coveredIn(data, state);
    const top = map.indexOf(Math.max(...map));
    const marked = how.kind === "amount" && map[top] > 0 ? top : -1;
    this.grid.update((cell) => {
      const [chosen, hidden] = [cell === tokenOf(data, state), covered.includes(cell)];
      return {
        label: `${data.squareAlone(cell, run.face)}: ${written(map[cell])}${hidden ? ", covered" : ""}`, value: map[cell], selected: chosen,
        classes: `${chosen ? "vtff-chosen" : ""}${hidden ? " vtff-masked" : ""}${cell === marked ? " vtff-top" : ""}`,
      };
    });
    drawFace(this.canvas, pictures[state.under === "lbp" ? 1 : 0], { ...how, map, strength: state.strength / 100 });
    drawNumbers(this.numbers, map, how);
  }
}
