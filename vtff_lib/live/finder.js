// Finds faces in a picture and crops them, as vtff_lib.photos does in Python.
//
// A window of 24 pixels, at every size and place, is asked up to 139 questions, in stages. Each
// looks at one LBP code as in lesson 01, only that blocks of pixels take the place of pixels. Most
// windows fail in the first stage; what passes all twenty is a hit, and where hits agree is a face.
//
// A picture is an ImageData, or {data, width, height} with RGBA like one. Boxes are {x, y, size}.

const WINDOW = 24; // pixels: the side of the faces that the cascade was trained on
const SEARCHED = 36; // pixels: the smallest face, on the copy that is searched
const GROWTH = Math.fround(1.05); // of the window from one size to the next
const AGREEING = 7; // this many hits on one place make a face
const MARGIN = 0.2; // around a face in colour, on every side, as a share of its box
const GREY_SIDE = 48; // pixels: the faces that the model of photographs was trained on
const SIZES_APART = 4, PLACES_APART = 0.13; // of the coarse look; the latter a share of the window
const NEAR = 10, NEARER = 13; // stages passed: worth a look at the neighbours, and at theirs

// The cascade from the bytes of vtff_lib.live.cascade.pack_cascade, where the layout is told.
export function openCascade(packed) {
  const bytes = packed.slice(), view = new DataView(bytes.buffer);
  const stages = view.getUint16(0, true), questions = view.getUint16(2, true);
  if (bytes.length !== 4 + 44 * questions + 5 * stages) {
    throw new Error(`The face finder has ${bytes.length} bytes; it is cut short or damaged.`);
  }
  let at = 4;
  const take = (Kind, count) => {
    const start = at;
    at += count * Kind.BYTES_PER_ELEMENT;
    return new Kind(bytes.buffer, start, count);
  };
  return {
    codes: take(Int32Array, 8 * questions),
    votes: take(Float32Array, 2 * questions),
    thresholds: take(Float32Array, stages),
    blocks: take(Uint8Array, 4 * questions),
    asked: take(Uint8Array, stages),
  };
}

// Frontal, upright faces as [{x, y, size, votes}], the largest first. Pass everywhere: true to
// visit each window that Python visits; else a coarse look tells where (an eighth of the time).
export function findFaces(cascade, picture, { smallest = 1 / 8, everywhere = false } = {}) {
  const { width, height } = picture, shorter = Math.min(width, height);
  if (shorter < WINDOW) return [];
  const scale = Math.min(1, SEARCHED / (smallest * shorter));
  const small = shrink(greyOf(picture), width, height, scale);
  const least = Math.max(WINDOW, Math.round(scale * smallest * shorter));
  const search = startSearch(cascade, small, least);
  if (everywhere) search.sizes.forEach((_, number) => search.visit(number));
  else climb(search);
  return agreedBoxes(search.hits.map((hit) => hit.map((pixels) => pixels / scale)));
}

// Brightness of each pixel, 0 to 255, with scikit-image's weights.
function greyOf({ data, width, height }) {
  const grey = new Float32Array(width * height);
  for (let pixel = 0, at = 0; pixel < grey.length; pixel++, at += 4) {
    grey[pixel] = 0.2125 * data[at] + 0.7154 * data[at + 1] + 0.0721 * data[at + 2];
  }
  return grey;
}

function shrink(grey, width, height, scale) {
  const columns = Math.round(scale * width), rows = Math.round(scale * height);
  const same = columns === width && rows === height;
  const small = same ? grey : resample(grey, width, height, columns, rows, likePillow);
  return { grey: small, width: columns, height: rows };
}

// Sums over any rectangle in four look-ups: sums[y][x] is that of all pixels above and to the left.
// Whole tenths of a grey level, so that sums are exact and comparisons fast.
function summed({ grey, width, height }) {
  const row = width + 1, sums = new Int32Array(row * (height + 1));
  for (let y = 0, pixel = 0; y < height; y++) {
    let along = 0;
    for (let x = 0, at = (y + 1) * row + 1; x < width; x++, at++, pixel++) {
      along += Math.round(10 * grey[pixel]);
      sums[at] = sums[at - row] + along;
    }
  }
  return { sums, row };
}

