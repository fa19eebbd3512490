// The drawing pad: strokes by pointer, pen, touch or keys go to Python; answers come back.
//
// model.drawing  { revision, strokes: [[[x, y], …], …], final }   0 … 255, set here; what Python sets
//                says after which revision, and is heeded if nothing was drawn since. While Python
//                is busy the last one takes the place of those before it
// a message      [{ revision, strokes, sample }, …] of what was kept and may not have been heard: it
//                is sent at once, and each one holds those before it, since a kernel with several
//                threads may take up a later one first
// model.heard    up to which revision Python has heard what was kept
// model.sample   a digit to show instead of strokes, as a PNG's data URL, or ""
// model.answer   { revision, seen, seen_alt, words, readers: [{ name, named, bars: [[label, share, best], …] }] }
// model.prompt   what to draw; model.keep: the words of the button that goes on, or "" for none

const UNITS = 256; // the pad's width and height, whatever its size on the screen
const PEN = 11; // thickness of the line on the screen, in units
const LIVE = 120; // milliseconds between two looks at a stroke that is being drawn
const PATIENCE = 250; // milliseconds until the prompt says that it waits for Python
const STEP = 8; // units an arrow key moves; with Shift a quarter
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const FILL = '<div class="tlc-track"><div class="tlc-fill"></div></div>';
const BAR = `<span class="tlc-label"></span>${FILL}<span class="tlc-share"></span>`;
const HELP =
  "Drawing pad. Draw with mouse, pen or finger. With the keyboard: arrow keys move, " +
  "Space lowers and lifts the pen, Backspace takes back a stroke, Delete clears, Enter goes on.";

function make(tag, className, parent, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  parent.appendChild(node);
  return node;
}

function render({ model, el }) {
  const root = make("div", "tlc-pad", el);
  const prompt = make("p", "tlc-prompt", root);
  prompt.setAttribute("aria-live", "polite");
  const paper = make("div", "tlc-paper", root);
  const canvas = make("canvas", "", paper);
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", HELP);
  const hint = make("div", "tlc-hint", paper, "draw here");
  hint.setAttribute("aria-hidden", "true");
  const buttons = make("div", "tlc-buttons", paper);
  const undo = make("button", "", buttons, "Undo");
  const clear = make("button", "", buttons, "Clear");
  const keep = make("button", "tlc-keep tlc-once", buttons);
  undo.type = clear.type = keep.type = "button";
  // What has the focus must say itself that its keys are no shortcuts of JupyterLab.
  for (const node of [canvas, undo, clear, keep]) node.dataset.lmSuppressShortcuts = "true";
  const answer = make("div", "tlc-answer", root);
  const seen = make("div", "tlc-seen", answer);
  const words = make("p", "tlc-words", seen);
  words.setAttribute("aria-live", "polite");
  const readers = make("div", "tlc-readers", answer);

  let { revision, strokes } = copyOf(model.get("drawing"));
  root.dataset.sent = revision; // also where JupyterLab makes the view anew, as for another theme
  let drawing = null; // the pointer that draws
  let pen = null; // where the keyboard's pen is, once it is used: [x, y]
  let down = false; // whether it draws
  let timer = null;
  let keeps = []; // what was kept and may not have been heard
  let picture = null; // the sample digit, in the ink's colour

  function copyOf(drawing) {
    return { revision: drawing.revision || 0, strokes: structuredClone(drawing.strokes || []) };
  }

  // ------------------------------------------------------------------ drawing it

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
      circle(...stroke[0], PEN / 2); // a click: a canvas paints no line of no length
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
    const empty = !strokes.length && !model.get("sample");
    hint.style.display = empty && !pen ? "" : "none";
    undo.disabled = !strokes.length;
    clear.disabled = empty;
  }

  function send(final) {
    clearTimeout(timer);
    timer = null;
    revision += 1;
    root.dataset.sent = revision;
    model.set("drawing", { ...copyOf({ revision, strokes }), final });
    model.save_changes();
  }

  function unheard() {
    return (keeps = keeps.filter((kept) => kept.revision > model.get("heard")));
  }

  function keepIt() {
    if (!model.get("keep")) return;
    down = false;
    keeps.push({ revision: revision + 1, strokes, sample: Boolean(model.get("sample")) });
    model.send(unheard());
    strokes = []; // at once: the next one may be begun before Python has answered
    changed(true);
    setTimeout(onPrompt, PATIENCE);
  }

  function changed(final) {
    if (model.get("sample")) model.set("sample", "");
    paint();
    if (final) send(true);
    else timer ??= setTimeout(() => send(false), LIVE);
  }

  function add(point) {
    const stroke = strokes.at(-1);
    if (!stroke) return; // taken away by another finger meanwhile
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
  undo.addEventListener("click", takeBack);
  clear.addEventListener("click", wipe);
  keep.addEventListener("click", keepIt);

  // ------------------------------------------------------------------ what Python says

  function onDrawing() {
    const theirs = model.get("drawing");
    if (drawing !== null || down || (theirs.after ?? theirs.revision - 1) < revision) return;
    ({ revision, strokes } = copyOf(theirs));
    paint();
  }

  function onSample() {
    const url = model.get("sample");
    picture = null;
    paint();
    if (!url) return;
    const image = new Image();
    image.onload = () => {
      if (model.get("sample") !== url) return;
      picture = image;
      paint();
    };
    image.src = url;
  }

  function onAnswer() {
    const { revision: of, words: text, seen: url, seen_alt: alt, readers: read } = model.get("answer");
    seen.querySelector("img, .tlc-empty")?.remove();
    const picture = make(url ? "img" : "div", url ? "" : "tlc-empty", seen);
    if (url) Object.assign(picture, { src: url, alt });
    seen.prepend(picture);
    if (words.textContent !== text) words.textContent = text;
    fill(read || []);
    root.dataset.answered = of ?? 0;
  }

  // The rows are kept from one answer to the next: the bars slide, nothing flickers.
  function fill(read) {
    while (readers.children.length > read.length) readers.lastChild.remove();
    read.forEach(({ name, named, bars }, i) => {
      const reader = readers.children[i] || make("section", "tlc-reader", readers);
      reader.classList.toggle("tlc-named", named);
      const heading = reader.querySelector("h4") || make("h4", "", reader);
      heading.textContent = name;
      const rows = [...reader.querySelectorAll(".tlc-bar")];
      rows.slice(bars.length).forEach((row) => row.remove());
      bars.forEach(([label, share, best], k) => {
        const row = rows[k] || make("div", "tlc-bar", reader);
        if (!rows[k]) row.innerHTML = BAR;
        const part = (name) => row.querySelector(`.tlc-${name}`);
        row.classList.toggle("tlc-best", best);
        part("label").textContent = part("label").title = label;
        part("fill").style.width = `${100 * share}%`;
        part("share").textContent = `${Math.round(100 * share)}%`;
      });
    });
  }

  function onPrompt() {
    prompt.textContent = unheard().length ? "…" : model.get("prompt");
    keep.textContent = model.get("keep");
    keep.style.display = model.get("keep") ? "" : "none";
  }

  const listeners = {
    drawing: onDrawing, sample: onSample, answer: onAnswer,
    prompt: onPrompt, keep: onPrompt, heard: onPrompt,
  };
  for (const [trait, act] of Object.entries(listeners)) model.on(`change:${trait}`, act);
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
    for (const [trait, act] of Object.entries(listeners)) model.off(`change:${trait}`, act);
  };
}

export default { render };
