import type { Decode, Encode } from "../../../schemas/manifest.ts";
import { HooklineError } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import type { VendorResponse } from "../response.ts";
import type { TransportRequest } from "../transports/transport.ts";
import { encodeMimeMessage } from "./mime-message.ts";
import { decodeMimeTree } from "./mime-tree.ts";

type Codec = (value: unknown) => unknown;

const ENCODERS: Record<Encode[string], Codec> = { mimeMessage: encodeMimeMessage };
const DECODERS: Record<Decode[string], Codec> = { mimeTree: decodeMimeTree, base64url: toBase64 };

/**
 * The request with the parts that its `encode` names encoded; what is not there is left alone.
 * @throws HooklineError `invalid_input` when a part cannot be encoded
 */
export async function encodeRequest(request: TransportRequest): Promise<TransportRequest> {
  let encoded: unknown = request;
  for (const [place, name] of Object.entries(request.encode ?? {})) {
    encoded = await replace(encoded, place.split("."), ENCODERS[name]);
  }
  return encoded as TransportRequest;
}

/**
 * The response with the parts that `decode` names decoded.
 * @throws HooklineError `unexpected_answer` when a part cannot be decoded
 */
export async function decodeResponse(decode: Decode | undefined, response: VendorResponse): Promise<VendorResponse> {
  let decoded: unknown = response;
  for (const [place, name] of Object.entries(decode ?? {})) {
    try {
      decoded = await replace(decoded, place.split("."), DECODERS[name]);
    } catch (cause) {
      const message = `The vendor's answer has a ${place} that cannot be decoded as ${name}; nothing was changed`;
      throw new HooklineError("unexpected_answer", message, { cause });
    }
  }
  return decoded as VendorResponse;
}

/** Base64url (RFC 4648 §5) as plain Base64. */
function toBase64(value: unknown): unknown {
  return typeof value === "string" ? Buffer.from(value, "base64url").toString("base64") : value;
}

/** A copy with the value at the path replaced; a list on the way means each of its members. */
async function replace(value: unknown, path: readonly string[], codec: Codec): Promise<unknown> {
  if (Array.isArray(value)) return Promise.all(value.map((member) => replace(member, path, codec)));
  const [name, ...rest] = path;
  if (name === undefined) return codec(value);
  if (!isObject(value) || !Object.hasOwn(value, name)) return value;
  return { ...value, [name]: await replace(value[name], rest, codec) };
}
