/* Both chats: Enter sends, Escape stops, the field keeps the focus, and a new turn comes into view. */

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
  bringIntoView(target.closest(".turn"));
});

/** In djust the answer may begin before the render that shows its turn: then wait for that. */
function bringIntoView(turn) {
  const scroll = () => turn.checkVisibility() && (turn.scrollIntoView({ block: "end" }), shown.disconnect());
  const shown = new MutationObserver(scroll);
  shown.observe(turn, { subtree: true, childList: true, characterData: true });
  scroll();
}

// A button that goes takes the focus with it: give it back to the field.
new MutationObserver(() => {
  if (document.activeElement === document.body && !field().disabled) field().focus({ preventScroll: true });
}).observe(document.querySelector(".composer"), { subtree: true, childList: true, attributes: true });
