// Starts the design system's own behaviour: menu button, show password, error summary focus. Pages work without it.
import { initAll } from "./govuk-frontend.min.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
initAll();
