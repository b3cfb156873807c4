/** An unsigned id token: it comes from the token endpoint itself. */
export const idToken = (claims: object): string =>
  [{ alg: "RS256" }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".") + ".c2ln";
