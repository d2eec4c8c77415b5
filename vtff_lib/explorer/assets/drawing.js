// Pictures of faces with a map on them. What counts stands in the light and keeps its colours; the rest
// goes grey and dark, equally dark for every skin.

import { colourAt, shareOf } from "./colours.js";
import { make } from "./elements.js";

const SIDE = 336; // pixels of a drawn face
const DARK = [14, 46]; // what is unlit: its grey values lie between these
const WELL_LIT = 165; // what the brighter parts of a face in the light reach
const MOST_GAIN = 2.2;

const prepared = new Map(); // faces by their addresses

function brightness(red, green, blue) {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}

export async function decode(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

function pixelsOf(image, width, height) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

// The pixels of a face as it is, in its own size: { width, height, planes }.
export async function ownPixels(address) {
  const { naturalWidth: width, naturalHeight: height } = await decode(address);
  return { width, height, planes: await planesOf(address, width, height) };
}

// The same as a model wants it: planes R, G, B, one after the other.
export async function planesOf(address, width, height) {
  const { data } = pixelsOf(await decode(address), width, height);
  return Uint8Array.from({ length: 3 * width * height }, (_, i) =>
    data[4 * (i % (width * height)) + Math.floor(i / (width * height))]);
}

// The other way round: the address of a picture of planes.
export function addressOf(planes, width, height) {
  const canvas = make("canvas", { width, height });
  paint(canvas, { width, height }, [0, 1, 2].map((part) => planes.subarray(part * width * height, (part + 1) * width * height)));
  return canvas.toDataURL();
}

// Paint three planes of numbers.
export function paint(canvas, { width, height }, planes) {
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i += 1) image.data.set([planes[0][i], planes[1][i], planes[2][i], 255], 4 * i);
  context.putImageData(image, 0, 0);
}

// A face twice: in the light, as bright as a well exposed picture, and unlit.
function prepare(address) {
  if (!prepared.has(address)) prepared.set(address, decode(address).then(litAndUnlit));
  return prepared.get(address);
}

function litAndUnlit(image, side = SIDE) {
  const lit = pixelsOf(image, side, side);
  const unlit = new ImageData(new Uint8ClampedArray(lit.data), side, side);
  const levels = new Float32Array(side * side);
  for (let i = 0; i < levels.length; i += 1) levels[i] = brightness(lit.data[4 * i], lit.data[4 * i + 1], lit.data[4 * i + 2]);
  const inner = levels.filter((_, i) => Math.hypot(i % side - side / 2, Math.floor(i / side) - side / 2) < 0.36 * side);
  inner.sort();
  const [low, high] = [0.03, 0.85].map((share) => inner[Math.floor(share * inner.length)]);
  const gain = Math.min(Math.max(WELL_LIT / Math.max(high, 1), 1), MOST_GAIN);
  for (let i = 0; i < levels.length; i += 1) {
    const grey = DARK[0] + (DARK[1] - DARK[0]) * Math.min(Math.max((levels[i] - low) / (high - low || 1), 0), 1.2);
    for (let part = 0; part < 3; part += 1) {
      lit.data[4 * i + part] *= gain;
      unlit.data[4 * i + part] = grey + (part === 2 ? 6 : 0);
    }
  }
  return { lit: lit.data, unlit: unlit.data, plain: image, side };
}

// Draw a face with a map on it.
//   kind: "amount" (light), "mixture" (blue to orange) or "signed" (purple to green)
//   scale: both ends; strength: 0, the bare face, to 1
export async function drawFace(canvas, address, how) {
  canvas.drawing = (canvas.drawing || 0) + 1;
  const turn = canvas.drawing;
  const face = await prepare(address);
  if (canvas.drawing === turn) drawOn(canvas, face, how); // else something newer is to be drawn
}

// The same at once, of pixels that come only once, as a camera's: a canvas of `side`.
export function drawPixels(canvas, pixels, side, how) {
  drawOn(canvas, how.kind === "amount" ? litAndUnlit(pixels, side) : { plain: pixels, side }, how);
}

function drawOn(canvas, face, { kind, map, scale, grid, strength = 1 }) {
  const { plain, side } = face;
  if (canvas.width !== side || canvas.height !== side) [canvas.width, canvas.height] = [side, side];
  const context = canvas.getContext("2d");
  context.drawImage(plain, 0, 0, side, side);
  if (!map) return;
  if (kind === "amount") context.putImageData(enlightened(face, map, scale, grid, strength), 0, 0);
  else tint(context, side, kind, map, scale, grid, strength);
}

// A cell's light grows with the root of its value: a tenth of the most is still to be seen.
function enlightened({ lit, unlit, side }, map, scale, [rows, columns], strength) {
  const image = new ImageData(side, side);
  const light = Array.from(map, (value) => 1 - strength * (1 - Math.sqrt(Math.min(Math.max(shareOf(value, scale), 0), 1))));
  for (let y = 0, i = 0; y < side; y += 1) {
    const row = Math.floor((y * rows) / side) * columns;
    for (let x = 0; x < side; x += 1, i += 4) {
      const share = light[row + Math.floor((x * columns) / side)];
      for (let part = 0; part < 3; part += 1) image.data[i + part] = unlit[i + part] + (lit[i + part] - unlit[i + part]) * share;
      image.data[i + 3] = 255;
    }
  }
  return image;
}

// The middle of the scale is clear; both ends cover the face. Below it, the face is grey, so that
// nothing but the map has a colour.
function tint(context, side, kind, map, scale, [rows, columns], strength) {
  const mixed = kind.endsWith("mixture");
  const ends = mixed ? [colourAt(kind, 0), colourAt(kind, 1)] : [colourAt(kind, 0.1), colourAt(kind, 0.9)];
  context.globalCompositeOperation = "saturation";
  context.fillStyle = `rgb(128 128 128 / ${strength})`;
  context.fillRect(0, 0, side, side);
  context.globalCompositeOperation = "source-over";
  map.forEach((value, cell) => {
    const share = mixed ? 2 * value - 1 : 2 * shareOf(value, scale) - 1;
    const [x, y] = [cell % columns, Math.floor(cell / columns)];
    const [left, right] = [x, x + 1].map((edge) => Math.round((edge * side) / columns));
    const [top, bottom] = [y, y + 1].map((edge) => Math.round((edge * side) / rows));
    context.fillStyle = `rgb(${ends[share < 0 ? 0 : 1].join(" ")} / ${0.78 * strength * Math.min(Math.abs(share), 1)})`;
    context.fillRect(left, top, right - left, bottom - top);
  });
}

// A map as numbers: one pixel a cell, beside a face and never over it.
export function drawNumbers(canvas, map, { kind, scale, grid }) {
  [canvas.height, canvas.width] = grid;
  const context = canvas.getContext("2d");
  const image = context.createImageData(grid[1], grid[0]);
  map.forEach((value, cell) => image.data.set([...colourAt(kind, shareOf(value, scale)), 255], 4 * cell));
  context.putImageData(image, 0, 0);
}
