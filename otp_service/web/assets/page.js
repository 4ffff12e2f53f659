// Sends the forms of a page to the JSON API and shows what came of it.
// The token of a link stays in this browser until a person presses a button: opening the page spends nothing.
import {addCredential, askSecondFactor} from "./second_factor.js";

const PATIENCE_MS = 30000;
const working = document.getElementById("working");
const title = document.title;
let busy = false;

// Older links have the token in the query. It moves behind the #, which no browser sends to a server.
const query = new URLSearchParams(location.search).get("token");
if (query) history.replaceState(null, "", `${location.pathname}#${new URLSearchParams({token: query})}`);
const token = (new URLSearchParams(location.hash.slice(1)).get("token") ?? "").trim();
addEventListener("hashchange", () => location.reload());

for (const part of document.querySelectorAll("[data-part=token]")) {
  part.hidden = Boolean(token);
  part.querySelector("input").value = token;
}
for (const button of document.querySelectorAll("[data-shows]")) {
  const input = document.getElementById(button.dataset.shows);
  const show = button.textContent;
  button.addEventListener("click", () => {
    input.type = input.type === "password" ? "text" : "password";
    button.textContent = input.type === "password" ? show : button.dataset.hide;
  });
}
// The link of an e-mail with a code leads to the second step of a reset, where the code is entered already.
const second = document.querySelector("[data-takes-token]");
if (token && second) {
  for (const form of document.forms) form.hidden = form !== second;
  second.querySelector("[data-part=address]").hidden = false;
  askSecondFactor(second, {methods: [second.dataset.takesToken]});
  second.querySelector("[name='secondFactor.code']").value = token;
}
for (const button of document.querySelectorAll("[data-offers]")) button.addEventListener("click", () => {
  if (!busy) offer(button);
});
for (const button of document.querySelectorAll("[data-restarts]")) button.addEventListener("click", () => location.reload());
for (const form of document.forms) form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!busy) send(form);
});

// Ask which methods the account has, and let the person use one of them in place of the password.
async function offer(button) {
  const {form} = button;
  const input = form.querySelector("input[name=token]");
  if (!input.reportValidity()) return;
  busy = true;
  clear(form);
  working.textContent = working.dataset.says;
  const {status, body} = await post(button.dataset.offers, {token: input.value.trim()});
  working.textContent = "";
  busy = false;
  if (status !== 200) return fail(form, status, body);
  // Without a method the password stays: a form with neither would freeze the account.
  if (!body.methods.length) return show("no_other_way");
  askSecondFactor(form, body);
  const password = form.querySelector("[data-part=password]");
  password.hidden = password.querySelector("input").disabled = button.hidden = true;
  form.querySelector("[data-method] input:checked").focus();
}

async function send(form) {
  busy = true;
  clear(form);
  working.textContent = working.dataset.says;
  for (const button of form.querySelectorAll("[type=submit]")) button.setAttribute("aria-disabled", "true");
  const {status, body} = await answerTo(form);
  for (const button of form.querySelectorAll("[type=submit]")) button.removeAttribute("aria-disabled");
  working.textContent = "";
  busy = false;
  if (status >= 200 && status < 300) succeed(form);
  else fail(form, status, body);
}

// Return the status and the body of the response; status 0 and a code of the page's own if there was none.
async function answerTo(form) {
  const body = bodyOf(form);
  try {
    await addCredential(form, body);
  } catch {
    return {status: 0, body: {code: "no_passkey"}};
  }
  return post(form.dataset.call, body);
}

async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST", headers: {"Content-Type": "application/json", "Accept": "application/json"}, cache: "no-store",
      credentials: "omit", referrerPolicy: "no-referrer", body: JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return {status: response.status, body: await response.json().catch(() => ({}))};
  } catch {
    return {status: 0, body: {code: "unreachable"}};
  }
}

function bodyOf(form) {
  const body = {};
  for (const input of form.querySelectorAll("input[name]:enabled")) {
    const isChoice = ["radio", "checkbox"].includes(input.type);
    if (isChoice ? !input.checked : !input.value) continue;
    const names = input.name.split(".");
    const place = names.slice(0, -1).reduce((inner, name) => (inner[name] ??= {}), body);
    // A password is sent as it was typed; a code may have been copied with a space around it.
    const isSecret = input.autocomplete.endsWith("password");
    place[names.at(-1)] = input.type === "checkbox" ? true : isSecret ? input.value : input.value.trim();
  }
  return body;
}

function succeed(form) {
  const next = document.getElementById(form.dataset.next);
  if (next) for (const input of form.querySelectorAll("input")) {
    const same = next.querySelector(`input[name="${CSS.escape(input.name)}"]`);
    if (same) same.value = input.value;
  }
  form.hidden = true;
  form.reset();
  history.replaceState(null, "", location.pathname);
  if (!next) {
    for (const other of document.forms) other.hidden = true;
    return show(form.dataset.done ?? "done");
  }
  next.hidden = false;
  next.querySelector("[tabindex='-1']").focus();
}

function fail(form, status, body) {
  for (const {field, message} of body.errors ?? []) say(form, field, message);
  if (body.code === "invalid_token" && token) form.hidden = true; // another try of this link would fail as well
  if (body.code === "second_factor_required") askSecondFactor(form, body);
  for (const part of form.querySelectorAll(`[data-needed-by="${CSS.escape(body.code ?? "")}"]`)) part.hidden = false;
  show(outcomeOf(body), body);
  form.querySelector("[aria-invalid=true]")?.focus();
}

function outcomeOf(body) {
  if (document.querySelector(`[data-outcome="${CSS.escape(body.code ?? "")}"]`)) return body.code;
  return body.retryAfter ? "wait" : "other";
}

function show(code, body = {}) {
  const outcome = document.querySelector(`[data-outcome="${CSS.escape(code)}"]`);
  for (const place of outcome.querySelectorAll("[data-seconds]")) place.textContent = body.retryAfter ?? "";
  for (const place of outcome.querySelectorAll("[data-request]")) place.textContent = body.requestId ?? "";
  outcome.hidden = false;
  outcome.focus();
  document.title = `${outcome.querySelector("h2").textContent} – ${title}`;
}

// Show what is wrong with a field: in the language of the page, or as the API says it.
function say(form, field, message) {
  const place = form.querySelector(`[data-fault="${CSS.escape(field)}"]`);
  const input = form.querySelector(`input[name="${CSS.escape(field)}"]`);
  if (!place || !input) return;
  const known = document.querySelector(`#translations [data-says="${CSS.escape(message)}"]`);
  const line = document.createElement("span");
  line.textContent = known ? known.textContent : message;
  if (!known) line.lang = "en";
  place.append(line, " ");
  place.hidden = false;
  input.setAttribute("aria-invalid", "true");
  input.closest("[data-part]")?.removeAttribute("hidden");
}

function clear(form) {
  for (const outcome of document.querySelectorAll("[data-outcome]")) outcome.hidden = true;
  for (const place of form.querySelectorAll("[data-fault]")) { place.textContent = ""; place.hidden = true; }
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  document.title = title;
}
