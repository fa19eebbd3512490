// Elements in few words.

/** A new element at the end of `parent`, with a class, a text and attributes. */
export function make(parent, tag, { name = "", text = "", ...attributes } = {}) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}

/** A real button; its keys are its own, not JupyterLab's shortcuts. */
export function pressable(parent, text, act, attributes = {}) {
  const own = { type: "button", "data-lm-suppress-shortcuts": "true" };
  const node = make(parent, "button", { text, ...own, ...attributes });
  node.addEventListener("click", act);
  return node;
}
