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

  const showTip = (svg, x, y, when, lines, aloud) => {
    const head = document.createElement("b");
    head.textContent = when;
    const parts = (lines.length ? lines : [words.nothing]).map((line) => {
      const part = document.createElement("div");
      part.textContent = line;
      return part;
    });
    tip.replaceChildren(head, ...parts);
    tip.hidden = false;
    const box = svg.viewBox.baseVal;
    const area = svg.getBoundingClientRect();
    const px = area.left + x / box.width * area.width;
    const room = document.documentElement.clientWidth;
    const left = px + 14 + tip.offsetWidth > room ? px - 14 - tip.offsetWidth : px + 14;
    tip.style.left = Math.max(4, left) + window.scrollX + "px";
    tip.style.top = area.top + y / box.height * area.height + window.scrollY + "px";
    if (aloud) say.textContent = [when, ...lines].join(", ");
  };

  // One place at a time: `count` places, drawn by `show`, cleared by `clear`.
  const readable = (svg, count, at, show, clear, moves) => {
    let now = -1;
    const hide = () => { tip.hidden = true; now = -1; clear(); };
    const go = (place, aloud) => {
      clear();
      now = Math.max(0, Math.min(count - 1, place));
      show(now, aloud);
    };
    svg.addEventListener("pointermove", (event) => {
      const area = svg.getBoundingClientRect();
      const box = svg.viewBox.baseVal;
      const place = at((event.clientX - area.left) / area.width * box.width, event);
      if (place < 0 || place >= count) hide();
      else go(place, false);
    });
    svg.addEventListener("pointerleave", hide);
    svg.tabIndex = 0;
    svg.addEventListener("focus", () => { say.textContent = words.keys; });
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", (event) => {
      const step = { Home: -count, End: count, ...moves }[event.key];
      if (event.key === "Escape") hide();
      if (step === undefined) return;
      event.preventDefault();
      go(now + step, true);
    });
  };

  for (const figure of document.querySelectorAll("figure.plot[data-table]")) {
    const table = document.getElementById(figure.dataset.table);
    if (!table) continue;
    const rows = table.tBodies[0].rows;
    const heads = table.tHead.rows[0].cells;
    const first = Number(figure.dataset.column || 1);
    const count = figure.dataset.column ? 3 : 9;

    for (const svg of figure.querySelectorAll("svg.chart")) {
      const left = Number(svg.dataset.left);
      const span = Number(svg.dataset.span);
      const step = Number(svg.dataset.hours) / rows.length;
      const cursor = document.createElementNS(SVG, "path");
      cursor.setAttribute("class", "cursor");
      const show = (place, aloud) => {
        const x = left + ((place + 0.5) * step / Number(svg.dataset.hours)) * span;
        cursor.setAttribute("d", "M" + x + " 8V" + (svg.viewBox.baseVal.height - 20));
        svg.append(cursor);
        showTip(svg, x, 12, ...describe(rows[place], heads, first, count), aloud);
      };
      readable(svg, rows.length, (x) => Math.floor((x - left) / span * rows.length), show,
        () => cursor.remove(),
        { ArrowLeft: -1, ArrowRight: 1, PageUp: -24, PageDown: 24 });
    }

    for (const svg of figure.querySelectorAll("svg.heat")) {
      const cells = [...svg.querySelectorAll("rect")];
      const show = (place, aloud) => {
        const day = Math.floor(place / 24) + 1;
        const hour = rows[place % 24];
        const cell = cells[place];
        cell.classList.add("on");
        showTip(svg, Number(cell.getAttribute("x")), Number(cell.getAttribute("y")) + 40,
          heads[day].textContent.trim() + " " + hour.cells[0].textContent.trim(),
          [hour.cells[day].textContent.trim()], aloud);
      };
      readable(svg, cells.length, (_, event) => cells.indexOf(event.target), show,
        () => { for (const cell of cells) cell.classList.remove("on"); },
        { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -24, ArrowDown: 24 });
    }
  }

  // The numbers behind a chart, as a spreadsheet takes them.
  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  for (const details of document.querySelectorAll("details.behind")) {
    const table = details.querySelector("table");
    if (!table) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = words.copy;
    button.addEventListener("click", async () => {
      const lines = [...table.rows].map((row) => [...row.cells]
        .map((cell) => cell.textContent.replace(/\s+/g, " ").trim()).join("\t"));
      await copied(lines.join("\n") + "\n");
      say.textContent = words.copied;
      button.textContent = words.copied;
      setTimeout(() => { button.textContent = words.copy; }, 2000);
    });
    details.querySelector("summary").after(button);
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
    table.closest(".tbl").querySelector(".cap").append(label);
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

  // A column that the edge of its box cuts is not seen until it is whole: half a number is another one.
  const whole = (box, table) => {
    let last = "";
    const look = () => {
      const first = [...table.rows].find((row) => row.offsetWidth && !row.closest(".sr"));
      if (!first) return;
      const edge = box.getBoundingClientRect();
      const cut = [...first.cells].map((cell) => {
        const { left, right, width } = cell.getBoundingClientRect();
        const end = right - parseFloat(getComputedStyle(cell).paddingRight);
        return width < edge.width && (left < edge.left - 1 && end > edge.left + 1
          || end > edge.right + 1 && left < edge.right - 1);
      });
      if (last === (last = cut.join())) return;
      for (const row of table.rows) {
        let column = 0;
        for (const cell of row.cells) {
          cell.classList.toggle("half", cell.colSpan === 1 && cut[column]);
          column += cell.colSpan;
        }
      }
    };
    box.addEventListener("scroll", look);
    const sizes = new ResizeObserver(look);
    sizes.observe(table);
    sizes.observe(box);
  };
  for (const box of document.querySelectorAll(".scroll")) {
    const table = box.querySelector("table");
    if (table) whole(box, table);
  }
})();
