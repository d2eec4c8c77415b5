// How the two views are mixed, down to the sum behind one square.

import { best } from "./ask.js";
import { make } from "./elements.js";
import { noteOf, put, slider } from "./step_parts.js";
import { sumOf } from "./sum.js";
import { percent } from "./words.js";

export const mix = {
  verb: "Mix",
  fits: (data) => data.views.includes("gate"),
  build(story) {
    const { data } = story;
    const channel = slider("Channel", { low: 0, high: data.channels - 1, step: 1, moved: (value) => story.set({ channel: value }) });
    const sum = make("div", { class: "vtff-sum" });
    const key = make("p", { class: "vtff-key" }, "colours", make("i", { class: `vtff-ramp-mix` }), "texture");
    return { extra: make("div", {}, key, sum, ...(data.bars === data.channels ? [channel.element] : [])), channel, sum };
  },
  async show(story) {
    const { data, run, state, built } = story;
    const answer = await story.ask();
    const gate = answer.map("gate");
    const kind = data.gated === "RGB" ? "unmixture" : "mixture";
    const cell = state.cell >= 0 ? state.cell : best(gate.map((value) => Math.abs(value - 0.5)));
    const channel = Math.min(state.channel, data.channels - 1);
    put(built.channel, channel, `${channel}`);
    const gated = data.gated === "LBP" ? "texture" : "colours";
    built.sum.replaceChildren(...sumOf(data, run, answer, cell, channel));
    return {
      heading: "It mixes the two, square by square.",
      lead: "Blue: the colours are heard. Orange: the texture is heard. Where the face stays grey, half of each. Choose a square to see the sum behind it.",
      now: answer,
      note: noteOf(story, answer, null),
      picture: { kind, map: gate, scale: [0, 1] },
      cell: (each) => ({
        label: `${data.squareAlone(each, run.face)}: ${percent(gate[each])} ${gated}`,
        selected: each === cell, value: gate[each], classes: each === cell ? "vtff-top" : "",
      }),
      enter: cell,
      next: "Which of the two does it need?",
    };
  },
  choose: (_, cell) => ({ cell }),
};
