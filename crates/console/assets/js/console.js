// Starts the design system's own behaviour: menu button, show password, error summary focus. Pages work without it.
import { initAll } from "./govuk-frontend.min.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
initAll();

// A list that waits for news: server-sent events say only that there is some, and the list is then read anew. What
// somebody has the focus in is left alone until they are done.
const live = document.querySelector("[data-live]");
if (live && "EventSource" in window) {
  const source = new EventSource(live.dataset.live);
  source.addEventListener("news", async () => {
    const answer = await fetch(window.location.href, { credentials: "same-origin" });
    if (!answer.ok || answer.redirected) {
      source.close();
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const news = page.querySelector("[data-live]");
    if (news && !live.contains(document.activeElement)) {
      live.replaceChildren(...news.childNodes);
    }
  });
}

// A time that runs out is counted down where it stands; the page says until when without this.
const counting = document.querySelector("[data-seconds-left]");
if (counting) {
  const ends = performance.now() + Number(counting.dataset.secondsLeft) * 1000;
  const show = () => {
    const left = Math.max(0, Math.ceil((ends - performance.now()) / 1000));
    counting.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
    if (left > 0) {
      setTimeout(show, 1000);
    } else {
      window.location.reload();
    }
  };
  show();
}
