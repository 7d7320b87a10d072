// Keeps the page as it is now, asks before something is cancelled, and signs in by a link.
"use strict";

const part = document.getElementById("part");
const pulse = document.getElementById("pulse");

function tell(word, state) {
  if (!pulse || pulse.dataset.state === state) return;
  pulse.dataset.state = state;
  pulse.querySelector(".word").textContent = word;
}

// What somebody is at stays as it is: the focus, what is typed or chosen, what is unfolded.
function replace(text) {
  const active = document.activeElement;
  const id = part.contains(active) ? active.id : "";
  if (active && part.contains(active) && ["SELECT", "INPUT"].includes(active.tagName)) return;
  if (!document.getSelection().isCollapsed) return;
  const chosen = new Map();
  for (const field of part.querySelectorAll("select, input")) chosen.set(field.id, field.value);
  const open = new Set([...part.querySelectorAll("details[open]")].map((each) => each.id));
  const scrolled = new Map([...part.querySelectorAll("details pre")].map((each) => [each.parentElement.id, each.scrollTop]));
  const left = [...part.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
  part.innerHTML = text;
  for (const field of part.querySelectorAll("select, input")) {
    if (chosen.has(field.id)) field.value = chosen.get(field.id);
  }
  for (const each of part.querySelectorAll("details")) each.open = open.has(each.id);
  for (const each of part.querySelectorAll("details pre")) each.scrollTop = scrolled.get(each.parentElement.id) || 0;
  part.querySelectorAll(".scroll").forEach((each, n) => { each.scrollLeft = left[n] || 0; });
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
}

function listen() {
  const events = new EventSource(part.dataset.live);
  events.onopen = () => tell("live", "on");
  events.onmessage = (event) => { tell("live", "on"); replace(JSON.parse(event.data)); };
  events.onerror = () => {
    tell("not connected", "off");
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 3000);
  };
  addEventListener("pagehide", () => events.close(), { once: true });
}

if (part && part.dataset.live) {
  listen();
  addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
}

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.ask;
  if (question && !confirm(question)) event.preventDefault();
});

document.addEventListener("change", (event) => {
  if (event.target.matches(".filters select")) event.target.form.requestSubmit();
});

// A link such as /ui/signin#TOKEN: what stands after the # is sent to nobody but by this form.
const form = document.getElementById("signin");
if (form && location.hash.length > 1) {
  form.token.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
  form.submit();
}
