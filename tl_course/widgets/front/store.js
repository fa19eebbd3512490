// The state and messages of a part, for a page without a kernel and for tests.
//
// Every part is a function (element, store) that fills the element and returns a function that ends
// it. The store has get(name), set({ name: value }), on(name, act), send(content, buffers) and
// onMessage(act); `on` and `onMessage` return a function that unsubscribes.

/** A store of `values`; `sent` receives what the part sends, and `tell` answers. */
export function plainStore(values = {}, sent = () => {}) {
  const known = { ...values };
  const acts = {};
  const listen = (name, act) => {
    (acts[name] ??= new Set()).add(act);
    return () => acts[name].delete(act);
  };
  const call = (name, ...what) => [...(acts[name] || [])].forEach((act) => act(...what));
  return {
    get: (name) => known[name],
    set(changed) {
      Object.assign(known, changed);
      for (const name of Object.keys(changed)) call(`of ${name}`);
    },
    on: (name, act) => listen(`of ${name}`, act),
    send: (content, buffers) => sent(content, buffers),
    onMessage: (act) => listen("message", act),
    tell: (content) => call("message", content),
  };
}
