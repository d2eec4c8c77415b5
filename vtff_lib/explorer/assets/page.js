// Two hosts. A saved page has the story and the free explorer, and its state is in its address. In
// Jupyter, anywidget calls `render`; the state is kept in the kernel. Nothing is fetched or kept.

import { Data } from "./data.js";
import { begin, check, make, radios, say } from "./elements.js";
import { Explore } from "./explore.js";
import { keepTogether } from "./frame.js";
import { Engine, partOf } from "./live.js";
import { Own } from "./own.js";
import { STEPS } from "./steps.js";
import { Story, stepsOf } from "./story.js";

const OWN = "own";
const FREE = "explore";
const WORDS = { [OWN]: "Your face", [FREE]: "Explore" };

function fromFragment(fragment) {
  return Object.fromEntries(new URLSearchParams(fragment.replace(/^#/, "")));
}

async function unpacked(holder) {
  const bytes = Uint8Array.from(atob(holder.textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return JSON.parse(await new Response(stream).text());
}

// What keeps a model from running in a page that holds one, without what a browser adds for its makers.
function refusal(reason) {
  return `${reason.split(": ")[0].replace(/\.$/, "")}. What was worked out beforehand remains: single changes of these faces.`;
}

export async function mountPage(root, holder) {
  try {
    const content = await unpacked(holder);
    const held = (name) => document.querySelector(`[data-part="${name}"]`).textContent;
    const engine = content.parts ? new Engine(async (name) => partOf(held(name))) : null;
    new Page(root, content, engine);
  } catch (error) {
    root.append(make("p", { role: "alert" }, `The maps cannot be shown: this browser is too old, or the file is damaged (${error}).`));
  }
}

// When something has been painted.
function painted() {
  return new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
}

class Page {
  // `engine` runs the models, if the page holds any; it wakes when the first screen is painted.
  constructor(root, content, engine) {
    Object.assign(this, { root, content });
    this.own = location.protocol !== "about:"; // an isolated frame has no address to be linked to
    this.told = keepTogether();
    this.note = make("p", { class: "vtff-refused", role: "status", hidden: true });
    this.build(engine);
    addEventListener("hashchange", () => {
      if (location.hash.slice(1) !== this.kept) this.follow();
    });
    if (engine) this.wake(engine);
  }

  // `data.photographs` is what the model for photographs knows, where there is one.
  build(engine) {
    const { photographs, ...drawn } = this.content;
    this.data = new Data(drawn, engine);
    this.data.photographs = photographs ? new Data(photographs, engine) : null;
    this.steps = [...stepsOf(this.data), ...(this.data.brought ? [OWN] : []), FREE];
    this.story = this.steps.length > 1 && new Story(this.data, { onstate: (fragment) => this.keep(fragment), beyond: this.beyond() });
    if (this.mine) this.mine.leave();
    this.mine = null; // made when it is first looked at
    this.theirs = make("div");
    this.explorers = {};
    this.free = make("div", { hidden: true });
    this.root.classList.add("vtff", "vtff-page");
    const told = this.story ? [this.story.element] : [];
    this.root.replaceChildren(this.head(), ...told, this.theirs, this.free, this.note, this.foot());
    this.follow();
  }

  // If the model cannot run, the page is one of stored states; else what is on show is asked again.
  async wake(engine) {
    await painted();
    try {
      await this.data.asked.wake();
    } catch (error) {
      say(this.note, refusal(error.message));
      this.note.hidden = false;
      this.build(null);
      return;
    }
    if (this.story && !this.story.element.hidden) this.story.draw();
    else Object.values(this.explorers).forEach(({ explorer }) => explorer.draw());
  }

  // What comes after the story.
  beyond() {
    if (this.data.brought) return { word: "And your own face?", go: () => this.lookAtOwn() };
    return { word: "Explore freely", go: (face) => this.explore({ face }) };
  }

  head() {
    const word = (name) => WORDS[name] || STEPS[name].verb;
    this.buttons = this.steps.map((name, index) => make("button", { type: "button", onclick: () => this.go(name), "aria-label": word(name) },
      name === FREE ? "" : `${index + 1} `, make("span", {}, word(name))));
    const steps = make("nav", { class: "vtff-steps", "aria-label": "Steps", hidden: !this.story },
      make("ol", {}, ...this.buttons.map((button) => make("li", {}, button))));
    return steps;
  }

  foot() {
    this.shared = make("span", { role: "status" });
    const share = make("button", { type: "button", hidden: !this.own, onclick: () => this.share() }, "Share");
    return make("div", { class: "vtff-share" }, this.shared, share);
  }

  // An address without a step, but with a map or a change, is one of the free explorer.
  follow() {
    const wanted = fromFragment(location.hash);
    const { step = Object.keys(wanted).some((name) => name in { view: 1, surgery: 1, beside: 1, model: 1, of: 1 }) ? FREE : "", ...rest } = wanted;
    if (step === OWN && this.data.brought) this.lookAtOwn();
    else if (step === FREE || !this.story) this.explore(rest);
    else this.tell({ ...rest, step });
  }

  go(step) {
    if (step === OWN) this.lookAtOwn();
    else if (step === FREE) this.explore({ face: this.story ? this.story.state.face : 0 });
    else {
      this.reveal(step);
      this.story.go(step);
    }
  }

  tell(state) {
    this.reveal(this.steps.includes(state.step) ? state.step : this.steps[0]);
    this.story.put(state);
  }

  // With `of: "photographs"` the faces are those of the model for photographs.
  explore({ of = "", ...state }) {
    this.reveal(FREE);
    const { photographs } = this.data;
    const kind = of === "photographs" && photographs ? of : "";
    this.explorers[kind] ||= this.explorerOf(kind, kind ? photographs : this.data, state);
    this.free.replaceChildren(...(photographs ? [this.kinds(kind)] : []), this.explorers[kind].root);
    this.explorers[kind].explorer.put(state);
    begin(this.explorers[kind].root.querySelector(".vtff-title"));
  }

  explorerOf(kind, data, state) {
    const root = make("div", { class: "vtff-free" });
    const at = `step=${FREE}${kind && `&of=${kind}`}`;
    const onstate = (_, fragment) => this.keep(`${at}${fragment && "&"}${fragment}`);
    return { root, explorer: new Explore(root, data, { state, heading: "h1", onstate }) };
  }

  // Which faces, and so which model.
  kinds(chosen) {
    const entries = [{ value: "", word: "drawn faces" }, { value: "photographs", word: "photographs" }];
    const inside = ({ word }) => [make("span", { class: "vtff-pill" }, word)];
    const group = radios({ name: "vtff-kind", word: "Faces and their model", kind: "pills", entries, inside, chosen: (of) => this.explore({ of }) });
    check(group, chosen);
    return group;
  }

  // Explore a face that nothing is stored of: { model, pixels, title }; pixels are planes R, G, B, of
  // the size that the model wants. `model` is a number of `data.models`, or "photographs".
  openFace({ model = 0, ...face }) {
    const of = model === "photographs" ? model : "";
    this.explore({ of });
    return this.explorers[of].explorer.openFace({ model: of ? 0 : model, ...face });
  }

  lookAtOwn() {
    this.mine ||= new Own(this.data, { explore: (face) => this.openFace(face) });
    this.reveal(OWN);
    this.keep(`step=${OWN}`);
    this.mine.enter();
  }

  // Show the story, the reader's own face or the free explorer, and mark where one is.
  reveal(step) {
    this.free.hidden = step !== FREE;
    if (this.story) this.story.element.hidden = step === FREE || step === OWN;
    this.theirs.replaceChildren(...(step === OWN ? [this.mine.element] : []));
    if (this.mine && step !== OWN) this.mine.leave();
    this.mark(step);
  }

  mark(step) {
    this.steps.forEach((name, index) => {
      if (name === step) this.buttons[index].setAttribute("aria-current", "step");
      else this.buttons[index].removeAttribute("aria-current");
    });
  }

  keep(fragment) {
    const { step } = fromFragment(fragment);
    const turned = this.kept !== undefined && step !== fromFragment(this.kept).step;
    this.kept = fragment;
    this.mark(step);
    say(this.shared, "");
    try {
      if (this.own && `#${fragment}` !== location.hash) history[turned ? "pushState" : "replaceState"](null, "", `#${fragment}`);
    } catch {
      // an isolated frame with an address may not change it
    }
    this.told();
  }

  async share() {
    try {
      await navigator.clipboard.writeText(location.href);
      say(this.shared, "The link is copied.");
    } catch {
      say(this.shared, "Copy the link from the address bar.");
    }
  }
}

// The engine of a widget, whose parts come from the kernel and stay when it is gone.
function engineOf(model) {
  const parts = model.get("parts") || {};
  if (!Object.keys(parts).length) return null;
  return new Engine(async (name) => new Uint8Array(parts[name].buffer, parts[name].byteOffset, parts[name].byteLength).slice());
}

export default {
  render({ model, el }) {
    let engine = engineOf(model);
    const dataNow = () => new Data(JSON.parse(model.get("content")), engine);
    const explorer = new Explore(el, dataNow(), {
      state: model.get("state"),
      onstate(state) {
        model.set("state", { ...state });
        model.save_changes();
      },
    });
    const wake = async () => {
      if (!engine) return;
      await painted();
      try {
        await explorer.data.asked.wake();
        explorer.draw();
      } catch {
        engine = null;
        explorer.replace(dataNow());
      }
    };
    const onContent = () => {
      explorer.replace(dataNow());
      wake();
    };
    const onState = () => {
      const wanted = { ...explorer.state, ...model.get("state") };
      if (explorer.fragment(wanted) !== explorer.fragment()) explorer.put(wanted);
    };
    model.on("change:content", onContent);
    model.on("change:state", onState);
    wake();
    return () => {
      if (engine) engine.stop();
      model.off("change:content", onContent);
      model.off("change:state", onState);
    };
  },
};
