import { createHash } from "node:crypto";
import type { Reply } from "../model/route.ts";

/** HTML that may stand in a page as it is. Only {@link html} makes it. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** HTML with values in it: texts are escaped, and set apart so that their direction of writing cannot reorder the rest. */
export function html(parts: TemplateStringsArray, ...values: (string | Html)[]): Html {
  const filled = values.map((value) => (value instanceof Html ? value.text : `<bdi>${escapeHtml(value)}</bdi>`));
  return new Html(parts.reduce((text, part, index) => text + filled[index - 1]! + part));
}

export interface Page {
  status: number;
  /** Text without markup. */
  title: string;
  /** Headline; default the title. */
  headline?: Html;
  body: Html;
  /** Where a form of the page may lead, as sources of a Content-Security-Policy; default nowhere. */
  formAction?: string;
  /** What its own requests say of where they come from; default nothing. */
  referrer?: "same-origin";
}

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem;overflow-wrap:anywhere}" +
  "h1{font-size:1.4rem}button{font:inherit;padding:.6rem 1.2rem;cursor:pointer}";
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/** A page for a person: without scripts, in nobody's frame, and kept in no cache. */
export function page({ status, title, headline, body, formAction = "'none'", referrer }: Page): Reply {
  const named = escapeHtml(title);
  const head = [
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    referrer ? `<meta name="referrer" content="${referrer}">` : "",
    `<title>${named}</title><style>${STYLE}</style>`,
  ];
  const text = `<!doctype html><html lang="en"><head>${head.join("")}</head><body><h1>${headline?.text ?? named}</h1>${body.text}</body></html>\n`;
  const policy = [
    "default-src 'none'",
    `style-src 'sha256-${STYLE_HASH}'`,
    `form-action ${formAction}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy.join("; "),
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex",
  };
  return { status, body: text, headers };
}

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
}
