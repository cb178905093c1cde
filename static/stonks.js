// What plain pages cannot do by themselves: copy buttons, menus that close again, rows and bars by arrow keys, tabs in view. Every page works without it.
"use strict";

const announce = (text) => {
  const region = document.getElementById("announcer");
  if (region) region.textContent = text;
};

const copyByHand = (text) => {
  // Plain http on another machine's address has no clipboard API.
  const box = document.createElement("textarea");
  box.value = text;
  box.className = "hidden-text";
  document.body.append(box);
  box.select();
  const copied = document.execCommand("copy");
  box.remove();
  return copied ? Promise.resolve() : Promise.reject(new Error("not copied"));
};

// What lies open over the page: a menu, and where rows have columns, what a row does not show.
const over = () =>
  [...document.querySelectorAll("details.menu[open], .more > details[open]")].filter(
    (one) => getComputedStyle(one.lastElementChild).position === "absolute",
  );

document.addEventListener("click", (event) => {
  const copier = event.target.closest("[data-copy]");
  if (copier) {
    const text = copier.dataset.copy;
    const copying = navigator.clipboard ? navigator.clipboard.writeText(text) : copyByHand(text);
    copying.then(
      () => {
        announce(`Copied ${text}`);
        copier.classList.add("copied");
        setTimeout(() => copier.classList.remove("copied"), 1500);
      },
      () => announce("Your browser did not allow copying."),
    );
  }
  for (const one of over()) {
    if (!one.contains(event.target)) one.open = false;
  }
});

// Up and down lead through a table's rows, staying at the same link or button.
document.addEventListener("keydown", (event) => {
  const row = event.target.closest(".table tbody tr");
  if (!row || !["ArrowUp", "ArrowDown"].includes(event.key) || !event.target.matches("a, button, summary")) return;
  const stops = (of) => [...of.querySelectorAll("a, button, summary")].filter((stop) => stop.checkVisibility());
  const place = stops(row).indexOf(event.target);
  let other = row;
  do {
    other = event.key === "ArrowDown" ? other.nextElementSibling : other.previousElementSibling;
  } while (other && !stops(other)[place]);
  if (other) {
    event.preventDefault();
    stops(other)[place].focus();
  }
});

// Left and right lead through a picture's bars, each of which tells its figures on focus.
document.addEventListener("keydown", (event) => {
  const bar = event.target.closest(".chart .bar");
  if (!bar || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
  event.preventDefault();
  const other = event.key === "ArrowRight" ? bar.nextElementSibling : bar.previousElementSibling;
  if (!other?.matches(".bar")) return;
  bar.setAttribute("tabindex", "-1");
  other.setAttribute("tabindex", "0");
  other.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const [one] = over();
  if (one) {
    one.open = false;
    one.querySelector("summary").focus();
  }
});

// A button that waits keeps its place in the order of tabs, which a disabled one would lose together with the focus.
document.addEventListener("click", (event) => {
  if (event.target.closest("[aria-disabled=true]")) event.preventDefault();
});

document.addEventListener("submit", (event) => {
  // A second press of the same button would send a plain form twice.
  const form = event.target;
  if (form.dataset.sent && !form.matches("[hx-post], [hx-get]")) event.preventDefault();
  if (form.method === "post") {
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  }
});

// On a narrow screen the strip of tabs is longer than the screen: it begins where the page's own tab is.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const strip = tab.parentElement;
  strip.scrollLeft = tab.offsetLeft + tab.offsetWidth / 2 - strip.clientWidth / 2;
}

// A table that fits needs no panel that scrolls, which would hold its head and what opens from its rows.
const fit = () => {
  for (const table of document.querySelectorAll(".panel > .table")) {
    table.parentElement.classList.toggle("fits", table.offsetWidth <= table.parentElement.clientWidth);
  }
};
fit();
addEventListener("resize", fit);
document.addEventListener("htmx:after:swap", fit);
document.fonts.ready.then(fit);

// A tab that is half out of view comes in when the keyboard reaches it.
document.addEventListener("focusin", (event) => {
  if (event.target.matches(".tabs a")) event.target.scrollIntoView({ block: "nearest", inline: "nearest" });
});

// A page that came back because of a mistake starts at the mistake.
document.querySelector("main [aria-invalid=true]")?.focus();

// What an answer refused as a whole stands in a place of its own until it is closed or the next request is made.
const trouble = document.getElementById("trouble");

const polls = (event) => event.detail?.ctx?.sourceElement?.getAttribute("hx-trigger")?.startsWith("every");

let asker, row, neighbour;

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-close]")) return;
  trouble.replaceChildren();
  asker?.focus();
});

document.addEventListener("htmx:before:request", (event) => {
  if (polls(event)) return;
  asker = document.activeElement;
  row = asker.closest("tr[id], li[id]");
  neighbour = row?.nextElementSibling ?? row?.previousElementSibling;
  trouble.replaceChildren();
});

// Whoever pressed a button in a row is led to what stands in the row's place, or to the next one, and is told.
document.addEventListener("htmx:after:swap", () => {
  if (!row || asker.isConnected || document.activeElement !== document.body) return;
  const place = document.getElementById(row.id) ?? (neighbour?.isConnected ? neighbour : undefined);
  const stops = ["button", "summary, a"].flatMap((what) => [...(place?.querySelectorAll(what) ?? [])]);
  const stop = stops.find((one) => one.checkVisibility());
  (stop ?? document.getElementById("main")).focus();
  announce(place?.querySelector("[data-said]")?.textContent ?? "");
});

document.addEventListener("htmx:after:swap", () => {
  const fresh = trouble.querySelector("[data-token]");
  if (fresh) for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = fresh.dataset.token;
});

// How many there are after filtering is seen at a glance, and told to who cannot see it.
document.addEventListener("htmx:after:swap", (event) => {
  const told = event.detail?.ctx?.target?.id === "entries" && document.getElementById("entries")?.dataset.told;
  if (told) announce(told);
});

// What is wrong with a field is said elsewhere on the page when a fragment says it; the field is tied to that.
const tied = new Map();

document.addEventListener("htmx:after:swap", () => {
  for (const [field, described] of tied) {
    field.removeAttribute("aria-invalid");
    field.setAttribute("aria-describedby", described);
  }
  tied.clear();
  for (const said of document.querySelectorAll("[data-field]")) {
    const field = document.getElementById(said.dataset.field);
    if (!field || field.hasAttribute("aria-invalid")) continue;
    tied.set(field, field.getAttribute("aria-describedby") ?? "");
    field.setAttribute("aria-describedby", `${said.id} ${tied.get(field)}`.trim());
    field.setAttribute("aria-invalid", "true");
  }
});

// No answer at all, as while the product is started anew.
document.addEventListener("htmx:error", (event) => {
  if (!event.detail?.ctx || polls(event)) return;
  trouble.replaceChildren(document.getElementById("no-answer").content.cloneNode(true));
});

addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
