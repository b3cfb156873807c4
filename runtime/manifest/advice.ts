import type { Fault } from "../core/errors.ts";
import type { LoadedManifest } from "./load.ts";
import { authenticationMethods, ruleContext } from "./rules/context.ts";

/**
 * What a manifest without faults could do better, with file and pointer. It is no fault: manifests of the first version lack it,
 * and work.
 */
export function manifestAdvice({ manifest, locate }: LoadedManifest): Fault[] {
  return authenticationMethods(ruleContext(manifest, [])).flatMap(({ value, pointer }) => {
    if (value.type !== "oauth2" || value.account) return [];
    const message =
      "has no account: a reconnect then rests on the label and on known records, and is refused without them; " +
      'say what proves the account, for example "account": {"sub": "$token.claims#/sub"}';
    const origin = locate(pointer);
    return [{ ...(origin.file && { file: origin.file }), pointer: origin.pointer, message }];
  });
}
