import { describe, expect, it } from "vitest";
import { loadConnectors } from "../../runtime/connectors.ts";
import type { CompiledStream } from "../../runtime/manifest/connector.ts";
import { builtInConnectors } from "../../runtime/manifest/load.ts";

const connectors = await loadConnectors(builtInConnectors());

/** Answers that are no list, whatever a stream lists. */
const WRONG: unknown[] = [
  null,
  "",
  "maintenance",
  0,
  500,
  true,
  false,
  {},
  { message: "maintenance" },
  { statusCode: 200, message: "maintenance", traceId: "t" },
  { success: false },
  { error: "maintenance" },
  { error: { code: 500, message: "maintenance" } },
  { error: true },
  { error: 500 },
];

/** What an object says is for a file to say: it is read as bytes. A month without a free time has no days. */
const isAnyObject = (name: string): boolean =>
  ["get_message_recording", "download_transcription", "get_free_slots"].includes(name);

/** A record that is known by what it was asked for with. */
const isSingle = ({ cursor: { definition } }: CompiledStream): boolean =>
  definition.type === "snapshot" && definition.single === true;

const streams = [...connectors.values()].flatMap(({ name, streams }) =>
  [...streams].map(([stream, compiled]) => ({ name: `${name} ${stream}`, stream, compiled })),
);

/** What a stream makes of an answer: its records, or why it is none, be it only a last page without a cursor. */
function read(select: CompiledStream["select"], compiled: CompiledStream | undefined, body: unknown): unknown {
  const response = { status: 200, headers: {}, body };
  try {
    const records = select(response);
    const cursor = compiled?.cursor.ofResponse;
    return cursor && (cursor(response) ?? null) === null ? "no cursor" : records;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("an answer without its list", () => {
  it.each(streams)("is none of $name", ({ stream, compiled }) => {
    const taken = WRONG.filter((body) => {
      const found = read(compiled.select, compiled, body);
      return Array.isArray(found) && !(isAnyObject(stream) && typeof body === "object" && body !== null);
    });
    expect(taken).toEqual([]);
  });

  it.each(streams.filter(({ compiled }) => compiled.each))("is none of the lists of $name", ({ compiled }) => {
    expect(WRONG.filter((body) => Array.isArray(read(compiled.each!.select, undefined, body)))).toEqual([]);
  });

  it.each(streams.filter(({ compiled }) => compiled.cursor.recover?.records))(
    "is none of the search that makes good for $name",
    ({ compiled }) => {
      const { select } = compiled.cursor.recover!.records!;
      expect(WRONG.filter((body) => Array.isArray(read(select, undefined, body)))).toEqual([]);
    },
  );

  it.each(streams.filter(({ compiled }) => !isSingle(compiled)))(
    "is none of $name where it is a text",
    ({ compiled }) => {
      const { select } = compiled.definition.records;
      const names = [select]
        .flat()
        .flatMap((one) => (typeof one === "string" ? (/#\/(\w+)$/.exec(one)?.[1] ?? []) : []));
      for (const name of names) {
        for (const wrong of ["none", 0, false, null, {}, { message: "maintenance" }]) {
          const body = { kind: "list", resultSizeEstimate: 0, id: undefined, [name]: wrong, nextSyncToken: "t2" };
          expect([name, wrong, read(compiled.select, compiled, body)]).toEqual([name, wrong, "unexpected_answer"]);
        }
      }
    },
  );
});
