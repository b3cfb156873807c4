import type { CompiledResource, Connector } from "../manifest/connector.ts";
import { readSample } from "../read/sample.ts";
import { errorClass } from "../vendor/errors.ts";
import type { SyncCore } from "./core.ts";

/** The input property that takes the vendor's id. */
export const idNameOf = ({ definition }: CompiledResource): string => definition.id ?? "id";

/** Reads one record by its id: the vendor's record, or what holds it; undefined when it does not exist. */
export type Reader = (id: string) => Promise<unknown>;

/**
 * How one record can be read by its id: an action that needs nothing else, or a stream of a single record. Undefined when
 * the connector has neither. Only the account is read to which the connection led after so many moves.
 */
export function readerOf(
  { accounts, actions, variables, clock }: SyncCore,
  { id: connection, moves }: { id: string; moves: number },
  connector: Connector,
  resource: CompiledResource,
): Reader | undefined {
  const idName = idNameOf(resource);
  const needsIdAlone = (input: Record<string, unknown> | undefined): boolean => {
    const required = input?.["required"];
    return Array.isArray(required) && required.length === 1 && required[0] === idName;
  };
  const action = [...connector.actions.values()].find(
    ({ definition }) => definition.kind === "get" && needsIdAlone(definition.input),
  );
  if (action) {
    return (id) =>
      ifFound(async () => (await actions.perform(connection, action.name, { [idName]: id }, { moves })).output);
  }
  const type = connector.streams.get(resource.definition.stream)?.resource?.type;
  const stream = [...connector.streams.values()].find(
    ({ definition: { cursor, input }, resource: own }) =>
      cursor.type === "snapshot" && cursor.single && own?.type === type && needsIdAlone(input),
  );
  if (!stream) return undefined;
  return (id) =>
    ifFound(async () => {
      const client = await accounts.client(connection, moves);
      const signal = new AbortController().signal;
      const values = await variables.valuesOf(client.user, stream);
      const input = { [idName]: id };
      const records = await readSample({
        client,
        stream,
        variables: values,
        input,
        limit: 1,
        now: clock.now(),
        signal,
      });
      return records && records.length > 0 ? { records } : undefined;
    });
}

async function ifFound(read: () => Promise<unknown>): Promise<unknown> {
  try {
    return (await read()) ?? undefined;
  } catch (error) {
    if (errorClass(error) === "notFound") return undefined;
    throw error;
  }
}
