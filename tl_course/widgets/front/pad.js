// The drawing pad: strokes by pointer, pen, touch or keys go out; answers come back.
//
// store.drawing  { revision, strokes: [[[x, y], …], …], final }   0 … 255, set here. Python sets it
//                too and says after which revision; that counts if nothing was drawn since. While
//                Python is busy, only the last one arrives
// a message      [{ revision, strokes, sample }, …] of kept drawings that Python may have missed. It
//                is sent at once and repeats the earlier ones, because a kernel with several
//                threads may handle a later one first
// store.heard    the last revision of kept drawings that Python has received
// store.sample   a digit to show instead of strokes, as a PNG's data URL, or ""
// store.answer   { revision, seen, seen_alt, words, also, readers: [{ name, named, bars: [[label,
//                share, best], …] }] }
// store.prompt   what to draw; store.keep: the label of the button that goes on, or "" for none
// a message      { do: "focus" }: the pad takes the focus
// a message      { want: [name, …] }: pictures of these classes; { pictures: { name: url } } answers

import { bars } from "./bars.js";
import { make, pressable } from "./dom.js";

const UNITS = 256; // the pad's width and height, whatever its size on the screen
const PEN = 11; // thickness of the line on the screen, in units
const LIVE = 120; // milliseconds between two updates during a stroke
const PATIENCE = 250; // milliseconds until the prompt says that Python is busy
const STEP = 8; // units an arrow key moves; with Shift a quarter
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const HELP =
  "Drawing pad. Draw with mouse, pen or finger. With the keyboard: arrow keys move, " +
  "Space lowers and lifts the pen, Backspace undoes a stroke, Delete clears, Enter goes on.";

const PICTURES = new Map(); // by class name, shared by all pads of the page

