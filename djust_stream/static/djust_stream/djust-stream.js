// SPDX-License-Identifier: MIT
/* The client: applies a stream's frames to the page.
 *
 *     <script type="module" src="…/djust-stream.js" data-url="/ws/chat/"></script>
 *
 * connects by itself; a module that wants to talk to the server says
 *
 *     import { connect } from "…/djust-stream.js";
 *     const page = connect("/ws/chat/");                  // the same connection, when there is one
 *     page.send({ type: "ask", text: "Why is the sky blue?" });
 *
 * The laws: ops take effect in order, and a frame in one go. A text node that grows stays the same node,
 * so a selection in it survives. Only `html` becomes markup; a name or a text never does. No frame throws.
 * A frame that has a seq takes effect once, in its place: one that was there is dropped, and what is missing is
 * asked for. So the page after any number of cuts is the page without them.
 *
 * Events bubble from the element an op changed: stream:start text update prune remove error done, as djust's;
 * stream:block from each child of a stream's element that is settled (and again, should it change after all);
 * stream:gap when frames are missing, resume when they come again, gone when they cannot any more; by server-sent
 * events also stream:usage, at the end. On the document: stream:open close reconnect refuse, and stream:message with whatever the server sent that is no frame. Wire: tests/spec/wire.md. Checked by: tests/test_client.py. */

const NEAR_PX = 100;
const PLAIN = /^[^<&\r\0]*$/; // HTML that is its own text
const INLINE = new Set(["a", "br", "code", "del", "em", "img", "input", "span", "strong", "sub", "sup"]);

/** What the page tells. An attribute `data-stream-say-start` (-done, -stopped) on or around the element wins. */
export const texts = {
  start: "Answer is being written",
  done: "Answer complete",
  stopped: "Answer stopped",
  error: "Something went wrong",
  lost: "Connection lost",
  retry: "Retry",
};

/**
 * @typedef {{op: string, target?: string, depth?: number, text?: string, mode?: string | null, html?: string,
 *   error?: string, retry?: number, reason?: string, limit?: number, edge?: string, nodes?: number, units?: number,
 *   loose?: number, path?: number[]}} Op
 * @typedef {{stream: string, root: Element, grown: Set<Element>, follow: Set<Element>}} Turn  what a frame's ops
 *   share: the element whose children are the blocks; elements that have new ones; elements to keep in view
 * @typedef {{texts?: Partial<typeof texts>, root?: ParentNode, firstDelayMs?: number, lastDelayMs?: number,
 *   lostAfterMs?: number, pingMs?: number, pongMs?: number, share?: boolean}} Options
 * @typedef {{epoch: string, seq: number, token?: string, asked?: boolean, lost?: boolean,
 *   saved: Map<Element, DocumentFragment>}} State  of a stream: which one it is, its last frame on the page, what
 *   lets us come back to it; are missing frames on their way; is it shown as lost; elements as they were before it
 * @typedef {{root: ParentNode, states: Map<string, State>, ask?: (stream: string, state: State) => void,
 *   keep?: () => void}} Shown  the streams of one connection: how to ask for frames, and to keep the tokens
 * @typedef {{send(message: object): void, stop(name: string): void, retry(name: string): void,
 *   close(): void, socket: WebSocket}} Page
 */

/* ---- Ops, by wire name ---- */

