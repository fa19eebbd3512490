// What ipywidgets cannot say, for every control of the experiment that this is put into.
//
// Keys. In JupyterLab a letter or an arrow means something to the notebook ("b" inserts a cell),
// also while a widget has the focus, unless the focused element itself says that its keys are its
// own.
//
// Clicks. One click is one action, also for somebody who double-clicks. The first click may bring
// another control under the pointer, and the second must not press it. A button that is pressed
// again on purpose (Undo) counts both; those of ONCE count one.
//
// Choices. The words beside a SelectionSlider can be typed over, and nothing follows from it: the
// slider would say one value and give another. So nobody can type there.

const CONTROLS =
  "select, button, input[type=checkbox], input[type=radio], input[type=file], [tabindex]";

function keep({ target }) {
  if (target.matches(CONTROLS)) target.setAttribute("data-lm-suppress-shortcuts", "true");
}

const PRESSED =
  "button, select, input, textarea, label, canvas, audio, a, .noUi-target, [contenteditable=true]";
const ONCE = ".tlc-once, .widget-toggle-button, .widget-upload";
const SOON = 500; // milliseconds between the two presses of a double click
const NEAR = 16; // pixels between them
const OF_A_PRESS = ["pointerdown", "mousedown", "pointerup", "mouseup", "click", "keydown"];

function oneClickOneAction(root) {
  let last = { control: null }; // when and where the last press was, and what the first one fell on
  let swallowing = false;

  function strays({ target, timeStamp: time, clientX: x, clientY: y }) {
    const control = target.closest(PRESSED);
    const near = Math.hypot(x - last.x, y - last.y) < NEAR;
    const again = last.control && time - last.time < SOON && near;
    last = { control: again ? last.control : control, time, x, y };
    return again && control && (control !== last.control || control.matches(ONCE));
  }

  function guard(event) {
    if (event.type === "keydown") swallowing = false;
    if (event.type === "pointerdown" && event.button === 0) {
      swallowing = strays(event) && root.contains(event.target);
    }
    if (!swallowing) return;
    event.stopImmediatePropagation();
    if (event.type !== "pointerdown") event.preventDefault(); // no focus, no list, no tick
    if (event.type === "click") swallowing = false;
  }

  // At the document: the first press may have been in another experiment, above this one.
  for (const type of OF_A_PRESS) document.addEventListener(type, guard, true);
  return () => {
    for (const type of OF_A_PRESS) document.removeEventListener(type, guard, true);
  };
}

function nobodyTypesOverChoices(root) {
  const typed = ".tlc-choice .widget-readout[contenteditable=true]";
  const forbid = () => {
    for (const readout of root.querySelectorAll(typed)) {
      readout.contentEditable = "false";
      readout.tabIndex = -1; // who tries it all the same types nothing into the notebook
    }
  };
  const watching = new MutationObserver(forbid); // ipywidgets allows it anew with each change
  watching.observe(root, { subtree: true, childList: true, attributeFilter: ["contenteditable"] });
  forbid();
  return () => watching.disconnect();
}

function render({ model, el }) {
  el.style.display = "none";
  // By a rule, not by hand: JupyterLab may make the output anew when it is scrolled into view.
  const rule = document.createElement("style");
  rule.textContent = `[data-tlc-still="${model.get("still")}"] { display: none; }`;
  document.head.append(rule);
  let ends = [];
  let waiting = requestAnimationFrame(function start() {
    // The outermost one comes first; there is none before the view is in the page.
    const root = [...document.querySelectorAll(".widget-vbox")].find((box) => box.contains(el));
    if (root) {
      root.addEventListener("focusin", keep);
      ends = [() => root.removeEventListener("focusin", keep)];
      ends.push(oneClickOneAction(root), nobodyTypesOverChoices(root));
    } else waiting = requestAnimationFrame(start);
  });
  return () => {
    cancelAnimationFrame(waiting);
    rule.remove();
    for (const end of ends) end();
  };
}

export default { render };
