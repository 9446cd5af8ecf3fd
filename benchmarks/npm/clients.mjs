// Renderers that run in the browser, fed piece by piece: what they show after each piece, and for how long
// they compute.
//
//     node clients.mjs NAME <pieces.json     NAME: remend-marked | streaming-markdown; pieces: a list of texts
//     {"frames": [HTML, ...], "oneshot": HTML, "cpu_ms": 1.2}
//
// The last frame is the end of the text. cpu_ms is the best of three passes over all pieces, in
// which the tree that streaming-markdown builds is not made into HTML.

import { readFileSync } from "node:fs";

// ---- As much of a DOM as streaming-markdown's own renderer uses ----

const VOID = new Set(["br", "hr", "img", "input"]);
const escapeText = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

class Element {
    constructor(tag) {
        Object.assign(this, { tag, nodes: [], children: [], attributes: {}, parentElement: null });
    }
    get tagName() { return this.tag.toUpperCase(); }
    set type(value) { this.attributes.type = value; }
    set disabled(value) { if (value) this.attributes.disabled = ""; }
    setAttribute(name, value) { this.attributes[name] = value; }
    appendChild(node) {
        this.nodes.push(node);
        if (node instanceof Element) {
            this.children.push(node);
            node.parentElement = this;
        }
        return node;
    }
    get innerHTML() {
        return this.nodes.map((node) => node instanceof Element ? node.outerHTML : escapeText(node)).join("");
    }
    get outerHTML() {
        const attributes = Object.entries(this.attributes).map(([name, value]) => ` ${name}="${escapeText(value)}"`);
        const start = `<${this.tag}${attributes.join("")}>`;
        return VOID.has(this.tag) ? start : `${start}${this.innerHTML}</${this.tag}>`;
    }
}

globalThis.document = { createElement: (tag) => new Element(tag), createTextNode: (text) => text };

// ---- The renderers: start() gives {feed(piece), end(), html()} ----

const renderers = {
    "remend-marked": async () => {
        const { marked } = await import("marked");
        const { default: remend } = await import("remend");
        return () => {
            let text = "", html = "";
            return {
                feed(piece) { html = marked.parse(remend(text += piece)); },
                end() { html = marked.parse(text); },
                html: () => html,
            };
        };
    },
    "streaming-markdown": async () => {
        const smd = await import("streaming-markdown");
        return () => {
            const root = new Element("div");
            const parser = smd.parser(smd.default_renderer(root));
            return {
                feed(piece) { smd.parser_write(parser, piece); },
                end() { smd.parser_end(parser); },
                html: () => root.innerHTML,
            };
        };
    },
};

const start = await renderers[process.argv[2]]();
const pieces = JSON.parse(readFileSync(0, "utf-8"));

function run(start, pieces, onFrame) {
    const page = start();
    const before = process.cpuUsage();
    for (const piece of pieces) {
        page.feed(piece);
        onFrame?.(page.html);
    }
    page.end();
    onFrame?.(page.html);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
}

const frames = [], whole = [];
run(start, pieces, (html) => frames.push(html()));
run(start, [pieces.join("")], (html) => whole.push(html()));
const cpu_ms = Math.min(...[1, 2, 3].map(() => run(start, pieces)));
console.log(JSON.stringify({ frames, oneshot: whole.at(-1), cpu_ms }));
