import { compose, type Composed } from "../../../runtime/compose.ts";
import { composeOptions } from "../../fixtures/compose.ts";
import { overPlainHttp } from "../manifest.ts";

export type Transport = "http" | "googleapis";

/** The runtime as a service has it, with its default concurrency; only the vendor's limits are taken away. */
export async function openRuntime(options: { store: string; vendor: string; transport: Transport }): Promise<Composed> {
  const runtime = await compose(
    composeOptions({
      store: options.store,
      connectors: [options.transport === "http" ? await overPlainHttp() : "google-contacts"],
      servers: { "google-contacts": { url: options.vendor } },
      clients: { "google-contacts": { clientId: "bench", clientSecret: "bench" } },
    }),
  );
  Object.assign(runtime.connectors.get("google-contacts")!.manifest, { rateLimits: [] });
  return runtime;
}
