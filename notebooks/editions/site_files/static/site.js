// What scrolls sideways can be reached with the keyboard too.
function reach() {
    for (const each of document.querySelectorAll("pre, figure, math, .table-wrapper, .output")) {
        if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
        else each.removeAttribute("tabindex");
    }
}
addEventListener("load", reach);
addEventListener("resize", reach);
