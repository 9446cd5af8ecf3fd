/* Both chats: Enter sends, Escape stops, and the field keeps the focus. */

const field = () => document.getElementById("prompt");

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelector("#stop:not([hidden])")?.click();
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target !== field()) return;
  event.preventDefault();
  if (document.querySelector("#send:not([hidden]):not(:disabled)")) field().form.requestSubmit();
});

document.addEventListener("stream:start", ({ target }) => {
  field().value = "";
  for (const retry of document.querySelectorAll(".dj-stream-retry")) if (!target.contains(retry)) retry.remove();
  target.closest(".turn").scrollIntoView({ block: "end" });
});

// A button that goes takes the focus with it: give it back to the field.
new MutationObserver(() => {
  if (document.activeElement === document.body && !field().disabled) field().focus({ preventScroll: true });
}).observe(document.querySelector(".composer"), { subtree: true, childList: true, attributes: true });
