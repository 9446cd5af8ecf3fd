/* The page's side of the chat. What streams needs no code here: djust-stream.js applies the frames to the
 * elements with a dj-stream attribute. This module asks, and shows what the stream's events tell. */

import { connect } from "../djust_stream/djust-stream.js";

const page = connect("/ws/chat/");
const $ = (id) => document.getElementById(id);
const [form, question, rate, send, stop, log, tail] = ["form", "question", "rate", "send", "stop", "log", "tail"].map($);

/* ---- Asking ---- */

const turns = new Map(); // stream name -> what the page knows of that answer
let current; // the turn whose answer is under way

function ask(text) {
  const article = $("turn").content.firstElementChild.cloneNode(true);
  const turn = { stream: `answer-${turns.size + 1}`, question: text, attempt: 0, article };
  article.querySelector(".question").textContent = text;
  article.querySelector(".answer").setAttribute("dj-stream", turn.stream);
  article.querySelector(".retry").addEventListener("click", () => begin(turn));
  turns.set(turn.stream, turn);
  $("welcome").hidden = true;
  document.querySelector(".composer").prepend($("questions")); // from now on a row above the field
  $("turns").append(article);
  begin(turn);
}

function begin(turn) {
  if (current) return;
  current = turn;
  Object.assign(turn, { tokens: 0, frames: 0, bytes: 0, startedMs: performance.now(), lastMs: 0 });
  turn.article.dataset.state = "streaming";
  turn.article.querySelector(".after").hidden = true;
  turn.article.querySelector(".answer").setAttribute("aria-busy", "true");
  stop.dataset.streamStop = turn.stream;
  swap(send, stop);
  showMeter(turn);
  page.send({ type: "ask", stream: turn.stream, question: turn.question, attempt: turn.attempt++ });
  if (turn === [...turns.values()].at(-1)) toBottom();
}

function end(turn, state, note) {
  if (!turn || turn.article.dataset.state !== "streaming") return;
  turn.article.dataset.state = state;
  turn.article.querySelector(".answer").removeAttribute("aria-busy");
  turn.article.querySelector(".note").textContent = note;
  const { scrollHeight, scrollTop, clientHeight } = document.documentElement;
  turn.article.querySelector(".after").hidden = false;
  if (scrollHeight - scrollTop - clientHeight < 100) toBottom(); // whoever was at the end stays there
  if (current === turn) current = undefined;
  swap(stop, send);
  showMeter(turn);
}

function toBottom() {
  scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
}

/** One button makes room for the other, and hands the focus on. */
function swap(from, to) {
  const focused = document.activeElement === from;
  [from.hidden, to.hidden] = [true, false];
  if (focused) (to === send ? question : to).focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (!text || current) return;
  question.value = "";
  ask(text);
});

question.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

addEventListener("keydown", (event) => {
  if (event.key === "Escape" && current) stop.click(); // data-stream-stop does the rest
});

$("questions").addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button || current) return;
  ask(button.textContent);
  question.focus();
});

/* ---- What the streams tell ---- */

const turnOf = (event) => turns.get(event.detail.stream);

document.addEventListener("stream:done", (event) => {
  const stopped = event.detail.reason === "stopped";
  end(turnOf(event), stopped ? "stopped" : "done", stopped ? "Stopped" : "");
});
document.addEventListener("stream:error", (event) => end(turnOf(event), "failed", ""));

document.addEventListener("stream:block", ({ target }) => {
  for (const pre of target.matches("pre") ? [target] : target.querySelectorAll("pre")) addCopyButton(pre);
});

function addCopyButton(pre) {
  if (pre.querySelector(".copy")) return;
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "copy", textContent: "Copy" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(pre.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  pre.append(button); // inside: the stream addresses blocks by their place
}

/* ---- The meter: what came over the wire for each answer ---- */

const encoder = new TextEncoder();

document.addEventListener("stream:open", () => {
  setState("open", "Connected");
  sendRate();
  page.socket.addEventListener("message", ({ data }) => {
    const turn = current && data.startsWith(`{"s":"${current.stream}",`) ? current : undefined;
    if (!turn) return;
    turn.frames += 1;
    turn.bytes += encoder.encode(data).length;
    showMeter(turn);
  });
});

document.addEventListener("stream:message", ({ detail }) => {
  const turn = detail.type === "usage" ? turns.get(detail.stream) : undefined;
  if (!turn) return;
  turn.tokens = detail.tokens;
  turn.lastMs = performance.now();
  showMeter(turn);
});

function showMeter(turn) {
  const seconds = (turn.lastMs - turn.startedMs) / 1000;
  const shown = {
    tokens: turn.tokens,
    rate: seconds > 0 ? Math.round(turn.tokens / seconds) : "–",
    frames: turn.frames,
    bytes: turn.bytes < 1000 ? `${turn.bytes} B` : `${(turn.bytes / 1000).toFixed(1)} kB`,
  };
  for (const [name, value] of Object.entries(shown)) turn.article.querySelector(`[data-meter=${name}]`).textContent = value;
}

/* ---- Speed ---- */

function sendRate() {
  page.send({ type: "rate", tokens_per_s: rate.valueAsNumber });
}

rate.addEventListener("input", () => {
  $("rate-shown").textContent = `${rate.value} tokens/s`;
  sendRate();
});

/* ---- The log ---- */

const wide = matchMedia("(min-width: 70rem)");

function showLog(shown) {
  $("log-panel").hidden = !shown;
  $("log-toggle").setAttribute("aria-expanded", String(shown));
}

function setTail(on) {
  tail.setAttribute("aria-pressed", String(on));
  tail.textContent = on ? "Stop" : "Start";
}

$("log-toggle").addEventListener("click", () => showLog($("log-panel").hidden));
tail.addEventListener("click", () => page.send({ type: log.hasAttribute("data-stream-active") ? "tail.stop" : "tail" }));
log.addEventListener("stream:start", () => setTail(true));
log.addEventListener("stream:done", () => setTail(false));
log.addEventListener("stream:error", () => setTail(false));
log.addEventListener("stream:prune", () => {
  $("log-count").textContent = `${log.childElementCount} of 200 lines`;
});
showLog(wide.matches);

/* ---- The connection, and the way back down ---- */

function setState(state, text) {
  $("state").dataset.state = state;
  $("state").textContent = text;
}

document.addEventListener("stream:close", () => setState("closed", "Reconnecting"));

new IntersectionObserver(([{ isIntersecting }]) => ($("latest").hidden = isIntersecting || !turns.size), {
  rootMargin: "0px 0px 120px",
}).observe($("end"));
$("latest").addEventListener("click", toBottom);
