// The machine in one line, with this face's own maps: face, two views, the mix, the look, one word.

import { scaleOf } from "./colours.js";
import { kindOf } from "./data.js";
import { drawNumbers } from "./drawing.js";
import { make, say } from "./elements.js";
import { percent } from "./words.js";

export class Machine {
  // `under` holds elements that stand below a part, by name; `press(name)` makes the parts buttons.
  constructor(data, { press, under = {} } = {}) {
    this.data = data;
    this.face = make("img", { alt: "" });
    this.views = ["rgb", "lbp"].map((view) => make("img", { alt: "", class: `vtff-is-${view}` }));
    this.mix = make("canvas");
    this.look = make("canvas");
    this.word = make("b");
    const twice = make("span", { class: "vtff-twice" }, ...this.views);
    this.parts = Object.entries({
      face: ["face", this.face],
      views: ["colours, texture", twice],
      ...(data.views.includes("gate") ? { mix: ["mix", this.mix] } : {}),
      ...(data.views.includes("rollout") ? { look: ["look", this.look] } : {}),
      answer: ["answer", this.word],
    }).map(([name, [word, picture]]) => {
      const inside = [make("span", { class: "vtff-picture" }, picture), make("span", {}, word)];
      const head = press && press(name) ? make("button", { type: "button", onclick: press(name) }, ...inside) : make("div", { class: "vtff-part" }, ...inside);
      return { name, element: make("li", {}, head, ...(under[name] ? [under[name]] : [])) };
    });
    const list = make("ol", {}, ...this.parts.map(({ element }) => element));
    this.element = make("nav", { class: "vtff-machine", "aria-label": "The machine, with this face in it" }, list);
  }

  update(face, answer, here) {
    this.face.src = face.rgb;
    this.views[0].src = face.rgb;
    if (face.lbp) this.views[1].src = face.lbp;
    this.views[1].hidden = !face.lbp;
    for (const [view, canvas] of [["gate", this.mix], ["rollout", this.look]]) {
      canvas.width = 0; // empty, where this answer's maps are not known
      if (!answer.has(view)) continue;
      const kind = kindOf(this.data, view);
      drawNumbers(canvas, answer.map(view), { kind, scale: scaleOf(kind, [answer.map(view)]), grid: this.data.grid });
    }
    const { name, share } = this.data.guess(answer);
    say(this.word, `${name} ${percent(share)}`);
    for (const part of this.parts) part.element.classList.toggle("vtff-here", part.name === here);
    if (this.here !== here) this.bring(here);
  }

  // Where the line is longer than the screen, bring a part of it into sight.
  bring(here) {
    this.here = here;
    const part = this.parts.find(({ name }) => name === here);
    const left = (element) => element.getBoundingClientRect().left;
    if (part) this.element.scrollLeft += left(part.element) - left(this.element) - 40;
  }
}
