import { HooklineError, nearest } from "../../core/errors.ts";
import type { CompiledStream, CompiledTrigger, Connector } from "../../manifest/connector.ts";
import { readSample } from "../../read/sample.ts";
import { scopeOf } from "../../model/principal.ts";
import { ok, userRoute, type Route } from "../compat.ts";
import { ref } from "../../model/schema.ts";
import type { Services } from "../services.ts";
import { findConnector } from "./connectors.ts";
import { inputQuery, parseInput } from "../../model/input-query.ts";

const MOST = 3;
const DEADLINE_MS = 30_000;

export const sampleRoutes: Route[] = [
  userRoute<unknown, { live?: boolean; input?: string }>({
    method: "get",
    path: "/v1/connections/{id}/triggers/{trigger}/sample",
    operationId: "getTriggerSample",
    summary: "What a trigger tells of: up to three real records, or the manifest's sample",
    tag: "connections",
    params: { id: "Id of the connection", trigger: "Key of the trigger in the manifest" },
    query: {
      live: {
        type: "boolean",
        description: "Whether to read from the vendor now. Nothing that polls remember changes by it.",
      },
      input: inputQuery,
    },
    responses: { 200: { description: "The examples.", schema: ref("Sample") } },
    problems: [409, 424, 502, 504],
    handler: async ({ services, principal, params, query }) => {
      const { id, connector: name } = await services.accounts.get(params["id"]!, scopeOf(principal));
      const connector = findConnector(services.connectors, name);
      const trigger = findTrigger(connector, params["trigger"]!);
      const stream = connector.streams.get(trigger.stream)!;
      const records = query.live ? await readLive(services, id, stream, trigger, parseInput(query.input)) : undefined;
      if (records) return ok({ live: true, data: records.map((record) => withResource(stream, record)) });
      const { sample } = trigger.definition;
      return ok({ live: false, data: sample === undefined ? [] : [withResource(stream, sample)] });
    },
  }),
];

async function readLive(
  { accounts, variables, clock }: Services,
  connection: string,
  stream: CompiledStream,
  trigger: CompiledTrigger,
  given: Record<string, unknown>,
): Promise<unknown[] | undefined> {
  const faults = trigger.validateInput(given).map((fault) => ({ ...fault, pointer: `/query/input${fault.pointer}` }));
  if (faults.length > 0) {
    throw new HooklineError("invalid_input", `${trigger.name}: the input does not match its schema: see errors`, {
      faults,
    });
  }
  const client = await accounts.client(connection);
  const input = trigger.streamInput({ input: given, connection: client.values });
  const signal = AbortSignal.timeout(DEADLINE_MS);
  return readSample({
    client,
    stream,
    input,
    variables: await variables.valuesOf(client.user, stream),
    limit: MOST,
    now: clock.now(),
    signal,
  });
}

function withResource(stream: CompiledStream, record: unknown): object {
  const resource = stream.resource?.map(record);
  return { ...(resource === undefined ? {} : { resource }), record };
}

function findTrigger(connector: Connector, name: string): CompiledTrigger {
  const trigger = connector.triggers.get(name);
  if (trigger) return trigger;
  const near = nearest(name, connector.triggers.keys());
  const remedy =
    near === undefined ? `there are: ${[...connector.triggers.keys()].join(", ")}` : `did you mean "${near}"?`;
  throw new HooklineError("not_found", `${connector.name} has no trigger "${name}"; ${remedy}`);
}
