import type { AuthenticationMethod, Credentials } from "../../../schemas/manifest.ts";
import type { Fault } from "../../core/errors.ts";
import { isObject, joinPointer } from "../../core/json.ts";
import { authenticationMethods, unknownName, type Rule } from "./context.ts";

/** Of a user name and a password, people give one at least. */
export const basicAsksForSomething: Rule = (context) =>
  authenticationMethods(context).flatMap(({ value, pointer }) => {
    if (value.type !== "basic") return [];
    const parts = [value.username, value.password];
    const both = parts.flatMap((part, i) =>
      part?.optional && part.fixed !== undefined
        ? [
            {
              pointer: `${pointer}/${i === 0 ? "username" : "password"}`,
              message: "is fixed, so nobody gives it; remove optional",
            },
          ]
        : [],
    );
    const isAsked = parts.some((part) => part?.fixed === undefined && !part?.optional);
    const message = "asks for nothing that proves anything; leave the user name or the password to people";
    return [...both, ...(isAsked ? [] : [{ pointer, message }])];
  });

/** Credentials have a secret, whatever is required exists, and each goes somewhere. */
export const credentialsAreUsed: Rule = (context) =>
  declaring(context).flatMap(({ value, pointer }) => {
    const at = `${pointer}/credentials`;
    const { required, properties } = value.credentials;
    const names = Object.keys(properties);
    const read = new Set([...readsOf(value)].map(({ name }) => name));
    return [
      ...required.flatMap((name, i) => unknownName(`${at}/required/${i}`, "property", name, names)),
      ...names
        .filter((name) => !read.has(name))
        .map((name) => ({
          pointer: joinPointer(`${at}/properties`, name),
          message: `is asked for and sent nowhere; read it as $credentials.${name}, or remove it`,
        })),
      ...names
        .filter((name) => name === "type")
        .map((name) => ({
          pointer: joinPointer(`${at}/properties`, name),
          message: '"type" says which way of authentication is meant; give it another name',
        })),
      ...(names.some((name) => properties[name]!.writeOnly)
        ? []
        : [{ pointer: `${at}/properties`, message: 'has no secret; mark each with "writeOnly": true' }]),
    ];
  });

/** What reads credentials reads declared ones, in forms that can carry them. */
export const credentialsAreDeclared: Rule = (context) =>
  declaring(context).flatMap(({ value, pointer }) => {
    const { required, properties } = value.credentials;
    return [...readsOf(value)].flatMap(({ name, at, isEmbedded, isPresented }): Fault[] => {
      const unknown = unknownName(`${pointer}${at}`, "credential", name, Object.keys(properties));
      if (unknown.length > 0) return unknown;
      const fault = (message: string): Fault[] => [{ pointer: `${pointer}${at}`, message }];
      if (isEmbedded && !required.includes(name))
        return fault(`"${name}" may be left out, and half a text would be sent; require it, or let it stand alone`);
      if (isPresented && properties[name]!.multiline)
        return fault(`"${name}" may have line breaks, which cannot be sent here; remove multiline`);
      return [];
    });
  });

/** A session's token is carried by what is presented. */
export const sessionsCarryTheirToken: Rule = (context) =>
  authenticationMethods(context).flatMap(({ value, pointer }) => {
    if (value.type !== "session" || JSON.stringify(value.present).includes("$accessToken")) return [];
    return [{ pointer: `${pointer}/present`, message: "does not carry the token; write $accessToken where it goes" }];
  });

/** Headers that frame a message are not for credentials. */
export const credentialsLeaveTheFrameAlone: Rule = (context) =>
  authenticationMethods(context).flatMap(({ value, pointer }) => {
    const headers = "present" in value ? Object.keys(value.present?.headers ?? {}) : [];
    return headers
      .filter((name) => FRAME.test(name))
      .map((name) => ({
        pointer: joinPointer(`${pointer}/present/headers`, name),
        message: "belongs to the frame of the message, which the connection sets; choose another header",
      }));
  });

const FRAME =
  /^(host|content-.*|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|accept-encoding)$/i;

type Declaring = AuthenticationMethod & { credentials: Credentials };

function declaring(context: Parameters<Rule>[0]): { value: Declaring; pointer: string }[] {
  return authenticationMethods(context).flatMap(({ value, pointer }) =>
    "credentials" in value ? [{ value, pointer }] : [],
  );
}

/** A place that reads a credential. */
interface Read {
  name: string;
  at: string;
  /** Inside a longer text. */
  isEmbedded: boolean;
  /** In a header or the query. */
  isPresented: boolean;
}

/** Every place of a way of authentication that reads one of its credentials. */
function readsOf(method: Declaring): Generator<Read> {
  return readsIn({ ...method, credentials: undefined }, "");
}

function* readsIn(part: unknown, at: string): Generator<Read> {
  if (typeof part === "string") {
    for (const [found, name = ""] of part.matchAll(/(?<![\w.])\$?credentials\.(\w+)/g)) {
      const isEmbedded = part.includes(`{${found}`);
      yield { name, at, isEmbedded, isPresented: /^\/(present|login)\/(headers|query)\/[^/]*$/.test(at) };
    }
    return;
  }
  const entries = Array.isArray(part) ? part.entries() : isObject(part) ? Object.entries(part) : [];
  for (const [key, inner] of entries) yield* readsIn(inner, joinPointer(at, key));
}
