import type { Request, RequestHandler } from "express";
import { HooklineError } from "../core/errors.ts";
import type { Account, Google } from "./google/google.ts";

/** What a request of the control API carries, query and body in one. */
export type Body = Record<string, unknown>;
export type Handler = (body: Body, request: Request) => unknown;

/** The account that a body names, or the first. */
export function accountOf(google: Google, body: Body): Account {
  return google.account(optionalText(body, "account"));
}

/** A contact or group is named by its id or by its resource name with the slash escaped. */
export function idOf(request: Request): string {
  return bareId(String(request.params.id));
}

export function bareId(name: string): string {
  return name.replace(/^(people\/|otherContacts\/|contactGroups\/)/, "").replace(/^c(?=\d+$)/, "");
}

export function found<T>(value: T | undefined, request: Request): T {
  if (value !== undefined) return value;
  throw new HooklineError("not_found", `control: ${request.originalUrl} does not exist in this account.`);
}

export function text(body: Body, name: string): string {
  const value = optionalText(body, name);
  if (value) return value;
  throw invalid(`control: "${name}" is missing; give it as text.`);
}

export function optionalText(body: Body, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || typeof value === "string") return value;
  throw invalid(`control: "${name}" must be text.`);
}

export function list(body: Body, name: string): string[] {
  const value = body[name] ?? [];
  if (Array.isArray(value)) return value.map(String);
  throw invalid(`control: "${name}" must be a list.`);
}

export function wholeNumber(body: Body, name: string, fallback: number): number {
  const value = body[name] ?? fallback;
  if (Number.isInteger(value) && (value as number) >= 0) return value as number;
  throw invalid(`control: "${name}" must be a whole number, 0 or more.`);
}

export function invalid(message: string): HooklineError {
  return new HooklineError("invalid_input", message);
}

/** Answers a request for which a control API has no route. */
export const unknownRoute: RequestHandler = ({ method, originalUrl, baseUrl }, _response, next) => {
  const message = `control: there is no ${method} ${originalUrl}; GET ${baseUrl} lists what there is.`;
  next(new HooklineError("not_found", message));
};

/** The named properties that a body has. */
export function pick(body: Body, names: readonly string[]): Body {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(body, name)).map((name) => [name, body[name]]));
}
