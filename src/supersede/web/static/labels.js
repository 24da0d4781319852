// Keys press the buttons that name them; everything works without it.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.closest("input, textarea, select, audio")) return;
  const form = document.querySelector("form[data-keys]");
  const button = form?.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!button || form.dataset.pressed) return;
  event.preventDefault();
  form.dataset.pressed = "yes";
  setTimeout(() => { delete form.dataset.pressed; }, 4000);
  button.click();
});

// An image or a sound that the browser cannot decode; errors do not bubble, so they are caught on the way down.
document.addEventListener("error", (event) => {
  const media = event.target;
  if (!(media instanceof Element) || !media.matches("[data-media]")) return;
  const note = document.createElement("p");
  note.className = "soft";
  note.setAttribute("role", "status");
  note.textContent = "This cannot be shown: the file is damaged, or this browser does not know its form. Skip the item.";
  media.replaceWith(note);
}, true);
