// What scrolls sideways can be reached with the keyboard too.
function reach() {
    for (const each of document.querySelectorAll("pre, figure, math, .table-wrapper, .output")) {
        if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
        else each.removeAttribute("tabindex");
    }
}

// Whoever unfolds an answer reads what it tells.
for (const told of document.querySelectorAll("details.told")) {
    const answers = [...document.querySelectorAll("details.below-input")].filter(
        (each) => each.compareDocumentPosition(told) & Node.DOCUMENT_POSITION_FOLLOWING
    );
    answers.at(-1)?.addEventListener("toggle", (event) => { told.open = event.target.open; });
}

// A word of the glossary opens where it stands. Its link leads there without scripts, and in a new tab.
const word = document.createElement("div");
const links = [...document.querySelectorAll('article a[href^="glossary.html#"]')];
const said = (link) => document.getElementById(`word-${link.hash.slice(1)}`);
if ("popover" in word) {
    word.popover = "auto"; // a tap elsewhere closes it
    word.className = "word";
    word.tabIndex = -1;
    word.setAttribute("role", "dialog");
    word.addEventListener("keydown", ({ key }) => { if (key === "Escape") word.hidePopover(); });
    document.body.append(word);
    for (const link of links.filter(said)) {
        link.setAttribute("aria-haspopup", "dialog");
        link.addEventListener("click", (event) => {
            if (event.ctrlKey || event.metaKey || event.shiftKey) return;
            event.preventDefault();
            const more = Object.assign(document.createElement("a"), { href: link.href, textContent: "In the glossary" });
            const last = document.createElement("p");
            last.append(more);
            word.replaceChildren(said(link).content.cloneNode(true), last);
            word.setAttribute("aria-label", link.textContent);
            word.showPopover({ source: link });
            put(word, link.getClientRects()[0]);
            word.focus();
        });
    }
}

// Put a box below a line, or above it where there is no room, inside the window.
function put(box, line) {
    const left = Math.min(line.left, document.documentElement.clientWidth - box.offsetWidth - 8);
    const below = line.bottom + box.offsetHeight + 12 < innerHeight || line.top < box.offsetHeight + 12;
    box.style.left = `${Math.max(8, left) + scrollX}px`;
    box.style.top = `${(below ? line.bottom + 6 : line.top - box.offsetHeight - 6) + scrollY}px`;
}

// The explorer in its frame is told whether the page is dark; it tells how tall it is, so that nothing
// scrolls inside what scrolls, and what is looked at, which the address of its own page keeps.
const nights = matchMedia("(prefers-color-scheme: dark)");
function dark() {
    const chosen = document.body.dataset.theme;
    return chosen === "dark" || (chosen !== "light" && nights.matches);
}
for (const frame of document.querySelectorAll("iframe.explorer")) {
    const page = frame.src.split("#")[0];
    const keeps = "keeps" in frame.dataset; // the page's address has the state
    const state = () => (location.hash.includes("=") ? location.hash : "");
    const tell = () => frame.contentWindow.postMessage({ vtff: { theme: dark() ? "dark" : "light" } }, "*");
    const lead = () => frame.contentWindow.location.replace(page + state());
    let led = !keeps || !state();
    addEventListener("message", ({ source, data }) => {
        if (source !== frame.contentWindow || !data?.vtff) return;
        const { height, address } = data.vtff;
        if (height > 0) frame.style.height = `${Math.ceil(height) + 2}px`;
        if (!led) {
            led = true;
            lead();
        } else if (keeps && address?.includes("=")) history.replaceState(null, "", `#${address.replace(/^#/, "")}`);
    });
    if (keeps) addEventListener("hashchange", lead);
    frame.addEventListener("load", tell);
    nights.addEventListener("change", tell);
    new MutationObserver(tell).observe(document.body, { attributeFilter: ["data-theme"] });
    tell();
}

addEventListener("load", reach);
addEventListener("resize", reach);
