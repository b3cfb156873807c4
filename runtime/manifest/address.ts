import type { Fault } from "../core/errors.ts";
import { joinPointer } from "../core/json.ts";

const PLACEHOLDER = /\{([A-Za-z][A-Za-z0-9_]*)\}/g;
/** One DNS label (RFC 1035 §2.3.1, RFC 1123 §2.1) without the marked ones of RFC 5890, which look like others. */
const LABEL = /^(?!..--)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;
const LONGEST_HOST = 253;

/** Names of the inputs that an address, or a list of hosts, takes up. */
export function placeholdersOf(...templates: readonly string[]): string[] {
  return [
    ...new Set(templates.flatMap((template) => [...template.matchAll(PLACEHOLDER)].map(([, name = ""]) => name))),
  ];
}

/** Whether an input is a host of its own, rather than a label of one. */
export function isWholeHost(template: string, name: string): boolean {
  return template === `{${name}}` || new RegExp(`^https?://\\{${name}\\}(?=/|$)`).test(template);
}

/** An address with inputs in the places of its placeholders. Check them first: see {@link addressFaults}. */
export function fillAddress(template: string, inputs: Readonly<Record<string, unknown>>): string {
  return template.replaceAll(PLACEHOLDER, (_, name: string) => String(inputs[name]));
}

/** What is wrong with the inputs that addresses take up. A value that could lead elsewhere than to a label is refused. */
export function addressFaults(templates: readonly string[], inputs: Readonly<Record<string, unknown>>): Fault[] {
  return placeholdersOf(...templates).flatMap((name) => {
    const pointer = joinPointer("/inputs", name);
    const value = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    const isHost = templates.some((template) => isWholeHost(template, name));
    if (typeof value !== "string") return [{ pointer, message: "is required: the address is made of it" }];
    if (isHost ? isHostName(value) : LABEL.test(value)) return [];
    const message = isHost
      ? "must be the name of a host, such as crm.example.com: without https://, port or path, and not a number"
      : "must be one part of a host name: letters, digits and hyphens, without dots";
    return [{ pointer, message }];
  });
}

/** At least two labels, the last of which has a letter: no address is a name. */
function isHostName(value: string): boolean {
  const labels = value.split(".");
  const isNamed = /[a-z]/i.test(labels.at(-1)!) && !/^0x/i.test(labels.at(-1)!);
  return value.length <= LONGEST_HOST && labels.length > 1 && labels.every((label) => LABEL.test(label)) && isNamed;
}

/** Whether two sets of inputs make the same addresses; the case of a host says nothing. */
export function sameAddress(
  names: readonly string[],
  one: Readonly<Record<string, unknown>>,
  other: Readonly<Record<string, unknown>>,
): boolean {
  return names.every((name) => String(one[name]).toLowerCase() === String(other[name]).toLowerCase());
}
