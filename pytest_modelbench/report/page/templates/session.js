// The table: sorted, filtered, and of thousands of checks only what is looked at is laid out.
(() => {
  const table = document.querySelector("#checks");
  if (!table) return;
  const body = table.tBodies[0], form = document.querySelector("form"), atOnce = Number(table.dataset.atOnce);
  const search = form.querySelector("[type=search]"), told = form.querySelector("span");
  const further = document.querySelector("#further"), rest = document.querySelector("#rest");
  const KEYS = ["rank", "share", "case", "metric", "model", "environment", "standing"];
  const workshop = document.createElement("template"), text = document.createElement("textarea");
  const unescape = escaped => { text.innerHTML = escaped; return text.value; };
  const keysOf = written => written.split(" ").map(Number);

  // Where scripts run, a browser takes what is for those without for text: rows that cost nothing until they are wanted.
  const records = [...body.rows].map(row => ({row, id: row.id, words: row.dataset.words, keys: keysOf(row.dataset.keys)}));
  for (const line of rest ? rest.textContent.split("\n") : []) {
    const found = /^<tr id="(\w+)" data-keys="([^"]*)" data-words="([^"]*)"/.exec(line);
    if (found) records.push({line, id: found[1], keys: keysOf(found[2]), escaped: found[3]});
  }
  const rowOf = record => {
    if (!record.row) {
      workshop.innerHTML = record.line;
      record.row = workshop.content.firstElementChild;
    }
    return record.row;
  };
  const wordsOf = record => record.words ??= unescape(record.escaped);

  let limit = atOnce, by = 0, way = 1, first = null;
  const matching = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const standings = new Set([...form.querySelectorAll(":checked[type=checkbox]")].map(one => Number(one.value)));
    const chosen = [...form.querySelectorAll("select")].filter(one => one.value !== "")
      .map(one => [KEYS.indexOf(one.dataset.by), Number(one.value)]);
    return records.filter(one => standings.has(one.keys[6]) && chosen.every(([key, value]) => one.keys[key] === value)
      && (!wanted.length || wanted.every(word => wordsOf(one).includes(word))));
  };
  const tell = count => {
    told.textContent = `${count} of ${records.length}${count > limit ? `, the first ${limit} shown` : ""}`;
    further.hidden = count <= limit;
  };
  const show = () => {
    let found = matching().sort((one, other) => way * (one.keys[by] - other.keys[by]) || one.keys[0] - other.keys[0]);
    if (first && !found.slice(0, limit).includes(first)) found = [first, ...found.filter(one => one !== first)];
    body.replaceChildren(...found.slice(0, limit).map(rowOf));
    tell(found.length);
  };
  form.addEventListener("input", () => { limit = atOnce; first = null; show(); });
  form.addEventListener("submit", event => event.preventDefault());
  further.addEventListener("click", event => {
    if (event.target.tagName !== "BUTTON") return;
    limit = "all" in event.target.dataset ? Infinity : limit + atOnce;
    show();
  });
  table.querySelectorAll("th[data-by]").forEach(head => head.addEventListener("click", () => {
    const falling = head.dataset.by === "share";
    const before = head.getAttribute("aria-sort");
    way = before === (falling ? "descending" : "ascending") === falling ? 1 : -1;
    by = KEYS.indexOf(head.dataset.by);
    table.querySelectorAll("th").forEach(one => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    show();
  }));

  const open = () => {
    const record = location.hash && records.find(one => one.id === location.hash.slice(1));
    if (!record) return;
    if (!record.row || !record.row.isConnected) { first = record; show(); }
    record.row.querySelector("details").open = true;
    record.row.scrollIntoView({block: "center"});
  };
  addEventListener("hashchange", open);
  document.documentElement.classList.add("js");
  tell(records.length);
  open();

  // On paper nothing opens: what is not as it should be is printed with its reasons.
  let opened = [];
  addEventListener("beforeprint", () => {
    const rows = [...body.rows].filter(row => row.querySelector("td.bad, td.odd"));
    opened = [...document.querySelectorAll("body > details, .trouble td > details"), ...rows.map(row => row.querySelector("details"))]
      .filter(one => !one.open);
    opened.forEach(one => { one.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach(one => { one.open = false; }));

  document.querySelectorAll(".command").forEach(command => window.copyable(command));
})();
