// Small pictures in rows of ten, one column a digit, the next one framed.
//
// store.drawings  [picture's URL, …]; store.said  all of it in words

import { make } from "./dom.js";

const A_ROW = 10;

export function tiles(el, store) {
  make(el, "div", { text: "Kept so far", "aria-hidden": "true" });
  const root = make(el, "div", { name: "tlc-tiles", role: "img" });

  function show() {
    const drawings = store.get("drawings");
    root.replaceChildren();
    root.setAttribute("aria-label", store.get("said"));
    const places = drawings.length + A_ROW - (drawings.length % A_ROW);
    for (let place = 0; place < places; place++) {
      const next = place === drawings.length ? " tlc-next" : "";
      const tile = make(root, "div", { name: `tlc-tile${next}` });
      if (place < drawings.length) make(tile, "img", { src: drawings[place], alt: "" });
      else tile.textContent = String(place % A_ROW);
    }
  }

  show();
  const ends = ["drawings", "said"].map((name) => store.on(name, show));
  return () => ends.forEach((end) => end());
}
