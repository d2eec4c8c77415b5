// What is said where a reader's own picture is looked at: before the camera, and when something fails.

import { MATTERS } from "./step_parts.js";
import { listed } from "./words.js";

const KINDS = ["JPEG", "PNG", "WebP", "GIF"];
const INSTEAD = "choose a picture instead.";

export const PROMISES = (classes, told) => [
  ["What happens", "The page finds the face in your picture, cuts it out, and the model in this page reads it."],
  ["What leaves the page", "Nothing. Its policy forbids any connection: switch off your network and try. It keeps nothing either."],
  ["What it names", `One of ${classes.length}: ${listed(classes)}. ${told}`],
  ["What it does not know", "What anyone feels. Use it on nobody who has not agreed."],
];

const number = (count) => count.toLocaleString("en");
const megabytes = (bytes) => `${number(Math.ceil(bytes / 1e6))} MB`;

export const FILES = {
  none: "That is no file: give a picture from a folder.",
  several: (count) => `${count} files were given: give one picture at a time.`,
  heavy: (name, bytes, most) => `“${name}” has ${megabytes(bytes)}: give a picture of at most ${megabytes(most)}.`,
  strange: (name) => `“${name}” is no picture that can be read here: give a ${KINDS.slice(0, -1).join(", ")} or ${KINDS[KINDS.length - 1]}.`,
  large: (name, width, height, most) =>
    `“${name}” has ${number(width)} × ${number(height)} pixels: give a picture of at most ${most / 1e6} million.`,
  small: (name, width, height, least) =>
    `“${name}” has ${width} × ${height} pixels: give a picture of at least ${least} × ${least}.`,
  damaged: (name) => `“${name}” cannot be opened: it is damaged, so give another picture.`,
  memory: "This device has too little memory left for it: close other pages, or give a smaller picture.",
};

export const CAMERA = {
  asked: "Your browser asks for the camera. Nothing starts before you allow it.",
  on: "Turn, frown, cover your mouth: the answer follows.",
  held: "The camera is off; this is its last picture.",
  stopped: "The camera is off.",
  hidden: "The camera was stopped, because the page was out of sight.",
  ended: "The camera was taken away: start it again, or choose a picture.",
  absent: (local) => `${local ? "This browser gives a page opened from a file no camera" : "This browser gives this page no camera"}: ${INSTEAD}`,
  NotAllowedError: "The camera was refused, and nothing was started: allow it in the browser, or choose a picture.",
  NotFoundError: `This device has no camera: ${INSTEAD}`,
  NotReadableError: "The camera is in use elsewhere: close what uses it, or choose a picture.",
  other: (name) => `The camera did not start (${name}): ${INSTEAD}`,
};

// What the map on the face shows; `falls` is what was found by covering squares so far.
export function shownOf(map, film, falls) {
  const told = { bare: "as the model is given it", gate: "blue: colours, orange: texture", rollout: "lit: where it looks" };
  const words = map === "need" ? neededOf(falls) : told[map];
  return film ? `${words}; mean of 5 pictures` : words;
}

function neededOf({ tried, map }) {
  if (tried < map.length) return `${tried} of ${map.length} squares covered in turn`;
  return Math.max(...map) < MATTERS ? "the answer hangs on no single square" : "lit: what the answer needs";
}

export function paceOf(pictures) {
  return `Camera on, ${pictures < 1 ? pictures.toFixed(1) : Math.round(pictures)} a second`;
}

export const FACES = {
  wanted: "Choose a picture, drop one here or paste it; or use the camera.",
  none: "No face was found: it has to be upright, large, and turned to the camera and the light.",
  several: (count) => `There are ${count} faces: choose one.`,
  middle: "The middle of the picture was taken, whatever it shows.",
  found: "The square was found by a cascade that asks LBP codes: lesson 01 at work.",
  refused: "The model does not run in this browser, so it can name no faces but those that the page brings.",
};
