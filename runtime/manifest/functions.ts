import { TYPE_NULL, TYPE_NUMBER, TYPE_STRING, type JSONValue } from "@jmespath-community/jmespath";

interface CustomFunction {
  call: (args: JSONValue[]) => JSONValue;
  /** The types each argument may have. */
  signature: { types: number[] }[];
}

/** Functions of expressions besides JMESPath's own. */
export const FUNCTIONS: Readonly<Record<string, CustomFunction>> = {
  /** A time as vendors write it (epoch seconds or milliseconds, ISO 8601) in RFC 3339; null when it is not a time, or has no zone. */
  rfc3339: {
    call: ([value]) => rfc3339(value),
    signature: [{ types: [TYPE_STRING, TYPE_NUMBER, TYPE_NULL] }],
  },
};

const EPOCH = /^\d{9,16}$/;
const ZONED = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*(Z|[+-]\d\d:?\d\d))?$/i;
/** Epoch numbers above this are milliseconds. */
const SECONDS_END = 1e11;

function rfc3339(value: unknown): string | null {
  const number = typeof value === "number" || EPOCH.test(String(value)) ? Number(value) : undefined;
  if (number === undefined && !ZONED.test(String(value))) return null;
  const time = new Date(number === undefined ? String(value) : Math.abs(number) < SECONDS_END ? number * 1000 : number);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
