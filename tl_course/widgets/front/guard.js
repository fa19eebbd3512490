// What every experiment needs in the browser, for all that is in the element of class `tlc`.
//
// Keys. In JupyterLab a letter or an arrow means something to the notebook ("b" inserts a cell),
// also while a control has the focus, unless the focused element itself says that its keys are its
// own.
//
// Clicks. One click is one action, also for somebody who double-clicks. The first click may bring
// another control under the pointer, and the second must not press it. A button that is pressed
// again on purpose (Undo) counts both; those of ONCE count one.
//
// Names. The words beside a SelectionSlider can be typed over, and nothing follows from it: so
// nobody can type there. A slider's handle has no name and says the place of its value in a list;
// it gets the slider's name and says what the learner sees.
//
// Focus. A button that is disabled or hidden while it has the focus passes it on.
//
// What is unfolded. It may lie below the edge of the window, and then comes into view.
//
// The connection. Where the kernel is gone, a sentence says so and nothing can be pressed any more;
// where it only does not answer, a sentence says that it is waited for. JupyterLab asks for every
// widget's state once a connection is back, and may show what was there before the last press was
// heard: so after a long wait Python is asked to say all of it again.

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
  let last = { control: null }; // when and where the last press was, and what the first one fell on
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

  // At the document: the first press may have been in another experiment, above this one.
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
      readout.tabIndex = -1; // who tries it all the same types nothing into the notebook
    }
    for (const slider of root.querySelectorAll(".widget-slider")) {
      const handle = slider.querySelector(".noUi-handle");
      if (!handle) continue;
      set(handle, "aria-label", slider.querySelector(".widget-label")?.textContent || "value");
      set(handle, "aria-valuetext", slider.querySelector(".widget-readout")?.textContent || "");
    }
    for (const upload of root.querySelectorAll(".widget-upload")) {
      const count = upload.lastChild; // "(0)": nothing is left in it, whatever was handed over
      if (count?.textContent.endsWith(" (0)")) count.textContent = count.textContent.slice(0, -4);
    }
    // A progress bar of ipywidgets is made of two plain boxes.
    for (const bar of root.querySelectorAll(".widget-hprogress .progress")) {
      const done = bar.querySelector(".progress-bar")?.style.width || "0%";
      set(bar, "role", "progressbar");
      set(bar, "aria-label", bar.parentElement.querySelector(".widget-label")?.textContent || "done");
      set(bar, "aria-valuenow", String(Math.round(parseFloat(done))));
    }
    // A table that is cut off is scrolled by arrow keys: so Tab has to reach it.
    for (const wide of root.querySelectorAll(".tlc-wide")) {
      const cut = wide.scrollWidth > wide.clientWidth;
      wide.toggleAttribute("data-lm-suppress-shortcuts", cut);
      if (!cut) ["tabindex", "role", "aria-label"].forEach((name) => wide.removeAttribute(name));
      else Object.entries(SCROLLED).forEach(([name, value]) => set(wide, name, value));
    }
  };
  const watching = new MutationObserver(see); // ipywidgets allows typing anew with each change
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

// What has the focus may be disabled or hidden by what it did (Train); the focus would then fall to
// the page, where keys are JupyterLab's. It goes to what can be used beside it, or after it.
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

// What a toggle button or a summary unfolds is scrolled into view, just as far as is needed, so that
// the button stays in view where there is room; the focus stays on it.
function unfolding(root) {
  let pressed = false; // a toggle button, and what it unfolds (.tlc-more) has not come yet
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

// An alert stands in the heading's line. Where that is out of sight, it is shown at the bottom of the
// window as well; it is spoken already, so this one is for the eyes alone.
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
const PATIENCE = 3000; // milliseconds until it says that it waits
const LONG = 1000; // milliseconds without an answer, after which what is shown may be old
const RESTORED = 2000; // milliseconds until JupyterLab has shown it
const CLOSED = "jupyter-widgets-disconnected"; // the class that ipywidgets gives a dead view

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
    if (root.classList.contains("tlc-gone")) close(); // also what was made anew since
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

const JUST_RUN = 10; // seconds in which an experiment comes into view by itself
const SETTLED = 400; // milliseconds until JupyterLab has scrolled to the next cell

/** Sees to the experiment that `el` is in; `el` itself shows nothing. */
export function guard(el, store) {
  el.style.display = "none";
  // By a rule, not by hand: JupyterLab may make the output anew when it is scrolled into view.
  const rule = document.createElement("style");
  rule.textContent = `[data-tlc-still="${store.get("still")}"] { display: none; }`;
  document.head.append(rule);
  let ends = [];
  let coming = null;
  let waiting = requestAnimationFrame(function start() {
    const root = el.isConnected && el.closest(".tlc"); // not before the view is in the page
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
