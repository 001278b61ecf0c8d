"use strict";
// One moment and one stretch of time for all courses of the page. Without this the page is whole, and still.
(() => {
  const clip = JSON.parse(document.getElementById("clip").textContent);
  const plots = [...document.querySelectorAll(".plot")].map((box) => ({
    box,
    pictures: [...box.querySelectorAll("svg")],
    first: Number(box.dataset.first),
    values: box.dataset.values ? Uint8Array.from(atob(box.dataset.values), (c) => c.charCodeAt(0)) : null,
    now: box.closest(".card").querySelector(".now"),
    cursor: box.appendChild(Object.assign(document.createElement("div"), { className: "cursor", hidden: true })),
  }));
  const axes = [...document.querySelectorAll(".times")];
  const slider = document.getElementById("moment");
  const output = document.querySelector(".tools output");
  const buttons = Object.fromEntries([...document.querySelectorAll("[data-zoom]")].map((b) => [b.dataset.zoom, b]));
  const AWAY = 255;
  const LEAST = Math.min(8, clip.count);
  const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];
  let from = 0;
  let to = clip.count;
  let moment = null;

  const timeOf = (bin) => clip.begin + bin * clip.width;

  function clock(time, digits, hours = false) {
    const units = Math.round(Math.abs(time) * 10 ** digits);
    const whole = Math.floor(units / 10 ** digits);
    const two = (n) => String(n).padStart(2, "0");
    const above = Math.floor(whole / 3600);
    const minutes = Math.floor(whole / 60) % 60;
    let text = above || hours ? `${above}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
    if (digits) text += `.${String(units % 10 ** digits).padStart(digits, "0")}`;
    return time < 0 && units ? `-${text}` : text;
  }

  function drawAxes() {
    const [begin, end] = [timeOf(from), timeOf(to)];
    const step = STEPS.find((one) => (end - begin) / one <= 6) ?? 86400 * Math.ceil((end - begin) / 86400 / 6);
    const digits = step > 0.99 ? 0 : step > 0.099 ? 1 : 2;
    const marks = [];
    for (let n = Math.ceil(begin / step - 1e-9); n * step <= end + 1e-9; n += 1) marks.push(n * step);
    const hours = marks.some((time) => time >= 3600);
    for (const axis of axes) {
      axis.replaceChildren(...marks.map((time) => {
        const mark = document.createElement("span");
        const share = (time - begin) / (end - begin);
        mark.textContent = clock(time, digits, hours);
        mark.style.left = `${100 * share}%`;
        mark.className = share < 0.02 ? "first" : share > 0.98 ? "last" : "";
        return mark;
      }));
    }
  }

  function drawView() {
    for (const plot of plots) {
      for (const picture of plot.pictures) {
        const height = picture.viewBox.baseVal.height;
        picture.setAttribute("viewBox", `${from} 0 ${to - from} ${height}`);
      }
    }
    buttons.in.disabled = to - from <= LEAST;
    buttons.out.disabled = buttons.all.disabled = to - from >= clip.count;
    drawAxes();
    drawMoment();
  }

  /** What a course says at the moment: label and percent, the largest first; null where nobody is. */
  function reading(plot) {
    const width = clip.labels.length;
    const at = (moment - plot.first) * width;
    if (!plot.values || at < 0 || at >= plot.values.length || plot.values[at] === AWAY) return null;
    return clip.labels
      .map((label, n) => [label, Math.round(plot.values[at + n] / 2)])
      .filter(([, percent]) => percent > 0)
      .sort((a, b) => b[1] - a[1]);
  }

  function drawMoment() {
    if (moment === null) return;
    const time = clock(timeOf(moment + 0.5), 1);
    const told = [];
    const inside = moment >= from && moment < to;
    for (const plot of plots) {
      plot.cursor.hidden = !inside;
      plot.cursor.style.left = `calc(${(100 * (moment + 0.5 - from)) / (to - from)}% - 1px)`;
      if (!plot.now) continue;
      const found = reading(plot);
      plot.now.replaceChildren(`${time} `, ...(found ? found.slice(0, 4).flatMap(([label, percent], n) => {
        const strong = document.createElement("b");
        strong.textContent = `${percent}%`;
        return [n ? ", " : "", `${label} `, strong];
      }) : ["not in view"]));
      if (found) told.push(`${plot.box.dataset.who} ${found[0][0]} ${found[0][1]}%`);
    }
    output.textContent = time;
    slider.value = moment;
    slider.setAttribute("aria-valuetext", [time, ...told.slice(0, 6)].join(", ") || time);
  }

  function setMoment(bin) {
    moment = Math.max(0, Math.min(clip.count - 1, Math.floor(bin)));
    drawMoment();
  }

  function setView(begin, end) {
    const span = Math.max(LEAST, Math.min(clip.count, Math.round(end - begin)));
    from = Math.max(0, Math.min(clip.count - span, Math.round((begin + end - span) / 2)));
    to = from + span;
    drawView();
  }

  /** Go to a moment that may be outside of what is shown. */
  function goTo(bin) {
    setMoment(bin);
    if (moment < from || moment >= to) setView(moment - (to - from) / 2, moment + (to - from) / 2);
  }

  function zoom(factor) {
    const middle = moment !== null && moment >= from && moment < to ? moment + 0.5 : (from + to) / 2;
    const span = Math.max(LEAST, (to - from) * factor);
    setView(middle - span / 2, middle + span / 2);
  }

  for (const plot of plots) {
    const { box } = plot;
    let start = null;
    let chosen = null;
    const binAt = (event) => {
      const edges = box.getBoundingClientRect();
      const share = Math.max(0, Math.min(1, (event.clientX - edges.left) / edges.width));
      return from + share * (to - from);
    };
    const stop = () => {
      chosen?.remove();
      start = chosen = null;
    };
    box.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      start = { x: event.clientX, bin: binAt(event) };
      box.setPointerCapture(event.pointerId);
    });
    box.addEventListener("pointermove", (event) => {
      setMoment(binAt(event));
      if (!start || Math.abs(event.clientX - start.x) < 6) return;
      chosen ??= box.appendChild(Object.assign(document.createElement("div"), { className: "chosen" }));
      const shares = [start.bin, binAt(event)].map((bin) => (bin - from) / (to - from)).sort((a, b) => a - b);
      chosen.style.left = `${100 * shares[0]}%`;
      chosen.style.width = `${100 * (shares[1] - shares[0])}%`;
    });
    box.addEventListener("pointerup", (event) => {
      const bins = start && chosen ? [start.bin, binAt(event)].sort((a, b) => a - b) : null;
      stop();
      setMoment(binAt(event));
      if (bins) setView(...bins);
    });
    box.addEventListener("pointercancel", stop);
  }
  slider.addEventListener("input", () => goTo(Number(slider.value)));
  buttons.in.addEventListener("click", () => zoom(0.5));
  buttons.out.addEventListener("click", () => zoom(2));
  buttons.all.addEventListener("click", () => setView(0, clip.count));
  for (const mark of document.querySelectorAll("[data-time]")) {
    mark.addEventListener("click", () => goTo((Number(mark.dataset.time) - clip.begin) / clip.width));
  }
  document.documentElement.classList.add("live");
  document.querySelector(".tools").hidden = false;
  drawView();
})();
