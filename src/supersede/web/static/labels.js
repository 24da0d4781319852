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
