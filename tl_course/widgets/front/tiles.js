// Small pictures in rows of ten, a column for each digit, the next place framed.
//
// store.drawings  [picture's URL, …]; store.theirs  the places of strangers' drawings
// store.said      all drawings in words

import { make } from "./dom.js";

const A_ROW = 10;

export function tiles(el, store) {
  const heading = make(el, "div", { "aria-hidden": "true" });
  const root = make(el, "div", { name: "tlc-tiles", role: "img" });

  function show() {
    const [drawings, theirs] = [store.get("drawings"), store.get("theirs") || []];
    heading.textContent = `Kept so far${theirs.length ? " (dotted: a stranger's)" : ""}`;
    root.replaceChildren();
    root.setAttribute("aria-label", store.get("said"));
    const places = drawings.length + A_ROW - (drawings.length % A_ROW);
    for (let place = 0; place < places; place++) {
      const borrowed = theirs.includes(place) ? " tlc-theirs" : "";
      const kind = place === drawings.length ? " tlc-next" : borrowed;
      const tile = make(root, "div", { name: `tlc-tile${kind}` });
      if (place < drawings.length) make(tile, "img", { src: drawings[place], alt: "" });
      else tile.textContent = String(place % A_ROW);
    }
  }

  show();
  const ends = ["drawings", "theirs", "said"].map((name) => store.on(name, show));
  return () => ends.forEach((end) => end());
}
