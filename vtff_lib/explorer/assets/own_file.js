// A file becomes pixels, if it is a picture and not too large; else there is an Error with a sentence.

import { FILES } from "./own_words.js";

const MOST_BYTES = 40e6;
const MOST_PIXELS = 50e6; // as read_photo in Python; they take 200 MB
const LEAST_SIDE = 24; // pixels: the finder's window
const FILE_SIDE = 1280; // pixels of the longer side of the copy that is looked at
const HEAD = 2 ** 20; // bytes among which a file tells its size

const text = (bytes, at, count) => String.fromCharCode(...bytes.subarray(at, at + count));

// Width and height that a file tells, so that none is opened that fills the memory; null if it is no
// picture of the four kinds. A drawing in SVG is none: it could hold scripts.
export function sizeOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  try {
    if (text(bytes, 1, 3) === "PNG") return [view.getUint32(16), view.getUint32(20)];
    if (text(bytes, 0, 4) === "GIF8") return [view.getUint16(6, true), view.getUint16(8, true)];
    if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 4) === "WEBP") return sizeOfWebp(view, text(bytes, 12, 4));
    return view.getUint16(0) === 0xffd8 ? sizeOfJpeg(view) : null;
  } catch {
    return null; // it ends before
  }
}

function sizeOfWebp(view, kind) {
  const three = (at) => view.getUint16(at, true) + 65536 * view.getUint8(at + 2);
  const bits = kind === "VP8L" && view.getUint32(21, true);
  if (kind === "VP8L") return [1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff)];
  if (kind === "VP8X") return [1 + three(24), 1 + three(27)];
  return [view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff];
}

// From segment to segment, to the one that begins the frame.
function sizeOfJpeg(view) {
  let at = 2;
  for (;;) {
    const marker = view.getUint16(at);
    if (marker < 0xff01) return null;
    const frame = marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker);
    if (frame) return [view.getUint16(at + 7), view.getUint16(at + 5)];
    at += 2 + view.getUint16(at + 2);
  }
}

// The one file of a choice, a drop or a paste.
export function oneFile(files) {
  if (files.length > 1) throw new Error(FILES.several(files.length));
  if (!files.length) throw new Error(FILES.none);
  return files[0];
}

export async function pictureOfFile(file) {
  const { name, size } = file;
  if (size > MOST_BYTES) throw new Error(FILES.heavy(name, size, MOST_BYTES));
  const told = sizeOf(await bytesOf(file.slice(0, HEAD), name));
  if (!told) throw new Error(FILES.strange(name));
  const [width, height] = told;
  if (width * height > MOST_PIXELS) throw new Error(FILES.large(name, width, height, MOST_PIXELS));
  if (Math.min(width, height) < LEAST_SIDE) throw new Error(FILES.small(name, width, height, LEAST_SIDE));
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(FILES.damaged(name));
  });
  const picture = pictureOf(bitmap, FILE_SIDE);
  bitmap.close();
  return picture;
}

async function bytesOf(part, name) {
  try {
    return new Uint8Array(await part.arrayBuffer());
  } catch {
    throw new Error(FILES.damaged(name)); // a folder, or a file that is gone
  }
}

// The pixels of something drawn, on white where it is clear, shrunk to a longer side; `mirrored` as one
// sees oneself. Whoever draws many gives a canvas to draw on.
export function pictureOf(source, side, { mirrored = false, canvas = document.createElement("canvas") } = {}) {
  const [width, height] = [source.videoWidth || source.width, source.videoHeight || source.height];
  const scale = Math.min(1, side / Math.max(width, height));
  const [columns, rows] = [width, height].map((length) => Math.max(1, Math.round(scale * length)));
  if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
  const context = canvas.getContext("2d", { willReadFrequently: true, alpha: false });
  if (!context) throw new Error(FILES.memory);
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, columns, rows);
  if (mirrored) context.setTransform(-1, 0, 0, 1, columns, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, columns, rows);
  try {
    return context.getImageData(0, 0, columns, rows);
  } catch {
    throw new Error(FILES.memory);
  }
}
