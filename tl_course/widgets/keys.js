// In JupyterLab a letter or an arrow means something to the notebook ("b" inserts a cell), also
// while a widget has the focus, unless the focused element itself says that its keys are its own.
// ipywidgets cannot say so; this does, for every control of the experiment that it is put into.

const CONTROLS =
  "select, button, input[type=checkbox], input[type=radio], input[type=file], [tabindex]";

function keep({ target }) {
  if (target.matches(CONTROLS)) target.setAttribute("data-lm-suppress-shortcuts", "true");
}

function outermost(el) {
  let root = null;
  for (let node = el.parentElement; node; node = node.parentElement) {
    if (node.classList.contains("widget-vbox")) root = node;
  }
  return root;
}

function render({ model, el }) {
  el.style.display = "none";
  // By a rule, not by hand: JupyterLab may make the output anew when it is scrolled into view.
  const rule = document.createElement("style");
  rule.textContent = `[data-tlc-still="${model.get("still")}"] { display: none; }`;
  document.head.append(rule);
  let root = null;
  let waiting = requestAnimationFrame(function start() {
    root = outermost(el); // not there before the view is in the page
    if (root) root.addEventListener("focusin", keep);
    else waiting = requestAnimationFrame(start);
  });
  return () => {
    cancelAnimationFrame(waiting);
    rule.remove();
    root?.removeEventListener("focusin", keep);
  };
}

export default { render };
