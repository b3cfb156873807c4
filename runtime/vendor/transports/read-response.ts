import { createHash } from "node:crypto";
import { jsonText, parseJson } from "../../core/json.ts";
import type { NetworkResponse } from "../../core/network-exchange.ts";
import type { BinaryBody, VendorResponse } from "../response.ts";

/** Larger files are described, not carried along. */
const MAX_CONTENT_BYTES = 1024 * 1024;

/** Reads a response's bytes the way the request expects them. `path` is where a file too large to carry can be fetched. */
export function readResponse(
  response: NetworkResponse,
  url: string,
  expected: "json" | "text" | "binary" = "json",
  path?: string,
): VendorResponse {
  const { status, headers, body } = response;
  const withBody = (read: unknown): VendorResponse => ({ status, headers, url, body: read });
  const succeeded = status >= 200 && status < 300;
  if (body.length === 0) return withBody(null);
  if (expected === "binary" && succeeded) return withBody(binaryBody(body, headers, path));
  const text = jsonText(body);
  if (expected === "text" && succeeded) return withBody(text);
  try {
    return withBody(parseBody(text));
  } catch {
    return { ...withBody(text), malformed: true };
  }
}

/** Plain `JSON.parse` is several times faster on large pages; the careful one only reads what could need it. */
function parseBody(text: string): unknown {
  return text.includes("__proto__") ? parseJson(text) : JSON.parse(text);
}

function binaryBody(body: Buffer, headers: Record<string, string>, path: string | undefined): BinaryBody {
  return {
    mediaType: headers["content-type"] ?? "application/octet-stream",
    size: body.length,
    sha256: createHash("sha256").update(body).digest("hex"),
    ...(body.length <= MAX_CONTENT_BYTES || path === undefined ? { content: body.toString("base64") } : { path }),
  };
}