// A search of a picture: its sizes of window, what was hit, and how to visit windows, each once.
function startSearch(cascade, small, least) {
  const { sums, row } = summed(small);
  const first = Math.log(least / WINDOW) / Math.log(1.05);
  const last = Math.log(Math.min(small.width, small.height) / WINDOW) / Math.log(1.05);
  const sizes = [], hits = [];
  for (let power = first; power < last; power++) {
    const factor = Math.fround(GROWTH ** Math.fround(power));
    const side = Math.floor(Math.fround(WINDOW * factor)), step = Math.round(factor);
    const columns = Math.ceil((small.width - side) / step);
    const rows = Math.ceil((small.height - side) / step);
    if (columns < 1 || rows < 1) continue;
    sizes.push({ side, step, columns, rows, factor, seen: new Uint8Array(columns * rows) });
  }
  // Asks the windows of a size between rows and columns of its grid, each once; gives those that
  // pass so many stages, as [size, row, column].
  const visit = (number, stages = Infinity, apart = 1, rows = [0, Infinity], columns = rows) => {
    const size = sizes[number], near = [];
    size.blocks ??= blocksAt(cascade, size.factor, row);
    for (let i = rows[0]; i < Math.min(rows[1], size.rows); i += apart) {
      for (let j = columns[0]; j < Math.min(columns[1], size.columns); j += apart) {
        const window = i * size.columns + j;
        if (size.seen[window]) continue;
        size.seen[window] = 1;
        const y = i * size.step, x = j * size.step;
        const passed = stagesPassed(cascade, size.blocks, sums, y * row + x);
        if (passed === cascade.asked.length) hits.push([y, x, size.side]);
        if (passed >= stages) near.push([number, i, j]);
      }
    }
    return near;
  };
  return { sizes, hits, visit };
}

// The blocks of all questions for one size of window: first corner, width, and height in rows.
function blocksAt({ blocks }, factor, row) {
  const grown = new Int32Array(3 * (blocks.length / 4));
  const scaled = (number) => Math.floor(Math.fround(number * factor));
  for (let from = 0, to = 0; from < blocks.length; from += 4, to += 3) {
    grown[to] = scaled(blocks[from + 1]) * row + scaled(blocks[from]);
    grown[to + 1] = scaled(blocks[from + 2]);
    grown[to + 2] = scaled(blocks[from + 3]) * row;
  }
  return grown;
}

// How many stages the window passes that has its corner at `corner` of `sums`.
function stagesPassed({ codes, votes, thresholds, asked }, blocks, sums, corner) {
  for (let stage = 0, question = 0; stage < asked.length; stage++) {
    let sum = 0;
    for (const next = question + asked[stage]; question < next; question++) {
      const code = blockCode(sums, corner, blocks, 3 * question);
      const bit = (codes[8 * question + (code >> 5)] >> (code & 31)) & 1;
      sum += votes[2 * question + 1 - bit];
    }
    if (sum < thresholds[stage]) return stage;
  }
  return asked.length;
}

// The LBP code of 3 × 3 blocks: a bit for each of the eight around, 1 where it is at least as
// bright as the middle; clockwise from the top left, which is the highest bit.
function blockCode(sums, corner, blocks, at) {
  const width = blocks[at + 1], height = blocks[at + 2];
  const a = corner + blocks[at], b = a + height, c = b + height, d = c + height;
  const a0 = sums[a], a1 = sums[a + width], a2 = sums[a + 2 * width], a3 = sums[a + 3 * width];
  const b0 = sums[b], b1 = sums[b + width], b2 = sums[b + 2 * width], b3 = sums[b + 3 * width];
  const c0 = sums[c], c1 = sums[c + width], c2 = sums[c + 2 * width], c3 = sums[c + 3 * width];
  const d0 = sums[d], d1 = sums[d + width], d2 = sums[d + 2 * width], d3 = sums[d + 3 * width];
  const below = (c2 - c1 - b2 + b1 - 1) | 0; // the sign of below - x is that of "x is as bright"
  return (
    (((below - (b1 - b0 - a1 + a0)) >>> 31) << 7) |
    (((below - (b2 - b1 - a2 + a1)) >>> 31) << 6) |
    (((below - (b3 - b2 - a3 + a2)) >>> 31) << 5) |
    (((below - (c3 - c2 - b3 + b2)) >>> 31) << 4) |
    (((below - (d3 - d2 - c3 + c2)) >>> 31) << 3) |
    (((below - (d2 - d1 - c2 + c1)) >>> 31) << 2) |
    (((below - (d1 - d0 - c1 + c0)) >>> 31) << 1) |
    ((below - (c1 - c0 - b1 + b0)) >>> 31)
  );
}

