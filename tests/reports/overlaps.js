// Returns the texts of a page that lie over each other: by the boxes of their lines, cut to what
// the boxes around them let be seen.
() => {
  const shown = (box, element) => {
    let { left, top, right, bottom } = box;
    for (let e = element; e && e !== document.body; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.visibility === "hidden" || style.display === "none") return null;
      if (style.overflowX !== "visible" && !(e instanceof SVGElement)) {
        const clip = e.getBoundingClientRect();
        left = Math.max(left, clip.left); right = Math.min(right, clip.right);
        top = Math.max(top, clip.top); bottom = Math.min(bottom, clip.bottom);
      }
    }
    // Glyphs stand inside their line's box: what is at its edge touches nobody.
    const inset = (bottom - top) * 0.22;
    top += inset; bottom -= inset; left += 0.6; right -= 0.6;
    return right - left > 1 && bottom - top > 1 ? { left, top, right, bottom } : null;
  };
  const boxes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim();
    const parent = node.parentElement;
    if (!text || parent.closest("script, style, title, desc, .sr, .skip, .defs, .tip")) continue;
    let hidden = false;
    for (let d = parent.closest("details"); d; d = d.parentElement.closest("details")) {
      hidden ||= !d.open && !(d.firstElementChild?.contains(parent));
    }
    if (hidden) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      const box = shown(rect, parent);
      if (box) boxes.push({ ...box, node, text });
    }
  }
  boxes.sort((a, b) => a.top - b.top);
  const found = [];
  for (let i = 0; i < boxes.length; i += 1) {
    const a = boxes[i];
    for (let j = i + 1; j < boxes.length && boxes[j].top < a.bottom; j += 1) {
      const b = boxes[j];
      if (b.node !== a.node && b.left < a.right && a.left < b.right) {
        found.push(a.text.slice(0, 40) + " / " + b.text.slice(0, 40)
          + " at " + Math.round(a.left) + "," + Math.round(a.top + scrollY));
      }
    }
  }
  return [found.length, boxes.length, found.slice(0, 12)];
}
