// Elements of the page. Text from outside is set as text or as an attribute, never as HTML.

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// Set text only where it is another, so that a live region speaks of changes alone.
export function say(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

// Radio buttons that look like something else: `inside` makes what is seen of an entry.
export function radios({ name, word, entries, inside, chosen, kind }) {
  const group = make("div", { class: `vtff-${kind}`, role: "radiogroup", "aria-label": word });
  for (const { value, title, ...entry } of entries) {
    const input = make("input", { type: "radio", name, value, onchange: () => chosen(value) });
    group.append(make("label", { title }, input, ...inside(entry)));
  }
  return group;
}

export function check(group, value) {
  for (const input of group.querySelectorAll("input")) input.checked = input.value === String(value);
}

// Let whoever listens begin at a heading; where it is above what is seen, the page moves there.
export function begin(heading) {
  heading.focus({ preventScroll: true });
  if (heading.getBoundingClientRect().top < 0) (heading.closest(".vtff-page") || heading).scrollIntoView();
}

// All faces in one row, as radio buttons.
export function film(name, faces, chosen) {
  const entries = faces.map((face, index) => ({ ...face, value: index, title: face.name }));
  const inside = (face) => [make("img", { src: face.rgb, alt: "" }), make("span", { class: "vtff-hidden" }, face.name)];
  const row = radios({ name, word: "Face", kind: "faces", entries, inside, chosen });
  row.hidden = faces.length < 2;
  return row;
}

// By chance, for each widget of a notebook has this module to itself, and ids and radio buttons of one
// name would meet.
export function newId() {
  return `vtff-${Math.random().toString(36).slice(2)}`;
}
