import type { ReadAll } from "../accounts/minting.ts";
import { pages } from "./pages.ts";

/** Reads a list to its end, for whoever waits for it. @throws HooklineError what {@link pages} throws */
export const readWhole: ReadAll = async (client, list, given) => {
  const found: unknown[] = [];
  for await (const { records } of pages({ client, ...given, purpose: "action" }, list)) found.push(...records);
  return found;
};
