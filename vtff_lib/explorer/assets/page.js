// Two hosts. A saved page has the story and the free explorer, and its state is in its address. In
// Jupyter, anywidget calls `render`; the state is kept in the kernel. Nothing is fetched or kept.

import { Data } from "./data.js";
import { make, say } from "./elements.js";
import { mount } from "./explore.js";
import { keepTogether } from "./frame.js";
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

export async function mountPage(root, holder) {
  try {
    new Page(root, await unpacked(holder));
  } catch (error) {
    root.append(make("p", { role: "alert" }, `The maps cannot be shown: this browser is too old, or the file is damaged (${error}).`));
  }
}

class Page {
  constructor(root, content) {
    this.content = content;
    this.data = new Data(content);
    this.steps = [...stepsOf(this.data), ...(this.data.own ? [OWN] : []), FREE];
    this.own = location.protocol !== "about:"; // an isolated frame has no address to be linked to
    this.told = keepTogether();
    this.story = this.steps.length > 1 && new Story(this.data, { onstate: (fragment) => this.keep(fragment), leave: (face) => this.explore({ face }) });
    this.free = make("div", { class: "vtff-free", hidden: true });
    root.classList.add("vtff", "vtff-page");
    this.mine = this.data.own && new Own(this.data, { explore: (face) => this.openFace(face) });
    const views = [this.story, this.mine].filter(Boolean).map(({ element }) => element);
    root.replaceChildren(this.head(), ...views, this.free, this.foot());
    addEventListener("hashchange", () => {
      if (location.hash.slice(1) !== this.kept) this.follow();
    });
    this.follow();
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
    const { step = Object.keys(wanted).some((name) => name in { view: 1, surgery: 1, beside: 1, model: 1 }) ? FREE : "", ...rest } = wanted;
    if (step === OWN && this.mine) this.lookAtOwn();
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

  explore(state) {
    this.reveal(FREE);
    this.explorer ||= mount(this.free, this.content, {
      state, heading: "h1", onstate: (_, fragment) => this.keep(`step=${FREE}${fragment && "&"}${fragment}`),
    });
    this.explorer.put(state);
  }

  lookAtOwn() {
    this.reveal(OWN);
    this.keep(`step=${OWN}`);
    this.mine.enter();
  }

  // Show the story, the reader's own face or the free explorer, and mark where one is.
  reveal(step) {
    this.free.hidden = step !== FREE;
    if (this.story) this.story.element.hidden = step === FREE || step === OWN;
    if (this.mine) this.mine.element.hidden = step !== OWN;
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
    this.kept = fragment;
    this.mark(fromFragment(fragment).step);
    say(this.shared, "");
    try {
      if (this.own) history.replaceState(null, "", `#${fragment}`);
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

export default {
  render({ model, el }) {
    const explorer = mount(el, JSON.parse(model.get("content")), {
      state: model.get("state"),
      onstate(state) {
        model.set("state", { ...state });
        model.save_changes();
      },
    });
    const onContent = () => explorer.replace(JSON.parse(model.get("content")));
    const onState = () => {
      const wanted = { ...explorer.state, ...model.get("state") };
      if (explorer.fragment(wanted) !== explorer.fragment(explorer.state)) explorer.put(wanted);
    };
    model.on("change:content", onContent);
    model.on("change:state", onState);
    return () => {
      model.off("change:content", onContent);
      model.off("change:state", onState);
    };
  },
};
