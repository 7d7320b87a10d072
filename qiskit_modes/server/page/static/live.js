// Keeps the page as it is now, asks before something is cancelled, and signs in by a link.
"use strict";

const part = document.getElementById("part");
const pulse = document.getElementById("pulse");

function tell(word, state) {
  if (!pulse || pulse.dataset.state === state) return;
  pulse.dataset.state = state;
  pulse.querySelector(".word").textContent = word;
}

// What somebody is at stays as it is, because elements that are the same stay: the focus, what is
// typed or chosen, what is unfolded, and how far something is scrolled. This says which are the same.
function nameOf(element) {
  const { nodeName, id, dataset, value, classList } = element;
  const key = id || dataset.key || element.getAttribute("href") || element.getAttribute("action");
  return [nodeName, key || (nodeName === "OPTION" ? value : classList[0])].join(" ");
}

function renew(old, now) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  const isTheirs = (name) => name === "open" && old.nodeName === "DETAILS";
  for (const { name } of [...old.attributes]) {
    if (!now.hasAttribute(name) && !isTheirs(name)) old.removeAttribute(name);
  }
  for (const { name, value } of now.attributes) {
    if (old.getAttribute(name) !== value && !isTheirs(name)) old.setAttribute(name, value);
  }
  renewChildren(old, now);
}

function renewChildren(old, now) {
  const wanted = new Set([...now.children].map(nameOf));
  for (const each of [...old.children]) if (!wanted.has(nameOf(each))) each.remove();
  const isElement = (node) => node.nodeType === Node.ELEMENT_NODE;
  const drop = (node) => {
    const after = node.nextSibling;
    node.remove();
    return after;
  };
  let next = old.firstChild;
  for (const child of [...now.childNodes]) {
    let same = next;
    if (isElement(child)) {
      while (next && !isElement(next)) next = drop(next);
      same = next;
      while (same && nameOf(same) !== nameOf(child)) same = same.nextElementSibling;
    } else if (next && isElement(next)) same = null;
    if (same) renew(same, child);
    if (same && same === next) next = next.nextSibling;
    else old.insertBefore(same || child, next);
  }
  while (next) next = drop(next);
}

let renewals = 0;
let latest = null;

// While something is selected, to be copied perhaps, the page waits; it is renewed afterwards.
function show() {
  if (latest === null || !document.getSelection().isCollapsed) return;
  const text = document.createElement("template");
  text.innerHTML = latest;
  latest = null;
  const active = document.activeElement;
  renewChildren(part, text.content);
  if (active !== document.activeElement && part.contains(active)) active.focus({ preventScroll: true });
  part.dataset.renewals = ++renewals;
}

function replace(text) {
  latest = text;
  show();
}

document.addEventListener("selectionchange", show);

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
