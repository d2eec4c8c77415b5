// Another light on a picture of bytes, rounded to bytes again as a camera does: `relit` in
// vtff_lib.explain.several, in JavaScript.

export const DAYLIGHT = { bright: 100, contrast: 100, gamma: 100, lamp: 0 }; // in percent

// Planes R, G, B under a light; `lamp` is how much more the right side gets than the left.
export function relit(planes, width, light) {
  const { bright, contrast, gamma, lamp } = { ...DAYLIGHT, ...light };
  return planes.map((value, i) => {
    const side = width > 1 ? (2 * (i % width)) / (width - 1) - 1 : 0;
    const lit = value * (bright / 100) * (1 + (lamp / 100) * side);
    const spread = Math.min(Math.max(127.5 + (contrast / 100) * (lit - 127.5), 0), 255);
    return Math.floor(255 * (spread / 255) ** (gamma / 100) + 0.5);
  });
}
