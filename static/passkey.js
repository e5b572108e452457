// Keys and passkeys: asks the browser, puts its answer into the form, sends it. The challenge stands in the page.
(() => {
  "use strict";

  const place = document.querySelector("[data-passkey]");
  const credential = document.querySelector("input[name=credential]");
  const challenge = JSON.parse(document.getElementById("passkey-challenge").textContent);
  const complaint = document.getElementById("passkey-error");

  async function ask() {
    complaint.hidden = true;
    try {
      credential.value = JSON.stringify(await webauthnJSON[place.dataset.passkey](challenge));
      credential.form.submit();
    } catch {
      complaint.hidden = false;
    }
  }

  if (!webauthnJSON.supported()) return;
  if (place.dataset.passkey === "get") {
    place.hidden = false;
    place.addEventListener("click", ask);
  } else {
    credential.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (credential.form.reportValidity()) ask();
    });
  }
})();
