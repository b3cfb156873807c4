import { below } from "../../core/errors.ts";
import { changeOf } from "../event-types.ts";
import { whereFaults } from "../where.ts";
import type { Rule } from "./context.ts";

/** Conditions of triggers read what their records have. */
export const conditionsFitTheirRecords: Rule = ({ streams, triggers, findings }) =>
  triggers.flatMap(({ value, pointer }) => {
    const stream = streams.find(({ name }) => name === value.stream);
    const at = `${pointer}/where`;
    const isFaulty = findings.faults.some((fault) => fault.pointer === at);
    if (stream === undefined || isFaulty) return [];
    return below(at, whereFaults(value.where, changeOf(stream.value, value)));
  });
