// Looking at pictures: one that stays, or one after the other from the camera. What is newer puts an end
// to what was begun before.

import { Camera } from "./own_camera.js";
import { pictureOf } from "./own_file.js";
import { Reading } from "./own_reading.js";
import { CAMERA, FACES, shownOf } from "./own_words.js";

const CAMERA_SIDE = 640; // pixels of the longer side of a camera's picture
const SEARCHED_SIDE = 320; // of the copy in which a face is looked for
const SMALLEST_IN_PHOTO = 1 / 8; // of the shorter side: the faces that a photo is searched for
const NOTHING = { picture: null, boxes: [], box: null, pixels: null, answer: null };

export class Looking {
  //   changed(state): told of { mode, lead, title, map, picture, boxes, box, pixels, answer }
  //   drawn: what pictures, faces and answers are drawn by, an OwnLayout
  constructor(data, drawn, changed) {
    Object.assign(this, { drawn, changed, turn: 0, state: { mode: "start", map: "bare", ...NOTHING } });
    this.reading = new Reading(data.photographs || data, data.brought);
    this.camera = new Camera((words) => this.start(words));
    this.canvases = [1, 2].map(() => document.createElement("canvas"));
  }

  put(change) {
    Object.assign(this.state, change);
    this.changed(this.state);
  }

  // A promise of whether it still counts when it has come.
  async current(promise) {
    const { turn } = this;
    const value = await promise;
    return { value, late: turn !== this.turn };
  }

  start(lead = FACES.wanted) {
    this.turn += 1;
    this.camera.stop();
    this.reading.forget();
    this.put({ mode: "start", lead, ...NOTHING });
  }

  // Do something else than so far.
  attempt(act) {
    this.start();
    return this.guard(act);
  }

  // What fails is said in place of all else, if that is still what is wanted.
  async guard(act) {
    const mine = {};
    this.doing = mine;
    try {
      await act();
    } catch ({ message }) {
      if (this.doing === mine) this.start(message);
    }
  }

  // --- A picture that stays

  // Nothing is read before it is clear which face is meant.
  async look(promise, title) {
    const { value: picture, late } = await this.current(promise);
    if (late) return;
    const boxes = this.reading.find(picture, SMALLEST_IN_PHOTO);
    this.drawn.picture.draw(picture);
    this.put({ mode: "still", picture, title, boxes, lead: boxes.length ? FACES.several(boxes.length) : FACES.none });
    this.drawn.picture.mark(picture, boxes);
    if (boxes.length === 1) await this.take(boxes[0], FACES.found);
  }

  async take(box, lead) {
    const { picture, boxes } = this.state;
    this.drawn.picture.mark(picture, boxes.length ? boxes : [box], box);
    this.reading.forget();
    this.put({ box, lead, pixels: this.reading.cut(picture, box) });
    await this.read();
  }

  takeMiddle() {
    return this.take(this.reading.middle(this.state.picture), FACES.middle);
  }

  // The answer to the face that stands there; then, if that is looked at, what the answer needs.
  async read() {
    this.turn += 1;
    const { pixels } = this.state;
    const { value: answer, late } = await this.current(this.reading.ask(pixels));
    if (late) return;
    this.say(pixels, answer);
    for (let all = this.state.map !== "need"; !all;) {
      const { value, late: gone } = await this.current(this.reading.coverNext(pixels, answer));
      if (gone) return;
      all = value;
      this.say(pixels, answer);
    }
  }

  say(pixels, answer, smoothed) {
    const { map } = this.state;
    const falls = this.reading.fallsOf(answer);
    this.drawn.face.draw(pixels, answer, map, falls.map);
    this.drawn.answer.update({ probabilities: smoothed || answer.probabilities }, null, shownOf(map, smoothed, falls));
    this.put({ answer });
  }

  // --- The camera

  async film() {
    this.put({ mode: "asking", lead: CAMERA.asked });
    const { value: runs, late } = await this.current(this.camera.start());
    if (!runs || late) return;
    this.put({ mode: "camera", lead: CAMERA.on, title: "Your picture" });
    let answered = null; // while the model reads one picture, a face is looked for in the next
    for (;;) {
      if ((await this.current(this.camera.next())).late) return;
      const pixels = this.findNext();
      const { late: gone } = await this.current(answered);
      if (gone) return;
      answered = pixels && this.readOne(pixels);
      answered?.catch(() => {}); // it is told above, when it is waited for
    }
  }

  // Look for a face in the picture that the camera gives now, and cut it out.
  findNext() {
    const picture = pictureOf(this.camera.video, CAMERA_SIDE, { mirrored: true, canvas: this.canvases[0] });
    const copy = pictureOf(this.canvases[0], SEARCHED_SIDE, { canvas: this.canvases[1] });
    const { boxes, box } = this.reading.follow(copy, picture);
    this.drawn.picture.draw(picture);
    this.drawn.picture.mark(picture, boxes, box);
    this.put({ boxes, lead: box ? CAMERA.on : boxes.length ? FACES.several(boxes.length) : FACES.none });
    if (!box) this.put({ box, pixels: null, answer: null });
    return box && { picture, box, pixels: this.reading.cut(picture, box) };
  }

  async readOne(found) {
    const { pixels } = found;
    const { value: answer, late } = await this.current(this.reading.ask(pixels));
    if (late || (this.state.map === "need" && (await this.current(this.reading.coverNext(pixels, answer))).late)) return;
    this.put(found);
    this.drawn.pace.textContent = this.reading.pace();
    this.say(pixels, answer, this.reading.smooth(answer));
  }

  // The last picture stays, and the camera is off.
  hold() {
    this.turn += 1;
    this.camera.stop();
    this.put({ mode: "still" });
    return this.take(this.state.box, CAMERA.held);
  }
}