export function pad(el, store) {
  const root = make(el, "div", { name: "tlc-pad" });
  const prompt = make(root, "p", { name: "tlc-prompt" });
  prompt.setAttribute("aria-live", "polite");
  const paper = make(root, "div", { name: "tlc-paper" });
  const canvas = make(paper, "canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", HELP);
  const hint = make(paper, "div", { name: "tlc-hint", text: "draw here" });
  hint.setAttribute("aria-hidden", "true");
  const buttons = make(paper, "div", { name: "tlc-buttons" });
  const undo = pressable(buttons, "Undo", takeBack);
  const clear = pressable(buttons, "Clear", wipe);
  const keep = pressable(buttons, "", keepIt, { name: "tlc-keep tlc-once" });
  canvas.dataset.lmSuppressShortcuts = "true"; // its keys are not shortcuts of JupyterLab
  const answer = make(root, "div", { name: "tlc-answer" });
  const seen = make(answer, "div", { name: "tlc-seen" });
  const shown = make(seen, "figure");
  make(shown, "figcaption", { text: "what it gets" });
  const words = make(seen, "p", { name: "tlc-words" });
  words.setAttribute("aria-live", "polite");
  const readers = make(answer, "div", { name: "tlc-readers" });
  const also = make(answer, "p", { name: "tlc-also" });
  const asked = new Set(); // names of pictures that were requested
  const fill = bars(readers, PICTURES, (names) => {
    const fresh = names.filter((name) => !asked.has(name));
    fresh.forEach((name) => asked.add(name));
    if (fresh.length) store.send({ want: fresh });
  });
  let answered = []; // the last answer

  let { revision, strokes } = copyOf(store.get("drawing"));
  root.dataset.sent = revision; // also when JupyterLab creates the view again
  let drawing = null; // the pointer that draws
  let pen = null; // the keyboard's pen [x, y], once it is used
  let down = false; // whether it draws
  let timer = null;
  let keeps = []; // kept drawings that Python may have missed
  let picture = null; // the sample digit, in the ink's colour

  function copyOf(drawing) {
    return { revision: drawing.revision || 0, strokes: structuredClone(drawing.strokes || []) };
  }

  // ------------------------------------------------------------------ painting

  function paint() {
    const scale = (window.devicePixelRatio || 1) * Math.max(1, canvas.clientWidth / UNITS);
    const size = Math.round(UNITS * scale);
    if (canvas.width !== size) canvas.width = canvas.height = size;
    const ink = getComputedStyle(canvas).color;
    const context = canvas.getContext("2d");
    context.setTransform(size / UNITS, 0, 0, size / UNITS, 0, 0);
    context.clearRect(0, 0, UNITS, UNITS);
    context.strokeStyle = context.fillStyle = ink;
    if (picture) {
      context.drawImage(picture, 0, 0, UNITS, UNITS);
      context.globalCompositeOperation = "source-in";
      context.fillRect(0, 0, UNITS, UNITS);
      context.globalCompositeOperation = "source-over";
    }
    context.lineWidth = PEN;
    context.lineCap = context.lineJoin = "round";
    const circle = (x, y, radius) => {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
    };
    for (const stroke of strokes) {
      circle(...stroke[0], PEN / 2); // a click: a canvas does not paint a line of length 0
      context.fill();
      context.beginPath();
      context.moveTo(...stroke[0]);
      for (const point of stroke) context.lineTo(...point);
      context.stroke();
    }
    if (pen && document.activeElement === canvas) {
      context.lineWidth = 2;
      context.strokeStyle = down ? "#d55e00" : "#0072b2";
      circle(...pen, 9);
      context.stroke();
    }
    const empty = !strokes.length && !store.get("sample");
    hint.style.display = empty && !pen ? "" : "none";
    undo.disabled = !strokes.length;
    clear.disabled = empty;
  }

  function send(final) {
    clearTimeout(timer);
    timer = null;
    revision += 1;
    root.dataset.sent = revision;
    store.set({ drawing: { ...copyOf({ revision, strokes }), final } });
  }

  function unheard() {
    return (keeps = keeps.filter((kept) => kept.revision > store.get("heard")));
  }

  function keepIt() {
    if (!store.get("keep")) return;
    down = false;
    keeps.push({ revision: revision + 1, strokes, sample: Boolean(store.get("sample")) });
    store.send(unheard());
    strokes = []; // at once: the learner may begin the next before Python answers
    changed(true);
    setTimeout(onPrompt, PATIENCE);
  }

  function changed(final) {
    if (store.get("sample")) store.set({ sample: "" });
    paint();
    if (final) send(true);
    else timer ??= setTimeout(() => send(false), LIVE);
  }

  function add(point) {
    const stroke = strokes.at(-1);
    if (!stroke) return; // another finger has ended it
    const [x, y] = stroke.at(-1);
    if (Math.hypot(point[0] - x, point[1] - y) >= 1) stroke.push(point);
  }

  // ------------------------------------------------------------------ pointer, pen and touch

  const clip = (value) => Math.min(Math.max(value, 0), UNITS - 1);

  function where({ clientX, clientY }) {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const parts = [(clientX - left) / width, (clientY - top) / height];
    return parts.map((part) => Math.round(clip(part * (UNITS - 1))));
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || drawing !== null) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    pen = null;
    down = false;
    drawing = event.pointerId;
    canvas.setPointerCapture(drawing);
    strokes.push([where(event)]);
    changed(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drawing) return;
    const passed = event.getCoalescedEvents?.() || [];
    for (const each of passed.length ? passed : [event]) add(where(each));
    changed(false);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (event.pointerId !== drawing) return;
      drawing = null;
      changed(true);
    });
  }

  // ------------------------------------------------------------------ keyboard and buttons

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || drawing !== null) return;
    const arrow = ARROWS[event.key];
    if (arrow || event.key === " ") pen ??= [UNITS / 2, UNITS / 4];
    if (arrow) {
      const step = event.shiftKey ? STEP / 4 : STEP;
      pen = pen.map((place, i) => clip(place + step * arrow[i]));
      if (down) {
        strokes.at(-1).push(pen);
        changed(false);
      } else paint();
    } else if (event.key === " ") {
      down = !down;
      if (down) strokes.push([pen]);
      changed(!down);
    } else if (event.key === "Backspace") takeBack();
    else if (event.key === "Delete") wipe();
    else if (event.key === "Enter") keepIt();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  function takeBack() {
    down = false;
    if (strokes.pop()) changed(true);
  }

  function wipe() {
    down = false;
    strokes = [];
    changed(true);
  }

  canvas.addEventListener("focus", paint);
  canvas.addEventListener("blur", () => {
    const drew = down;
    down = false;
    if (drew) changed(true);
    else paint();
  });

  // ------------------------------------------------------------------ values from Python

  function onDrawing() {
    const theirs = store.get("drawing");
    if (drawing !== null || down || (theirs.after ?? theirs.revision - 1) < revision) return;
    ({ revision, strokes } = copyOf(theirs));
    paint();
  }

  function onSample() {
    const url = store.get("sample");
    picture = null;
    paint();
    if (!url) return;
    const image = new Image();
    image.onload = () => {
      if (store.get("sample") !== url) return;
      picture = image;
      paint();
    };
    image.src = url;
  }

  function onAnswer() {
    const { revision: of, words: text, also: others, seen: url, seen_alt: alt, readers: read } =
      store.get("answer");
    shown.querySelector("img, .tlc-empty")?.remove();
    const picture = make(shown, url ? "img" : "div", { name: url ? "" : "tlc-empty" });
    if (url) Object.assign(picture, { src: url, alt });
    shown.prepend(picture);
    if (words.textContent !== text) words.textContent = text;
    also.textContent = others || "";
    fill((answered = read || []));
    root.dataset.answered = of ?? 0;
  }

  function onMessage({ pictures, do: what }) {
    if (what === "focus") canvas.focus({ preventScroll: true });
    for (const [name, url] of Object.entries(pictures || {})) PICTURES.set(name, url);
    if (pictures) fill(answered);
  }

  function onPrompt() {
    prompt.textContent = unheard().length ? "…" : store.get("prompt");
    keep.textContent = store.get("keep");
    keep.style.display = store.get("keep") ? "" : "none";
  }

  const listeners = {
    drawing: onDrawing, sample: onSample, answer: onAnswer,
    prompt: onPrompt, keep: onPrompt, heard: onPrompt,
  };
  const ends = Object.entries(listeners).map(([trait, act]) => store.on(trait, act));
  ends.push(store.onMessage(onMessage));
  const resized = new ResizeObserver(paint);
  resized.observe(canvas);
  const themed = new MutationObserver(paint); // JupyterLab marks its theme on the body
  themed.observe(document.body, { attributes: true });
  onPrompt();
  onSample();
  onAnswer();
  return () => {
    clearTimeout(timer);
    resized.disconnect();
    themed.disconnect();
    for (const end of ends) end();
  };
}
