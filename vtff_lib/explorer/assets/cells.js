// A grid of cells that mouse, touch and keyboard reach alike: squares of a face, bars, spots of a pad.
// The arrow keys move, Home and End jump in a row, Enter or Space chooses.

import { make } from "./elements.js";

export class CellGrid {
  //   choose(index), point(index or null); keys: more keys, by name, each a function of the index
  //   drag: whether a pressed pointer chooses all that it passes
  //   paint(index, on): a pressed pointer passes a cell; `on` is the same for all of one stroke
  constructor({ rows, columns, label, kind = "cell", look = kind, panel = 0, choose, point, keys = {}, drag = false, paint = null }) {
    Object.assign(this, { rows, columns, look, choose, point: point || (() => {}), keys });
    this.focused = 0;
    this.cells = Array.from({ length: rows * columns }, (_, index) => make("div", {
      role: "gridcell", tabindex: index ? -1 : 0, "data-kind": kind, "data-index": index,
      "data-key": `${kind} ${index}`, "data-panel": panel, "data-edge": index % columns > columns / 2,
    }));
    const lines = Array.from({ length: rows }, (_, row) =>
      make("div", { role: "row", class: "vtff-row" }, ...this.cells.slice(row * columns, (row + 1) * columns)));
    this.element = make("div", { class: "vtff-grid", role: "grid", "aria-label": label, style: `--columns: ${columns}` }, ...lines);
    this.listen(drag);
    if (paint) this.paintWith(paint);
  }

  // Draw all cells anew: `describe(index)` gives { label, value, selected, classes, style, mark }.
  update(describe) {
    this.cells.forEach((cell, index) => {
      const { label, value, selected = false, classes = "", style = "", mark = "" } = describe(index);
      cell.className = `vtff-${this.look} ${classes}`;
      cell.style.cssText = style;
      cell.setAttribute("aria-label", label);
      cell.setAttribute("aria-selected", String(selected));
      if (value !== undefined) cell.dataset.value = value;
      if (mark) cell.dataset.mark = mark;
      else delete cell.dataset.mark;
    });
  }

  // Where Tab enters the grid.
  enterAt(index) {
    this.focused = index;
    this.cells.forEach((cell, each) => (cell.tabIndex = each === index ? 0 : -1));
  }

  over(index) {
    this.cells.forEach((cell, each) => cell.classList.toggle("vtff-over", each === index));
  }

  listen(drag) {
    const indexOf = (target) => (target instanceof Element && target.dataset.index !== undefined ? Number(target.dataset.index) : null);
    const grid = this.element;
    grid.addEventListener("pointerover", (event) => this.point(indexOf(event.target)));
    grid.addEventListener("pointerleave", () => this.point(null));
    grid.addEventListener("focusin", (event) => this.point(indexOf(event.target)));
    grid.addEventListener("focusout", () => this.point(null));
    grid.addEventListener("click", (event) => this.take(indexOf(event.target)));
    grid.addEventListener("keydown", (event) => this.press(event, indexOf(event.target)));
    if (!drag) return;
    grid.classList.add("vtff-dragged");
    grid.addEventListener("pointermove", (event) => {
      const under = event.buttons ? indexOf(document.elementFromPoint(event.clientX, event.clientY)) : null;
      if (under !== null && under !== this.focused) this.take(under);
    });
  }

  // A stroke does to all cells what it does to its first: it covers, or uncovers. One cell is a click.
  paintWith(paint) {
    let stroke = null;
    const under = ({ clientX, clientY }) => this.cells.indexOf(document.elementFromPoint(clientX, clientY));
    this.element.addEventListener("pointerdown", (event) => {
      const first = under(event);
      stroke = first < 0 ? null : { first, on: !this.cells[first].classList.contains("vtff-masked"), passed: new Set() };
    });
    this.element.addEventListener("pointermove", (event) => {
      const index = event.buttons && stroke ? under(event) : -1;
      if (index < 0 || (index === stroke.first && !stroke.passed.size) || stroke.passed.has(index)) return;
      for (const each of stroke.passed.size ? [index] : [stroke.first, index]) {
        stroke.passed.add(each);
        paint(each, stroke.on);
      }
    });
  }

  take(index) {
    if (index === null) return;
    this.enterAt(index);
    this.choose(index);
  }

  press(event, here) {
    if (event.ctrlKey || event.metaKey || event.altKey || here === null) return;
    const column = here % this.columns;
    const start = here - column;
    const moves = {
      ArrowLeft: start + Math.max(column - 1, 0),
      ArrowRight: start + Math.min(column + 1, this.columns - 1),
      ArrowUp: here - this.columns,
      ArrowDown: here + this.columns,
      Home: start,
      End: start + this.columns - 1,
    };
    const acts = { Enter: (index) => this.take(index), " ": (index) => this.take(index), ...this.keys };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (Object.hasOwn(moves, key)) this.go(moves[key]);
    else if (Object.hasOwn(acts, key)) acts[key](here);
    else return;
    event.preventDefault();
  }

  go(index) {
    if (!this.cells[index]) return; // over the edge
    this.enterAt(index);
    this.cells[index].focus({ preventScroll: true });
  }
}
