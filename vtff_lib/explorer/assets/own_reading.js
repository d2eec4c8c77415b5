// From a picture to answers: its faces are found, one is cut out, and the model reads it.

import { best } from "./ask.js";
import { paceOf } from "./own_words.js";
import { findFaces, openCascade, prepareFace } from "../../live/finder.js";

const SMALLEST_IN_FILM = 0.15; // of the shorter side: the smallest for which a copy of 240 rows is searched as it is
const PATIENCE = 5; // pictures for which a lost face is waited for
const SMOOTHED = 5; // pictures whose answers are averaged
const PACED = 20; // pictures by which the pace is told

export class Reading {
  // `data` of the model that reads; `brought` is what vtff_lib.explorer.own_face gives.
  constructor(data, brought) {
    Object.assign(this, { data, brought });
    const packed = Uint8Array.from(atob(brought.cascade), (letter) => letter.charCodeAt(0));
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

  // Of the faces in the next picture of a camera, found in a smaller copy: the one that was followed, or
  // the only one.
  follow(copy, { width }) {
    const larger = width / copy.width;
    const boxes = this.find(copy, SMALLEST_IN_FILM).map(({ x, y, size }) => ({ x: larger * x, y: larger * y, size: larger * size }));
    const near = this.followed && nearest(boxes, this.followed);
    const box = near || (boxes.length === 1 ? boxes[0] : null);
    if (!boxes.length && this.followed && this.missed < PATIENCE) {
      this.missed += 1;
      return { boxes: [this.followed], box: this.followed };
    }
    if (!near) this.forget();
    Object.assign(this, { followed: box, missed: 0 });
    return { boxes, box };
  }

  begin(box) {
    this.forget();
    this.followed = box;
  }

  // The face as the model wants it, planes R, G, B.
  cut(picture, box) {
    return prepareFace(picture, box, { side: this.data.size[0], grey: this.brought.grey });
  }

  // The largest square in the middle, so that with the margin of a colour crop it stays inside.
  middle({ width, height }) {
    const size = Math.floor(Math.min(width, height) / (this.brought.grey ? 1 : 1.4));
    return { x: Math.round((width - size) / 2), y: Math.round((height - size) / 2), size };
  }

  ask(pixels, change = {}) {
    return this.data.asked.run({ model: 0, pixels }, change, "own");
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

  // How far the first guess falls with each square covered, as far as that was tried for this guess.
  fallsOf({ probabilities }) {
    const guess = best(probabilities);
    if (this.falls?.guess !== guess) this.falls = { guess, map: new Float32Array(this.data.cells), next: 0, tried: 0 };
    return this.falls;
  }

  // Cover the next square; whether all were tried.
  async coverNext(pixels, answer) {
    const { cells } = this.data;
    const falls = this.fallsOf(answer);
    const { guess, next } = falls;
    const covered = await this.ask(pixels, { patches: [next] });
    if (covered) falls.map[next] = answer.probabilities[guess] - covered.probabilities[guess];
    falls.next = (next + 1) % cells;
    falls.tried = Math.min(falls.tried + 1, cells);
    return falls.tried === cells;
  }
}

// The box that lies where one was before, if there is one.
function nearest(boxes, before) {
  const middle = ({ x, y, size }) => [x + size / 2, y + size / 2];
  const apart = (box) => Math.hypot(...middle(box).map((place, axis) => place - middle(before)[axis]));
  return boxes.filter((box) => apart(box) < before.size).sort((one, other) => apart(one) - apart(other))[0];
}
