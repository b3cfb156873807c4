import type { Derive } from "../../schemas/manifest.ts";
import { atPointer } from "../core/json.ts";
import type { CompiledDerivation } from "./compiled.ts";
import { compilePagination } from "./compile-reads.ts";
import { toText } from "./expressions.ts";
import { compileRequest } from "./requests.ts";
import { ROOTS } from "./roots.ts";
import { compileSelect, unexpectedAnswer } from "./select.ts";
import type { Site } from "./site.ts";

/** What connections derive from one another. @throws HooklineError `invalid_expression` */
export function compileDerivation(derive: Derive, at: Site): CompiledDerivation {
  const { when, scopes = [], list, pagination, each, token, proof, values } = derive;
  const { where, id, label } = each;
  const isParent = at.at("when").condition(when, ROOTS.requires);
  const isOffered = where === undefined ? undefined : at.at("each", "where").condition(where, ROOTS.deriveItem);
  const isFor = at.at("proof").value(proof, ROOTS.response, "body");
  const select = compileSelect({ select: each.select }, at.at("each"));
  const fill = at.at("values").template(values, { roots: ROOTS.deriveValues });
  return {
    isParent: (connection) => isParent({ connection }),
    scopes,
    list: {
      request: compileRequest(list, ROOTS.deriveList, at.at("list")),
      pagination: compilePagination(pagination, at.at("pagination")),
      // One without an id could be any: nothing may be concluded from a list that has such.
      select: (response) => {
        const found = select(response);
        if (found.every((item) => textAt(item, id) !== "")) return found;
        throw unexpectedAnswer(response, "an item without an id", [id]);
      },
    },
    itemOf: (item) => {
      if (isOffered && !isOffered({ item })) return undefined;
      const called = label === undefined ? "" : textAt(item, label);
      return { id: textAt(item, id), label: called === "" ? null : called };
    },
    token: compileRequest(token, ROOTS.deriveToken, at.at("token")),
    isFor: (response, id) => toText(isFor({ response })) === id,
    proof,
    values: (scope) => fill({ ...scope }) as Record<string, unknown>,
    own: Object.keys(values).filter((name) => readsDerived(values[name])),
  };
}

/** Text or a whole number; anything else names nothing. */
function textAt(item: unknown, pointer: string): string {
  const value = atPointer(item, pointer);
  return typeof value === "string" || Number.isSafeInteger(value) ? String(value) : "";
}

/** Whether a template reads what the derived connection is. */
export function readsDerived(template: unknown): boolean {
  return /(^|[^\w.])\$?derived\.id\b/.test(JSON.stringify(template ?? null));
}
