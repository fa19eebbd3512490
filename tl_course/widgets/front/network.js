// The five layers: what is pretrained, what is frozen, and how far each layer moved. Pressing a layer
// freezes it with all layers before it, or unfreezes it with all layers after it.
//
// store.layers  [[name, how many maps, how wide each is], …] of layers 1 to 4
// store.start   where they come from, such as "drawings", or "random": not pretrained
// store.fixed   how many first layers are frozen, set here
// store.busy    whether it trains, and nothing can be set
// store.moved   how far each layer has moved, in percent; [] before a run with these settings
// store.about   the sentence below before such a run

import { make, pressable } from "./dom.js";

const A_BOX = 16; // maps for each box
const SIDE = [3.94, 0.62]; // of a box, in pixels: SIDE[0] * (width of a map) ** SIDE[1]
const FULL = [10, 50, 250, 1000]; // percent; the scale of the bars is one of these
const COUNT = ["None", "One", "Two", "Three", "Four"];

/** The setting in a sentence, with the term after it. */
function inWords(fresh, fixed, layers) {
  if (fresh) {
    if (fixed === layers) return "Four random layers, all frozen.";
    if (!fixed) return "All trained from random weights: from scratch.";
    return `All random, ${COUNT[fixed].toLowerCase()} frozen, the rest trained.`;
  }
  if (fixed === layers) return "Four frozen: this is Option 1.";
  if (!fixed) return "None frozen, everything is trained: this is Option 2.";
  return `${COUNT[fixed]} frozen, the rest trained: between Options 1 and 2.`;
}

const percent = (share) => `${share.toFixed(0 < share && share < 100 ? 1 : 0)}%`;

function boxes(parent, count, side) {
  const picture = make(parent, "span", { name: "tlc-boxes", "aria-hidden": "true" });
  const inARow = count > 4 ? Math.ceil(count / 2) : count;
  picture.style.gridTemplateColumns = `repeat(${inARow}, ${side}px)`;
  for (let i = 0; i < count; i++) {
    const box = make(picture, "span", { name: "tlc-box" });
    box.style.width = box.style.height = `${side}px`;
  }
}

export function network(el, store) {
  const root = make(el, "div", { name: "tlc-network", role: "group" });
  const id = `tlc-network-${Math.random().toString(36).slice(2)}`;
  root.setAttribute("aria-labelledby", id);
  const rule = "Press one to freeze it and all above it, or to train it.";
  make(root, "p", { name: "tlc-rule", text: `The layers, from the picture down (each square is 16 maps). ${rule}`, id });
  const layers = store.get("layers");
  const rows = layers.map(([name, maps, side], i) => {
    const row = pressable(root, "", () => press(i), { name: "tlc-layer", "data-layer": i });
    boxes(row, maps / A_BOX, Math.round(SIDE[0] * side ** SIDE[1]));
    const words = make(row, "span", { name: "tlc-of" });
    make(words, "b", { text: name });
    make(words, "span", { name: "tlc-size", text: ` ${maps} maps ${side}×${side}` });
    const kind = make(words, "span", { name: "tlc-kind" });
    const from = make(kind, "span");
    make(kind, "i", { name: "tlc-lock", "aria-hidden": "true" });
    const state = make(kind, "b");
    const went = make(row, "span", { name: "tlc-went", id: `${id}-${i}` });
    const fill = make(make(went, "span", { name: "tlc-track" }), "span", { name: "tlc-fill" });
    const end = make(went, "span", { name: "tlc-end", "aria-hidden": "true" });
    const value = make(went, "span", { name: "tlc-value" });
    row.setAttribute("aria-describedby", went.id);
    return { row, from, state, fill, end, value, name };
  });
  const output = make(root, "div", { name: "tlc-layer tlc-output tlc-fresh", role: "group" });
  output.setAttribute("aria-label", "W⁵, the output layer: always new, always trained");
  boxes(output, 10, 7);
  const last = make(output, "span", { name: "tlc-of" });
  make(last, "b", { text: "W⁵" });
  make(last, "span", { name: "tlc-size", text: " output layer" });
  const kind = make(last, "span", { name: "tlc-kind", text: "new, " });
  make(kind, "b", { text: "trained" });
  const zero = "new: starts at zero";
  make(output, "span", { name: "tlc-went tlc-value", text: zero });
  const said = make(root, "p", { name: "tlc-option" });
  said.setAttribute("aria-live", "polite");
  const about = make(root, "p", { name: "tlc-about" });

  function press(i) {
    if (store.get("busy")) said.textContent = "It is training: press Stop before you change layers.";
    else store.set({ fixed: i < store.get("fixed") ? i : i + 1 });
  }

  root.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
    if (step === undefined || event.target.dataset.layer === undefined) return;
    rows[+event.target.dataset.layer + step]?.row.focus();
    event.preventDefault();
    event.stopPropagation();
  });

  function showLayers() {
    const [start, fixed] = [store.get("start"), store.get("fixed")];
    const fresh = start === "random";
    rows.forEach(({ row, from, state, name }, i) => {
      const stays = i < fixed;
      row.classList.toggle("tlc-fresh", fresh);
      row.classList.toggle("tlc-fixed", stays);
      from.textContent = fresh ? "random, " : "borrowed, ";
      state.textContent = stays ? "frozen" : "trained";
      row.setAttribute("aria-disabled", store.get("busy"));
      const source = fresh ? "random weights" : `borrowed from ${start}`;
      row.setAttribute("aria-label", `${name}, layer ${i + 1}: ${source}, ${state.textContent}`);
    });
    const words = inWords(fresh, fixed, layers.length);
    if (said.textContent !== words) said.textContent = words;
  }

  function showMoved() {
    const moved = store.get("moved");
    const most = Math.max(0, ...moved);
    const full = FULL.find((scale) => most <= scale) || most;
    const fixed = store.get("fixed");
    rows.forEach(({ fill, end, value }, i) => {
      const known = moved.length > 0;
      fill.style.width = known ? `${(100 * moved[i]) / full}%` : "0";
      end.textContent = known ? `${full}%` : "";
      const still = i < fixed ? "stays as it is" : "not trained yet";
      value.textContent = known ? `moved ${percent(moved[i])}` : still;
    });
    const scale = `Bars: the change in the weights, as a share of their size. A full bar is ${full}%.`;
    about.textContent = moved.length ? scale : store.get("about");
  }

  const acts = {
    start: showLayers, busy: showLayers, moved: showMoved, about: showMoved,
    fixed: () => [showLayers(), showMoved()],
  };
  const ends = Object.entries(acts).map(([name, act]) => store.on(name, act));
  showLayers();
  showMoved();
  return () => ends.forEach((end) => end());
}
