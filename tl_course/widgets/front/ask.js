// A question: number fields or a choice, buttons below, and what an answer brings.
//
// store.kind, store.question   "Predict." and the question; without a kind it is shown elsewhere
// store.labels, store.unit     a field for each label, or store.options, one of which is chosen;
//                              with both, an option is chosen for each label
// store.answer, store.skip, store.again   their labels; a button without a label is left out
// store.typed                  the text of the fields, after each change; store.written goes up
//                              each time Python writes it
// store.answered               the form is locked
// store.alert, store.told      what is wrong with an answer, and the HTML below the form
//
// A press sends { press: "answer" | "skip" | "again", typed }. It includes the text of the fields,
// because the kernel may handle two messages in another order.

import { make, pressable } from "./dom.js";

const SHORT = 16; // letters; options up to this length share a line

export function ask(el, store) {
  const [question, options] = [store.get("question"), store.get("options")];
  const root = make(el, "div", { name: "tlc-ask" });
  if (store.get("kind")) {
    const asked = make(root, "div", { name: "tlc-asked" });
    make(asked, "b", { text: store.get("kind") });
    asked.append(` ${question}`);
  }
  const row = make(root, "div", { name: "tlc-row" });
  const fields = make(row, "fieldset", { "aria-label": question });
  const labels = store.get("labels");
  const single = options.length && !labels.length; // one choice
  for (const text of labels) {
    const label = make(fields, "label", { text });
    if (options.length) {
      const list = make(label, "select");
      for (const value of ["", ...options]) make(list, "option", { text: value || "choose …", value });
    } else make(label, "input", { type: "text", autocomplete: "off", placeholder: store.get("unit") });
  }
  const name = `tlc-${Math.random().toString(36).slice(2)}`;
  for (const value of single ? options : []) {
    const label = make(fields, "label");
    label.append(Object.assign(document.createElement("input"), { type: "radio", name, value }), value);
  }
  fields.classList.toggle("tlc-list", options.some((option) => option.length > SHORT));
  fields.classList.toggle("tlc-lines", options.length && !single);
  const inputs = [...fields.querySelectorAll("input, select")];
  for (const input of inputs) input.setAttribute("data-lm-suppress-shortcuts", "true");
  const buttons = make(row, "div", { name: "tlc-row" });
  const button = (where, what) => {
    const words = store.get(what);
    return words ? pressable(where, words, () => press(what)) : null;
  };
  const answer = button(buttons, "answer");
  answer?.classList.add("mod-primary");
  button(buttons, "skip");
  const alert = make(root, "div", { name: "tlc-wrong", role: "alert" });
  const after = make(root, "div");
  const again = button(after, "again");
  const told = make(root, "div", { name: "tlc-told jp-RenderedHTMLCommon" });
  if (!inputs.length) root.append(row); // without a question, the button is below the text

  function standing() {
    const typed = single ? inputs.filter((input) => input.checked) : inputs;
    return typed.map((input) => input.value);
  }

  function press(what) {
    store.send({ press: what, typed: standing() });
  }

  function write() {
    const typed = store.get("typed");
    inputs.forEach((input, i) => {
      if (single) input.checked = typed.includes(input.value);
      else input.value = typed[i] ?? "";
    });
  }

  function open() {
    const answered = store.get("answered");
    const focused = root.contains(document.activeElement);
    fields.disabled = buttons.hidden = answered;
    after.hidden = !answered;
    if (!focused) return;
    if (answered && !again) root.tabIndex = -1; // the button that had the focus is gone
    (answered ? (again ?? root) : inputs[0])?.focus({ preventScroll: true });
  }

  const changes = {
    written: write,
    answered: open,
    alert: () => (alert.textContent = store.get("alert")),
    told: () => (told.innerHTML = store.get("told")),
  };
  for (const show of Object.values(changes)) show();
  root.addEventListener("change", () => store.set({ typed: standing() }));
  // JupyterLab does not pass Enter on to a form in a cell.
  fields.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !answer) return;
    event.preventDefault();
    press("answer");
  });
  const ends = Object.entries(changes).map(([changed, show]) => store.on(changed, show));
  return () => ends.forEach((end) => end());
}
