// The store of an anywidget model. If its kernel is gone, nothing can be sent, and the element tells
// the experiment around it ("tlc-lost").

function storeOf(model, el) {
  const tried = (act) => {
    try {
      act();
    } catch {
      el.dispatchEvent(new CustomEvent("tlc-lost", { bubbles: true }));
    }
  };
  const listen = (event, act) => {
    model.on(event, act);
    return () => model.off(event, act);
  };
  return {
    get: (name) => model.get(name),
    set(changed) {
      for (const [name, value] of Object.entries(changed)) model.set(name, value);
      tried(() => model.save_changes());
    },
    on: (name, act) => listen(`change:${name}`, act),
    send: (content, buffers) => tried(() => model.send(content, undefined, buffers)),
    onMessage: (act) => listen("msg:custom", act),
  };
}
