import type { ClientOf } from "../accounts/client.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import type { Source } from "../read/fetch.ts";
import type { Loaded } from "./load.ts";

export interface SourceNeeds {
  /** The conversation of a connection with its vendor. */
  clientOf: ClientOf;
  /** What a user's streams read as `$workspace.vars` and `$user.vars`. */
  variablesOf: VariablesOf;
}

/** What a read of a stream asks the vendor with. @throws HooklineError what opening the connection and the variables throws */
export async function sourceOf(
  { clientOf, variablesOf }: SourceNeeds,
  { stream, connection }: Pick<Loaded, "stream" | "connection">,
  compiled: CompiledStream,
  signal: AbortSignal,
): Promise<Source> {
  const { workspace, user } = await variablesOf(connection.user, compiled);
  const client = await (await clientOf(connection)).as(compiled.as, `${connection.connector}/${compiled.name}`);
  return {
    client,
    scope: {
      input: stream.input,
      connection: client.values,
      workspace: { vars: workspace },
      user: { vars: user },
    },
    operation: compiled,
    signal,
  };
}
