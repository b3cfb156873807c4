import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { HooklineError } from "../core/errors.ts";

export interface Listening {
  readonly port: number;
  /** Takes no new requests, finishes those that run, and cuts what is left after two seconds. */
  close(): Promise<void>;
}

export interface ListenOptions {
  /** 0 takes any that is free. */
  port: number;
  /** Undefined: every address of the machine. */
  host: string | undefined;
  /** How a person chooses another port, for the message when this one is taken. */
  choosePort: string;
}

const PATIENCE = 2_000;

/**
 * Listens, then makes the handler, which may need to know the port.
 * @throws HooklineError `invalid_config` when the port is taken or not allowed
 */
export async function listen(
  { port, host, choosePort }: ListenOptions,
  makeHandler: (port: number) => RequestListener,
): Promise<Listening> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(explainPort(error, port, choosePort)));
    server.listen({ port, host }, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  server.on("request", makeHandler(actual));
  return {
    port: actual,
    close: async () => {
      const timer = setTimeout(() => server.closeAllConnections(), PATIENCE);
      await new Promise<void>((resolve) => server.close(() => resolve()));
      clearTimeout(timer);
    },
  };
}

/** Why a port could not be had, as `invalid_config` with a remedy; other errors as they are. */
export function explainPort(error: unknown, port: number, choosePort: string): unknown {
  const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ""];
  if (reason === undefined) return error;
  return new HooklineError("invalid_config", `Port ${port} ${reason}, or choose another: ${choosePort}`, {
    cause: error,
  });
}

const REASONS: Record<string, string> = {
  EADDRINUSE: "is in use by another program; stop that one",
  EACCES: "may not be opened by this user; take one above 1023",
};
