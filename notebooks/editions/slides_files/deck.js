// A deck: slides, where there is room for them; on a phone, or without this script, a page to scroll.

const NARROW = matchMedia("(max-width: 700px)");
const SIZES = { smallest: 70, unbroken: 80, usual: 100, largest: 130 }; // of letters, in per cent

// The speaker's window shows slides in frames, however narrow they are.
const presenting = self !== top || !NARROW.matches;

if (presenting) {
    document.documentElement.classList.add("presenting");
    document.getElementById("reveal-style").media = "all";
    addEventListener("load", present); // now every picture knows its size
}
if (self === top) NARROW.addEventListener("change", () => location.reload());
addEventListener("DOMContentLoaded", letKeysScroll);

function present() {
    Reveal.initialize({
        width: 1280,
        height: 720,
        margin: 0,
        center: false,
        display: "flex",
        transition: "none",
        hash: true,
        scrollActivationWidth: null,
        plugins: [RevealNotes],
    });
    Reveal.addKeyBinding({ keyCode: 68, key: "D", description: "Dark or light" }, changeScheme);
    const fitCurrent = () => fit(Reveal.getCurrentSlide());
    Reveal.on("ready", fitCurrent);
    Reveal.on("slidechanged", fitCurrent);
    Reveal.on("pdf-ready", () => Reveal.getSlides().forEach(fit));
    document.fonts.addEventListener("loadingdone", fitCurrent);
}

// Give a slide the largest letters with which all of it is seen; pictures come before large letters.
// Printed lines are broken only where they would become small otherwise.
function fit(slide) {
    const first = slide.querySelector("img") ? SIZES.usual : SIZES.largest;
    const fits = [
        ...sizes(first, SIZES.unbroken).map((size) => [size, false]),
        ...sizes(SIZES.usual, SIZES.smallest).map((size) => [size, true]),
    ];
    for (const [size, wrapped] of fits) {
        slide.style.setProperty("--fit", size / 100);
        slide.classList.toggle("wrapped", wrapped);
        if ([slide, ...slide.querySelectorAll("pre")].every(isSeen)) return;
    }
}

function sizes(first, last) {
    return Array.from({ length: (first - last) / 5 + 1 }, (_, step) => first - 5 * step);
}

function isSeen({ scrollHeight, clientHeight, scrollWidth, clientWidth }) {
    return scrollHeight <= clientHeight && scrollWidth <= clientWidth;
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
