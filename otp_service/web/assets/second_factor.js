// Asks for a second factor when the API requires one: a choice of methods, and a code or a passkey.
let options = {};

// Show the methods that the API accepts for this account, and the factors that somebody may have added recently.
export function askSecondFactor(form, {methods = [], options: offered = {}, recentFactors = []}) {
  options = offered;
  const part = form.querySelector("[data-part=second]");
  part.hidden = part.disabled = false;
  for (const choice of part.querySelectorAll("[data-method]")) {
    const input = choice.querySelector("input");
    choice.hidden = input.disabled = !methods.includes(choice.dataset.method);
    input.addEventListener("change", () => follow(part));
  }
  const usable = part.querySelectorAll("[data-method] input:enabled");
  if (![...usable].some((input) => input.checked) && usable.length) usable[0].checked = true;
  follow(part);
  const recent = part.querySelector("[data-part=recent]");
  recent.hidden = recentFactors.length === 0;
  recent.querySelector("ul").replaceChildren(...recentFactors.map(described));
}

// Ask the browser for the passkey, if that is the chosen method. Throws if it gives none.
export async function addCredential(form, body) {
  const proof = body.secondFactor ?? body;
  if (proof.method !== "webauthn") return;
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options.webauthn);
  const credential = await navigator.credentials.get({publicKey});
  proof.credential = credential.toJSON();
}

function follow(part) {
  const chosen = part.querySelector("[data-method] input:checked");
  const code = part.querySelector("[data-part=second-code]");
  code.hidden = chosen?.value === "webauthn";
  const input = code.querySelector("input");
  input.disabled = code.hidden;
  input.required = !code.hidden;
}

function described({type, name, label, createdAt}) {
  const item = document.createElement("li");
  const known = document.querySelector(`#translations [data-says="${CSS.escape(type)}"]`);
  const at = createdAt ? new Date(createdAt).toLocaleString(document.documentElement.lang) : "";
  item.textContent = [known?.textContent ?? type, name ?? label, at].filter(Boolean).join(", ");
  return item;
}
