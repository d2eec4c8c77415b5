// A deck: slides, where there is room for them; on a phone, or without this script, a page to scroll.
// With ?print-pdf, pages of paper.

const NARROW = matchMedia("(max-width: 700px)");
const PRINTING = /[?&]print-pdf/i.test(location.search);
const USUAL = 30, LARGEST = 39, SMALLEST = 24; // pixels of the letters
const STEP = 1.5;

// The speaker's window shows slides in frames, however narrow they are.
const presenting = PRINTING || self !== top || !NARROW.matches;

if (presenting) {
    document.documentElement.classList.add("presenting", "laid-out");
    addEventListener("load", begin); // now every picture knows its size
}
if (self === top && !PRINTING) NARROW.addEventListener("change", () => location.reload());
addEventListener("DOMContentLoaded", letKeysScroll);

async function begin() {
    await document.fonts.ready; // the sign of a root is wider than that of another font
    document.querySelectorAll(".slide").forEach(lay);
    number();
    if (PRINTING) document.documentElement.classList.add("ready");
    else present();
}

function present() {
    document.documentElement.classList.remove("laid-out");
    document.getElementById("reveal-style").media = "all";
    Reveal.initialize({
        width: 1280,
        height: 720,
        margin: 0,
        center: false,
        display: "flex",
        transition: "none",
        hash: true,
        navigationMode: "linear",
        defaultTiming: 60,
        scrollActivationWidth: null,
        plugins: [RevealNotes],
    });
    Reveal.addKeyBinding({ keyCode: 68, key: "D", description: "Dark or light" }, changeScheme);
    Reveal.on("overviewshown", showPlan);
}

// Give a slide the largest letters with which all of it is seen. What does not fit in the smallest goes
// on a slide of its own behind it.
function lay(slide) {
    if (slide.classList.contains("picture")) return layPicture(slide);
    const fits = [...sizes(LARGEST, USUAL), ...sizes(USUAL, USUAL, "tight")];
    for (const [letters, lines] of [...fits, ...sizes(USUAL, SMALLEST, "tight wrapped")]) {
        slide.style.setProperty("--letters", `${letters}px`);
        slide.dataset.lines = lines; // printed lines are broken rather than small
        if (isSeen(slide)) return;
    }
    const rest = partOff(slide);
    if (!rest) return;
    shareTime(slide, rest);
    slide.after(rest);
    lay(slide);
    lay(rest);
}

function sizes(first, last, lines = "") {
    return Array.from({ length: (first - last) / STEP + 1 }, (_, n) => [first - n * STEP, lines]);
}

function isSeen(slide) {
    const seen = each => each.scrollHeight <= each.clientHeight && each.scrollWidth <= each.clientWidth;
    return [slide, ...slide.querySelectorAll("pre")].every(seen);
}

// A caption stays where the picture's letters are large enough beside it; else the speaker says it.
function layPicture(slide) {
    const picture = slide.querySelector("img");
    const small = () => (picture.dataset.letters ?? SMALLEST) * scale(picture) < SMALLEST;
    const caption = slide.querySelector("figcaption, .caption");
    if (!caption || (!small() && isSeen(slide))) return;
    const said = document.createElement("p");
    said.append(...caption.childNodes);
    caption.remove();
    slide.querySelector("aside").append(said);
}

// How large a pixel of a picture is on the slide.
function scale(picture) {
    const { width, height } = picture.getBoundingClientRect();
    const frame = 2 * parseFloat(getComputedStyle(picture).paddingLeft);
    return Math.min((width - frame) / picture.naturalWidth, (height - frame) / picture.naturalHeight);
}

// Return a slide with what stands too low on this one, if it can be parted.
function partOff(slide) {
    const bottom = slide.clientHeight - parseFloat(getComputedStyle(slide).paddingBottom);
    const blocks = [...slide.querySelectorAll(":scope > :not(.again, footer, aside)")];
    const first = blocks.findIndex(each => each.offsetTop + each.offsetHeight > bottom + 1);
    if (first < 0) return null;
    const rest = following(slide);
    let moved = blocks.slice(first);
    const remains = partBlock(moved[0], bottom);
    if (remains) moved[0] = remains;
    else while (first > 1 && leads(blocks[blocks.length - moved.length - 1])) {
        moved = blocks.slice(blocks.length - moved.length - 1);
    }
    if (moved.length === blocks.filter(each => !/H\d/.test(each.tagName)).length && !remains) return null;
    rest.querySelector("footer").before(...moved);
    showFirst(rest);
    return rest;
}

