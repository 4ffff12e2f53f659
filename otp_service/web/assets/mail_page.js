// Refreshes the messages. Without this script the page reloads itself.
"use strict";

const REFRESH_MS = 2000;
const byId = (id) => document.getElementById(id);
const list = byId("messages");
let lastSeen = list.innerHTML;

function dress() {
  for (const time of list.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    time.textContent = moment.toLocaleTimeString();
    time.title = moment.toLocaleString();
  }
}

function show(page) {
  const fresh = page.getElementById("messages");
  if (fresh.innerHTML === lastSeen) return;
  const known = new Set([...list.querySelectorAll("[data-id]")].map((message) => message.dataset.id));
  lastSeen = fresh.innerHTML;
  list.replaceChildren(...fresh.childNodes);
  byId("count").textContent = page.getElementById("count").textContent;
  dress();
  const added = [...list.querySelectorAll("[data-id]")].filter((message) => !known.has(message.dataset.id));
  for (const message of added) message.classList.add("new");
  if (added.length > 0) byId("news").textContent = `New: ${added[0].querySelector("h2").textContent}`;
}

async function refresh() {
  try {
    const response = await fetch(location.href, { cache: "no-store" });
    if (!response.ok) throw new Error(String(response.status));
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
    byId("trouble").hidden = true;
  } catch {
    byId("trouble").textContent = "The service does not respond. Is it still running? Trying again…";
    byId("trouble").hidden = false;
  }
}

async function tick() {
  if (!document.hidden && !list.contains(document.activeElement)) await refresh();
  setTimeout(tick, REFRESH_MS);
}

dress();
setTimeout(tick, REFRESH_MS);
