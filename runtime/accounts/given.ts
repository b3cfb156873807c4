import type { Authentication, AuthenticationMethod } from "../../schemas/manifest.ts";
import { HooklineError, refuseFaults, type Fault } from "../core/errors.ts";
import { isObject, joinPointer, parseJson } from "../core/json.ts";
import { compileSchema } from "../manifest/validate.ts";
import { isIssuedType, methodsOf, rememberCredentials, type Credentials, type Unissued } from "./credentials.ts";
import { credentialsForm } from "./form.ts";

/** Credentials that were handed in, and the way of authentication that they are meant for. */
export interface Given {
  method: AuthenticationMethod;
  credentials: Credentials | Unissued;
  /** Milliseconds since the epoch; null where nobody said when they end. */
  expiresAt: number | null;
}

/**
 * The way that credentials handed in are meant for, and their checked form. Without `type`, the first way that asks for
 * exactly what was given.
 * @throws HooklineError `invalid_input` with every fault
 */
export function readCredentials(authentication: Authentication, given: Record<string, unknown>): Given {
  const { type, ...values } = given;
  const method = meantMethod(methodsOf(authentication), type, Object.keys(values));
  const expiresAt = values.expiresAt === undefined ? null : asTime(values.expiresAt);
  refuseFaults("connection", faultsOf(method, values, expiresAt));
  const { expiresAt: _, ...texts } = values as Record<string, string>;
  const kept = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ""));
  const credentials = credentialsOf(method.type, kept, expiresAt);
  // A vendor may quote what it refuses.
  rememberCredentials(credentials);
  return { method, credentials, expiresAt };
}

function credentialsOf(
  type: AuthenticationMethod["type"],
  kept: Record<string, string>,
  expiresAt: number | null,
): Credentials | Unissued {
  if (type === "custom") return { type, given: kept };
  if (isIssuedType(type)) return { type, given: kept };
  return { type, ...kept, ...(type === "oauth2" && { refreshAt: expiresAt }) } as Credentials;
}

function meantMethod(
  methods: readonly AuthenticationMethod[],
  type: unknown,
  given: readonly string[],
): AuthenticationMethod {
  if (type === undefined) {
    const fits = methods.filter((method) => credentialsForm(method).required.every((name) => given.includes(name)));
    const isWhole = (method: AuthenticationMethod): boolean =>
      given.every((name) => name in credentialsForm(method).properties);
    return fits.find(isWhole) ?? fits[0] ?? methods[0]!;
  }
  const method = methods.find((candidate) => candidate.type === type);
  if (method) return method;
  const message = `must be one of: ${methods.map((candidate) => candidate.type).join(", ")}`;
  const faults = [{ pointer: "/credentials/type", message }];
  throw new HooklineError("invalid_input", `connection/credentials/type: ${message}`, { faults });
}

function faultsOf(method: AuthenticationMethod, values: Record<string, unknown>, expiresAt: number | null): Fault[] {
  const form = credentialsForm(method);
  const names = Object.keys(form.properties);
  const at = (name: string): string => joinPointer("/credentials", name);
  const faults: Fault[] = [];
  for (const name of names) {
    const value = values[name];
    const isText = typeof value === "string";
    if (form.required.includes(name) && (!isText || value === ""))
      faults.push({ pointer: at(name), message: "is required, as text" });
    else if (isText && !form.properties[name]!.multiline && /\p{Cc}/u.test(value))
      faults.push({ pointer: at(name), message: "must not contain line breaks or other control characters" });
    else if (isText && form.properties[name]!.contentMediaType !== undefined && !isFile(value))
      faults.push({ pointer: at(name), message: "must be the whole JSON file, from { to }" });
    else if (method.type === "basic" && name === "username" && isText && value.includes(":"))
      faults.push({ pointer: at(name), message: "must not contain a colon, which ends a user name (RFC 7617)" });
  }
  for (const name of Object.keys(values)) {
    if (names.includes(name)) continue;
    const takes = names.length === 0 ? "nothing" : names.join(", ");
    faults.push({ pointer: at(name), message: `unknown property; ${method.type} takes ${takes}` });
  }
  if (Number.isNaN(expiresAt))
    faults.push({ pointer: at("expiresAt"), message: "must be an RFC 3339 time or milliseconds" });
  const known = new Set(faults.map(({ pointer }) => pointer));
  const present = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
  for (const { pointer, message } of compileSchema(form)(present)) {
    const fault = { pointer: `/credentials${pointer}`, message };
    if (!known.has(fault.pointer)) faults.push(fault);
  }
  return faults;
}

function isFile(text: string): boolean {
  try {
    return isObject(parseJson(text));
  } catch {
    return false;
  }
}

/** Whole milliseconds that are a date; `NaN` for anything else. */
function asTime(value: unknown): number {
  return typeof value === "number" || typeof value === "string" ? new Date(value).getTime() : Number.NaN;
}
