// What scrolls sideways can be reached with the keyboard too.
function reach() {
    for (const each of document.querySelectorAll("pre, figure, math, .table-wrapper, .output")) {
        if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
        else each.removeAttribute("tabindex");
    }
}

// A tap on a picture shows it alone: on a phone its letters can then be made large.
for (const picture of document.querySelectorAll("article img")) {
    const link = document.createElement("a");
    link.href = picture.src;
    picture.replaceWith(link);
    link.append(picture);
}

// No scrolling inside scrolling: the explorer's frame is as tall as what it shows.
for (const frame of document.querySelectorAll(".explorer")) {
    frame.addEventListener("load", () => {
        const page = frame.contentDocument?.documentElement; // there is none where a disk is read
        if (!page) return;
        const grow = () => { frame.style.height = `${page.offsetHeight + 2}px`; };
        new ResizeObserver(grow).observe(page);
    });
}

addEventListener("load", reach);
addEventListener("resize", reach);
