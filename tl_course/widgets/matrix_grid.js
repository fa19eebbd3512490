// A table whose cells are buttons: a click, Enter or Space chooses one, arrow keys go from one to
// the next. Rows and columns have real headers, and each button says all of its cell.

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function make(parent, tag, text = "", attributes = {}) {
  const node = document.createElement(tag);
  node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  parent.append(node);
  return node;
}

function render({ model, el }) {
  const box = make(el, "div", "", { class: "tl-grid-box" });
  const focus = ({ row, column }) =>
    box.querySelector(`button[data-row="${row}"][data-column="${column}"]`)?.focus();

  function draw() {
    const [chosenRow, chosenColumn] = model.get("chosen");
    const focused = box.contains(document.activeElement) ? document.activeElement.dataset : {};
    box.replaceChildren();
    make(box, "p", model.get("caption"));
    const table = make(box, "table", "", { class: "tl-grid", "aria-label": model.get("caption") });
    const head = make(make(table, "thead"), "tr");
    make(head, "td");
    for (const name of model.get("columns")) make(head, "th", name, { scope: "col" });
    const body = make(table, "tbody");
    model.get("rows").forEach((name, i) => {
      const row = make(body, "tr");
      make(row, "th", name, { scope: "row" });
      model.get("cells")[i].forEach((cell, j) => {
        const button = make(make(row, "td"), "button", "", {
          type: "button", "data-row": i, "data-column": j, "aria-label": cell.label,
          "aria-pressed": i === chosenRow && j === chosenColumn,
        });
        button.innerText = cell.text; // a line break is one
        button.classList.toggle("framed", cell.framed);
        Object.assign(button.style, { background: cell.colour, color: cell.ink });
        button.addEventListener("click", () => {
          model.set("chosen", [i, j]);
          model.save_changes();
        });
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
  for (const trait of ["cells", "rows", "columns", "caption", "chosen"]) {
    model.on(`change:${trait}`, draw);
  }
  draw();
}

export default { render };
