// Helpers that create elements.

/** A new element at the end of `parent`, with a class, a text and attributes. */
export function make(parent, tag, { name = "", text = "", ...attributes } = {}) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}

/** A button whose keys are not shortcuts of JupyterLab. */
export function pressable(parent, text, act, attributes = {}) {
  const own = { type: "button", "data-lm-suppress-shortcuts": "true" };
  const node = make(parent, "button", { text, ...own, ...attributes });
  node.addEventListener("click", act);
  return node;
}
