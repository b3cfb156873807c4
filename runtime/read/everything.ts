import type { VendorClient } from "../accounts/client.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { cursorStrategy } from "./cursors.ts";
import type { Source } from "./fetch.ts";
import { passesOver } from "./lists.ts";
import { listingOf, pages, type ReadPage } from "./pages.ts";

export interface EverythingOptions {
  client: VendorClient;
  stream: CompiledStream;
  /** The stream's input. */
  input: Record<string, unknown>;
  /** What the stream reads as `$workspace.vars` and `$user.vars`. */
  variables: Awaited<ReturnType<VariablesOf>>;
  /** Milliseconds since the epoch. */
  now: number;
  signal: AbortSignal;
}

/** Whether a stream has a list of everything; others can only list what changed since a cursor. */
export const listsEverything = ({ cursor: { baseline, recover } }: CompiledStream): boolean =>
  baseline === undefined || recover !== undefined;

/**
 * The pages of everything that a stream lists, if it {@link listsEverything}: for those who look at it once. Nothing is remembered, and a
 * list of several that cannot be had leaves a page that says why. Iterating throws what {@link pages} throws.
 */
export function everythingOf({
  client,
  stream,
  input,
  variables: { workspace, user },
  now,
  signal,
}: EverythingOptions): { source: Source; pages: AsyncGenerator<ReadPage, void, undefined> } {
  const { recover } = stream.cursor;
  const cursor = recover && { cursor: { value: null, sinceSeconds: 0 } };
  const scope = { input, connection: client.values, workspace: { vars: workspace }, user: { vars: user }, ...cursor };
  const source: Source = { client, scope, operation: stream, signal };
  const plan = cursorStrategy(stream.cursor, scope).everything(now);
  const list = listingOf(stream, recover !== undefined);
  return { source, pages: pages(source, list, plan, undefined, passesOver(signal)) };
}
