// The state shown, as three lines of Python.

import { make, say } from "./elements.js";
import { changeOf } from "./state.js";

const KEYWORDS = {
  patches: "patches", heads: "heads", layers: "layers", without: "without", lbpWeight: "lbp_weight", reading: "reading",
  scores: "scores", light: "light",
};

function literal(value) {
  if (Array.isArray(value)) return `[${value.map((each) => (Array.isArray(each) ? `(${each.join(", ")})` : literal(each))).join(", ")}]`;
  if (value && typeof value === "object") {
    return `{${Object.entries(value).map(([name, each]) => `${/^\d+$/.test(name) ? name : literal(name)}: ${each}`).join(", ")}}`;
  }
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

// The expression for the large map, of an answer `out`; "" for what needs more than one answer.
function mapInPython(data, { view, group, layer, head, cell, at }) {
  const guess = "out.logits.argmax(dim=1)";
  return {
    gate: `explain.gate(out${group < 0 ? "" : `, range(${data.span(group, data.groups).join(", ")})`}).values`,
    share: `explain.energy_share(out, ${literal(data.gated.toLowerCase())}).values`,
    local: "explain.local_part(out).values",
    global: "explain.global_part(out)",
    attention: `explain.attention(out, ${layer}, ${head < 0 ? "None" : head}, ${cell + 1}).values`,
    rollout: "explain.rollout(out).values",
    gradient: `explain.gradient_attention(out, ${guess}).values`,
    cam: `explain.grad_cam(out, ${guess}, ${literal(at)}).values`,
  }[view] || "";
}

export function linesOf(data, state) {
  const { faces, models } = data.python || { faces: "images", models: data.models.map(() => "model") };
  const model = models[state.model];
  const change = Object.entries(changeOf(data, state)).map(([name, value]) => `, ${KEYWORDS[name]}=${literal(name === "without" ? [value].flat() : value)}`);
  const imported = ["explain", ...(faces.startsWith("explorer") ? ["explorer"] : []), ...(model.startsWith("load") ? ["load_pretrained"] : [])];
  const map = mapInPython(data, state);
  return [
    `from vtff_lib import ${imported.join(", ")}`,
    `out = explain.rerun(${model}, ${faces}[[${state.face}]]${change.join("")})`,
    `out.logits.softmax(dim=1)${map && ", "}${map}`,
  ].join("\n");
}

export class PythonLines {
  constructor(data) {
    this.data = data;
    this.code = make("code");
    this.told = make("span", { role: "status" });
    this.copy = make("button", { type: "button", class: "vtff-button", onclick: () => this.take() }, "Copy");
    this.element = make("details", { class: "vtff-python" }, make("summary", {}, "This as Python"),
      make("pre", { tabindex: 0 }, this.code), this.copy, this.told);
  }

  update(state) {
    const own = state.face === this.data.own;
    say(this.code, own ? "# Your own picture stays in this page; these lines are for its other faces." : linesOf(this.data, state));
    say(this.told, "");
    this.copy.disabled = own;
  }

  async take() {
    try {
      await navigator.clipboard.writeText(this.code.textContent);
      say(this.told, "The lines are copied.");
    } catch {
      getSelection().selectAllChildren(this.code);
      say(this.told, "The lines are marked: copy them with your keyboard.");
    }
  }
}
