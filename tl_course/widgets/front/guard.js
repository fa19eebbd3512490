// What every experiment needs in the browser, for everything in the element of class `tlc`.
//
// Keys. JupyterLab takes letters and arrows for the notebook ("b" inserts a cell) even if a control
// has the focus, unless the focused element says that it handles keys itself.
//
// Clicks. A double click counts as one action: the first click may bring another control under the
// pointer, and the second must not press it. A button that is pressed again on purpose (Undo) counts
// both clicks; a button of class ONCE counts one.
//
// Names. The readout of a SelectionSlider can be typed over without effect, so it is made read-only.
// The handle of a slider has no name and reports an index; it gets the slider's name and the value
// that the learner sees.
//
// Focus. A button that is disabled or hidden while it has the focus passes the focus on.
//
// Unfolding. What is unfolded below the edge of the window scrolls into view.
//
// The connection. If the kernel is gone, a sentence says so and everything is disabled. If it only
// does not answer, a sentence says that it is busy. After a reconnection JupyterLab asks for every
// widget's state and may show values from before the last press, so after a long wait Python is asked
// to send all of them again.

import { make } from "./dom.js";

const CONTROLS =
  "select, button, input[type=checkbox], input[type=radio], input[type=file], [tabindex]";

function ownKeys(root) {
  const keep = ({ target }) => {
    if (target.matches(CONTROLS)) target.setAttribute("data-lm-suppress-shortcuts", "true");
  };
  root.addEventListener("focusin", keep);
  return () => root.removeEventListener("focusin", keep);
}

const PRESSED =
  "button, select, input, textarea, label, summary, canvas, audio, a, .noUi-target, [contenteditable=true]";
const ONCE = ".tlc-once, .widget-toggle-button, .widget-upload";
const SOON = 500; // milliseconds between the two presses of a double click
const NEAR = 16; // pixels between them
const OF_A_PRESS = ["pointerdown", "mousedown", "pointerup", "mouseup", "click", "keydown"];

function oneClickOneAction(root) {
  let last = { control: null }; // time and place of the last press, and its first control
  let swallowing = false;

  function strays({ target, timeStamp: time, clientX: x, clientY: y }) {
    const control = target.closest(PRESSED);
    const near = Math.hypot(x - last.x, y - last.y) < NEAR;
    const again = last.control && time - last.time < SOON && near;
    last = { control: again ? last.control : control, time, x, y };
    return again && control && (control !== last.control || control.matches(ONCE));
  }

  function judge(event) {
    if (event.type === "keydown") swallowing = false;
    if (event.type === "pointerdown" && event.button === 0) {
      swallowing = strays(event) && root.contains(event.target);
    }
    if (!swallowing) return;
    event.stopImmediatePropagation();
    if (event.type !== "pointerdown") event.preventDefault(); // no focus, no list, no tick
    if (event.type === "click") swallowing = false;
  }

  // On the document, because the first press may have been in another experiment above.
  for (const type of OF_A_PRESS) document.addEventListener(type, judge, true);
  return () => {
    for (const type of OF_A_PRESS) document.removeEventListener(type, judge, true);
  };
}

