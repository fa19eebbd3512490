// The steps of a longer task: the present one, the result of each, and one button for the next. The
// button stays in one place, so it keeps the focus. A click on its old label is ignored once the
// label has changed.
//
// store.steps   [{ name, said, able }, …]; store.chosen  the number of the one that is shown
// store.next    the label of the button; store.able  whether it is enabled; store.quiet  whether
//               something else is the obvious thing to do
// store.share   how much of the work under way is done, 0 … 1, or -1; store.left  the same in words
// store.news    the result of the last action, also for a screen reader
// sent          { next: the label of the button }

import { make, pressable } from "./dom.js";

export function steps(el, store) {
  const root = make(el, "div", { name: "tlc-steps" });
  const list = make(root, "ol");
  const go = make(root, "div", { name: "tlc-go" });
  const next = pressable(go, "", press, {});
  const bar = make(go, "div", {
    name: "tlc-track", role: "progressbar", "aria-label": "Done", "aria-valuemin": 0,
    "aria-valuemax": 100,
  });
  const fill = make(bar, "div", { name: "tlc-fill" });
  const left = make(go, "span", { name: "tlc-left" });
  const news = make(go, "span", { name: "tlc-news", role: "status" });

  function press() {
    if (store.get("able")) store.send({ next: store.get("next") });
  }

  function rows() {
    const every = store.get("steps");
    while (list.children.length > every.length) list.lastChild.remove();
    every.forEach(({ name, said, able }, i) => {
      if (!list.children[i]) {
        const button = pressable(make(list, "li"), "", () => {
          if (store.get("steps")[i].able) store.set({ chosen: i });
        });
        make(button, "b");
        make(button, "span");
      }
      const button = list.children[i].firstChild;
      button.querySelector("b").textContent = `${i + 1} ${name}`;
      button.querySelector("span").textContent = said;
      button.setAttribute("aria-disabled", String(!able));
      if (i === store.get("chosen")) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
  }

  function status() {
    const share = store.get("share");
    if (next.textContent !== store.get("next")) next.textContent = store.get("next");
    next.setAttribute("aria-disabled", String(!store.get("able")));
    next.className = store.get("quiet") ? "tlc-once" : "tlc-keep tlc-once";
    bar.hidden = share < 0;
    fill.style.width = `${100 * Math.max(share, 0)}%`;
    bar.setAttribute("aria-valuenow", String(Math.round(100 * Math.max(share, 0))));
    left.textContent = share < 0 ? "" : store.get("left");
    const said = share < 0 ? store.get("news") : "";
    if (news.textContent !== said) news.textContent = said;
  }

  rows();
  status();
  const ends = ["steps", "chosen"].map((name) => store.on(name, rows));
  const shown = ["next", "able", "quiet", "share", "left", "news"];
  ends.push(...shown.map((name) => store.on(name, status)));
  return () => ends.forEach((end) => end());
}
