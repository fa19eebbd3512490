// What networks predict for a drawing: a heading for each network, a bar for each class. Rows are
// reused from one answer to the next, so the bars slide and nothing flickers.
//
// A class may have a picture. `pictures` holds the known ones by name, and the other names are passed
// to `want`. `fill` is called again once they have come.

import { make } from "./dom.js";

const SHOWN = { label: ["span", {}], track: ["div", {}], percent: ["span", {}] };

function row(parent) {
  const node = make(parent, "div", { name: "tlc-bar" });
  make(node, "img", { name: "tlc-thing", alt: "" }).hidden = true;
  for (const [name, [tag, how]] of Object.entries(SHOWN)) {
    make(node, tag, { name: `tlc-${name}`, ...how });
  }
  make(node.querySelector(".tlc-track"), "div", { name: "tlc-fill" });
  return node;
}

/** Fills `el`; returns fill(readers): [{ name, named, bars: [[label, share 0 … 1, best], …] }].
 *  A share is null before the first answer. A single reader needs no heading. */
export function bars(el, pictures, want) {
  return function fill(readers) {
    while (el.children.length > readers.length) el.lastChild.remove();
    const missing = new Set();
    readers.forEach(({ name, named, bars: shown }, i) => {
      const reader = el.children[i] || make(el, "section", { name: "tlc-reader" });
      reader.classList.toggle("tlc-named", named);
      const heading = reader.querySelector("h4") || make(reader, "h4");
      heading.textContent = shown.length && readers.length > 1 ? name : "";
      heading.hidden = !heading.textContent;
      const rows = [...reader.querySelectorAll(".tlc-bar")];
      rows.slice(shown.length).forEach((one) => one.remove());
      shown.forEach(([label, share, best], k) => {
        const one = rows[k] || row(reader);
        const part = (which) => one.querySelector(`.tlc-${which}`);
        one.classList.toggle("tlc-best", best);
        part("label").textContent = part("label").title = label;
        part("fill").style.width = `${100 * (share ?? 0)}%`;
        part("percent").textContent = share === null ? "" : `${Math.round(100 * share)}%`;
        const url = named ? pictures.get(label) : "";
        part("thing").hidden = !named;
        if (url) part("thing").src = url;
        else part("thing").removeAttribute("src");
        if (named && url === undefined) missing.add(label);
      });
    });
    if (missing.size) want([...missing]);
  };
}
