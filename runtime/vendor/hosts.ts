import { HooklineError } from "../core/errors.ts";
import { bareHost } from "../core/addresses.ts";
import { hostAndPort } from "../core/network.ts";

/** Addresses an operator gives a connector instead of the manifest's: a sandbox, a proxy, a test double. */
export interface ServerOverride {
  url?: string;
  authorizationUrl?: string;
  tokenUrl?: string;
  revokeUrl?: string;
  /** Hosts that connections may name where the manifest leaves the host to them: names, `*.` for any subdomain, or `*`. Default none. */
  hosts?: readonly string[];
}

/** Whether an operator lets connections name a host. */
export function allowsNamedHost(hosts: readonly string[] = [], host: string): boolean {
  const name = host.toLowerCase();
  return hosts.some(
    (entry) => entry === "*" || entry === name || (entry.startsWith("*.") && name.endsWith(entry.slice(1))),
  );
}

/** The `host:port` pairs an override names. */
export function overriddenHosts(override: ServerOverride | undefined): string[] {
  const urls = override ? [override.url, override.authorizationUrl, override.tokenUrl, override.revokeUrl] : [];
  return urls.filter((url) => url !== undefined).map((url) => hostAndPort(new URL(url)));
}

/** Checks that a URL leads to a host of the connector. @throws HooklineError `host_not_allowed` */
export type AssertHost = (url: URL) => void;

/** Admits the hosts of a manifest (`*.` is any subdomain), over https on its usual port, and those of an override as they are. */
export function hostGuard(connector: string, allowedHosts: readonly string[], override?: ServerOverride): AssertHost {
  const exact = new Set(allowedHosts.filter((host) => !host.startsWith("*.")).map((host) => host.toLowerCase()));
  const suffixes = allowedHosts.filter((host) => host.startsWith("*.")).map((host) => host.slice(1).toLowerCase());
  const overridden = new Set(overriddenHosts(override));
  return (url) => {
    const host = bareHost(url.hostname);
    const named = exact.has(host) || suffixes.some((suffix) => host.endsWith(suffix));
    if (overridden.has(hostAndPort(url)) || (named && url.protocol === "https:" && url.port === "")) return;
    throw new HooklineError(
      "host_not_allowed",
      `${connector}: ${url.protocol}//${url.host} is not one of its hosts (https: ${allowedHosts.join(", ")}); ` +
        "add it to allowedHosts in the manifest, or to servers in the configuration",
    );
  };
}
