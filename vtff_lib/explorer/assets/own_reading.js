// From a picture to answers: its faces are found, one is cut out, and the model reads it.

import { best } from "./ask.js";
import { paceOf } from "./own_words.js";
import { findFaces, openCascade, prepareFace } from "../../live/finder.js";

const SMALLEST_IN_FILM = 1 / 6; // of the shorter side: who holds up a face to a page is nearer than in a photo
const PATIENCE = 5; // pictures for which a lost face is waited for
const SMOOTHED = 5; // pictures whose answers are averaged
const PACED = 20; // pictures by which the pace is told

// `own` is what vtff_lib.live.parts.own_face gives, and the number of the model that reads.
export class Reading {
  constructor(data) {
    Object.assign(this, { data, own: data.own });
    const packed = Uint8Array.from(atob(this.own.cascade), (letter) => letter.charCodeAt(0));
    this.cascade = openCascade(packed);
    this.forget();
  }

  // A new picture: nobody is followed, and nothing averaged.
  forget() {
    Object.assign(this, { followed: null, missed: 0, answers: [], falls: null, times: [] });
  }

  find(picture, smallest) {
    return findFaces(this.cascade, picture, { smallest });
  }

  // Of the faces in the next picture of a camera: the one that was followed, or the only one.
  follow(picture) {
    const boxes = this.find(picture, SMALLEST_IN_FILM);
    const apart = (box) => Math.hypot(...["x", "y"].map((axis) => box[axis] + box.size / 2 - this.followed[axis] - this.followed.size / 2));
    const near = this.followed && boxes.filter((box) => apart(box) < box.size).sort((one, other) => apart(one) - apart(other))[0];
    const box = near || (boxes.length === 1 ? boxes[0] : null);
    if (near) this.missed = 0;
    else if (box) this.begin(box);
    else if (this.followed && !boxes.length && this.missed < PATIENCE) {
      this.missed += 1;
      return { boxes: [this.followed], box: this.followed };
    } else this.forget();
    this.followed = box;
    return { boxes, box };
  }

  begin(box) {
    this.forget();
    this.followed = box;
  }

  // The face as the model wants it, planes R, G, B.
  cut(picture, box) {
    return prepareFace(picture, box, { side: this.own.side, grey: this.own.grey });
  }

  // The largest square in the middle, so that with the margin of a colour crop it stays inside.
  middle({ width, height }) {
    const size = Math.floor(Math.min(width, height) / (this.own.grey ? 1 : 1.4));
    return { x: Math.round((width - size) / 2), y: Math.round((height - size) / 2), size };
  }

  ask(pixels, change = {}) {
    return this.data.asked.ask({ model: this.own.model, pixels }, change, "own");
  }

  // The mean of the last answers, for a camera's pictures differ by noise alone.
  smooth({ probabilities }) {
    this.answers = [...this.answers, probabilities].slice(-SMOOTHED);
    const { answers } = this;
    return Array.from(probabilities, (_, each) => answers.reduce((sum, one) => sum + one[each], 0) / answers.length);
  }

  // How many pictures are read in a second, by the last of them.
  pace() {
    this.times = [...this.times, performance.now()].slice(-PACED);
    const passed = this.times[this.times.length - 1] - this.times[0];
    return passed ? paceOf((1000 * (this.times.length - 1)) / passed) : "";
  }

  // Cover the next square, and note how far the first guess falls; whether all were tried.
  async coverNext(pixels, { probabilities }) {
    const guess = best(probabilities);
    if (this.falls?.guess !== guess) this.falls = { guess, map: new Float32Array(this.data.cells), next: 0, tried: 0 };
    const { falls } = this;
    const covered = await this.ask(pixels, { patches: [falls.next] });
    if (covered) falls.map[falls.next] = probabilities[guess] - covered.probabilities[guess];
    falls.next = (falls.next + 1) % this.data.cells;
    falls.tried = Math.min(falls.tried + 1, this.data.cells);
    return falls.tried === this.data.cells;
  }
}
