// The answer: its first guess in large letters, and a bar for each class, which moves.

import { make, say } from "./elements.js";
import { percent } from "./words.js";

export class Bars {
  constructor(classes) {
    this.element = make("table", { class: "vtff-classes", "aria-label": "Class scores" });
    this.rows = classes.map((name) => {
      const [fill, was, words] = [make("div", { class: "vtff-fill" }), make("div", { class: "vtff-before", hidden: true }), make("td", { class: "vtff-percent" })];
      const row = make("tr", { "data-class": name }, make("th", { scope: "row" }, name),
        make("td", {}, make("div", { class: "vtff-track" }, fill, was)), words);
      this.element.append(row);
      return { row, fill, was, words };
    });
  }

  // Show `now`, and beside it what there was `before`, if anything was changed.
  update(now, before) {
    this.rows.forEach(({ row, fill, was, words }, index) => {
      row.dataset.value = now[index];
      fill.style.width = `${100 * now[index]}%`;
      was.hidden = !before;
      if (before) was.style.left = `${100 * before[index]}%`;
      say(words, before ? `${percent(now[index])} (was ${percent(before[index])})` : percent(now[index]));
    });
  }
}

export class Answer {
  constructor(data) {
    this.data = data;
    this.bars = new Bars(data.classes);
    this.word = make("p", { class: "vtff-word" });
    this.spoken = make("p", { class: "vtff-hidden", "aria-live": "polite" }); // the first guess alone
    this.note = make("p", { class: "vtff-note" });
    this.head = make("div", { class: "vtff-said" }, this.word, this.spoken, this.note);
  }

  update(now, before, note) {
    const { name, share } = this.data.guess(now);
    say(this.word, `${name} ${percent(share)}`);
    say(this.spoken, name);
    say(this.note, note);
    this.bars.update(now.probabilities, before && before.probabilities);
  }
}
