// The picture in which a face is looked for, with a square around each; and the face as the model sees it.

import { scaleOf } from "./colours.js";
import { kindOf } from "./data.js";
import { drawPixels } from "./drawing.js";
import { make } from "./elements.js";
import { MATTERS, lit } from "./step_parts.js";

export class OwnPicture {
  // choose(number): called when one of several faces is pressed
  constructor(choose) {
    this.choose = choose;
    this.canvas = make("canvas", { role: "img", "aria-label": "Your picture" });
    this.squares = make("div", { class: "vtff-found" });
    this.element = make("div", { class: "vtff-own-picture" }, this.canvas, this.squares);
  }

  draw(picture) {
    [this.canvas.width, this.canvas.height] = [picture.width, picture.height];
    this.canvas.getContext("2d").putImageData(picture, 0, 0);
    this.element.style.setProperty("--shape", picture.width / picture.height);
  }

  // A lone face has a square that is no button: there is nothing to choose.
  mark({ width, height }, boxes, chosen) {
    const { children } = this.squares;
    if (children.length !== boxes.length) this.squares.replaceChildren(...boxes.map((_, index) =>
      make("button", { type: "button", "aria-label": `Face ${index + 1} of ${boxes.length}`, onclick: () => this.choose(index) })));
    boxes.forEach(({ x, y, size }, index) => {
      const [button, part] = [children[index], (length, whole) => `${(100 * length) / whole}%`];
      Object.assign(button.style, { left: part(x, width), top: part(y, height), width: part(size, width), height: part(size, height) });
      button.disabled = boxes.length < 2;
      button.textContent = boxes.length < 2 ? "" : index + 1;
      button.setAttribute("aria-pressed", String(boxes[index] === chosen));
    });
  }
}

export const ON_FACE = { bare: "bare", gate: "mix", rollout: "look", need: "needs" };

// What the model is given, and a map on it.
export class OwnFace {
  constructor(data, side) {
    Object.assign(this, { data, side });
    this.canvas = make("canvas", { role: "img", class: "vtff-own-face", "aria-label": "The face as the model is given it" });
    this.source = make("canvas", { width: side, height: side });
  }

  draw(planes, answer, name, need) {
    const { side } = this;
    const image = new ImageData(side, side);
    for (let pixel = 0, to = 0; pixel < side * side; pixel += 1, to += 4) {
      for (let part = 0; part < 3; part += 1) image.data[to + part] = planes[part * side * side + pixel];
      image.data[to + 3] = 255;
    }
    this.source.getContext("2d").putImageData(image, 0, 0);
    drawPixels(this.canvas, this.source, side, { ...this.shown(answer, name, need), grid: this.data.grid });
  }

  shown(answer, name, need) {
    if (name === "need") return lit(need, MATTERS);
    if (name === "bare" || !answer.has(name)) return {};
    const [kind, map] = [kindOf(this.data, name), answer.map(name)];
    return { kind, map, scale: scaleOf(kind, [map]) };
  }
}
