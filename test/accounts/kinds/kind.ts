import { fileURLToPath } from "node:url";
import type { AuthenticationMethod, Manifest } from "../../../schemas/manifest.ts";
import { checkManifest } from "../../../runtime/manifest/check.ts";
import { loadManifest } from "../../../runtime/manifest/load.ts";
import { formatFault } from "../../../runtime/core/errors.ts";
import { harness, vendorServer, type Reply, type Seen } from "../harness.ts";

/** A fixture manifest of one way of authentication. */
export async function fixture(name: string): Promise<Manifest> {
  const path = fileURLToPath(new URL(`../../fixtures/kinds/${name}.json`, import.meta.url));
  return (await loadManifest(path)).manifest;
}

/** The fixture with parts of its authentication replaced. */
export async function fixtureWith(name: string, parts: object): Promise<Manifest> {
  const manifest = await fixture(name);
  return { ...manifest, authentication: { ...manifest.authentication, ...parts } as AuthenticationMethod };
}

/** What `hookline validate` says of a manifest. */
export async function faultsOf(manifest: Manifest): Promise<string[]> {
  return checkManifest(await loadManifest(manifest)).map(formatFault);
}

/** A runtime with one connector and a vendor that answers each request as told. */
export async function kindWith(
  manifest: Manifest,
  answer: (request: Seen, count: number) => Reply | Promise<Reply>,
  options: Parameters<typeof harness>[1] = {},
) {
  const vendor = await vendorServer(answer);
  const { url } = vendor;
  const servers = {
    [manifest.name]: { url: `${url}/v1`, authorizationUrl: `${url}/authorize`, tokenUrl: `${url}/token` },
  };
  return { ...(await harness([manifest], { servers, ...options })), vendor };
}
