// Search runs in a worker, and browsers start none for a page that was opened from the disk. There, and only there, its
// script runs in a hidden frame that speaks as a worker does. Zensical would load such a thing from elsewhere; its name
// tells it that one is here.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.postMessage = (data) => this.tell(new MessageEvent("message", { data: structuredClone(data) }));
      this.ready = new Promise((resolve, reject) => {
        const script = inside.document.createElement("script");
        script.onload = resolve;
        script.onerror = () => this.tell(new ErrorEvent("error", { message: `${url} cannot be loaded` })) || reject();
        script.src = new URL(url, location.href).href;
        inside.document.body.append(script);
      });
      this.ready.catch(() => {});
    }
    postMessage(data) {
      const inside = this.frame.contentWindow;
      this.ready.then(() => inside.dispatchEvent(new inside.MessageEvent("message", { data: structuredClone(data) })));
    }
    tell(event) {
      this[`on${event.type}`]?.(event);
      this.dispatchEvent(event);
    }
    terminate() {
      this.frame.remove();
    }
  };
}