/** @type {Record<string, (el: Element, op: Op, turn: Turn) => void>} */
export const ops = {
  start(el, op, turn) {
    activate(el, true);
    say(el, "start");
    emit(el, "start", { stream: turn.stream });
  },

  text(el, op, turn) {
    const mode = op.mode ?? el.getAttribute("dj-stream-mode") ?? "append";
    const text = (op.text ?? "").replaceAll("\0", "\ufffd");
    write[Object.hasOwn(write, mode) ? mode : "append"](el, text);
    activate(el, true);
    if (mode !== "prepend") turn.follow.add(el);
    emit(el, "text", { text, mode, stream: turn.stream });
  },

  append(el, { html = "" }, turn) {
    if (PLAIN.test(html)) write.append(el, html);
    else {
      const more = parse(html);
      const first = more.firstChild;
      if (first instanceof Text && el.lastChild instanceof Text) {
        el.lastChild.appendData(first.data);
        first.remove();
      }
      el.append(more);
    }
    changed(el, "append", turn);
    turn.follow.add(el);
  },

  prepend(el, { html = "" }, turn) {
    const more = parse(html);
    const last = more.lastChild;
    if (last instanceof Text && el.firstChild instanceof Text) {
      el.firstChild.insertData(0, last.data);
      last.remove();
    }
    el.prepend(more);
    changed(el, "prepend", turn);
  },

  replace(el, { html = "" }, turn) {
    el.replaceChildren(parse(html));
    changed(el, "replace", turn);
    if (turn.root.hasAttribute("data-stream-active")) turn.follow.add(el);
  },

  delete(el, op, turn) {
    emit(el, "remove", { stream: turn.stream }); // before: from an element that is gone nothing bubbles
    el.remove();
  },

  prune(el, { limit = 0, edge }, turn) {
    const keep = Math.max(0, limit);
    const from = edge === "bottom" ? "bottom" : "top";
    while (el.children.length > keep) (from === "top" ? el.firstElementChild : el.lastElementChild)?.remove();
    emit(el, "prune", { limit: keep, edge: from, stream: turn.stream });
  },

  error(el, op, turn) {
    const error = op.error || texts.error;
    activate(el, false);
    settle(turn.root, true, turn.stream);
    const alert = showError(el, error);
    const event = el.closest("[dj-stream-retry]")?.getAttribute("dj-stream-retry"); // a handler of djust's
    if (op.retry !== undefined && (event || pages.size)) alert.after(retryButton(turn.stream, op.retry, event));
    turn.follow.add(el);
    emit(el, "error", { error, stream: turn.stream, ...(op.retry !== undefined && { retry: op.retry }) });
  },

  done(el, { reason }, turn) {
    const told = el.hasAttribute("aria-busy");
    activate(el, false);
    settle(turn.root, true, turn.stream);
    if (told) say(el, reason === "stopped" ? "stopped" : "done");
    emit(el, "done", { stream: turn.stream, ...(reason && { reason }) });
  },

  cut(el, { nodes = 0, units = 0 }, turn) {
    for (let n = nodes; n > 0; n--) el.lastChild?.remove();
    const text = el.lastChild;
    if (units && text instanceof Text) {
      if (text.length > units) text.deleteData(text.length - units, units);
      else text.remove();
    }
    changed(el, "cut", turn);
  },

  head(el, op, turn) {
    const box = checkbox(el);
    if (box) closeUp(box);
    box?.remove();
    ops.prepend(el, op, turn);
  },

  loose(el, { loose }, turn) {
    for (const item of el.children) {
      const box = checkbox(item);
      if (box) closeUp(box);
      for (const [first, ...more] of partsOf(item)) {
        if (loose && !isBlock(first)) {
          const p = document.createElement("p");
          if (el.hasAttribute("dir")) p.setAttribute("dir", "auto");
          first.before(p);
          p.append(first, ...more);
        } else if (!loose && first instanceof HTMLParagraphElement) first.replaceWith(...first.childNodes);
      }
      if (!loose) box?.after(" ");
      item.normalize();
    }
    changed(el, "loose", turn);
  },

  patch(el, { path = [], html = "" }, turn) {
    /** @type {ChildNode[] | undefined} */
    let nodes = [el];
    let skip = before.get(el) ?? 0;
    for (const index of path) {
      nodes = nodes && isBlock(nodes[0]) ? partsOf(nodes[0])[index + skip] : undefined;
      skip = 0;
    }
    if (!nodes) return;
    const [first] = nodes;
    const content = parse(html);
    if (isBlock(first)) first.replaceChildren(content);
    else {
      if (first.previousSibling instanceof HTMLInputElement) content.prepend(" ");
      content.normalize();
      first.before(content);
      for (const node of nodes) node.remove();
    }
    changed(el, "patch", turn);
  },
};

/** @type {Record<string, (el: Element, text: string) => void>} the modes of text */
const write = {
  append(el, text) {
    if (el.lastChild instanceof Text) el.lastChild.appendData(text);
    else if (text) el.append(text);
  },
  prepend(el, text) {
    if (el.firstChild instanceof Text) el.firstChild.insertData(0, text);
    else if (text) el.prepend(text);
  },
  replace(el, text) {
    if (el.firstChild instanceof Text && el.firstChild === el.lastChild && text) el.firstChild.data = text;
    else el.textContent = text;
  },
};

/** @type {Record<string, (op: any[]) => Op>} compact op -> op */
const compact = {
  start: () => ({ op: "start" }),
  ta: ([, text]) => ({ op: "text", text, mode: "append" }),
  tr: ([, text]) => ({ op: "text", text, mode: "replace" }),
  tp: ([, text]) => ({ op: "text", text, mode: "prepend" }),
  a: ([, html]) => ({ op: "append", html }),
  p: ([, html]) => ({ op: "prepend", html }),
  r: ([, html]) => ({ op: "replace", html }),
  delete: ([, target]) => ({ op: "delete", target }),
  prune: ([, limit, edge]) => ({ op: "prune", limit, edge }),
  error: ([, error, retry]) => ({ op: "error", error, ...(retry !== undefined && { retry }) }),
  done: ([, reason]) => ({ op: "done", reason }),
  h: ([, depth, html]) => ({ op: "head", depth, html }),
  x: ([, depth, nodes, units]) => ({ op: "cut", depth, nodes, units }),
  l: ([, depth, loose]) => ({ op: "loose", depth, loose }),
  "@": ([, path, html]) => ({ op: "patch", depth: 0, path, html }),
};

/** @param {any[]} list @returns {Op[]} */
function expand(list) {
  let target = "";
  return list.flatMap((op) => {
    if (typeof op === "string") return { op: "text", target, text: op };
    const key = Array.isArray(op) ? op[0] : op;
    if (typeof key === "number") return { op: "append", target, depth: key, html: op[1] };
    if (key === "on") target = op[1];
    if (key === "on") return [];
    const known = Object.hasOwn(compact, key) ? compact[key](op) : { op: String(key) };
    return Object.assign({ target }, known);
  });
}

/* ---- Frames ---- */

/** @type {Shown} */
const ofPage = { root: document, states: new Map() }; // the streams that came by no connection of ours

/** Apply one frame, in either form, as object or JSON text.
 * @param {any} frame @param {ParentNode} [root] @param {Shown} [shown] */
