import type { Part } from "./jmespath.ts";
import { print } from "./print-expression.ts";
import { listed, oneOfThese, retyped } from "./remedies.ts";
import { fits } from "./schema-path.ts";
import { inside, knownTypes, knownValues, type ValueType } from "./value-type.ts";

/** How a function finds text in text. */
const IN_TEXT: Readonly<Record<string, (text: string, sought: string) => boolean>> = {
  contains: (text, sought) => text.includes(sought),
  starts_with: (text, sought) => text.startsWith(sought),
  ends_with: (text, sought) => text.endsWith(sought),
};

/** Why a call of a function that looks for something can never find it; undefined when it may, or when it looks for nothing. */
export function searchFault(
  call: Part,
  [subject, sought]: readonly [Part, Part],
  [list, member]: readonly [ValueType, ValueType],
): string | undefined {
  const finds = IN_TEXT[call.name ?? ""];
  const types = knownTypes(list);
  const wanted = knownTypes(member);
  if (!finds || !types || !wanted || ![...types].every((type) => type === "array" || type === "string"))
    return undefined;
  const among = call.name === "contains" ? fixedMembers(subject) : undefined;
  // What is missing is found by a null among the members.
  if (among?.includes(null)) return undefined;
  const possible: readonly unknown[] | undefined = among && knownValues(member)?.filter((one) => one !== null);
  if (among && possible) {
    if (among.some((one) => possible.includes(one))) return undefined;
    return `${print(call)} can never hold: ${print(sought)} is ${oneOfThese(among[0], possible)}`;
  }
  const items = inside(list, "0");
  const value = sought.type === "Literal" ? sought["value"] : undefined;
  if (types.has("string") && wanted.has("string")) {
    const texts = types.size === 1 ? knownValues(list)?.filter((one) => one !== null) : undefined;
    if (typeof value !== "string" || !texts || texts.some((one) => finds(String(one), value))) return undefined;
    return `${print(call)} can never hold: ${print(subject)} is ${oneOfThese(value, texts)}`;
  }
  const held = types.has("array") ? knownTypes(items) : new Set<string>();
  if (held === undefined) return undefined;
  if (!fits(wanted, held)) {
    const kinds =
      held.size > 0 ? `members of ${print(subject)} are ${listed(held)}` : `${print(subject)} is ${listed(types)}`;
    const remedy = retyped(sought, held.size > 0 ? held : types);
    return `${print(call)} can never hold: ${kinds}, and ${print(sought)} is ${listed(wanted)}; write ${remedy}`;
  }
  const allowed = knownValues(items);
  if (value === undefined || typeof value === "object" || allowed === undefined || allowed.includes(value))
    return undefined;
  return `${print(call)} can never hold: each of ${print(subject)} is ${oneOfThese(value, allowed)}`;
}

/** The members of a list that is written in the expression itself. */
function fixedMembers(list: Part): readonly unknown[] | undefined {
  if (list.type === "Literal") return Array.isArray(list["value"]) ? (list["value"] as unknown[]) : undefined;
  const members = list.type === "MultiSelectList" ? (list["children"] as Part[]) : [];
  const isFixed = members.length > 0 && members.every(({ type }) => type === "Literal");
  return isFixed ? members.map((one) => one["value"]) : undefined;
}
