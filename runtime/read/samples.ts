import type { ClientOf } from "../accounts/client.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import { below, HooklineError, notFound, refuseFaults, unknownName } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import type { CompiledStream, CompiledTrigger } from "../manifest/connector.ts";
import { findConnection, type ConnectionRow } from "../model/connections.ts";
import type { RecordFailure } from "../model/quarantine.ts";
import { isVisible, type Scope } from "../model/principal.ts";
import { connectorOf } from "./connector.ts";
import { describeFailure } from "./enrich.ts";
import { takeSample, type ReadSample } from "./sample.ts";

/** Most records of a sample. */
const MOST = 3;
/** Milliseconds that reading one may take. */
const DEADLINE_MS = 30_000;

/** Examples of the records of a trigger. */
export interface Sample {
  /** Whether the records are the vendor's own, or the manifest's. */
  live: boolean;
  data: { resource?: object; resourceError?: RecordFailure; record: unknown }[];
  /** Records, and lists of several, that were listed and cannot be had: their key, null without one, and why. Absent when all can. */
  leftOut?: { key: string | null; error: RecordFailure }[];
}

/** Examples of the records of triggers, for people who set up a subscription or a flow. */
export interface Samples {
  /**
   * With `live`, up to three records as the vendor lists them now, where it can; else the manifest's sample. `input` is the
   * trigger's. Nothing that polls remember changes.
   * @throws HooklineError `not_found`, `invalid_input` with every fault, `conflict`, and what a request throws
   * @throws VendorError
   */
  get(
    connection: string,
    trigger: string,
    options?: { live?: boolean; input?: Record<string, unknown> },
    scope?: Scope,
  ): Promise<Sample>;
}

export interface SamplesNeeds {
  /** The conversation of a connection with its vendor. */
  clientOf: ClientOf;
  variablesOf: VariablesOf;
}

/** Makes the service of samples. */
export function createSamples(
  { db, connectors, clock }: Pick<Context, "db" | "connectors" | "clock">,
  { clientOf, variablesOf }: SamplesNeeds,
): Samples {
  const readLive = async (
    connection: ConnectionRow,
    stream: CompiledStream,
    trigger: CompiledTrigger,
    given: Record<string, unknown>,
  ): Promise<ReadSample | undefined> => {
    const faults = below("/input", trigger.validateInput(given));
    refuseFaults("sample", faults);
    const client = await clientOf(connection);
    const input = trigger.streamInput({ input: given, connection: client.values });
    const variables = await variablesOf(client.user, stream);
    const signal = AbortSignal.timeout(DEADLINE_MS);
    return takeSample({ client, stream, input, variables, limit: MOST, now: clock.now(), signal });
  };

  return {
    async get(id, name, { live = false, input = {} } = {}, scope = {}) {
      const connection = await findConnection(db, id);
      if (!connection || !isVisible(connection.user, scope)) throw notFound("connection", id);
      const connector = connectorOf(connection, connectors);
      const trigger = connector.triggers.get(name);
      if (!trigger) throw new HooklineError("not_found", unknownName("trigger", name, connector.triggers.keys()));
      const stream = connector.streams.get(trigger.stream)!;
      const read = live ? await readLive(connection, stream, trigger, input) : undefined;
      const { sample } = trigger.definition;
      const shown = read?.records ?? (sample === undefined ? [] : [sample]);
      const leftOut = (read?.leftOut ?? []).map(({ listed, error }) => {
        return { key: keyOf(stream, listed, input), error: describeFailure(error) };
      });
      const data = shown.map((record) => withResource(stream, record));
      return { live: read !== undefined, data, ...(leftOut.length > 0 && { leftOut }) };
    },
  };
}

/** The key of what is left out: of a record, or of a list of several. */
function keyOf({ key, each }: CompiledStream, listed: unknown, input: Record<string, unknown>): string | null {
  return key(listed, input) ?? each?.key(listed) ?? null;
}

/** A record that cannot be put into common terms is shown all the same. */
function withResource({ resource }: CompiledStream, record: unknown): Sample["data"][number] {
  try {
    const mapped = resource?.map(record);
    return { ...(mapped && { resource: mapped }), record };
  } catch (error) {
    return { resourceError: describeFailure(error as Error), record };
  }
}