export function applyFrame(frame, root = document, shown = ofPage) {
  const data = typeof frame === "string" ? readJson(frame) : frame;
  const list = Array.isArray(data?.o) ? expand(data.o) : data?.ops;
  if (!Array.isArray(list) && AROUND.some((key) => data?.[key])) return void receive(data, shown);
  if (!Array.isArray(list)) return console.warn("djust_stream: not a frame:", frame);
  const stream = String(data.s ?? data.stream ?? "__default__");
  const home = streamSelector(stream);
  const state = stateOf(stream, data, shown);
  if (state && !isNext(stream, state, data.n ?? data.seq, query(root, home) ?? document, shown)) return;

  const targets = new Set(list.map((op) => op?.target || home));
  const near = nearBottom([...targets].map((target) => query(root, target)));
  /** @type {Turn} */
  const turn = { stream, root: document.body, grown: new Set(), follow: new Set() };
  for (const op of list) {
    const base = query(root, op?.target || home);
    if (state?.epoch && base && op.op !== "delete") save(base, state.saved);
    if (!Object.hasOwn(ops, op?.op)) console.warn("djust_stream: unknown op", op?.op);
    else applyOp(op, base, turn);
  }
  keepInView(turn.follow, near);
  const [first, ...more] = turn.grown;
  for (const el of turn.grown) settle(el, false, stream);
  if (first) pageWindow.djust?.reinitAfterDOMUpdate?.(more.length ? undefined : first);
  if (state?.token && list.some((op) => op?.op === "done" || op?.op === "error")) {
    delete state.token; // from now on it belongs to the page that the server renders
    shown.keep?.();
  }
}

const AROUND = ["frames", "snapshot", "token", "gone", "visit"]; // by what a message is known that is no frame

/** What the server sent, when it is of a stream; else false.
 * @param {any} message @param {Shown} shown @returns {boolean} */
function receive(message, shown) {
  if (Array.isArray(message?.o)) applyFrame(message, shown.root, shown);
  else if (message?.type !== "stream") return false;
  else if (Array.isArray(message.frames)) for (const frame of message.frames) applyFrame(frame, shown.root, shown);
  else if (message.snapshot) showSnapshot(message.snapshot, shown);
  else if (typeof message.token === "string") found(message, shown);
  else if (typeof message.gone === "string") gone(message, shown);
  else if (message.visit) visitDjust();
  else applyFrame(message, shown.root, shown);
  return true;
}

/** @param {Op} op @param {Element | null} base @param {Turn} turn */
function applyOp(op, base, turn) {
  if (!base) return; // not on this page (any more): nothing to show, nobody to tell
  if (!["error", "done", "delete", "prune"].includes(op.op)) clearError(base);
  turn.root = op.depth === undefined ? (base.closest("[dj-stream]") ?? base) : base;
  if (!roots.has(turn.root)) for (const child of turn.root.children) settled.add(child);
  roots.add(turn.root);
  if (["start", "error", "done"].includes(op.op)) before.delete(turn.root);
  if (op.op === "append" && op.depth === 0 && !before.has(base)) before.set(base, partsOf(base).length);
  /** @type {Element | null} */
  let el = base;
  for (let d = op.depth ?? 0; el && d > 0; d--) el = el.lastElementChild;
  try {
    if (stock && base.hasAttribute("dj-virtual")) stock(inDjustForm(op, turn.stream));
    else if (el) ops[op.op](el, op, turn);
  } catch (error) {
    console.error("djust_stream: op failed:", op, error);
  }
}

/** @param {Op} op @param {string} stream */
const inDjustForm = (op, stream) => ({ stream, ops: [{ ...op, target: op.target || streamSelector(stream) }] });

/** The state of a frame's stream: a new one for a new epoch; without epochs 1 begins anew.
 * @param {string} stream @param {any} frame @param {Shown} shown */
function stateOf(stream, frame, { states }) {
  const [seq, epoch] = [frame.n ?? frame.seq, String(frame.e ?? frame.epoch ?? "")];
  if (typeof seq !== "number") return undefined;
  let state = states.get(stream);
  if (!state || state.epoch !== epoch || (!epoch && seq === 1)) states.set(stream, (state = newState(epoch)));
  return state;
}

/** @param {string} epoch @returns {State} */
const newState = (epoch) => ({ epoch, seq: 0, saved: new Map() });

/** A stream counts 1, 2, 3, …: is this the next one? A hole is told, and what is missing asked for; where it
 * cannot be, what came is shown. @param {string} stream @param {State} state @param {number} seq
 * @param {EventTarget} el @param {Shown} shown */
function isNext(stream, state, seq, el, { ask }) {
  const expected = state.seq + 1;
  if (seq < expected) return false;
  const resumes = Boolean(state.token && ask);
  if (seq > expected && !state.asked) {
    console.warn(`djust_stream: frames ${expected} to ${seq - 1} are missing of stream`, stream);
    emit(el, "gap", { stream, expected, seq });
    if (resumes) ask?.(stream, state);
    state.asked = resumes;
  }
  if (seq > expected && resumes) return false;
  state.seq = seq;
  return true;
}

/** Remember what an element is like before the stream changes it; what is in one that is known, goes with that.
 * @param {Element} el @param {State["saved"]} saved */
function save(el, saved) {
  for (let known = /** @type {Element | null} */ (el); known; known = known.parentElement)
    if (saved.has(known)) return;
  const content = document.createDocumentFragment();
  for (const child of el.childNodes) content.append(child.cloneNode(true));
  saved.set(el, content);
}

/** All frames up to one, as one: for a page as it was before the first.
 * @param {any} frame @param {Shown} shown */
