// The elements of the view of one's own face; what they do is in own.js.

import { Answer } from "./answers.js";
import { check, make, newId, radios, say } from "./elements.js";
import { ON_FACE, OwnFace, OwnPicture } from "./own_picture.js";
import { PROMISES } from "./own_words.js";
import { button } from "./step_parts.js";

const TYPES = "image/jpeg,image/png,image/webp,image/gif";

export class OwnLayout {
  // `acts` are functions: files(list), camera, photograph, stop, hold, middle, explore, choose(number), map(name)
  constructor(page, heading, acts) {
    const data = page.photographs || page; // of the model that reads
    const { photograph } = page.brought;
    this.told = page.brought.told;
    this.heading = make(heading, { class: "vtff-heading", tabindex: -1 });
    this.lead = make("p", { class: "vtff-lead", role: "status" });
    this.promises = make("details", { class: "vtff-promises" }, make("summary", {}, "What happens with your picture"),
      make("dl", {}, ...PROMISES(data.classes, this.told).map(([word, words]) => make("div", {}, make("dt", {}, word), make("dd", {}, words)))));
    this.picture = new OwnPicture(acts.choose);
    this.face = new OwnFace(data, data.size[0]);
    this.answer = new Answer(data);
    this.pace = make("span", { class: "vtff-pace" });
    this.tools = {
      light: make("span", { class: "vtff-on-air" }, make("i"), this.pace),
      hold: button("Hold", acts.hold),
      stop: button("Stop", acts.stop),
      middle: button("Take the middle of it", acts.middle),
      explore: make("button", { type: "button", class: "vtff-next", onclick: acts.explore }, "Explore it freely →"),
    };
    const entries = Object.entries(ON_FACE).filter(([name]) => name === "bare" || data.views.includes(name)).map(([value, word]) => ({ value, word }));
    this.maps = radios({
      name: newId(), word: "On the face", kind: "pills", entries,
      inside: ({ word }) => [make("span", { class: "vtff-pill" }, word)], chosen: acts.map,
    });
    this.element = make("div", { class: "vtff-own" }, this.heading, this.lead, this.stage(), this.promises, this.ways(photograph.name, acts));
  }

  stage() {
    const place = make("div", { class: "vtff-own-place" }, this.picture.element, make("div", { class: "vtff-own-tools" }, ...Object.values(this.tools)));
    const said = make("div", { class: "vtff-own-said" }, this.face.canvas, this.answer.head);
    this.read = make("div", { class: "vtff-own-read" }, said, this.maps, this.answer.bars.element, make("p", { class: "vtff-told" }, this.told));
    this.shown = make("div", { class: "vtff-stage" }, place, this.read);
    return this.shown;
  }

  ways(photograph, acts) {
    this.input = make("input", { type: "file", accept: TYPES, hidden: true, onchange: () => {
      acts.files([...this.input.files]);
      this.input.value = ""; // so that the same one can be chosen again
    } });
    this.camera = button("Use the camera", acts.camera);
    const choose = button("Choose a picture", () => this.input.click());
    this.waysOf = make("div", { class: "vtff-own-ways" }, choose, this.camera, button(`Take ${photograph}`, acts.photograph), this.input);
    return this.waysOf;
  }

  // What stands there: `mode` is start, asking, camera or still; `seen` whether the model reads a face.
  update({ mode, heading, lead, seen, map, faces, refused }) {
    if (this.element.dataset.mode !== mode) this.promises.open = mode === "start"; // then as the reader wants it
    this.element.dataset.mode = mode;
    say(this.heading, heading);
    say(this.lead, lead);
    this.shown.hidden = mode === "start";
    for (const name of ["light", "hold", "stop"]) this.tools[name].hidden = mode === "still";
    this.read.classList.toggle("vtff-unread", !seen);
    this.tools.hold.disabled = !seen;
    this.tools.middle.hidden = mode !== "still" || seen || faces > 0;
    this.tools.explore.hidden = mode !== "still" || !seen;
    for (const each of this.waysOf.querySelectorAll("button")) each.disabled = refused;
    check(this.maps, map);
  }
}