// A heading or an open sentence does not stand alone at the end.
function leads(block) {
    return /H\d/.test(block.tagName) || block.textContent.trim().endsWith(":");
}

// Return an empty slide under the same heading, with the same notes.
function following(slide) {
    const rest = slide.cloneNode(false);
    rest.classList.remove("title");
    const heading = document.createElement("h2");
    heading.className = "again";
    heading.textContent = slide.querySelector("h1, h2, h3, h4").textContent;
    const said = [...slide.querySelectorAll(":scope > :is(footer, aside)")];
    rest.append(heading, ...said.map(each => each.cloneNode(true)));
    return rest;
}

// Part a list between its items, a table between its rows, code between its lines: return what stands
// lower than `bottom` as a block like the first, or nothing if too little would remain.
function partBlock(block, bottom) {
    const top = block.getBoundingClientRect().top - block.offsetTop;
    const low = each => each.getBoundingClientRect().bottom - top > bottom;
    const lines = block.matches("pre") ? block : block.querySelector("pre");
    if (lines) return partLines(block, lines, bottom);
    const holder = block.matches("ul, ol, blockquote") ? block : block.querySelector("tbody");
    if (!holder) return null;
    const items = [...holder.children];
    const first = items.findIndex(low);
    if (first < 1) return null;
    const rest = block.cloneNode(true);
    const others = [...(holder === block ? rest : rest.querySelector("tbody")).children];
    if (block.matches("ol")) rest.start = (block.start || 1) + first;
    items.slice(first).forEach(each => each.remove());
    others.slice(0, first).forEach(each => each.remove());
    return rest;
}

// Code is parted at an empty line if there is one in the lower half, else at any line.
function partLines(block, pre, bottom) {
    const style = getComputedStyle(pre);
    const high = parseFloat(style.lineHeight);
    const room = bottom - block.offsetTop - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const source = pre.innerHTML.replace(/\n$/, "").split("\n");
    const perLine = (pre.scrollHeight / high) / source.length; // more than one where lines are broken
    const most = Math.floor(room / high / Math.max(1, perLine));
    if (most < 3 || source.length - most < 1) return null;
    const empty = source.slice(0, most).findLastIndex(line => line.replace(/<[^>]*>/g, "").trim() === "");
    const at = empty > most / 2 ? empty : most;
    const rest = block.cloneNode(true);
    const others = rest.matches("pre") ? rest : rest.querySelector("pre");
    pre.innerHTML = source.slice(0, at).join("\n");
    others.innerHTML = source.slice(at + (at === empty)).join("\n");
    return rest;
}

// What waited for the first click is there when the slide comes: that was a click.
function showFirst(slide) {
    const waiting = [...slide.querySelectorAll(":scope > .fragment")];
    if (slide.querySelector(":scope > .ask") || waiting[0] !== slide.querySelector(":scope > :not(.again)")) return;
    for (const each of waiting) {
        if (each.dataset.fragmentIndex === waiting[0].dataset.fragmentIndex) each.classList.remove("fragment");
    }
}

function shareTime(slide, rest) {
    const seconds = Number(slide.dataset.timing);
    rest.dataset.timing = Math.floor(seconds / 2);
    slide.dataset.timing = Math.ceil(seconds / 2);
}

function number() {
    const slides = document.querySelectorAll(".slide");
    slides.forEach((slide, index) => {
        slide.querySelector("footer").textContent = `${index + 1} / ${slides.length}`;
    });
}

// The overview: the parts of the lesson side by side, all of them in sight.
function showPlan() {
    const stacks = [...document.querySelectorAll("section.part")];
    const tallest = Math.max(...stacks.map(each => each.querySelectorAll(".slide").length));
    const scale = Math.min((innerWidth - 20) / (stacks.length * 1350), (innerHeight - 120) / (tallest * 790));
    const style = document.querySelector(".slides").style; // reveal puts its middle into that of the page
    style.setProperty("--plan", scale);
    style.setProperty("--left", `${640 + (10 - innerWidth / 2) / scale}px`);
    style.setProperty("--top", `${360 + (110 - innerHeight / 2) / scale}px`);
}

function changeScheme() {
    const style = document.documentElement.style;
    const dark = style.colorScheme
        ? style.colorScheme === "dark"
        : matchMedia("(prefers-color-scheme: dark)").matches;
    style.colorScheme = dark ? "light" : "dark";
}

// On a narrow page, long lines scroll: with the keyboard, too.
function letKeysScroll() {
    if (presenting) return;
    for (const block of document.querySelectorAll("pre, table, math[display=block]")) block.tabIndex = 0;
}