function showSnapshot(frame, shown) {
  const stream = String(frame.s ?? frame.stream);
  const state = stateOf(stream, frame, shown);
  if (!state || frame.n <= state.seq) return;
  for (const [el, content] of state.saved) {
    el.replaceChildren(content.cloneNode(true));
    roots.delete(el);
    before.delete(el);
  }
  state.seq = frame.n - 1;
  applyFrame(frame, shown.root, shown);
}

/** The server lets us come back to a stream, or has let us: what was missing follows.
 * @param {{s: string, e: string, token: string}} message @param {Shown} shown */
function found({ s: stream, e: epoch, token }, shown) {
  let state = shown.states.get(stream);
  const again = state?.epoch === epoch;
  if (!state || !again) shown.states.set(stream, (state = newState(epoch)));
  const el = query(shown.root, streamSelector(stream));
  if (el && state.lost) {
    clearError(el);
    activate(el, true);
  }
  Object.assign(state, { token, asked: false, lost: false });
  shown.keep?.();
  if (again) emit(el ?? document, "resume", { stream, seq: state.seq });
}

/** What is missing of a stream cannot be had any more. Of a page that shows nothing of it, that is no loss.
 * @param {{gone: string, e: string}} message @param {Shown} shown */
function gone({ gone: stream, e: epoch }, shown) {
  const state = shown.states.get(stream);
  if (!state || (epoch && epoch !== state.epoch)) return;
  delete state.token;
  shown.keep?.();
  shown.states.delete(stream);
  const el = query(shown.root, streamSelector(stream));
  if (el && state.seq) showLost(el, stream);
  emit(el ?? document, "gone", { stream });
}

/** No frame comes, for now or for good: say so, and keep what is there. @param {Element} el @param {string} stream */
function showLost(el, stream) {
  activate(el, false);
  showError(el, texts.lost);
  emit(el, "error", { error: texts.lost, stream });
}

/** @param {string} stream */
const streamSelector = (stream) => `[dj-stream="${CSS.escape(stream)}"]`;

/** @param {ParentNode} root @param {string} selector @returns {Element | null} */
function query(root, selector) {
  try {
    return root.querySelector(selector);
  } catch {
    console.warn("djust_stream: not a selector:", selector);
    return null;
  }
}

/** @param {string} json */
function readJson(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

const template = document.createElement("template"); // inert: no script in it runs, no image loads

/** @param {string} html */
function parse(html) {
  template.innerHTML = html;
  return template.content;
}

/** The checkbox of a task: it is the item's, not its text's. @param {Element} item */
const checkbox = (item) => (item.firstChild instanceof HTMLInputElement ? item.firstChild : null);

/** Takes the space away that stands between a checkbox and what follows. @param {Element} box */
function closeUp(box) {
  const text = box.nextSibling;
  if (text instanceof Text && text.data.startsWith(" ")) text.deleteData(0, 1);
  if (text instanceof Text && !text.data) text.remove();
}

/** @param {Node} node @returns {node is Element} */
const isBlock = (node) => node instanceof Element && !INLINE.has(node.localName);

/** The parts of an element, as Markdown counts them: each block element and each run of inline content, which is
 * what the paragraph of a tight item is; without a checkbox and the space after it. @param {Element} el */
function partsOf(el) {
  const nodes = [...el.childNodes];
  if (checkbox(el)) nodes.shift();
  if (checkbox(el) && nodes[0] instanceof Text && nodes[0].data === " ") nodes.shift();
  /** @type {ChildNode[][]} */
  const parts = [];
  nodes.forEach((node, i) => {
    if (i && !isBlock(node) && !isBlock(nodes[i - 1])) parts[parts.length - 1].push(node);
    else parts.push([node]);
  });
  return parts;
}

/* ---- What an element says of its stream ---- */

const settled = new WeakSet(); // blocks that were told, or were there before the first frame
const roots = new WeakSet();
const before = new WeakMap(); // root -> the blocks it had before the first Markdown since start, done or error

/** @param {EventTarget} el @param {string} name @param {object} detail */
function emit(el, name, detail) {
  el.dispatchEvent(new CustomEvent(`stream:${name}`, { bubbles: true, detail }));
}

/** @param {Element} el @param {boolean} active */
function activate(el, active) {
  for (const name of ["data-stream-active", "aria-busy"])
    if (active) el.setAttribute(name, "true");
    else el.removeAttribute(name);
}

/** @param {Element} el @param {string} error */
function showError(el, error) {
  clearError(el);
  const alert = Object.assign(document.createElement("div"), { className: "dj-stream-error", textContent: error });
  alert.setAttribute("role", "alert");
  settled.add(alert);
  el.append(alert);
  el.setAttribute("data-stream-error", "true");
  return alert;
}

/** @param {Element} el */
function clearError(el) {
  if (!el.hasAttribute("data-stream-error")) return;
  el.removeAttribute("data-stream-error");
  for (const part of el.querySelectorAll(":scope > .dj-stream-error, :scope > .dj-stream-retry")) {
    if (part === document.activeElement && el instanceof HTMLElement) {
      el.tabIndex = -1; // whoever has pressed it goes on reading here
      el.focus({ preventScroll: true });
    }
    part.remove();
  }
}

/** A button beside the alert, not in it: a live region would read every second of the wait.
 * @param {string} stream @param {number} waitS @param {string | null} [event] */
function retryButton(stream, waitS, event) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "dj-stream-retry" });
  button.setAttribute(event ? "dj-click" : "data-stream-retry", event || stream);
  settled.add(button);
  const endMs = Date.now() + waitS * 1000;
  const show = () => {
    const leftS = Math.ceil((endMs - Date.now()) / 1000);
    const [unitS, unit] = leftS > 5400 ? [3600, "h"] : leftS > 90 ? [60, "min"] : [1, "s"];
    button.disabled = leftS > 0;
    button.textContent = leftS > 0 ? `${texts.retry} (${Math.ceil(leftS / unitS)} ${unit})` : texts.retry;
    if (leftS > 0) setTimeout(() => button.isConnected && show(), Math.min(1000, endMs - Date.now()));
  };
  show();
  return button;
}

