// Try a picture from a file, from the camera if the browser has one, or from the test set. It is
// shown beside the network's input, with the prediction as bars. Nothing is kept.
//
// store.answer  { seen, got: pictures' URLs, how: what was done to it, words,
//                 bars: [[class, share 0 … 1, best], …] }
// store.things  a picture's URL by class; store.ready  whether there is a network
// sent          { picture: name } with a buffer, or { test: true }

import { bars } from "./bars.js";
import { make, pressable } from "./dom.js";

const LARGEST = 1024; // pixels of the longer side; a larger picture is shrunk before it is sent
const MOST_BYTES = 2e6;
const AS_IT_IS = ["image/png", "image/jpeg"];

/** A picture or a video frame as bytes, shrunk if it is large. */
async function shrunk(source, width, height) {
  const scale = Math.min(1, LARGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // the background of transparent pixels
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.95));
  return blob.arrayBuffer();
}

export function camera(el, store) {
  const root = make(el, "div", { name: "tlc-try" });
  const left = make(root, "div");
  const buttons = make(left, "div", { name: "tlc-buttons" });
  const input = make(left, "input", { type: "file", accept: "image/*", hidden: "" });
  pressable(buttons, "A picture from a file", () => input.click()).className = "tlc-keep";
  const canFilm = Boolean(navigator.mediaDevices?.getUserMedia);
  const open = canFilm ? pressable(buttons, "Open the camera", film, { "aria-expanded": "false" }) : null;
  pressable(buttons, "A test picture", () => {
    past(false);
    store.send({ test: true });
  });
  const live = make(left, "div", { name: "tlc-live" });
  live.hidden = true;
  const video = make(live, "video", { playsinline: "", "aria-label": "What the camera sees" });
  video.muted = true;
  const below = make(live, "div", { name: "tlc-buttons" });
  pressable(below, "Take the picture", take).className = "tlc-keep";
  const said = make(left, "p", { name: "tlc-status", role: "status" });
  const seen = make(left, "div", { name: "tlc-seen" });
  const right = make(root, "div", { name: "tlc-answer" });
  const words = make(right, "p", { name: "tlc-words", role: "status" });
  const things = new Map();
  const fill = bars(make(right, "div", { name: "tlc-readers" }), things, () => {});

  let stream = null;
  let ended = false;

  /** Hides the last answer while the camera is open, because it belongs to another picture. */
  const past = (on) => root.classList.toggle("tlc-past", on);

  function send(content, name) {
    said.textContent = "";
    store.send({ picture: name }, [content]);
  }

  async function fromFile(file) {
    try {
      if (file.size <= MOST_BYTES && AS_IT_IS.includes(file.type)) {
        return send(await file.arrayBuffer(), file.name);
      }
      const picture = await createImageBitmap(file);
      send(await shrunk(picture, picture.width, picture.height), file.name);
    } catch {
      said.textContent = `This browser cannot open ${file.name}: save it as JPEG or PNG first.`;
    }
  }

  async function film() {
    if (stream) return close();
    said.textContent = "";
    try {
      const opened = await navigator.mediaDevices.getUserMedia({ video: true });
      if (ended || stream) return stop(opened); // it was closed or opened twice meanwhile
      stream = opened;
      video.srcObject = stream;
      shows(true);
      await video.play();
    } catch (error) {
      close();
      said.textContent =
        error.name === "NotAllowedError"
          ? "The browser was not allowed to use the camera: allow it in the address bar, or choose a file."
          : "No camera could be opened: choose a picture from a file.";
    }
  }

  const stop = (of) => of.getTracks().forEach((track) => track.stop());

  function close() {
    if (stream) stop(stream);
    stream = null;
    video.srcObject = null;
    shows(false);
  }

  function shows(filming) {
    live.hidden = !filming;
    past(filming);
    open.textContent = filming ? "Close the camera" : "Open the camera";
    open.setAttribute("aria-expanded", String(filming));
  }

  async function take() {
    if (!video.videoWidth) return; // the first frame has not arrived
    send(await shrunk(video, video.videoWidth, video.videoHeight), "the camera's picture");
  }

  function show() {
    const { seen: picture, got, how, words: text, bars: shown } = store.get("answer");
    past(false);
    seen.replaceChildren();
    for (const [url, alt, below] of [
      [picture, "The picture that is tried.", "the picture"],
      [got, "The same picture as the network gets it.", how],
    ]) {
      if (!url) continue;
      const figure = make(seen, "figure");
      make(figure, "img", { src: url, alt });
      make(figure, "figcaption", { text: below });
    }
    words.textContent = text || "";
    things.clear();
    for (const [name, url] of Object.entries(store.get("things"))) things.set(name, url);
    fill(shown ? [{ name: "What it says", named: true, bars: shown }] : []);
  }

  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    past(false);
    fromFile(file);
  });
  show();
  const ends = ["answer", "things"].map((name) => store.on(name, show));
  // The camera is closed when it is out of sight, so that nobody is filmed unknowingly.
  const watching = new IntersectionObserver((entries) => {
    if (stream && !entries.at(-1).isIntersecting) close();
  });
  watching.observe(root);
  return () => {
    ended = true;
    if (stream) close();
    watching.disconnect();
    ends.forEach((end) => end());
  };
}
