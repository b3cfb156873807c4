/** A service with one subscription: makes its store, or starts on it until it is killed. */
import { compose } from "../../runtime/compose.ts";
import { createRuntime } from "../../runtime/runtime.ts";
import { composeOptions, ENCRYPTION_KEY } from "../fixtures/compose.ts";

const { HOOKLINE_BENCH_STORE: store = "", HOOKLINE_BENCH_VENDOR: url = "", HOOKLINE_BENCH_MAKE: make } = process.env;
const options = {
  store,
  connectors: ["google-contacts"],
  servers: { "google-contacts": { url } },
  clients: { "google-contacts": { clientId: "bench", clientSecret: "bench" } },
};

if (make === undefined) {
  await createRuntime({ ...options, encryptionKeys: [ENCRYPTION_KEY], network: { allowPrivate: true } }).start();
} else {
  const runtime = await compose(composeOptions(options));
  const credentials = { accessToken: "bench" };
  const { id: connection } = await runtime.accounts.create({ connector: "google-contacts", user: "u_1", credentials });
  await runtime.subscriptions.create({ connection, trigger: "contact_created" });
  await runtime.close();
}
