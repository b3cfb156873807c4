import { HooklineError, isStoreTrouble } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import type { ConnectionRow } from "../model/connections.ts";
import type { Learn } from "./learn.ts";
import type { Tokens } from "./tokens.ts";
import type { VendorOf } from "./vendors.ts";
import { verifyStored } from "./verify.ts";

/**
 * Makes what proves the account of a connection by the tokens that it has, before others are compared with them. What fails leaves it
 * unproved, and is logged.
 */
export function createProve(
  { clock, log }: Pick<Context, "clock" | "log">,
  { vendorOf, tokens, learn }: { vendorOf: VendorOf; tokens: Tokens; learn: Learn },
): (row: ConnectionRow) => Promise<void> {
  return async ({ id, connector }) => {
    try {
      const renew = (rejected: number) => tokens.open(id, rejected);
      const { row, identity, failure } = await verifyStored(vendorOf(connector), await tokens.open(id), renew, clock);
      if (failure) throw failure;
      await learn.tested(row, identity);
    } catch (error) {
      if (!(error instanceof HooklineError) || isStoreTrouble(error)) throw error;
      log.warn({ connection: id, error }, "the account of a connection could not be proved by the tokens that it has");
    }
  };
}
