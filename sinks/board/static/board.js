// Starts what GOV.UK Frontend's components do in a browser, here and in every part htmx brings, and
// says when news cannot come in. Every page works without this file.
const address = document.querySelector("script[data-govuk]").dataset.govuk;
const { Button, ErrorSummary, NotificationBanner, PasswordInput, Radios, ServiceNavigation, SkipLink, createAll, isSupported } =
  await import(address);

document.body.classList.add("js-enabled", "govuk-frontend-supported");
if (isSupported()) {
  for (const component of [ErrorSummary, NotificationBanner, PasswordInput, ServiceNavigation, SkipLink]) {
    createAll(component);
  }
  startIn(document);
  document.body.addEventListener("htmx:load", (event) => startIn(event.detail.elt));
}

function startIn(part) {
  createAll(Button, undefined, part);
  createAll(Radios, undefined, part);
}

const live = document.getElementById("live");
let isCutOff = false;

function say(text) {
  live.textContent = text;
}

document.body.addEventListener("htmx:sseError", () => {
  if (!isCutOff) {
    isCutOff = true;
    say("News cannot come in just now. What you see may be out of date.");
    // A stream is also refused to somebody whose session has ended: asking for the part leads them to sign in.
    const part = document.querySelector("[hx-trigger='sse:changed']");
    if (part) {
      htmx.trigger(part, "sse:changed");
    }
  }
});
document.body.addEventListener("htmx:sseOpen", () => {
  if (isCutOff) {
    isCutOff = false;
    say("News come in again.");
  }
});
document.body.addEventListener("htmx:responseError", () => say("The newest state could not be loaded. What you see may be out of date."));
