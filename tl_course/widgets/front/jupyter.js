// The store of an anywidget model. Where its kernel is gone, nothing can be sent: the element then
// says so ("tlc-lost") to the experiment that it is in.

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