// A coarse look first. Where a window comes near, its neighbours in place and size are asked, and
// from those that come nearer still, theirs: so all hits of a face are reached from one.
function climb({ sizes, visit }) {
  let near = [];
  for (let number = 0; number < sizes.length; number += SIZES_APART) {
    const { side, step } = sizes[number];
    near.push(...visit(number, NEAR, Math.max(1, Math.round((PLACES_APART * side) / step))));
  }
  while (near.length) near = near.flatMap((window) => neighbours(sizes, visit, ...window));
}

// Visits the windows one size or one step away from a window; gives those that come nearer.
function neighbours(sizes, visit, number, i, j) {
  const { side, step } = sizes[number];
  return [number - 1, number, number + 1].filter((other) => sizes[other]).flatMap((other) => {
    const grid = sizes[other], shift = (side - grid.side) / 2; // so that middles agree
    const around = (place) => [-1, 1].map((way) => (place * step + shift) / grid.step + way);
    const [rows, columns] = [i, j].map(around).map(([from, to]) =>
      [Math.max(0, Math.ceil(from)), Math.floor(to) + 1]);
    return visit(other, NEARER, 1, rows, columns);
  });
}

// Takes the place that most hits [y, x, side] agree on, drops all hits there, and again.
function agreedBoxes(hits) {
  const boxes = [];
  let left = [...hits].sort((one, other) =>
    one[0] - other[0] || one[1] - other[1] || one[2] - other[2]);
  while (left.length) {
    const agree = left.map((hit) => left.filter((other) => overlap(hit, other) > 0.5));
    const most = agree.reduce((best, each) => (each.length > best.length ? each : best));
    if (most.length < AGREEING) break;
    const [y, x, side] = [0, 1, 2].map(
      (axis) => most.reduce((sum, hit) => sum + hit[axis], 0) / most.length);
    const whole = { x: Math.round(x), y: Math.round(y), size: Math.round(side) };
    boxes.push({ ...whole, votes: most.length });
    left = left.filter((hit) => {
      const reach = Math.max(side, hit[2]) / 2; // beyond it, one holds no other's middle
      const apart = (start, hitStart) => Math.abs(hitStart + hit[2] / 2 - start - side / 2) > reach;
      return apart(y, hit[0]) || apart(x, hit[1]);
    });
  }
  return boxes.sort((one, other) => other.size - one.size);
}

// Intersection over union.
function overlap([top, left, side], [otherTop, otherLeft, otherSide]) {
  const common = (start, otherStart) =>
    Math.max(0, Math.min(start + side, otherStart + otherSide) - Math.max(start, otherStart));
  const shared = common(top, otherTop) * common(left, otherLeft);
  return shared / (side ** 2 + otherSide ** 2 - shared);
}

// A square around a face as a model wants it: the planes R, G, B of side × side bytes, one after
// the other. In colour with a margin, as photos.crop_face cuts it; or grey, as photos.grey_face and
// inputs.resize make it for the model of photographs.
export function prepareFace(picture, box, { side = 112, grey = false } = {}) {
  const cut = cutOut(picture, box, grey ? 0 : MARGIN), small = grey ? GREY_SIDE : side;
  let planes = cut.planes.map((plane) => resample(plane, cut.side, cut.side, small, small, likePillow));
  if (grey) {
    const plane = lightness(...planes), way = side > small ? likeTorch : likeMean;
    planes = Array(3).fill(side === small ? plane : resample(plane, small, small, side, side, way));
  }
  const whole = new Uint8Array(3 * side * side);
  planes.forEach((plane, channel) => {
    whole.set(Uint8ClampedArray.from(plane), channel * side * side);
  });
  return whole;
}