/** @param {Element} el @param {string} op @param {Turn} turn */
function changed(el, op, turn) {
  const last = turn.root.lastElementChild;
  if (last?.contains(el)) settled.delete(last);
  turn.grown.add(turn.root);
  emit(el, "update", { op, stream: turn.stream });
}

/** Tell of the blocks that will not change any more: those with a later sibling, or all.
 * @param {Element} root @param {boolean} all @param {string} stream */
function settle(root, all, stream) {
  const blocks = [];
  let el = all ? root.lastElementChild : root.lastElementChild?.previousElementSibling;
  for (; el && !settled.has(el); el = el.previousElementSibling) blocks.push(el);
  for (const block of blocks.reverse()) {
    settled.add(block);
    emit(block, "block", { stream });
  }
}

/** @type {HTMLElement | undefined} */
let announcer;

/** The page's one live region. It has to be there before its text is. */
function liveRegion() {
  if (announcer?.isConnected) return announcer;
  announcer = document.createElement("div");
  announcer.className = "dj-stream-announcer";
  announcer.setAttribute("role", "status");
  const hidden = { position: "fixed", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" };
  Object.assign(announcer.style, hidden); // through the object model, which a strict CSP lets pass
  (document.body ?? document.documentElement).append(announcer);
  return announcer;
}

/** @param {Element} el @param {"start" | "done" | "stopped"} what */
function say(el, what) {
  const name = `data-stream-say-${what}`;
  liveRegion().textContent = el.closest(`[${name}]`)?.getAttribute(name) ?? texts[what];
}

/* ---- Scrolling: near the end before the frame, at the end after it. Never animated ---- */

/** The boxes around `el` that may scroll, nearest first, then the page. @param {Element} el */
function scrollers(el) {
  const boxes = [];
  for (let box = /** @type {Element | null} */ (el); box && box !== document.body; box = box.parentElement)
    if (/auto|scroll/.test(getComputedStyle(box).overflowY)) boxes.push(box);
  return [...boxes, document.scrollingElement ?? document.documentElement];
}

/** @param {(Element | null)[]} els */
function nearBottom(els) {
  const boxes = els.flatMap((el) => (el ? scrollers(el) : []));
  return new Set(boxes.filter((box) => box.scrollHeight - box.scrollTop - box.clientHeight <= NEAR_PX));
}

/** Of each element's boxes the nearest that overflows is the one that scrolls.
 * @param {Set<Element>} els @param {Set<Element>} near */
function keepInView(els, near) {
  const boxes = new Set([...els].map((el) => scrollers(el).find((box) => box.scrollHeight > box.clientHeight)));
  for (const box of boxes) if (box && near.has(box)) box.scrollTo({ top: box.scrollHeight, behavior: "instant" });
}

/* ---- The connection ---- */

/** @type {Map<string, Page>} */
const pages = new Map();

/** Connect to a StreamConsumer; when the connection is lost again and again, ever more slowly, until close().
 * Streams go on where they were; `lostAfterMs` without a connection they are shown as lost, until it is back. After
 * `pingMs` of silence the server is asked for a word, and has `pongMs` to give it. `share`: other tabs that show
 * the same address follow the streams of this one.
 * @param {string} url @param {Options} [options] @returns {Page} */
export function connect(url, options = {}) {
  const address = new URL(url, location.href);
  address.protocol = address.protocol.replace(/^http/, "ws");
  const known = pages.get(address.href);
  if (known) return known;
  const { root = document, firstDelayMs = 500, lastDelayMs = 30_000, share = false } = options;
  const { lostAfterMs = 5_000, pingMs = 20_000, pongMs = 5_000 } = options;
  Object.assign(texts, options.texts);

  let [closed, attempt, timer, lostTimer, pingTimer, resumes] = [false, 0, 0, 0, 0, false];
  /** @type {string[]} */
  let waiting = [];
  const place = keptTokens(address.href, share);
  /** @type {Shown} */
  const shown = { root, states: place.read(), ask, keep: () => place.write(shown.states) };

  /** @type {Page} */
  const page = {
    socket: open(),
    send(message) {
      if (page.socket.readyState === WebSocket.OPEN) page.socket.send(JSON.stringify(message));
      else waiting.push(JSON.stringify(message));
    },
    stop(name) {
      const token = shown.states.get(name)?.token;
      page.send({ type: "stream.stop", stream: name, ...(token && { token }) });
    },
    retry(name) {
      page.send({ type: "stream.retry", stream: name });
    },
    close() {
      closed = true;
      clearTimeout(timer);
      pages.delete(address.href);
      for (const name of WAKES) window.removeEventListener(name, wake);
      document.removeEventListener("visibilitychange", wake);
      page.socket.close();
    },
  };

  function open() {
    const socket = new WebSocket(address);
    pingTimer = setTimeout(() => giveUp(socket), 2 * pongMs);
    socket.onopen = () => {
      clearTimeout(pingTimer);
      socket.send(JSON.stringify({ type: "stream.hello", form: "compact", resume: true }));
      for (const [stream, state] of shown.states) if (state.token) ask(stream, state, socket);
      for (const el of root.querySelectorAll("[data-stream-follow]")) follow(el, socket);
      for (const message of waiting.splice(0)) socket.send(message);
      emit(document, "open", { url: address.href });
    };
    socket.onmessage = ({ data }) => {
      attempt = 0; // not when it opens: a server that accepts and closes is not one to come back to at once
      clearTimeout(lostTimer);
      lostTimer = 0;
      listen(pingMs);
      const message = readJson(data);
      if (message?.type === "stream.welcome") resumes = message.resume === true;
      else if (message?.type !== "stream.pong" && !receive(message, shown)) emit(document, "message", message ?? data);
    };
    socket.onclose = ({ code, reason }) => cut(socket, code, reason);
    return socket;
  }

  /** @param {WebSocket} socket @param {number} code @param {string} reason */
  function cut(socket, code, reason) {
    socket.onopen = socket.onmessage = socket.onclose = null; // also when we gave it up before it knew
    clearTimeout(pingTimer);
    emit(document, "close", { url: address.href, code, reason });
    for (const [stream, state] of shown.states) {
      if (state.token && !closed) continue;
      lose(stream, state);
      shown.states.delete(stream);
    }
    if (closed) return;
    lostTimer ||= setTimeout(() => shown.states.forEach((state, stream) => lose(stream, state)), lostAfterMs);
    const delayMs = Math.min(lastDelayMs, firstDelayMs * 2 ** attempt++) * (0.5 + Math.random() / 2);
    timer = setTimeout(reopen, delayMs);
    emit(document, "reconnect", { url: address.href, attempt, delayMs });
  }

  function reopen() {
    clearTimeout(timer);
    timer = 0;
    page.socket = open();
  }

  /** The network is back, or the reader: now, rather than when the time has come.
   * A socket that was open in a sleeping machine may be so in name only. */
  function wake() {
    if (document.visibilityState === "hidden") return;
    if (timer) reopen();
    else if (page.socket.readyState === WebSocket.OPEN) listen(0);
  }

  /** Is anybody there, after so long a silence? @param {number} silenceMs */
  function listen(silenceMs) {
    clearTimeout(pingTimer);
    if (!resumes) return;
    pingTimer = setTimeout(() => {
      const { socket } = page;
      if (socket.readyState !== WebSocket.OPEN) return;
      socket.send('{"type":"stream.ping"}');
      pingTimer = setTimeout(() => giveUp(socket), pongMs);
    }, silenceMs);
  }

  /** Its own close event may take minutes. @param {WebSocket} socket */
  function giveUp(socket) {
    socket.close();
    cut(socket, 1006, "no answer");
  }

  /** @param {string} stream @param {State} state */
  function ask(stream, state, socket = page.socket) {
    const { epoch, token, seq } = state;
    state.asked = true; // what comes by the old way meanwhile, comes again
    if (socket.readyState === WebSocket.OPEN)
      socket.send(JSON.stringify({ type: "stream.resume", stream, e: epoch, token, seq }));
  }

  /** @param {Element} el @param {WebSocket} socket */
  function follow(el, socket) {
    const [stream, id] = [el.getAttribute("dj-stream"), el.getAttribute("data-stream-follow")];
    if (!stream || !id || shown.states.get(stream)?.token) return;
    socket.send(JSON.stringify({ type: "stream.follow", stream, id }));
  }

  /** @param {string} stream @param {State} state */
  function lose(stream, state) {
    const el = query(root, streamSelector(stream) + "[data-stream-active]");
    state.lost = Boolean(el);
    if (el) showLost(el, stream);
  }

  for (const name of WAKES) window.addEventListener(name, wake);
  document.addEventListener("visibilitychange", wake);
  pages.set(address.href, page);
  return page;
}

const WAKES = ["online", "pageshow"];

/** The tokens of a connection, kept for this address of the page: by the tab, or by all of them. A page that is
 * loaded again has shown nothing yet.
 * @param {string} url @param {boolean} share */
function keptTokens(url, share) {
  const key = `djust-stream ${url} ${location.pathname}${location.search}`;
  /** @param {(storage: Storage) => string | null | void} act */
  const at = (act) => {
    try {
      return act(share ? localStorage : sessionStorage);
    } catch {
      return null; // there is no storage for this page, or it is full
    }
  };
  /** @returns {string[][]} */
  const rowsKept = () => {
    const kept = readJson(at((storage) => storage.getItem(key)) || "[]");
    return Array.isArray(kept) ? kept.filter((row) => row?.length === 3) : [];
  };
  return {
    /** @returns {Map<string, State>} */
    read: () => new Map(rowsKept().map(([stream, epoch, token]) => [stream, { ...newState(epoch), token }])),
    /** Other tabs' rows stay. @param {Map<string, State>} states */
    write(states) {
      const others = rowsKept().filter(([name, epoch]) => {
        const mine = states.get(name);
        return !mine || (!mine.token && mine.epoch !== epoch);
      });
      const mine = [...states].map(([name, { epoch, token }]) => [name, epoch, token]).filter(([, , token]) => token);
      const rows = [...others, ...mine];
      at((storage) => (rows.length ? storage.setItem(key, JSON.stringify(rows)) : storage.removeItem(key)));
    },
  };
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-stream-stop], [data-stream-retry]") : null;
  if (!button || !(pages.size || ofPage.ask)) return;
  const again = button.getAttribute("data-stream-retry");
  const stream = again ?? button.getAttribute("data-stream-stop") ?? "";
  if (again !== null && !pages.size) return;
  event.preventDefault();
  for (const page of pages.values()) again === null ? page.stop(stream) : page.retry(stream);
  if (ofPage.ask && again === null)
    tellDjust({ type: "stream.stop", stream, token: ofPage.states.get(stream)?.token });
});

