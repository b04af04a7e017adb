// Reads values off the charts, sorts and filters tables. The page is whole without it.
"use strict";
(() => {
  const words = document.body.dataset;
  const tip = document.getElementById("tip");
  const say = document.getElementById("say");
  const SVG = "http://www.w3.org/2000/svg";

  // Charts: a value under the pointer, or under the arrow keys.
  const describe = (row, heads, first, count) => {
    const cells = [...row.cells];
    const lines = [];
    for (let i = first; i < Math.min(cells.length, first + count); i += 1) {
      const text = cells[i].textContent.trim();
      if (text && heads[i]) lines.push(heads[i].textContent.trim() + ": " + text);
    }
    return [cells[0].textContent.trim(), lines];
  };

  for (const figure of document.querySelectorAll("figure.plot[data-table]")) {
    const table = document.getElementById(figure.dataset.table);
    const charts = figure.querySelectorAll("svg.chart");
    if (!table || !charts.length) continue;
    const first = Number(figure.dataset.column || 1);
    const count = figure.dataset.column ? 3 : 9;
    let at = -1;

    const show = (svg, index, aloud) => {
      const rows = table.tBodies[0].rows;
      const hours = Number(svg.dataset.hours);
      const step = hours / rows.length;
      at = Math.max(0, Math.min(rows.length - 1, index));
      const [when, lines] = describe(rows[at], table.tHead.rows[0].cells, first, count);
      const box = svg.viewBox.baseVal;
      const x = Number(svg.dataset.left) + ((at + 0.5) * step / hours) * Number(svg.dataset.span);
      let cursor = svg.querySelector(".cursor");
      if (!cursor) {
        cursor = document.createElementNS(SVG, "path");
        cursor.setAttribute("class", "cursor");
        svg.append(cursor);
      }
      cursor.setAttribute("d", "M" + x + " 8V" + (box.height - 20));
      tip.replaceChildren();
      const head = document.createElement("b");
      head.textContent = when;
      tip.append(head);
      for (const line of lines.length ? lines : [words.nothing]) {
        const part = document.createElement("div");
        part.textContent = line;
        tip.append(part);
      }
      tip.hidden = false;
      const area = svg.getBoundingClientRect();
      const px = area.left + x / box.width * area.width;
      const left = px + 14 + tip.offsetWidth > document.documentElement.clientWidth
        ? px - 14 - tip.offsetWidth : px + 14;
      tip.style.left = Math.max(4, left) + window.scrollX + "px";
      tip.style.top = area.top + window.scrollY + 12 + "px";
      if (aloud) say.textContent = [when, ...lines].join(", ");
    };
    const hide = () => {
      tip.hidden = true;
      at = -1;
      for (const cursor of figure.querySelectorAll(".cursor")) cursor.remove();
    };
    const visible = () => [...charts].find((svg) => svg.getClientRects().length) || charts[0];

    for (const svg of charts) {
      svg.addEventListener("pointermove", (event) => {
        const area = svg.getBoundingClientRect();
        const x = (event.clientX - area.left) / area.width * svg.viewBox.baseVal.width;
        const part = (x - Number(svg.dataset.left)) / Number(svg.dataset.span);
        if (part < 0 || part > 1) hide();
        else show(svg, Math.floor(part * table.tBodies[0].rows.length), false);
      });
      svg.addEventListener("pointerleave", hide);
      svg.tabIndex = 0;
      svg.addEventListener("focus", () => { say.textContent = words.keys; });
      svg.addEventListener("blur", hide);
      svg.addEventListener("keydown", (event) => {
        const rows = table.tBodies[0].rows.length;
        const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: rows - 1,
          PageUp: at - 24, PageDown: at + 24 };
        if (event.key === "Escape") hide();
        if (!(event.key in moves)) return;
        event.preventDefault();
        show(visible(), moves[event.key], true);
      });
    }
  }

  // Flow map: a node or band under the pointer stands out with all that belongs to it.
  for (const map of document.querySelectorAll("svg.map")) {
    const flows = [...map.querySelectorAll(".flow")];
    const light = (chosen) => {
      map.classList.toggle("focus", chosen !== null);
      for (const flow of flows) flow.classList.toggle("on", chosen !== null && chosen(flow));
    };
    for (const node of map.querySelectorAll(".node")) {
      const id = node.dataset.n;
      node.addEventListener("pointerenter", () =>
        light((flow) => flow.dataset.a === id || flow.dataset.b === id));
      node.addEventListener("pointerleave", () => light(null));
    }
  }

  // Tables: sort by a heading, filter by a word.
  const value = (cell) => cell === undefined ? ""
    : cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
  const order = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;
  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 2) continue;
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("n") || head.classList.contains("share");
        const now = head.getAttribute("aria-sort");
        const next = now ? (now === "ascending" ? "descending" : "ascending")
          : numeric ? "descending" : "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", next);
        const sign = next === "ascending" ? 1 : -1;
        const keyed = [...body.rows].map((row) => [value(row.cells[column]), row]);
        keyed.sort(([a], [b]) => sign * (typeof a === "number" && typeof b === "number"
          ? a - b : order(String(a), String(b))));
        body.append(...keyed.map(([, row]) => row));
      });
    });
    if (body.rows.length < 10) continue;
    const label = document.createElement("label");
    label.className = "filter";
    const input = document.createElement("input");
    input.type = "search";
    const shown = document.createElement("span");
    label.append(words.filter, input, shown);
    table.closest(".tbl").prepend(label);
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      let count = 0;
      for (const row of body.rows) {
        row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
        if (!row.hidden) count += 1;
      }
      shown.textContent = wanted ? count + " / " + body.rows.length + " " + words.shown : "";
    });
  }
})();