// The planes of the square around a box; outside the picture its edge is repeated.
function cutOut({ data, width, height }, { x, y, size }, margin) {
  const side = halfEven((1 + 2 * margin) * size);
  const places = (start, length) => {
    const first = halfEven(start + size / 2 - side / 2);
    return Array.from({ length: side }, (_, step) => Math.min(length - 1, Math.max(0, first + step)));
  };
  const columns = places(x, width);
  const planes = [0, 1, 2].map(() => new Uint8Array(side * side));
  places(y, height).forEach((row, down) => columns.forEach((column, right) => {
    const from = 4 * (row * width + column), to = down * side + right;
    for (let channel = 0; channel < 3; channel++) planes[channel][to] = data[from + channel];
  }));
  return { side, planes };
}

// Python's round: of two whole numbers equally near, the even one.
function halfEven(number) {
  const below = Math.floor(number);
  return number - below === 0.5 ? below + (below & 1) : Math.round(number);
}

// Pillow's grey of a colour.
function lightness(red, green, blue) {
  return red.map((r, pixel) => (19595 * r + 38470 * green[pixel] + 7471 * blue[pixel] + 32768) >> 16);
}

// Gives a picture other sizes: each row, then each column becomes sums of its old pixels.
function resample(plane, width, height, columns, rows, way) {
  return resampleRows(resampleRows(plane, width, columns, way), height, rows, way);
}

// Resizes rows of `from` pixels to `to` and turns the picture on its side: rows come out as columns.
function resampleRows(plane, from, to, way) {
  const lines = plane.length / from, turned = new way.Store(to * lines);
  for (let pixel = 0; pixel < to; pixel++) {
    const shares = way.shares(pixel, from, to);
    const total = shares.reduce((sum, [, share]) => sum + share, 0);
    const olds = shares.map(([old]) => old), parts = shares.map(([, share]) => share);
    for (let line = 0; line < lines; line++) {
      let sum = 0;
      for (let each = 0; each < olds.length; each++) sum += parts[each] * plane[line * from + olds[each]];
      turned[pixel * lines + line] = sum / total;
    }
  }
  return turned;
}

// Keys' cubic: the share of an old pixel at a distance; -sharpness is its slope at distance 1.
function cubic(distance, sharpness) {
  const d = Math.abs(distance);
  if (d < 1) return ((sharpness + 2) * d - (sharpness + 3)) * d * d + 1;
  return d < 2 ? sharpness * (((d - 5) * d + 8) * d - 4) : 0;
}

const upTo = (start, end) => Array.from({ length: end - start }, (_, step) => start + step);

// Which old pixels [number, share] a new one is made of, three ways. A Store of bytes rounds.
const likePillow = { // antialiased: the cubic is as wide as what a new pixel covers
  Store: Uint8ClampedArray,
  shares(pixel, from, to) {
    const wide = Math.max(1, from / to), middle = ((pixel + 0.5) * from) / to;
    const first = Math.max(0, Math.floor(middle - 2 * wide + 0.5));
    const end = Math.min(from, Math.floor(middle + 2 * wide + 0.5));
    return upTo(first, end).map((old) => [old, cubic((old + 0.5 - middle) / wide, -0.5)]);
  },
};
const likeTorch = { // for enlarging: at the ends the last pixel is repeated
  Store: Float32Array,
  shares(pixel, from, to) {
    const middle = ((pixel + 0.5) * from) / to - 0.5, near = Math.floor(middle);
    return upTo(near - 1, near + 3).map((old) =>
      [Math.min(from - 1, Math.max(0, old)), cubic(old - middle, -0.75)]);
  },
};
const likeMean = { // the mean of all pixels that a new one touches
  Store: Float32Array,
  shares: (pixel, from, to) =>
    upTo(Math.floor((pixel * from) / to), Math.ceil(((pixel + 1) * from) / to)).map((old) => [old, 1]),
};
