// A table whose cells are buttons: a click, Enter or Space chooses one, and arrow keys move between
// them. Rows and columns have real headers, and the label of each button describes its whole cell.
//
// store.rows, columns  names; store.caption  the caption above
// store.cells          by row and column { text, label, colour, ink, framed }
// store.chosen         [row, column]

import { make, pressable } from "./dom.js";

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export function grid(el, store) {
  const box = make(el, "div", { name: "tlc-grid-box" });
  const focus = ({ row, column }) =>
    box.querySelector(`button[data-row="${row}"][data-column="${column}"]`)?.focus();

  function draw() {
    const [chosenRow, chosenColumn] = store.get("chosen");
    const focused = box.contains(document.activeElement) ? document.activeElement.dataset : {};
    box.replaceChildren();
    const id = `tlc-grid-${Math.random().toString(36).slice(2)}`;
    make(box, "p", { text: store.get("caption"), id });
    const table = make(box, "table", { name: "tlc-grid", "aria-labelledby": id });
    const head = make(make(table, "thead"), "tr");
    make(head, "td");
    for (const name of store.get("columns")) make(head, "th", { text: name, scope: "col" });
    const body = make(table, "tbody");
    store.get("rows").forEach((name, i) => {
      const row = make(body, "tr");
      make(row, "th", { text: name, scope: "row" });
      store.get("cells")[i].forEach((cell, j) => {
        const button = pressable(make(row, "td"), "", () => store.set({ chosen: [i, j] }), {
          "data-row": i, "data-column": j, "aria-label": cell.label,
          "aria-pressed": i === chosenRow && j === chosenColumn,
        });
        button.innerText = cell.text; // keeps line breaks
        button.classList.toggle("framed", cell.framed);
        Object.assign(button.style, { background: cell.colour, color: cell.ink });
      });
    });
    focus(focused);
  }

  box.addEventListener("keydown", (event) => {
    const { row, column } = event.target.dataset;
    if (!(event.key in STEPS) || row === undefined) return;
    const [down, right] = STEPS[event.key];
    focus({ row: +row + down, column: +column + right });
    event.preventDefault();
  });
  const shown = ["cells", "rows", "columns", "caption", "chosen"];
  const ends = shown.map((name) => store.on(name, draw));
  draw();
  return () => ends.forEach((end) => end());
}
