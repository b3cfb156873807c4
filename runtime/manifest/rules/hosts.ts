import type { AuthenticationMethod } from "../../../schemas/manifest.ts";
import type { Fault } from "../../core/errors.ts";
import { isObject } from "../../core/json.ts";
import { isWholeHost, placeholdersOf } from "../address.ts";
import { authenticationMethods, type Rule, type RuleContext } from "./context.ts";

/** An address of the manifest, and the ways of authentication whose connections use it. */
interface Address {
  url: string;
  pointer: string;
  methods: readonly AuthenticationMethod[];
}

const PARTS = ["authorizationUrl", "tokenUrl", "refreshUrl", "revokeUrl"] as const;

function addressesOf(context: RuleContext): Address[] {
  const server = context.sound("server");
  const ways = authenticationMethods(context);
  const methods = ways.map(({ value }) => value);
  return [
    ...(server && "url" in server ? [{ url: server.url, pointer: "/server/url", methods }] : []),
    ...ways.flatMap(({ value, pointer }) =>
      PARTS.flatMap((key) => {
        const url = isObject(value) ? value[key] : undefined;
        return typeof url === "string" ? [{ url, pointer: `${pointer}/${key}`, methods: [value] }] : [];
      }),
    ),
  ];
}

/** Every address of the manifest is on an allowed host. */
export const hostsAreAllowed: Rule = (context) => {
  const allowed = context.sound("allowedHosts");
  const server = context.sound("server");
  if (!allowed) return [];
  const foreign = addressesOf(context).flatMap(({ url, pointer }): Fault[] => {
    const parsed = URL.parse(url.replaceAll(/[{}]/g, ""));
    const [, host = "", port = ""] = /^https?:\/\/([^/?#:]*)(:\d*)?/i.exec(url) ?? [];
    if (parsed === null || host === "")
      return [{ pointer, message: 'is not a URL; write it like "https://api.acme.example/v2"' }];
    if (!isAllowed(host, allowed)) return [{ pointer, message: `"${host}" is not in allowedHosts; add it there` }];
    return port === ""
      ? []
      : [{ pointer, message: `has port ${port.slice(1)}; hosts are called on the usual port of https` }];
  });
  const google = server && "googleapis" in server && !allowed.some((host) => host.endsWith("googleapis.com"));
  return google
    ? [
        ...foreign,
        { pointer: "/allowedHosts", message: `has no host of Google's; add "${server.googleapis.api}.googleapis.com"` },
      ]
    : foreign;
};

function isAllowed(host: string, allowed: readonly string[]): boolean {
  return allowed.some((entry) => entry === host || (entry.startsWith("*.") && host.endsWith(entry.slice(1))));
}

/** What an input makes of a host is a label below a domain that somebody registered, or the whole host. */
export const placeholdersStandBelowADomain: Rule = (context) => {
  const hosts = [
    ...addressesOf(context).map(({ url, pointer }) => ({
      host: /^https?:\/\/([^/?#]*)/i.exec(url)?.[1] ?? "",
      pointer,
    })),
    ...(context.sound("allowedHosts") ?? []).map((host, i) => ({ host, pointer: `/allowedHosts/${i}` })),
  ];
  return hosts.flatMap(({ host, pointer }): Fault[] => {
    const [name] = placeholdersOf(host);
    if (name === undefined || isWholeHost(host, name)) return [];
    const labels = host.split(".");
    const fixed = labels.slice(labels.findLastIndex((label) => label.includes("{")) + 1);
    const isWhole = labels.every((label) => !label.includes("{") || /^\{\w+\}$/.test(label));
    if (!isWhole)
      return [
        { pointer, message: `"${host}": a placeholder is a whole part of a host name; write {${name}} between dots` },
      ];
    if (fixed.length >= (isPublicSuffix(fixed) ? 3 : 2)) return [];
    const message = `"${host}": what follows a placeholder is a domain that one owner has, such as {${name}}.acme.example`;
    return [{ pointer, message }];
  });
};

/** Second levels under which countries register for everybody: `co.uk`, `com.au`. */
function isPublicSuffix(labels: readonly string[]): boolean {
  return /^(ac|co|com|edu|go|gob|gov|govt|mil|ne|net|nom|or|org|gen|ltd|plc|sch|web)\.[a-z]{2}$/.test(
    labels.slice(-2).join("."),
  );
}

/** Inputs that addresses take up are asked of every connection, as text. */
export const placeholdersAreAsked: Rule = (context) => {
  const methods = authenticationMethods(context).map(({ value }) => value);
  const hosts = (context.sound("allowedHosts") ?? []).map((url, i) => ({
    url,
    pointer: `/allowedHosts/${i}`,
    methods,
  }));
  return [...addressesOf(context), ...hosts].flatMap(({ url, pointer, methods }) =>
    placeholdersOf(url).flatMap((name): Fault[] => {
      const lacking = methods.find(({ connectionInput: input }) => {
        const properties = isObject(input?.["properties"]) ? input["properties"] : {};
        const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
        const isRequired = Array.isArray(input?.["required"]) && input["required"].includes(name);
        return !isRequired || !isObject(property) || property["type"] !== "string";
      });
      if (!lacking) return [];
      const message = `takes up "${name}", which the connectionInput of ${lacking.type} does not require as text; add it there`;
      return [{ pointer, message }];
    }),
  );
};

/** An input is a label or a whole host, not both. */
export const placeholdersMeanOneThing: Rule = (context) => {
  const addresses = addressesOf(context);
  return addresses.flatMap(({ url, pointer }) =>
    placeholdersOf(url)
      .filter((name) =>
        addresses.some(
          (other) =>
            placeholdersOf(other.url).includes(name) && isWholeHost(other.url, name) !== isWholeHost(url, name),
        ),
      )
      .map((name) => ({
        pointer,
        message: `{${name}} is a whole host in one address and a part in another; use two inputs`,
      })),
  );
};
