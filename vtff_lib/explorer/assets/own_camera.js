// The camera. It starts when a button is pressed and is off at once when it is stopped, when the page is
// out of sight, or when it is taken away.

import { CAMERA } from "./own_words.js";

const WANTED = { audio: false, video: { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" } };

export class Camera {
  // ended(words): told when it stops by itself
  constructor(ended) {
    this.ended = ended;
    this.stream = null;
    this.asked = null; // the question that the browser is asking
    this.video = document.createElement("video");
    Object.assign(this.video, { muted: true, playsInline: true });
    document.addEventListener("visibilitychange", () => document.hidden && this.leave(CAMERA.hidden));
    addEventListener("pagehide", () => this.leave(CAMERA.hidden));
  }

  get on() {
    return Boolean(this.stream);
  }

  // Whether it runs now; false if it was stopped before it began. Refused, there is an Error.
  async start() {
    this.stop();
    const question = {};
    this.asked = question;
    const stream = await openCamera();
    if (this.asked !== question) {
      end(stream);
      return false;
    }
    this.stream = stream;
    for (const track of stream.getTracks()) track.onended = () => this.leave(CAMERA.ended);
    this.video.srcObject = stream;
    await this.video.play();
    return this.stream === stream;
  }

  stop() {
    this.asked = null;
    if (this.stream) end(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }

  leave(words) {
    if (!this.on && !this.asked) return;
    this.stop();
    this.ended(words);
  }

  // The next picture; it never comes if the camera is stopped before.
  next() {
    return new Promise((done) => {
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(done);
      else requestAnimationFrame(done);
    });
  }
}

async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(CAMERA.absent(location.protocol === "file:"));
  try {
    return await navigator.mediaDevices.getUserMedia(WANTED);
  } catch ({ name }) {
    throw new Error(CAMERA[SAME[name] || name] || CAMERA.other(name));
  }
}

const SAME = { SecurityError: "NotAllowedError", OverconstrainedError: "NotFoundError", AbortError: "NotReadableError" };

function end(stream) {
  for (const track of stream.getTracks()) {
    track.onended = null;
    track.stop();
  }
}
