import type { Part } from "./jmespath.ts";

/** Of a part that reads on from a negation: what is negated, and the part without it. */
export function withoutNot(part: Part): { operand: Part; whole: Part } | undefined {
  const key = READS_ON[part.type];
  if (key === undefined) return undefined;
  const first = part[key] as Part;
  if (first.type === "NotExpression") {
    const operand = first["child"] as Part;
    return { operand, whole: { ...part, [key]: operand } };
  }
  const inner = withoutNot(first);
  return inner && { operand: inner.operand, whole: { ...part, [key]: inner.whole } };
}

/** Where parts that read on from another keep it. */
const READS_ON: Readonly<Record<string, "left" | "child">> = {
  Subexpression: "left",
  IndexExpression: "left",
  Projection: "left",
  FilterProjection: "left",
  ValueProjection: "left",
  Flatten: "child",
};
