// Refreshes an inbox (phone or mail), copies codes, clears messages. Without this script the page reloads itself.
"use strict";

const REFRESH_MS = 2000;
const byId = (id) => document.getElementById(id);
const list = byId("messages");
let lastSeen = list.innerHTML;
let paused = false;

function dress() {
  for (const time of list.querySelectorAll("time")) {
    const moment = new Date(time.dateTime);
    time.textContent = moment.toLocaleTimeString();
    time.title = moment.toLocaleString();
  }
  for (const button of list.querySelectorAll("[data-copy]")) button.hidden = false;
}

function messageIds() {
  return new Set([...list.querySelectorAll("[data-id]")].map((message) => message.dataset.id));
}

function announce(fresh) {
  if (fresh.length === 0) return;
  const heading = fresh[0].querySelector("h2").textContent;
  const text = fresh[0].querySelector(".text").textContent;
  byId("news").textContent = fresh.length === 1 ? `New message: ${heading}. ${text}` : `${fresh.length} new messages`;
}

function show(page) {
  const html = page.getElementById("messages").innerHTML;
  if (html === lastSeen) return;
  const known = messageIds();
  const focused = document.activeElement && list.contains(document.activeElement) && document.activeElement.id;
  list.replaceChildren(...page.getElementById("messages").childNodes);
  byId("count").textContent = page.getElementById("count").textContent;
  byId("numbers")?.replaceChildren(...page.getElementById("numbers").childNodes);
  lastSeen = html;
  dress();
  const fresh = [...list.querySelectorAll("[data-id]")].filter((message) => !known.has(message.dataset.id));
  for (const message of fresh) message.classList.add("new");
  announce(fresh);
  if (focused && byId(focused)) byId(focused).focus();
}

async function refresh() {
  try {
    const response = await fetch(location.href, { cache: "no-store" });
    if (!response.ok) throw new Error(String(response.status));
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
    byId("trouble").hidden = true;
  } catch {
    byId("trouble").hidden = false;
  }
}

// A focused element keeps the focus over a refresh only if an id finds it again.
function isReading() {
  return list.contains(document.activeElement) && !document.activeElement.id;
}

async function tick() {
  if (!paused && !document.hidden && !isReading()) await refresh();
  setTimeout(tick, REFRESH_MS);
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(byId(button.id.replace("copy-", "code-")));
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

list.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

byId("pause")?.addEventListener("click", () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  if (!paused) refresh();
});

byId("clear")?.addEventListener("click", async () => {
  if (!confirm("Remove the messages of all phones?")) return;
  await fetch("/inbox", { method: "DELETE" });
  byId("news").textContent = "All messages are removed.";
  refresh();
});

for (const button of document.querySelectorAll(".tools button")) button.hidden = false;
dress();
setTimeout(tick, REFRESH_MS);
