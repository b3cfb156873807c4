import { HooklineError } from "./errors.ts";

/** What is wrong with something sealed that does not open. */
export interface Broken {
  code: string;
  /** With what to do. */
  message: string;
}

/** Opens something for people to see: where it does not open, that is what they see, and the rest is shown as well. */
export function orBroken<Opened>(open: () => Opened): { value?: Opened; problem: Broken | null } {
  try {
    return { value: open(), problem: null };
  } catch (error) {
    if (!(error instanceof HooklineError) || error.code !== "decryption_failed") throw error;
    return { problem: { code: error.code, message: error.message } };
  }
}
