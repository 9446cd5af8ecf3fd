/* The page's side of the plain chat: it asks, and makes room for the answer. */

import { connect } from "./djust_stream/djust-stream.js";

const page = connect(`/ws/chat/${crypto.randomUUID()}/`);
const $ = (id) => document.getElementById(id);

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  page.send({ question: $("prompt").value });
});

document.addEventListener("stream:message", ({ detail }) => {
  $("refused").hidden = detail.type !== "refused";
  $("refused").textContent = detail.message ?? "";
  if (detail.type !== "asked") return;
  const turn = $("turn").content.firstElementChild.cloneNode(true);
  turn.querySelector(".question").textContent = detail.question;
  turn.querySelector(".answer").setAttribute("dj-stream", detail.stream);
  $("turns").append(turn);
});

function show(streaming, unfinished, stream) {
  $("stop").dataset.streamStop = $("again").dataset.streamRetry = stream;
  $("stop").hidden = !streaming;
  $("send").hidden = streaming;
  $("again").hidden = !unfinished;
}

document.addEventListener("stream:start", ({ detail }) => show(true, false, detail.stream));
document.addEventListener("stream:done", ({ detail }) => show(false, detail.reason === "stopped", detail.stream));
document.addEventListener("stream:error", ({ detail }) => show(false, false, detail.stream));
