// What a reader would trip over on this page, as a list of sentences; empty if nothing.
() => {
  const found = [];
  const name = (element) => {
    const words = (element.innerText || element.alt || "").trim().slice(0, 40);
    return `<${element.tagName.toLowerCase()}${element.id ? "#" + element.id : ""}> «${words}»`;
  };
  const shown = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== "hidden";
  };
  const scrolls = (element) => ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
  const scroller = (element) => {
    for (let up = element.parentElement; up; up = up.parentElement) if (scrolls(up)) return up;
    return null;
  };

  // Nothing is cut off.
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth)
    found.push(`the page is ${root.scrollWidth} pixels wide, the window ${root.clientWidth}`);
  for (const element of document.body.querySelectorAll("*")) {
    if (!shown(element)) continue;
    const box = element.getBoundingClientRect();
    if (!scroller(element) && (box.left < -0.5 || box.right > root.clientWidth + 0.5))
      found.push(`${name(element)} reaches outside the window`);
    const style = getComputedStyle(element);
    const room = element.clientWidth + 1;
    if (style.display !== "inline" && !scrolls(element) && element.scrollWidth > room)
      found.push(`${name(element)} is too narrow for what it holds`);
    const clips = element.tagName !== "IMG" && ["hidden", "clip"].includes(style.overflowX);
    if (clips || style.textOverflow === "ellipsis")
      found.push(`${name(element)} hides what does not fit`);
  }
  // Texts beside each other do not run into each other.
  for (const row of document.querySelectorAll("tr, .verdicts li, dl > div")) {
    const cells = [...row.children].filter(shown);
    cells.slice(1).forEach((cell, place) => {
      const range = document.createRange();
      range.selectNodeContents(cells[place]);
      const [one, other] = [range.getBoundingClientRect(), cell.getBoundingClientRect()];
      const beside = one.top < other.bottom && other.top < one.bottom;
      if (beside && one.right > other.left + 0.5)
        found.push(`${name(cells[place])} runs into ${name(cell)}`);
    });
  }

  // Pictures are there and are told in words.
  for (const image of document.images) {
    if (!image.alt.trim()) found.push("a picture has no alternative text");
    if (!image.complete || image.naturalWidth === 0) found.push(`${name(image)} did not load`);
  }
  for (const figure of document.querySelectorAll("figure"))
    if (!figure.querySelector("img") || !figure.querySelector("figcaption")?.innerText.trim())
      found.push(`${name(figure)} lacks its picture or its caption`);

  // Headings are in order, links lead somewhere, names are given once.
  const levels = [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map((h) => +h.tagName[1]);
  if (levels[0] !== 1 || levels.filter((level) => level === 1).length !== 1)
    found.push("there is not one first heading");
  levels.slice(1).forEach((level, place) => {
    if (level > levels[place] + 1) found.push(`a heading of level ${level} follows ${levels[place]}`);
  });
  for (const link of document.querySelectorAll("a")) {
    const target = link.getAttribute("href") || "";
    if (!target.startsWith("#") || !document.getElementById(target.slice(1)))
      found.push(`${name(link)} leads nowhere: ${target}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place)))
    found.push(`two elements are called ${id}`);
  for (const table of document.querySelectorAll("table"))
    if (!document.getElementById(table.getAttribute("aria-labelledby"))?.innerText.trim())
      found.push("a table has no caption");
  if (document.querySelector("script")) found.push("there is a script");

  // Letters stand out from their ground: 4.5 to 1, WCAG 2.2's 1.4.3.
  const channel = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const parse = (color) => (color.match(/[\d.]+/g) || []).map(Number);
  const luminance = (color) => {
    const [red, green, blue] = color.slice(0, 3).map((value) => channel(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = (element) => {
    for (let up = element; up; up = up.parentElement) {
      const color = parse(getComputedStyle(up).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  for (const element of document.body.querySelectorAll("*")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !shown(element)) continue;
    const pair = [parse(getComputedStyle(element).color), ground(element)].map(luminance);
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < 4.5) found.push(`${name(element)} stands out from its ground by ${ratio.toFixed(1)}`);
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (size < 12) found.push(`${name(element)} is ${size} pixels small`);
  }
  return found;
}
