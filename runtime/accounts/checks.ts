import type { AuthenticationMethod } from "../../schemas/manifest.ts";
import { HooklineError, nearest, refuseFaults } from "../core/errors.ts";
import { joinPointer } from "../core/json.ts";
import { compileSchema } from "../manifest/validate.ts";
import type { Vendor } from "./vendors.ts";

/**
 * Checks inputs against the manifest's `connectionInput`, and the addresses that are made of them.
 * @throws HooklineError `invalid_input` with every fault, `host_not_allowed`
 */
export function checkInputs(
  method: AuthenticationMethod,
  inputs: Record<string, unknown>,
  vendor: Pick<Vendor, "addressFaults" | "at">,
): void {
  const schema = method.connectionInput;
  const known = schema ? Object.keys((schema.properties as object | undefined) ?? {}) : [];
  const faults = (schema ? compileSchema(schema)(inputs) : []).map((fault) => ({
    ...fault,
    pointer: `/inputs${fault.pointer}`,
  }));
  for (const name of Object.keys(inputs)) {
    const pointer = joinPointer("/inputs", name);
    if (known.includes(name) || faults.some((fault) => fault.pointer === pointer)) continue;
    const near = nearest(name, known);
    faults.push({ pointer, message: `unknown property${near ? `; did you mean "${near}"?` : ""}` });
  }
  const said = new Set(faults.map(({ pointer }) => pointer));
  faults.push(...vendor.addressFaults(inputs).filter(({ pointer }) => !said.has(pointer)));
  refuseFaults("connection", faults);
  vendor.at(inputs);
}

/**
 * Where a person is sent back to, in the characters of a header.
 * @throws HooklineError `invalid_url` unless its origin is allowed
 */
export function checkReturnTo(origins: readonly string[], returnTo: string | undefined): string | undefined {
  if (returnTo === undefined) return undefined;
  const url = URL.parse(returnTo);
  const sound = url !== null && /^https?:$/.test(url.protocol) && url.username === "" && url.password === "";
  if (!sound || !origins.includes(url.origin)) {
    throw new HooklineError(
      "invalid_url",
      `returnTo must lead to one of ${origins.join(", ")}; add its origin to returnOrigins`,
    );
  }
  return url.href;
}
