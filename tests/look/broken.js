// What a person would call broken on a page: texts over texts, over lines or out of their box, and
// contents that are cut without a way to scroll. Returns sentences.
() => {
  const found = [];
  const shown = element => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== "hidden";
  };
  const name = element => JSON.stringify(element.textContent.trim().slice(0, 40));
  // the ink of a line of text is less high than its box, and neighbouring letters share a pixel
  const inner = box => ({left: box.left + 1, right: box.right - 1, top: box.top + 3, bottom: box.bottom - 3});
  const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  for (const figure of document.querySelectorAll("svg")) {
    if (!shown(figure)) continue;
    const frame = figure.getBoundingClientRect();
    const texts = [...figure.querySelectorAll("text")].filter(shown);
    const boxes = texts.map(text => inner(text.getBoundingClientRect()));
    texts.forEach((text, i) => {
      const box = boxes[i];
      if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 4 || box.bottom > frame.bottom + 4)
        found.push(`text ${name(text)} leaves its figure`);
      for (let j = 0; j < i; j++)
        if (meet(box, boxes[j])) found.push(`text ${name(text)} lies over ${name(texts[j])}`);
    });
    for (const line of figure.querySelectorAll("line.limit")) {
      const box = line.getBoundingClientRect();
      const wide = {left: box.left, right: box.right + 1, top: box.top, bottom: box.bottom + 1};
      texts.forEach((text, i) => {
        if (!text.classList.contains("halo") && meet(wide, boxes[i])) found.push(`a line crosses ${name(text)}`);
      });
    }
  }
  const scrolls = element => {
    for (let up = element; up && up !== document.body; up = up.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(up).overflowX)) return true;
    return false;
  };
  for (const element of document.querySelectorAll("h1, h2, h3, p, li, td, th, caption, figcaption, .banner, code")) {
    if (!shown(element) || scrolls(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.right > document.documentElement.clientWidth + 1) found.push(`${element.tagName} ${name(element)} leaves the page`);
    if (element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).display !== "inline")
      found.push(`${element.tagName} ${name(element)} is wider than its box`);
  }
  const extra = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (extra > 0) found.push(`the page is ${extra} pixels too wide`);
  return [...new Set(found)];
}
