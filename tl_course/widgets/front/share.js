// The whole experiment as text, folded away, to copy and to paste.
//
// store.value       the state as text; Python accepts what is set here, or sets it back

import { make, pressable } from "./dom.js";

const ABOUT =
  "Everything you did here, as one line of text. Copy it for a classmate, or paste a text over it " +
  "and press Enter.";

export function share(el, store) {
  const root = make(el, "div", { name: "tlc-share" });
  const details = make(root, "details");
  make(details, "summary", { text: "Share or restore" });
  const id = `tlc-state-${Math.random().toString(36).slice(2)}`;
  make(details, "label", { text: "As text", for: id });
  const field = make(details, "textarea", { id, rows: 2, spellcheck: "false" });
  const buttons = make(details, "div", { name: "tlc-buttons" });
  const copy = pressable(buttons, "Copy", copied);
  pressable(buttons, "Load this text", () => put(field.value));
  make(details, "p", { text: ABOUT });

  function put(text) {
    store.set({ value: text });
  }

  async function copied() {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy"); // without HTTPS there is no navigator.clipboard
    }
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  }

  function show() {
    field.value = store.get("value");
  }

  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    put(field.value);
  });
  show();
  return store.on("value", show);
}
