// Courses of checks: a point tells its night, a range of them the command that looks for the commit.
(() => {
  const known = JSON.parse(document.querySelector("#nights").textContent), SVG = "http://www.w3.org/2000/svg";
  const drawn = (svg, name, css) => {
    const made = document.createElementNS(SVG, name);
    made.setAttribute("class", css);
    return svg.appendChild(made);
  };
  const numbers = runs => runs.split(" ").flatMap(run => {
    const [from, to] = run.split("-").map(Number);
    return Array.from({length: (to ?? from) - from + 1}, (_, at) => from + at);
  });
  const POINT = /(-?[\d.]+),(-?[\d.]+)/g;

  const enliven = figure => {
    if (figure.dataset.alive) return;
    figure.dataset.alive = "yes";
    const svg = figure.querySelector("svg"), line = svg.querySelector(".values");
    const nights = numbers(figure.dataset.nights).map(at => known.nights[at]);
    const values = figure.dataset.values.split("\t");
    const verdicts = [...figure.dataset.verdicts].map(at => known.verdicts[at]);
    const [left, right, top, bottom] = svg.dataset.plot.split(" ").map(Number);
    const range = svg.insertBefore(document.createElementNS(SVG, "rect"), svg.firstChild);
    range.setAttribute("class", "range");
    const cursor = drawn(svg, "path", "cursor"), spot = drawn(svg, "circle", "cursor");
    const told = document.createElement("p"), command = document.createElement("p");
    told.className = "told";
    told.textContent = "Point at a night, or use the arrow keys, to read it. Drag over nights, or hold Shift, to search the commits between.";
    figure.append(told, command);
    svg.tabIndex = 0;
    // What arrow keys move is a slider to those who hear it.
    svg.setAttribute("role", "slider");
    svg.setAttribute("aria-valuemin", 1);
    svg.setAttribute("aria-valuemax", nights.length);
    const say = (at, what) => { svg.setAttribute("aria-valuenow", at + 1); svg.setAttribute("aria-valuetext", what); };
    say(nights.length - 1, told.textContent);

    const x = at => left + (right - left) * at / (nights.length - 1);
    const ys = () => [...line.getAttribute("d").matchAll(POINT)].map(found => Number(found[2]));
    let at = nights.length - 1, from = null;
    const show = () => {
      const y = ys()[at];
      cursor.setAttribute("d", `M${x(at)} ${top}V${bottom}`);
      spot.setAttribute("cx", x(at));
      spot.setAttribute("cy", y);
      spot.setAttribute("r", 6);
      const [when, commit] = nights[at];
      told.textContent = `${when}, ${commit ? `commit ${commit}` : "commit unknown"}: ${values[at]}, ${verdicts[at]}`;
      say(at, told.textContent);
      const [first, last] = from === null ? [at, at] : [Math.min(from, at), Math.max(from, at)];
      range.setAttribute("x", x(first));
      range.setAttribute("width", x(last) - x(first));
      range.setAttribute("y", top);
      range.setAttribute("height", bottom - top);
      command.replaceChildren();
      if (first === last) return;
      const good = nights[first][1], bad = nights[last][1];
      if (!good || !bad || good === bad) {
        command.textContent = good === bad && good ? `Both nights are of commit ${good}.` : "The commit of one end is not known.";
        return;
      }
      const code = document.createElement("code");
      code.className = "command";
      code.textContent = `pytest-modelbench bisect ${good}..${bad} ${figure.dataset.test}`;
      command.append(code);
      window.copyable(code);
    };
    const nearest = event => {
      const box = svg.getBoundingClientRect(), inside = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      return Math.max(0, Math.min(nights.length - 1, Math.round((inside - left) / (right - left) * (nights.length - 1))));
    };
    let dragging = false;
    svg.addEventListener("pointerdown", event => {
      dragging = true;
      at = from = nearest(event);
      svg.setPointerCapture?.(event.pointerId);
      show();
    });
    svg.addEventListener("pointermove", event => {
      // What was dragged over stays until the next click.
      if (!dragging && from !== null && from !== at) return;
      at = nearest(event);
      show();
    });
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { dragging = false; });
    svg.addEventListener("keydown", event => {
      const steps = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: nights.length - 1};
      if (event.key === "Escape") from = null;
      else if (event.key in steps) {
        from = event.shiftKey ? from ?? at : null;
        at = Math.max(0, Math.min(nights.length - 1, steps[event.key]));
      } else return;
      event.preventDefault();
      show();
    });
    svg.addEventListener("focus", () => { if (!dragging) show(); });
    bendable(figure, svg, top, bottom, show);
  };

  // The picture is drawn once, linear; a logarithmic scale moves its points.
  const bendable = (figure, svg, top, bottom, show) => {
    const low = Number(svg.dataset.low), high = Number(svg.dataset.high);
    if (!(low > 0)) return;
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox";
    label.append(box, " logarithmic");
    figure.append(label);
    const moving = [...svg.querySelectorAll("[data-y]")].map(one => [one, one.dataset.y, one.getAttribute(one.dataset.y)]);
    const bent = y => {
      const value = low + (bottom - y) / (bottom - top) * (high - low);
      return (bottom - (bottom - top) * Math.log(value / low) / Math.log(high / low)).toFixed(1);
    };
    box.addEventListener("input", () => {
      for (const [one, name, straight] of moving) {
        const now = name === "y" ? bent(Number(straight)) : straight.replace(POINT, (_, x, y) => `${x},${bent(Number(y))}`);
        one.setAttribute(name, box.checked ? now : straight);
      }
      show();
    });
  };

  addEventListener("toggle", event => {
    if (event.target.open) event.target.querySelectorAll?.("figure.course").forEach(enliven);
  }, true);
  document.querySelectorAll("details[open] figure.course").forEach(enliven);
})();