/* ---- Server-sent events: a StreamResponse of a Django view, by EventSource (GET) or by fetch ---- */

/**
 * @typedef {{method?: string, body?: BodyInit, headers?: Record<string, string>, root?: ParentNode,
 *   texts?: Partial<typeof texts>, firstDelayMs?: number, lastDelayMs?: number}} SseOptions
 * @typedef {{stop(): void, close(): void, shows(name: string): boolean}} Answer
 */

/** @type {Set<Answer>} those that are not over */
const answers = new Set();

/** Ask for a stream and show it. A lost connection comes back to where it was; the model is not asked again.
 * @param {string} url @param {SseOptions} [options] a body, a method or headers make it a fetch @returns {Answer} */
export function connectSse(url, options = {}) {
  const { body, root = document, firstDelayMs = 1000, lastDelayMs = 30_000 } = options;
  const method = (options.method ?? (body === undefined ? "GET" : "POST")).toUpperCase();
  const address = new URL(url, location.href).href;
  Object.assign(texts, options.texts);

  /** @type {Shown} */
  const shown = { root, states: new Map() };
  const aborter = new AbortController();
  let [lastId, delayMs, attempt, over, timer, opened] = ["", firstDelayMs, 0, false, 0, false];
  /** @type {EventSource | undefined} */
  let source;

  /** @type {Answer} */
  const answer = {
    stop() {
      if (over) return;
      for (const stream of active()) applyFrame({ stream, ops: [{ op: "done", reason: "stopped" }] }, root);
      answer.close();
      // The closed connection alone does not say it: a lost one looks the same, and the server waits for it.
      if (lastId) void fetch(address, { ...request("X-Stream-Stop"), keepalive: true }).catch(() => {});
    },
    close() {
      over = true;
      answers.delete(answer);
      clearTimeout(timer);
      source?.close();
      aborter.abort();
      emit(document, "close", { url: address });
    },
    shows: (name) => shown.states.has(name) || !shown.states.size,
  };

  const active = () =>
    [...shown.states.keys()].filter((name) => query(root, streamSelector(name) + "[data-stream-active]"));

  /** @param {string} type @param {string} data @param {string} id */
  function take(type, data, id) {
    lastId = id;
    attempt = 0;
    const message = readJson(data);
    if (type === "message" && receive(message, shown)) return;
    if (type === "error" && message?.code === "gone") lose();
    else if (type !== "end") emit(document, "message", { type, data, id });
    if (type !== "end") return;
    if (message && "output_tokens" in message)
      for (const [stream] of shown.states) emit(query(root, streamSelector(stream)) ?? document, "usage", { stream, ...message });
    answer.close();
  }

  /** Nothing more will come: say so where something is still expected, and keep what is there. */
  function lose(error = texts.lost) {
    for (const stream of active()) applyFrame({ stream, ops: [{ op: "error", error }] }, root);
    answer.close();
  }

  /** @param {string} [flag] @returns {RequestInit} */
  function request(flag) {
    const headers = new Headers({ Accept: "text/event-stream", ...csrf(address, method), ...options.headers });
    if (lastId) headers.set("Last-Event-ID", lastId);
    if (flag) headers.set(flag, "1");
    return { method, headers, body, cache: "no-store" };
  }

  function later() {
    if (over) return;
    if (!lastId) return lose(); // it would be asked for a second time
    const waitMs = Math.min(lastDelayMs, delayMs * 2 ** attempt++) * (0.5 + Math.random() / 2);
    timer = setTimeout(run, waitMs);
    emit(document, "reconnect", { url: address, attempt, delayMs: waitMs });
  }

  async function run() {
    try {
      const response = await fetch(address, { ...request(), signal: aborter.signal });
      if (response.status === 204) return lose();
      if (response.ok && response.body && /^text\/event-stream\b/i.test(response.headers.get("Content-Type") ?? "")) {
        emit(document, "open", { url: address });
        const read = eventReader(take, (id) => (lastId = id), (ms) => (delayMs = ms));
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let piece = await reader.read(); !piece.done && !over; piece = await reader.read()) read(piece.value);
      } else if (!lastId || ![502, 503, 504].includes(response.status)) return refuse(response);
    } catch (error) {
      if (!over) console.info("djust_stream:", error);
    }
    later();
  }

  /** @param {Response} response */
  async function refuse(response) {
    const { status, headers } = response;
    const plain = /^text\/plain\b/i.test(headers.get("Content-Type") ?? "");
    const error = (plain && (await response.text().catch(() => ""))) || texts.error;
    const name = decodeURIComponent(headers.get("X-Stream-Name") ?? "");
    if (name && !shown.states.size) applyFrame({ stream: name, ops: [{ op: "error", error }] }, root);
    emit(document, "refuse", { url: address, status, error, retryAfterS: Number(headers.get("Retry-After")) || null });
    lose(error);
  }

  /** It gives up for good when it is refused, and tells nobody why: a fetch goes on from there. */
  function refused() {
    if (over) return;
    if (lastId || opened) later();
    else void run();
  }

  function listen() {
    source = new EventSource(address);
    source.onopen = () => {
      opened = true;
      emit(document, "open", { url: address });
    };
    for (const type of ["message", "end", "error"])
      source.addEventListener(type, (event) => {
        if (event instanceof MessageEvent) take(type, event.data, event.lastEventId);
        else if (source?.readyState === EventSource.CLOSED) refused();
        else emit(document, "reconnect", { url: address, attempt: ++attempt });
      });
  }

  answers.add(answer);
  if (method === "GET" && !options.headers) listen();
  else void run();
  return answer;
}

