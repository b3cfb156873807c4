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
  options: ListenOptions,
  makeHandler: (port: number) => RequestListener,
): Promise<Listening> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(explainPort(error, options)));
    server.listen({ port: options.port, host: options.host }, resolve);
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

/** Why nobody can listen there, as `invalid_config` with a remedy; other errors as they are. */
export function explainPort(error: unknown, { port, host, choosePort }: ListenOptions): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const invalid = (message: string) => new HooklineError("invalid_config", message, { cause: error });
  if (host !== undefined && NO_ADDRESS.has(code)) {
    return invalid(`Host ${host} is not an address of this machine; use 127.0.0.1, or leave it out for every address`);
  }
  const reason = REASONS[code];
  return reason === undefined ? error : invalid(`Port ${port} ${reason}, or choose another: ${choosePort}`);
}

const NO_ADDRESS = new Set(["EADDRNOTAVAIL", "ENOTFOUND", "EAI_AGAIN", "EINVAL"]);
const REASONS: Record<string, string> = {
  EADDRINUSE: "is in use by another program; stop that one",
  EACCES: "may not be opened by this user; take one above 1023",
};
