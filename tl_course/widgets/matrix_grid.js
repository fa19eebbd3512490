// A table whose cells are buttons: a click, Enter or Space chooses one, arrow keys go from one to
// the next. Rows and columns have real headers, and each button says all of its cell.
function render({ model, el }) {
  const draw = () => {
    const [chosenRow, chosenColumn] = model.get("chosen");
    const focused = el.contains(document.activeElement) ? document.activeElement.dataset : null;
    const place = focused && [focused.row, focused.column];
    const table = document.createElement("table");
    table.className = "tl-grid";
    table.setAttribute("aria-label", model.get("caption"));
    const caption = document.createElement("p");
    caption.textContent = model.get("caption");
    const head = table.createTHead().insertRow();
    for (const name of ["", ...model.get("columns")]) {
      const cell = document.createElement(name ? "th" : "td");
      if (name) cell.scope = "col";
      cell.textContent = name;
      head.append(cell);
    }
    const body = table.createTBody();
    model.get("rows").forEach((name, i) => {
      const row = body.insertRow();
      const header = document.createElement("th");
      header.scope = "row";
      header.textContent = name;
      row.append(header);
      model.get("cells")[i].forEach((cell, j) => {
        const button = document.createElement("button");
        button.type = "button";
        button.dataset.row = i;
        button.dataset.column = j;
        button.style.background = cell.colour;
        button.style.color = cell.ink;
        button.setAttribute("aria-label", cell.label);
        const pressed = i === chosenRow && j === chosenColumn;
        button.setAttribute("aria-pressed", String(pressed));
        button.innerText = cell.text;
        if (cell.framed) button.classList.add("framed");
        button.addEventListener("click", () => {
          model.set("chosen", [i, j]);
          model.save_changes();
        });
        row.insertCell().append(button);
      });
    });
    table.addEventListener("keydown", (event) => {
      const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      const { row, column } = event.target.dataset;
      if (!(event.key in step) || row === undefined) return;
      const [down, right] = step[event.key];
      focus(+row + down, +column + right);
      event.preventDefault();
    });
    const box = document.createElement("div");
    box.className = "tl-grid-box";
    box.append(caption, table);
    el.replaceChildren(box);
    if (place) focus(...place);
  };
  const focus = (row, column) =>
    el.querySelector(`button[data-row="${row}"][data-column="${column}"]`)?.focus();
  for (const trait of ["cells", "rows", "columns", "caption", "chosen"]) {
    model.on(`change:${trait}`, draw);
  }
  draw();
}
export default { render };