/** Reads an event stream, cut anywhere, as the HTML standard has it.
 * @param {(type: string, data: string, id: string) => void} dispatch
 * @param {(id: string) => void} setId @param {(ms: number) => void} setRetry */
function eventReader(dispatch, setId, setRetry) {
  let [rest, type, id] = ["", "", ""];
  /** @type {string[]} */
  let data = [];

  /** @type {Record<string, (value: string) => unknown>} */
  const fields = {
    event: (value) => (type = value),
    data: (value) => data.push(value),
    id: (value) => value.includes("\0") || (id = value),
    retry: (value) => /^\d+$/.test(value) && setRetry(Number(value)),
  };

  /** @param {string} line */
  function read(line) {
    if (line) {
      const [, name, value] = /** @type {RegExpExecArray} */ (/^([^:]*):? ?([^]*)$/.exec(line));
      if (Object.hasOwn(fields, name)) fields[name](value);
      return;
    }
    setId(id);
    if (data.length) dispatch(type || "message", data.join("\n"), id);
    [type, data] = ["", []];
  }

  return (/** @type {string} */ text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/); // a CR at the end may be half of a CRLF
    rest = lines.pop() ?? "";
    for (const line of lines) read(line);
  };
}

/** Django's CSRF token, for requests to this site. @param {string} address @param {string} method
 * @returns {Record<string, string>} */
