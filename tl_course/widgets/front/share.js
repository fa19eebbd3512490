// The whole experiment as text, folded away: to be copied, and to be pasted back.
//
// store.value       the state as text; what is set here is taken over, or refused and set back
// store.first       the state before anything was done; store.experiment  whose state it is
//
// The last state is kept in this tab as well. Where the notebook was restarted and the cell run
// again, it can be brought back.

import { make, pressable } from "./dom.js";

const ABOUT =
  "Everything you did here, as one line of text. Copy it for a classmate, or paste a text over it " +
  "and press Enter.";

/** The last state of an experiment in this tab; a page that keeps nothing has none. */
function remembered(name) {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

function remember(name, text) {
  try {
    sessionStorage.setItem(name, text);
  } catch {
    // Nothing is kept where the browser forbids it, or has no more room.
  }
}

export function share(el, store) {
  const root = make(el, "div", { name: "tlc-share" });
  const before = make(root, "div", { name: "tlc-before" });
  const details = make(root, "details");
  make(details, "summary", { text: "Share or restore" });
  const id = `tlc-state-${Math.random().toString(36).slice(2)}`;
  make(details, "label", { text: "As text", for: id });
  const field = make(details, "textarea", { id, rows: 2, spellcheck: "false" });
  const buttons = make(details, "div", { name: "tlc-buttons" });
  const copy = pressable(buttons, "Copy", copied);
  pressable(buttons, "Load this text", () => put(field.value));
  make(details, "p", { text: ABOUT });

  const key = `tlc ${location.pathname} ${store.get("experiment")}`;
  const last = remembered(key);
  const first = store.get("first");
  if (last && last !== first && store.get("value") === first) {
    const words = "Bring back what you did before the notebook was restarted";
    pressable(before, words, () => {
      before.replaceChildren();
      put(last);
    });
  }

  function put(text) {
    store.set({ value: text });
  }

  async function copied() {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy"); // a page that is not served safely has no clipboard
    }
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  }

  function show() {
    field.value = store.get("value");
    remember(key, field.value === first ? "" : field.value); // what was deleted is not kept
  }

  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    put(field.value);
  });
  field.value = store.get("value");
  return store.on("value", show);
}
