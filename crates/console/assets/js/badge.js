// Reads a child's badge with the camera. Pictures stay in this page: what leaves it is the text of a badge, as the form
// beside it would send it. Without a camera, or where it is refused, the form is all there is.
const page = document.querySelector("[data-badge]");
const form = page.querySelector("[data-badge-form]");
const field = form.elements.code;
const frame = page.querySelector("[data-badge-camera]");
const video = frame.querySelector("video");

// How often a picture is looked at, and how long the same badge must be gone before it counts again.
const LOOK_MS = 120;
const GONE_MS = 2500;
// A wider picture is made smaller before it is read: it costs time and tells nothing more.
const WIDEST = 640;

let sending = false;
let last = "";
let lastSeen = 0;

// The page again, without loading it: the camera goes on, so the next child need not wait for it.
async function send(code) {
  sending = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams({ code }),
      credentials: "same-origin",
    });
    const news = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of ["[data-badge-answer]", "h1"]) {
      const fresh = news.querySelector(`[data-badge] ${part}`);
      if (fresh) {
        page.querySelector(part).replaceChildren(...fresh.childNodes);
      }
    }
    document.title = news.title || document.title;
  } catch {
    // The network is gone: the browser's own way of sending says so.
    field.value = code;
    form.submit();
  } finally {
    sending = false;
  }
}

const isBadge = (text) => /(^|#)b1\.[a-z2-7]{26}$/i.test(text.trim());

// What reads a picture: the browser's own reader where it has one, else the library.
async function reader() {
  if ("BarcodeDetector" in window) {
    const formats = await window.BarcodeDetector.getSupportedFormats();
    if (formats.includes("qr_code")) {
      const detector = new window.BarcodeDetector({ formats: ["qr_code"] });
      return async () => (await detector.detect(video))[0]?.rawValue ?? "";
    }
  }
  await import("./jsQR.js");
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return async () => {
    const scale = Math.min(1, WIDEST / video.videoWidth);
    canvas.width = Math.round(video.videoWidth * scale);
    canvas.height = Math.round(video.videoHeight * scale);
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    return window.jsQR(data, width, height, { inversionAttempts: "dontInvert" })?.data ?? "";
  };
}

async function look(read) {
  if (!sending && video.videoWidth > 0) {
    const text = await read();
    const now = performance.now();
    if (isBadge(text)) {
      const again = text === last && now - lastSeen < GONE_MS;
      last = text;
      lastSeen = now;
      if (!again) {
        await send(text);
        lastSeen = performance.now();
      }
    }
  }
  setTimeout(() => look(read), LOOK_MS);
}

async function start() {
  // A tablet's own camera opened the address that stands in the code.
  if (isBadge(window.location.hash)) {
    const code = window.location.hash;
    window.history.replaceState(null, "", window.location.pathname);
    await send(code);
  }
  if (!navigator.mediaDevices?.getUserMedia) {
    return;
  }
  try {
    const wanted = { video: { facingMode: "user", width: { ideal: 1280 } }, audio: false };
    const stream = await navigator.mediaDevices.getUserMedia(wanted);
    window.addEventListener("pagehide", () => stream.getTracks().forEach((track) => track.stop()));
    video.srcObject = stream;
    frame.hidden = false;
    await video.play();
    look(await reader());
  } catch {
    frame.hidden = true;
  }
}

// A scanner that types writes into whatever has the focus, and presses Enter.
field.focus({ preventScroll: true });
start();
