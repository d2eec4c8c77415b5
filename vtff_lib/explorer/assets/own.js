// Your own face: from a file, from the camera, or the photograph that the page brings. Nothing is sent or
// kept, and no address tells of it.

import { decode } from "./drawing.js";
import { begin } from "./elements.js";
import { oneFile, pictureOf, pictureOfFile } from "./own_file.js";
import { OwnLayout } from "./own_layout.js";
import { Looking } from "./own_looking.js";
import { CAMERA, FACES } from "./own_words.js";

const HEADINGS = {
  start: () => "And your own face?",
  asking: () => "Waiting for the camera.",
  camera: () => "The camera is on.",
  still: ({ box, boxes }) => (box ? "This is what it reads." : boxes.length ? "Which one?" : "No face."),
};

export class Own {
  // explore({ model, pixels, title }): goes on with a face that is to be explored freely
  constructor(data, { explore, heading = "h1" }) {
    this.asked = (data.photographs || data).asked;
    this.open = false; // whether this view is the one that is seen
    this.layout = new OwnLayout(data, heading, {
      files: (files) => this.take(files),
      camera: () => this.attempt(() => this.looking.film()),
      photograph: () => this.attempt(() => this.looking.look(photograph(data.brought.photograph), data.brought.photograph.name)),
      stop: () => this.stop(),
      hold: () => this.goOn(() => this.looking.hold()),
      middle: () => this.goOn(() => this.looking.takeMiddle()),
      explore: () => explore({ model: data.photographs ? "photographs" : 0, pixels: this.looking.state.pixels, title: this.looking.state.title }),
      choose: (number) => this.choose(number),
      map: (map) => this.lay(map),
    });
    this.looking = new Looking(data, this.layout, (state) => this.show(state));
    this.element = this.layout.element;
    this.listen();
    this.looking.start();
  }

  listen() {
    const here = (act) => (event) => this.open && act(event);
    document.addEventListener("dragover", here((event) => event.preventDefault()));
    document.addEventListener("drop", here((event) => {
      event.preventDefault(); // else the browser leaves the page for the file
      this.take([...event.dataTransfer.files]);
    }));
    document.addEventListener("paste", here(({ clipboardData: { files } }) => files.length && this.take([...files])));
    this.element.addEventListener("keydown", ({ key }) => key === "Escape" && this.stop());
  }

  // What the model of this page cannot do is said at once, and then nothing is asked for.
  async enter() {
    this.open = true;
    begin(this.layout.heading);
    const awake = await Promise.resolve(this.asked.wake()).catch(() => null);
    if (!awake) this.refuse();
  }

  refuse() {
    this.refused = FACES.refused;
    this.looking.start();
  }

  leave() {
    this.open = false;
    if (this.filming) this.looking.start();
  }

  get filming() {
    return ["camera", "asking"].includes(this.looking.state.mode);
  }

  show(state) {
    const { mode, lead, map, answer, boxes } = state;
    const words = { heading: HEADINGS[mode](state), lead: this.refused || lead };
    this.layout.update({ ...words, mode, map, seen: Boolean(answer), faces: boxes.length, refused: Boolean(this.refused) });
  }

  attempt(act) {
    return this.refused ? undefined : this.looking.attempt(act);
  }

  take(files) {
    return this.attempt(async () => {
      const file = oneFile(files);
      await this.looking.look(pictureOfFile(file), file.name);
    });
  }

  // By a button that is gone then: whoever listens goes on at the heading.
  goOn(act) {
    this.layout.heading.focus({ preventScroll: true });
    return this.looking.guard(act);
  }

  stop() {
    if (!this.filming) return;
    this.looking.start(CAMERA.stopped);
    this.layout.camera.focus();
  }

  choose(number) {
    const { mode, boxes } = this.looking.state;
    if (mode === "camera") this.looking.reading.begin(boxes[number]);
    else this.looking.guard(() => this.looking.take(boxes[number], FACES.found));
  }

  // Lay a map on the face, or none.
  lay(map) {
    this.looking.put({ map });
    if (this.looking.state.mode === "still" && this.looking.state.pixels) this.looking.guard(() => this.looking.read());
  }
}

async function photograph({ address }) {
  return pictureOf(await decode(address), Infinity);
}
