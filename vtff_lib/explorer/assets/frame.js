/**
 * Let a page inside a frame and the page around it keep together; alone, a page keeps to itself.
 *
 * The frame says `{vtff: {height, address}}`: how tall it is, in pixels, and what is looked at, as
 * `#view=gate&face=3`. It hears `{vtff: {theme}}`, "light" or "dark", from the page around it alone.
 * Neither can make the other do anything else.
 *
 * Nothing may be as tall as the window here: it would grow with the frame.
 *
 * @returns {() => void} To be called when the address has changed without an event, as by
 *     `history.replaceState`.
 */
export function keepTogether() {
  if (parent === window) return () => {};
  const root = document.documentElement;
  const tell = () => parent.postMessage({ vtff: { height: root.offsetHeight, address: location.hash } }, "*");
  addEventListener("message", ({ source, data }) => {
    const theme = data?.vtff?.theme;
    if (source !== parent || !["light", "dark"].includes(theme)) return;
    root.style.colorScheme = theme;
    root.dataset.theme = theme;
    tell();
  });
  addEventListener("hashchange", tell);
  new ResizeObserver(tell).observe(root);
  tell();
  return tell;
}