function set(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

const SCROLLED = { tabindex: "0", role: "group", "aria-label": "Wide table, scrolls sideways" };

function names(root) {
  const see = () => {
    for (const readout of root.querySelectorAll(".tlc-choice .widget-readout")) {
      if (readout.isContentEditable) readout.contentEditable = "false";
      readout.tabIndex = -1; // keys that are typed here must not reach the notebook
    }
    for (const slider of root.querySelectorAll(".widget-slider")) {
      const handle = slider.querySelector(".noUi-handle");
      if (!handle) continue;
      set(handle, "aria-label", slider.querySelector(".widget-label")?.textContent || "value");
      set(handle, "aria-valuetext", slider.querySelector(".widget-readout")?.textContent || "");
    }
    for (const upload of root.querySelectorAll(".widget-upload")) {
      const count = upload.lastChild; // "(0)": Python empties it after each file
      if (count?.textContent.endsWith(" (0)")) count.textContent = count.textContent.slice(0, -4);
    }
    // A progress bar of ipywidgets consists of two plain boxes.
    for (const bar of root.querySelectorAll(".widget-hprogress .progress")) {
      const done = bar.querySelector(".progress-bar")?.style.width || "0%";
      set(bar, "role", "progressbar");
      set(bar, "aria-label", bar.parentElement.querySelector(".widget-label")?.textContent || "done");
      set(bar, "aria-valuenow", String(Math.round(parseFloat(done))));
    }
    // Arrow keys scroll a table that is cut off, so Tab must reach it.
    for (const wide of root.querySelectorAll(".tlc-wide")) {
      const cut = wide.scrollWidth > wide.clientWidth;
      wide.toggleAttribute("data-lm-suppress-shortcuts", cut);
      if (!cut) ["tabindex", "role", "aria-label"].forEach((name) => wide.removeAttribute(name));
      else Object.entries(SCROLLED).forEach(([name, value]) => set(wide, name, value));
    }
  };
  const watching = new MutationObserver(see); // ipywidgets makes it editable again with each change
  const what = { subtree: true, childList: true, characterData: true };
  watching.observe(root, { ...what, attributeFilter: ["contenteditable", "style"] });
  const sized = new ResizeObserver(see);
  sized.observe(root);
  see();
  return () => {
    watching.disconnect();
    sized.disconnect();
  };
}

// A control may disable or hide itself (Train). The focus would then fall to the page, where keys are
// JupyterLab's, so it goes to a usable control beside or after it.
const USABLE = "button, select, input, textarea, canvas, summary, [tabindex='0']";

function handOver(root) {
  let last = null;
  const usable = (one) =>
    one.isConnected && !one.disabled && one.offsetParent !== null && !one.closest("[inert]");
  const see = () => {
    const lost = [document.body, last].includes(document.activeElement);
    if (!last || usable(last) || !lost) return;
    const beside = [...(last.closest(".widget-hbox")?.querySelectorAll("button") || [])];
    const every = [...root.querySelectorAll(USABLE)];
    const follows = (one) =>
      last.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING;
    last = beside.find(usable) || every.filter(follows).find(usable) || every.find(usable) || null;
    last?.focus({ preventScroll: true });
  };
  const hear = ({ target }) => (last = target);
  const left = ({ relatedTarget }) => (relatedTarget ? (last = null) : null);
  const pressed = ({ target }) => (root.contains(target) ? null : (last = null));
  const watching = new MutationObserver(see);
  watching.observe(root, { subtree: true, attributeFilter: ["disabled", "style"] });
  root.addEventListener("focusin", hear);
  root.addEventListener("focusout", left);
  document.addEventListener("pointerdown", pressed, true);
  return () => {
    watching.disconnect();
    root.removeEventListener("focusin", hear);
    root.removeEventListener("focusout", left);
    document.removeEventListener("pointerdown", pressed, true);
  };
}

// What a toggle button or a summary unfolds is scrolled into view, only as far as needed, so that the
// button stays in view if there is room. The focus stays on the button.
function unfolding(root) {
  let pressed = false; // a toggle button was pressed, and its content (.tlc-more) is not here yet
  const press = ({ target }) => (pressed = target.closest(".widget-toggle-button") !== null);
  const show = (part) => part.scrollIntoView({ block: "nearest" });
  const see = () => {
    const part = pressed && root.querySelector(".tlc-more");
    if (!part || part.offsetParent === null) return;
    pressed = false;
    show(part);
  };
  const toggled = ({ target }) => (target.open ? show(target) : null);
  const watching = new MutationObserver(see);
  watching.observe(root, { subtree: true, attributeFilter: ["style"] });
  root.addEventListener("click", press);
  root.addEventListener("toggle", toggled, true); // it does not bubble
  return () => {
    watching.disconnect();
    root.removeEventListener("click", press);
    root.removeEventListener("toggle", toggled, true);
  };
}

// An alert is in the line of the heading. If that is out of sight, a copy appears at the bottom of the
// window. It is hidden from screen readers, which have spoken the alert already.
function alerts(root) {
  const line = root.querySelector(".tlc-line");
  if (!line) return () => {};
  const toast = make(document.body, "div", { name: "tlc-plain tlc-toast", "aria-hidden": "true" });
  const show = () => {
    const { top, bottom } = line.getBoundingClientRect();
    const panel = root.closest(".jp-WindowedPanel-outer")?.getBoundingClientRect().top ?? 0;
    const seen = top >= panel && bottom <= innerHeight;
    toast.textContent = seen || !root.isConnected ? "" : line.textContent;
  };
  const watching = new MutationObserver(show);
  watching.observe(line, { subtree: true, childList: true, characterData: true });
  return () => {
    watching.disconnect();
    toast.remove();
  };
}

const GONE =
  "This experiment has lost its notebook, which was restarted or closed; what you see is what was " +
  "there last. Run its cell again: click into it and press Shift + Enter.";
const COMES_BACK = " What you did comes back with it.";
const WAITING = "The notebook is busy or out of reach; this goes on as soon as it answers.";
const PATIENCE = 3000; // milliseconds until it says that the kernel is busy
const LONG = 1000; // milliseconds without an answer, after which the view may be out of date
const RESTORED = 2000; // milliseconds until JupyterLab has restored the view
const CLOSED = "jupyter-widgets-disconnected"; // the class of a dead view in ipywidgets

function connection(root, store) {
  const note = make(root, "div", { name: "tlc-note" });
  root.prepend(note);
  let asked = store.get("pulse");
  let askedAt = 0;
  let timer = null;
  let again = null;

  function gone() {
    if (root.classList.contains("tlc-gone")) return;
    clearTimeout(timer);
    root.classList.add("tlc-gone");
    note.textContent = GONE + (root.querySelector(".tlc-share") ? COMES_BACK : "");
    note.setAttribute("role", "alert");
    close();
  }

  function close() {
    for (const part of root.children) {
      if (part !== note && !part.querySelector(".tlc-share")) part.inert = true;
    }
  }

  function back() {
    root.classList.remove("tlc-gone");
    for (const part of root.children) part.inert = false;
    note.textContent = "";
  }

  function ask({ type, key }) {
    if (type === "keydown" && key !== "Enter" && key !== " ") return;
    if (timer !== null || root.classList.contains("tlc-gone")) return;
    timer = setTimeout(() => {
      note.setAttribute("role", "status");
      note.textContent = WAITING;
    }, PATIENCE);
    askedAt = performance.now();
    store.send({ pulse: (asked += 1) });
  }

  function heard() {
    if (store.get("pulse") < asked) return;
    clearTimeout(timer);
    if (timer !== null && performance.now() - askedAt > LONG) {
      clearTimeout(again);
      again = setTimeout(() => store.send({ again: true }), RESTORED);
    }
    timer = null;
    if (!root.classList.contains("tlc-gone")) note.textContent = "";
  }

  const watch = () => {
    if (root.classList.contains(CLOSED)) gone();
    if (root.classList.contains("tlc-gone")) close(); // also controls that were made since
  };
  const watching = new MutationObserver(watch);
  watching.observe(root, { attributeFilter: ["class"], childList: true });
  const ends = [store.on("pulse", heard), () => watching.disconnect()];
  for (const [type, act] of [["pointerdown", ask], ["keydown", ask], ["tlc-lost", gone]]) {
    root.addEventListener(type, act);
    ends.push(() => root.removeEventListener(type, act));
  }
  watch();
  return () => {
    clearTimeout(timer);
    clearTimeout(again);
    back();
    note.remove();
    for (const end of ends) end();
  };
}

const JUST_RUN = 10; // seconds after its cell ran in which an experiment scrolls into view
const SETTLED = 400; // milliseconds until JupyterLab has scrolled to the next cell

/** Guards the experiment around `el`, which itself is invisible. */
export function guard(el, store) {
  el.style.display = "none";
  // By a style rule: JupyterLab may create the output again when it scrolls into view.
  const rule = document.createElement("style");
  rule.textContent = `[data-tlc-still="${store.get("still")}"] { display: none; }`;
  document.head.append(rule);
  let ends = [];
  let coming = null;
  let waiting = requestAnimationFrame(function start() {
    const root = el.isConnected && el.closest(".tlc"); // false until the view is in the page
    if (root) {
      ends = [ownKeys(root), oneClickOneAction(root), names(root), handOver(root)];
      ends.push(unfolding(root), alerts(root), connection(root, store));
      if (Date.now() / 1000 - store.get("shown_at") < JUST_RUN) {
        coming = setTimeout(() => root.scrollIntoView({ block: "start" }), SETTLED);
      }
    } else waiting = requestAnimationFrame(start);
  });
  return () => {
    clearTimeout(coming);
    cancelAnimationFrame(waiting);
    rule.remove();
    for (const end of ends) end();
  };
}
