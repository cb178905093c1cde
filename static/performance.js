// Draws value and net invested over time from the chart's own data. Without it the table beside says the same.
"use strict";

// The legend stands below in as many lines as it needs; the style sheet keeps room for both.
const size = (box) => ({ width: box.clientWidth, height: 270 });

const draw = (box) => {
  const [days, invested, values, atLast] = JSON.parse(box.dataset.series);
  const fewKnown = values.filter((value) => value != null).length < 200;
  const times = days.map((day) => Date.parse(day) / 1000);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
  const short = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });
  // Where nothing is pointed at, the legend tells of the last day.
  const at = (series, place) => series[place ?? days.length - 1];
  const words = (value) => (value == null ? "not known" : number.format(value).replaceAll(",", "\u2009"));
  const day = (seconds) => new Date(seconds * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false }, font: "12px Inter, system-ui, sans-serif" };
  const options = {
    ...size(box),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { x: { time: true } },
    legend: { live: true },
    cursor: { y: false },
    axes: [axis, { ...axis, size: 56, values: (_chart, ticks) => ticks.map((tick) => short.format(tick)) }],
    series: [
      { label: "Day", value: (_chart, _seconds, _series, place) => day(at(times, place)) },
      { label: box.dataset.invested, stroke: colour("--muted"), width: 2, dash: [6, 4], paths: uPlot.paths.stepped({ align: 1 }), points: { show: false }, value: (_chart, _value, _series, place) => words(at(invested, place)) },
      ...(atLast ? [{ label: box.dataset.atLast, stroke: colour("--accent-tint"), width: 2, spanGaps: false, points: { show: false }, value: (_chart, _value, _series, place) => words(at(atLast, place)) }] : []),
      { label: box.dataset.value, stroke: colour("--accent"), width: 2, spanGaps: false, points: { show: fewKnown, size: 5 }, value: (_chart, _value, _series, place) => words(at(values, place)) },
    ],
  };
  box.replaceChildren();
  // The known value is drawn last, over what it is part of.
  return new uPlot(options, [times, invested, ...(atLast ? [atLast] : []), values], box);
};

// Left and right lead from day to day, Home and End to the first and the last; the legend tells their figures.
const lead = (chart, key) => {
  const last = chart.data[0].length - 1;
  const at = chart.cursor.idx ?? last;
  const place = { ArrowLeft: Math.max(at - 1, 0), ArrowRight: Math.min(at + 1, last), Home: 0, End: last }[key];
  if (place === undefined) return false;
  chart.setCursor({ left: chart.valToPos(chart.data[0][place], "x"), top: 0 });
  return true;
};

for (const box of document.querySelectorAll(".time-chart")) {
  let chart = draw(box);
  box.tabIndex = 0;
  box.addEventListener("keydown", (event) => lead(chart, event.key) && event.preventDefault());
  new ResizeObserver(() => chart.width !== box.clientWidth && chart.setSize(size(box))).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    chart.destroy();
    chart = draw(box);
  });
}