function csrf(address, method) {
  if (/^(GET|HEAD|OPTIONS|TRACE)$/.test(method) || new URL(address).origin !== location.origin) return {};
  const field = document.querySelector("[name=csrfmiddlewaretoken]");
  const token = field instanceof HTMLInputElement ? field.value : /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1];
  return token ? { "X-CSRFToken": token } : {};
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-stream-stop]") : null;
  const name = button?.getAttribute("data-stream-stop") ?? "";
  const shown = button ? [...answers].filter((answer) => answer.shows(name)) : [];
  if (shown.length) event.preventDefault();
  for (const answer of shown) answer.stop();
});

// Nobody reads it any more. (A tab in the background, or a sleeping phone, has left no page.)
addEventListener("pagehide", () => answers.forEach((answer) => answer.stop()));

/* ---- Beside djust's client: whoever loads first, its socket hands its stream messages to us ---- */

const pageWindow = /** @type {any} */ (window);
/** @type {((message: object) => void) | undefined} what djust would do: it knows its virtual lists */
let stock;

/** @param {any} djust */
function adopt(djust) {
  stock = djust.handleStreamMessage;
  Object.defineProperty(djust, "handleStreamMessage", {
    configurable: true,
    get: () => (/** @type {object} */ message) => void receive(message, ofPage),
    set: (handler) => (stock = handler),
  });
}

/** A view with our mixin is there: say hello, and what we had of its streams, as soon as djust lets us. */
async function visitDjust() {
  for (let tries = 0; !pageWindow.djust?.liveViewInstance?.viewMounted; tries++) {
    if (tries > 200) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  if (!ofPage.ask) {
    const script = [...document.scripts].find(({ src }) => src === import.meta.url);
    const place = keptTokens("djust", script?.dataset.share === "true");
    for (const [stream, state] of place.read()) if (!ofPage.states.has(stream)) ofPage.states.set(stream, state);
    ofPage.keep = () => place.write(ofPage.states);
    ofPage.ask = (stream, { epoch, token, seq }) =>
      tellDjust({ type: "stream.resume", stream, e: epoch, token, seq });
  }
  tellDjust({ type: "stream.hello" });
  for (const [stream, state] of ofPage.states) if (state.token) ofPage.ask(stream, state);
  for (const el of document.querySelectorAll("[data-stream-follow]")) {
    const [stream, id] = [el.getAttribute("dj-stream") ?? "", el.getAttribute("data-stream-follow")];
    if (!ofPage.states.get(stream)?.token) tellDjust({ type: "stream.follow", stream, id });
  }
}

/** @param {object} message */
const tellDjust = (message) => pageWindow.djust.liveViewInstance.sendEvent("stream_visit", message);

if (pageWindow.djust) adopt(pageWindow.djust);
else
  Object.defineProperty(window, "djust", {
    configurable: true,
    get: () => undefined,
    set(djust) {
      Object.defineProperty(window, "djust", { configurable: true, writable: true, value: djust });
      if (djust) adopt(djust);
    },
  });

liveRegion();
for (const { src, dataset } of document.scripts)
  if (src === import.meta.url && dataset.url) connect(dataset.url, { share: dataset.share === "true" });
for (const { src, dataset } of document.scripts) if (src === import.meta.url && dataset.sse) connectSse(dataset.sse);
