import ipaddr from "ipaddr.js";
import { HooklineError } from "./errors.ts";

/** Which addresses requests may leave for, besides the public internet. */
export interface NetworkPolicy {
  /** Allows every private, loopback, link-local and otherwise special address. For development and closed networks. */
  allowPrivate: boolean;
  /** CIDR ranges that are allowed although they are not public, such as `10.1.0.0/16`. */
  allow: readonly string[];
}

/** A {@link NetworkPolicy} ready to be asked. */
export interface AddressRules {
  /** Whether a numeric address (IPv4 or IPv6, without brackets or zone) may be connected to. */
  allowsAddress(address: string): boolean;
  /**
   * The URL, parsed, when it may be called as far as its text tells; the addresses behind a name are checked on connecting.
   * @throws HooklineError `invalid_url` for another scheme than http(s), credentials in the URL, a port of another protocol,
   * or a host that is or can only be a private address
   */
  assertUrlAllowed(url: string | URL): URL;
}

/** What is wrong with a range of `allow`, or undefined. Of IPv4 all four parts are needed: "10/8" would be 0.0.0.10/8. */
export function rangeFault(range: string): string | undefined {
  if (ipaddr.IPv6.isValidCIDR(range) || ipaddr.IPv4.isValidCIDRFourPartDecimal(range)) return undefined;
  return `"${range}" is not a CIDR range; write it like 10.1.0.0/16`;
}

/** Compiles a policy. @throws HooklineError `invalid_config` when a range of `allow` is not CIDR */
export function addressRules(policy: NetworkPolicy): AddressRules {
  const ranges = policy.allow.map((range, index) => {
    const fault = rangeFault(range);
    if (fault !== undefined) throw new HooklineError("invalid_config", `network.allow[${index}]: ${fault}`);
    return ipaddr.parseCIDR(range);
  });

  const allowsAddress = (address: string): boolean => {
    if (policy.allowPrivate) return ipaddr.isValid(address);
    if (!ipaddr.isValid(address)) return false;
    const parsed = ipaddr.process(address);
    return isPublic(parsed) || ranges.some(([base, bits]) => base.kind() === parsed.kind() && parsed.match(base, bits));
  };

  return { allowsAddress, assertUrlAllowed: (url) => assertUrl(url, policy.allowPrivate, allowsAddress) };
}

/**
 * IPv4-mapped addresses have been unwrapped before. Of IPv6 only global unicast (2000::/3, RFC 4291 §2.4) counts:
 * that leaves out the IPv4-compatible form `::127.0.0.1`, which ipaddr.js calls unicast, and NAT64.
 */
function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  if (address.range() !== "unicast") return false;
  return address.kind() === "ipv4" || (address.toByteArray()[0]! & 0xe0) === 0x20;
}

/** Ports above 1023 that belong to other protocols (from the WHATWG Fetch standard, "bad port"). */
const OTHER_PROTOCOLS = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
]);

/** Names that never lead to the public internet (RFC 6761, RFC 6762, RFC 8375 and the usual names of metadata services). */
const LOCAL_NAME = /(^|\.)(localhost|local|internal|home\.arpa|localdomain)$/;

function assertUrl(input: string | URL, allowPrivate: boolean, allowsAddress: (address: string) => boolean): URL {
  const url = input instanceof URL ? input : URL.parse(input);
  if (url === null)
    throw new HooklineError("invalid_url", "The URL cannot be parsed; write it like https://example.com/path");
  const refuse = (what: string, remedy: string): never => {
    throw new HooklineError("invalid_url", `The URL for "${url.hostname}" ${what}; ${remedy}`);
  };
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    refuse(`has the scheme "${url.protocol}"`, "use https:// (or http://)");
  }
  if (url.username !== "" || url.password !== "") refuse("carries credentials", "send them in a header instead");
  if (allowPrivate) return url;

  const port = url.port === "" ? 443 : Number(url.port);
  if ((port < 1024 && port !== 80 && port !== 443) || OTHER_PROTOCOLS.has(port)) {
    refuse(`has port ${port}, which belongs to another protocol`, "use 80, 443 or a port above 1023");
  }
  const host = bareHost(url.hostname);
  if (ipaddr.isValid(host) && !allowsAddress(host))
    refuse("leads to a private address", "use a public address, or allow its range in network.allow");
  if (LOCAL_NAME.test(host))
    refuse(
      "leads to a private address",
      "use a public name, or an address in a range of network.allow, such as 127.0.0.1",
    );
  return url;
}

/** A URL's hostname without the brackets of IPv6 and the dot of the root. */
export function bareHost(hostname: string): string {
  return hostname
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/\.$/, "")
    .toLowerCase();
}
