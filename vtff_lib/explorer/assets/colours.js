// One quantity, one way of colouring, as in the lessons' pictures.

const RGB = [0, 114, 178];
const LBP = [230, 159, 0];
const PALE = [242, 242, 242];
const VIRIDIS = [
  [68, 1, 84], [72, 20, 103], [72, 37, 118], [69, 55, 129], [64, 70, 136], [57, 85, 140],
  [51, 99, 141], [45, 113, 142], [40, 125, 142], [35, 138, 141], [31, 150, 139], [32, 163, 134],
  [41, 175, 127], [61, 188, 116], [86, 198, 103], [117, 208, 84], [149, 216, 64], [186, 222, 40],
  [221, 227, 24], [253, 231, 37],
];
const RAMPS = {
  amount: VIRIDIS,
  mixture: [RGB, PALE, LBP],
  unmixture: [LBP, PALE, RGB], // of a gate that is laid on RGB
  signed: [[64, 0, 75], [153, 112, 171], [247, 247, 247], [90, 174, 97], [0, 68, 27]], // PRGn
};

export function colourAt(kind, share) {
  const ramp = RAMPS[kind];
  const place = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
  const low = Math.min(Math.floor(place), ramp.length - 2);
  return ramp[low].map((part, i) => Math.round(part + (ramp[low + 1][i] - part) * (place - low)));
}

// Both ends of the scale for all `maps` of a kind; what is compared shares one.
export function scaleOf(kind, maps) {
  let most = 0;
  for (const map of maps) for (const value of map) most = Math.max(most, Math.abs(value));
  if (kind.endsWith("mixture")) return [0, Math.max(most, 1)];
  most = most || 1;
  return kind === "signed" ? [-most, most] : [0, most];
}

export function shareOf(value, [low, high]) {
  return (value - low) / (high - low);
}

// A ramp as a background. Of a gate that reaches beyond 1, half and half stays in the middle of 0 to 1.
export function gradient(kind) {
  return `linear-gradient(to right, ${RAMPS[kind].map((colour) => `rgb(${colour.join(" ")})`).join(", ")})`;
}
