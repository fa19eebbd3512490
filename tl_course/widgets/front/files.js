// The learner's pictures: a folder, a .zip, or files of one class, chosen or dropped here. Each piece
// is sent after Python took the last one, so the progress is true and a busy notebook is not flooded.
//
// store.endings  the endings of pictures' names; store.most  how many are taken at once
// store.piece    bytes of a piece; store.classes  class names that are known already
// sent           { begin: { id, kind, name, files: [[path, bytes], …], skipped, some } } (how many
//                files are not pictures, and the first of their names), then
//                { piece: { id, parts: [[number of the file, offset, bytes], …] } } with a buffer,
//                or { failed: { id } } if a file cannot be read
// received       { take: id } asks for the next piece, { ended: id, said } comes at the end

import { make, pressable } from "./dom.js";

const NAMED = 3; // names that are reported of files that are not pictures
const MOST_ENTRIES = 50000; // of a dropped folder; more would be a whole disk
const megabytes = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

/** All dropped files as [{ path, file }, …], and whether there were folders. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = entries.length ? [] : [...transfer.files].map((file) => ({ path: file.name, file }));
  const folders = entries.some((entry) => entry.isDirectory);
  async function walk(entry) {
    if (found.length > MOST_ENTRIES) return;
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      found.push({ path: entry.fullPath.replace(/^\//, ""), file });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return;
      for (const one of some) await walk(one);
    }
  }
  for (const entry of entries) await walk(entry);
  return { found, folders };
}

export function files(el, store) {
  const root = make(el, "div", { name: "tlc-files" });
  const buttons = make(root, "div", { name: "tlc-buttons" });
  const chooser = (attributes, act) => {
    const input = make(root, "input", { type: "file", hidden: "", ...attributes });
    input.addEventListener("change", () => {
      const found = [...input.files];
      input.value = ""; // so that the same file can be chosen again
      if (found.length) act(found);
    });
    return input;
  };
  const folder = chooser({ webkitdirectory: "", multiple: "" }, (found) => {
    const every = found.map((file) => ({ path: file.webkitRelativePath || file.name, file }));
    begin("folder", every[0].path.split("/")[0], every);
  });
  const zip = chooser({ accept: ".zip" }, ([file]) => begin("zip", file.name, [{ path: file.name, file }]));
  const some = chooser({ multiple: "", accept: "image/*" }, (found) =>
    begin("class", label.value.trim(), found.map((file) => ({ path: file.name, file }))),
  );
  if ("webkitdirectory" in folder) pressable(buttons, "Choose a folder", () => folder.click());
  pressable(buttons, "Choose a .zip", () => zip.click());
  const id = `tlc-class-${Math.random().toString(36).slice(2)}`;
  make(root, "label", { text: "Or add to a class called", for: id });
  const row = make(root, "div", { name: "tlc-buttons" });
  const label = make(row, "input", { type: "text", id, list: `${id}-known`, autocomplete: "off" });
  const known = make(row, "datalist", { id: `${id}-known` });
  pressable(row, "Add pictures", () => (named() ? some.click() : null));
  const said = make(root, "p", { name: "tlc-status", role: "status" });
  make(root, "p", { name: "tlc-drop", text: "You can also drop a folder, a .zip or pictures here." });

  label.addEventListener("keydown", (event) => event.stopPropagation());

  let sending = null; // { id, files, at, offset, sent, total }

  function named() {
    if (label.value.trim()) return true;
    say("First type the name of the class that these pictures show.");
    label.focus();
    return false;
  }

  function say(words, busy = false) {
    said.setAttribute("aria-live", busy ? "off" : "polite");
    said.textContent = words;
  }

  function begin(kind, name, every) {
    const hidden = /(^|\/)(\.|__MACOSX\/)/;
    const wanted = ({ path }) =>
      !hidden.test(path) && store.get("endings").some((end) => path.toLowerCase().endsWith(end));
    const taken = kind === "zip" ? every : every.filter(wanted);
    const most = store.get("most");
    if (!taken.length) return say("There is no picture among these files.");
    if (taken.length > most) {
      const count = taken.length.toLocaleString("en");
      return say(`There are ${count} pictures here, and at most ${most.toLocaleString("en")} can be added at once.`);
    }
    const total = taken.reduce((sum, { file }) => sum + file.size, 0);
    const id = Math.random().toString(36).slice(2);
    sending = { id, files: taken.map(({ file }) => file), at: 0, offset: 0, sent: 0, total };
    say(`Files on their way: ${taken.length}`);
    const list = taken.map(({ path, file }) => [path, file.size]);
    const rest = kind === "zip" ? [] : every.filter((one) => !wanted(one) && !hidden.test(one.path));
    const some = rest.slice(0, NAMED).map(({ path }) => path);
    store.send({ begin: { id, kind, name, files: list, skipped: rest.length, some } });
  }

  async function piece() {
    const now = sending;
    const parts = [];
    const slices = [];
    let room = store.get("piece");
    while (now.at < now.files.length && room > 0) {
      const file = now.files[now.at];
      const length = Math.min(room, file.size - now.offset);
      parts.push([now.at, now.offset, length]);
      slices.push(file.slice(now.offset, now.offset + length));
      room -= length;
      now.offset += length;
      if (now.offset === file.size) [now.at, now.offset] = [now.at + 1, 0];
    }
    if (!parts.length) return;
    try {
      const content = await new Blob(slices).arrayBuffer();
      if (sending !== now) return;
      now.sent += content.byteLength;
      store.send({ piece: { id: now.id, parts } }, [content]);
      say(`${megabytes(now.sent)} of ${megabytes(now.total)} MB`, true);
    } catch {
      if (sending === now) store.send({ failed: { id: now.id } });
    }
  }

  function onMessage({ take, ended, said: words }) {
    if (!sending) return;
    if (take === sending.id) piece();
    if (ended !== sending.id) return;
    sending = null;
    say(words);
  }

  function names() {
    known.replaceChildren();
    for (const value of store.get("classes")) make(known, "option", { value });
  }

  const over = (on) => (event) => {
    event.preventDefault();
    event.stopPropagation(); // otherwise JupyterLab would open the file
    root.classList.toggle("tlc-over", on);
  };
  root.addEventListener("dragenter", over(true));
  root.addEventListener("dragover", over(true));
  root.addEventListener("dragleave", over(false));
  root.addEventListener("drop", async (event) => {
    over(false)(event);
    try {
      const { found, folders } = await dropped(event.dataTransfer);
      const [first] = found;
      if (!first) say("There is no picture in what was dropped.");
      else if (folders) begin("folder", first.path.split("/")[0], found);
      else if (first.path.toLowerCase().endsWith(".zip")) begin("zip", first.path, [first]);
      else if (named()) begin("class", label.value.trim(), found);
    } catch {
      say("What was dropped cannot be read: choose it with a button.");
    }
  });

  names();
  const ends = [store.on("classes", names), store.onMessage(onMessage)];
  return () => {
    sending = null;
    ends.forEach((end) => end());
  };
}
