// A sheet of small pictures, one for each unit of a layer. A click, Enter or Space chooses a unit;
// arrow keys move to the next, Home and End to the first and the last, and digits to a unit by its
// number. One Tab enters the sheet and the next one leaves it.
//
// store.sheet   { order, names, across, size, url, words }: one picture (its URL) holds those of
//               all units in the given order of their numbers, row by row, so many across, each
//               size × size pixels; words describe them, and names has the name of each
// store.chosen  the number of the chosen unit, from 0
// store.busy    whether another sheet is being made: this one is dimmed and cannot be chosen from

import { make, pressable } from "./dom.js";

const TYPING = 1000; // milliseconds within which digits form one number
const FEW = 64; // up to this many units, each tile has the full target size
const FINE = 24; // pixels from which a picture may be smoothed; a smaller one shows its pixels

export function sheet(el, store) {
  const root = make(el, "div", { name: "tlc-sheet-box" });
  const id = `tlc-sheet-${Math.random().toString(36).slice(2)}`;
  const words = make(root, "p", { id });
  const list = make(root, "div", { name: "tlc-sheet", role: "listbox", "aria-labelledby": id });
  const tiles = list.children;
  let order = []; // the number of each tile's unit
  let at = 0; // the tile that Tab reaches
  let typed = { digits: "", time: 0 };

  function choose(unit) {
    if (!store.get("busy")) store.set({ chosen: unit });
  }

  /** Adds or removes tiles to match the units; the others stay and keep the focus. */
  function lay({ order: units = [], names = [], across = 1 }) {
    order = units;
    list.style.setProperty("--across", across);
    list.classList.toggle("tlc-few", order.length <= FEW);
    const lost = [...tiles].slice(order.length).includes(document.activeElement);
    while (tiles.length > order.length) list.lastChild.remove();
    for (let place = tiles.length; place < order.length; place++) {
      const more = { role: "option", tabindex: "-1" };
      make(pressable(list, "", () => choose(order[place]), more), "canvas");
    }
    [...tiles].forEach((tile, place) => {
      tile.title = names[place];
      tile.setAttribute("aria-label", names[place]);
    });
    mark();
    if (lost) tiles[at].focus();
  }

  function mark() {
    const chosen = order.indexOf(store.get("chosen"));
    stopAt(Math.max(chosen, 0));
    [...tiles].forEach((tile, place) => tile.setAttribute("aria-selected", place === chosen));
  }

  function stopAt(place) {
    tiles[at]?.setAttribute("tabindex", "-1");
    tiles[place]?.setAttribute("tabindex", "0");
    at = place;
  }

  function show() {
    const of = store.get("sheet");
    if (!of.url) return;
    const picture = new Image();
    picture.onload = () => {
      if (store.get("sheet") !== of) return; // a newer sheet has replaced it
      words.textContent = of.words;
      list.classList.toggle("tlc-coarse", of.size < FINE);
      lay(of);
      [...tiles].forEach((tile, place) => {
        const canvas = tile.firstChild;
        canvas.width = canvas.height = of.size; // this also clears it
        const [row, column] = [Math.floor(place / of.across), place % of.across];
        const from = [of.size * column, of.size * row, of.size, of.size];
        canvas.getContext("2d").drawImage(picture, ...from, 0, 0, of.size, of.size);
      });
    };
    picture.src = of.url;
  }

  function wait() {
    const busy = Boolean(store.get("busy"));
    list.classList.toggle("tlc-old", busy);
    for (const state of ["busy", "disabled"]) list.setAttribute(`aria-${state}`, busy);
  }

  /** The number of tiles per row, which is smaller on a narrow page. */
  function inARow() {
    const below = [...tiles].findIndex((tile) => tile.offsetTop > tiles[0].offsetTop);
    return below < 0 ? tiles.length : below;
  }

  function byNumber({ key, timeStamp: time }) {
    const more = time - typed.time < TYPING ? typed.digits + key : key;
    typed = { digits: order.includes(+more) ? more : key, time };
    return order.indexOf(+typed.digits);
  }

  function whereTo(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return undefined;
    if (/^[0-9]$/.test(event.key)) return byNumber(event);
    switch (event.key) {
      case "ArrowLeft": return at - 1;
      case "ArrowRight": return at + 1;
      case "ArrowUp": return at - inARow();
      case "ArrowDown": return at + inARow();
      case "Home": return 0;
      case "End": return tiles.length - 1;
      default: return undefined;
    }
  }

  list.addEventListener("focusin", ({ target }) => stopAt([...tiles].indexOf(target)));
  list.addEventListener("keydown", (event) => {
    const place = whereTo(event);
    if (place === undefined) return;
    event.preventDefault();
    tiles[place]?.focus();
  });

  lay(store.get("sheet")); // so that it takes its room at once
  show();
  wait();
  const ends = Object.entries({ sheet: show, chosen: mark, busy: wait }).map(([name, act]) =>
    store.on(name, act)
  );
  return () => ends.forEach((end) => end());
}
