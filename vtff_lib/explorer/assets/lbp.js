// The local binary pattern, as `vtff_lib.lbp` has it, and two ways to change the light.

// (row, column) of each neighbour, the most significant bit first.
const ORDERS = {
  reading: [[-1, -1], [-1, 0], [-1, 1], [0, -1], [0, 1], [1, -1], [1, 0], [1, 1]],
  circular: [[1, 1], [1, 0], [1, -1], [0, -1], [-1, -1], [-1, 0], [-1, 1], [0, 1]],
};

// One plane of a picture as numbers: { width, height, values }, and under another light: `bright` is
// what all numbers are multiplied by, `lamp` how much more the right side gets than the left.
export function lightened({ width, height, planes }, part, bright, lamp) {
  const values = new Float32Array(width * height);
  for (let i = 0; i < values.length; i += 1) {
    values[i] = planes[part * values.length + i] * bright * (1 + lamp * ((2 * (i % width)) / (width - 1) - 1));
  }
  return { width, height, values };
}

// The 3×3 numbers around a pixel; outside the image they are 0.
export function windowOf({ width, height, values }, row, column) {
  const at = (y, x) => (y < 0 || x < 0 || y >= height || x >= width ? 0 : values[y * width + x]);
  return [-1, 0, 1].map((down) => [-1, 0, 1].map((right) => at(row + down, column + right)));
}

export function codeOf(pixels, row, column, order = "reading") {
  const near = windowOf(pixels, row, column);
  return ORDERS[order].reduce((code, [down, right]) => 2 * code + (near[1 + down][1 + right] >= near[1][1] ? 1 : 0), 0);
}

export function codes(pixels, order) {
  const { width, height } = pixels;
  return Uint8Array.from({ length: width * height }, (_, i) => codeOf(pixels, Math.floor(i / width), i % width, order));
}

// The codes of three planes.
export function codesOf(planes, width, height, order) {
  const size = width * height;
  const all = new Uint8Array(planes.length);
  for (let at = 0; at < planes.length; at += size) all.set(codes({ width, height, values: planes.subarray(at, at + size) }, order), at);
  return all;
}

// In which order the bits stand, in words.
export const ORDER_WORDS = { reading: "Line by line", circular: "Around, from the lower right" };
