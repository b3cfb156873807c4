import type { RunAction, VariablesOf } from "../../connect/actions.ts";
import type { VendorClient } from "../../connect/client.ts";
import { errorClass } from "../../connect/errors.ts";
import type { CompiledResource, Connector } from "../../manifest/connector.ts";
import { readSample } from "../../poll/sample.ts";
import type { Database } from "../../store/database.ts";

export interface AccessOptions {
  db: Database;
  connectors: ReadonlyMap<string, Connector>;
  openClient: (connection: string) => Promise<VendorClient>;
  runAction: RunAction;
  variablesOf: VariablesOf;
  now: () => number;
}

/** The input property that takes the vendor's id. */
export const idNameOf = ({ definition }: CompiledResource): string => definition.id ?? "id";

export type ReaderOptions = Pick<AccessOptions, "openClient" | "runAction" | "variablesOf" | "now">;

/** Reads one thing by its id. */
export interface Reader {
  /** The vendor's record, or what holds it; undefined when it is gone. */
  read(options: ReaderOptions, connection: string, id: string): Promise<unknown>;
}

/** How one thing can be read by its id: an action that asks for nothing else, or a stream of one record. */
export function readerOf(connector: Connector, resource: CompiledResource): Reader | undefined {
  const idName = idNameOf(resource);
  const asksForIdAlone = (input: Record<string, unknown> | undefined): boolean => {
    const required = input?.["required"];
    return Array.isArray(required) && required.length === 1 && required[0] === idName;
  };
  const action = [...connector.actions.values()].find(
    ({ definition }) => definition.kind === "get" && asksForIdAlone(definition.input),
  );
  if (action) {
    return {
      read: async ({ runAction }, connection, id) => whenThere(runAction(connection, action.name, { [idName]: id })),
    };
  }
  const type = connector.streams.get(resource.definition.stream)?.resource?.type;
  const stream = [...connector.streams.values()].find(
    ({ definition, resource: own }) =>
      definition.cursor.type === "snapshot" &&
      definition.cursor.single &&
      own?.type === type &&
      asksForIdAlone(definition.input),
  );
  if (!stream) return undefined;
  return {
    read: async ({ openClient, variablesOf, now }, connection, id) => {
      const client = await openClient(connection);
      const variables = await variablesOf(client.user);
      const signal = new AbortController().signal;
      const sample = readSample({ client, stream, variables, input: { [idName]: id }, limit: 1, now: now(), signal });
      return whenThere(sample.then((records = []) => ({ output: records.length === 0 ? undefined : { records } })));
    },
  };
}

/** The output of a read; nothing when the vendor says there is no such thing. */
async function whenThere(read: Promise<{ output: unknown }>): Promise<unknown> {
  try {
    return (await read).output ?? undefined;
  } catch (error) {
    if (errorClass(error) === "notFound") return undefined;
    throw error;
  }
}
