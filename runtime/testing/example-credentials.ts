import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { AuthenticationMethod, JwtBearerAuthentication } from "../../schemas/manifest.ts";
import { credentialsForm } from "../accounts/form.ts";
import { pointerTokens } from "../core/json.ts";
import { exampleOf } from "./example.ts";
import { merge, nest } from "./invert.ts";

/** What a person would give, by the form of a way of authentication. */
export function exampleCredentials(method: AuthenticationMethod): Record<string, unknown> {
  const { required, properties } = credentialsForm(method);
  const given = (name: string): unknown => {
    const schema = properties[name]!;
    return "examples" in schema || "enum" in schema ? exampleOf(schema) : `${name}-of-the-kit`;
  };
  const plain = Object.fromEntries(required.map((name) => [name, given(name)]));
  return method.type === "jwtBearer" ? { ...plain, ...signing(method) } : plain;
}

/** A key that signs, and texts for whatever else the statement reads of its file. */
function signing({ key, claims, header, algorithm }: JwtBearerAuthentication): Record<string, string> {
  const places = JSON.stringify([claims, header]).matchAll(/\$credentials\.(\w+)#(\/[^"}]*)/g);
  const parts = new Map<string, unknown>();
  const put = (name: string, pointer: string, text: string): void =>
    void parts.set(name, merge(parts.get(name) ?? {}, nest(pointerTokens(pointer), text)));
  for (const [, name = "", pointer = ""] of places) put(name, pointer, `${pointer.slice(1)}-of-the-kit`);
  const [, name = "", pointer] = /^\$credentials\.(\w+)(?:#(.*))?$/.exec(key) ?? [];
  const pem = newKey(algorithm);
  if (pointer !== undefined) put(name, pointer, pem);
  const files = [...parts].map(([file, content]) => [file, JSON.stringify(content)]);
  return { ...Object.fromEntries(files), ...(pointer === undefined && { [name]: pem }) };
}

function newKey(algorithm: JwtBearerAuthentication["algorithm"]): string {
  return newPair(algorithm).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

function newPair(algorithm: JwtBearerAuthentication["algorithm"]): { privateKey: KeyObject } {
  if (algorithm === "EdDSA") return generateKeyPairSync("ed25519");
  if (algorithm.startsWith("ES"))
    return generateKeyPairSync("ec", { namedCurve: algorithm === "ES256" ? "P-256" : "P-384" });
  return generateKeyPairSync("rsa", { modulusLength: 2048 });
}
