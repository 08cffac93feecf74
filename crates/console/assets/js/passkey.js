// Passkeys: hands the page's options to the browser, and sends what it answers with the form it stands in. Nothing else on a
// page waits for this.

const toBytes = text => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), letter => letter.charCodeAt(0));
const toText = buffer =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const withBytes = list => (list || []).map(entry => ({ ...entry, id: toBytes(entry.id) }));

async function made({ publicKey }) {
  const options = { ...publicKey, challenge: toBytes(publicKey.challenge) };
  options.user = { ...publicKey.user, id: toBytes(publicKey.user.id) };
  options.excludeCredentials = withBytes(publicKey.excludeCredentials);
  const { id, rawId, type, response } = await navigator.credentials.create({ publicKey: options });
  const transports = response.getTransports ? response.getTransports() : [];
  return {
    id,
    rawId: toText(rawId),
    type,
    response: {
      attestationObject: toText(response.attestationObject),
      clientDataJSON: toText(response.clientDataJSON),
      transports,
    },
  };
}

async function shown({ publicKey }) {
  const options = { ...publicKey, challenge: toBytes(publicKey.challenge) };
  options.allowCredentials = withBytes(publicKey.allowCredentials);
  const { id, rawId, type, response } = await navigator.credentials.get({ publicKey: options });
  return {
    id,
    rawId: toText(rawId),
    type,
    response: {
      authenticatorData: toText(response.authenticatorData),
      clientDataJSON: toText(response.clientDataJSON),
      signature: toText(response.signature),
      userHandle: response.userHandle ? toText(response.userHandle) : null,
    },
  };
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  const problem = form.querySelector("[data-passkey-problem]");
  if (!("PublicKeyCredential" in window)) {
    continue;
  }
  form.hidden = false;
  form.addEventListener("submit", async event => {
    event.preventDefault();
    problem.textContent = "";
    try {
      const options = JSON.parse(form.dataset.options);
      const answer = form.dataset.passkey === "make" ? await made(options) : await shown(options);
      form.elements.answer.value = JSON.stringify(answer);
      form.submit();
    } catch (error) {
      problem.textContent =
        error.name === "InvalidStateError"
          ? "This device has a passkey for your account already."
          : "The passkey was not used: it was cancelled, took too long, or belongs to another address. Try again.";
    }
  });
}
