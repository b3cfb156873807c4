import schema from "../../schemas/manifest.schema.json" with { type: "json" };
import type { Fault } from "../core/errors.ts";
import type { LoadedManifest } from "./load.ts";
import * as access from "./rules/access.ts";
import * as authentication from "./rules/authentication.ts";
import * as conditions from "./rules/conditions.ts";
import { ruleContext, type Rule } from "./rules/context.ts";
import * as derivations from "./rules/derivations.ts";
import * as expressions from "./rules/expressions.ts";
import * as hosts from "./rules/hosts.ts";
import * as references from "./rules/references.ts";
import * as requests from "./rules/requests.ts";
import * as samples from "./rules/samples.ts";
import * as schemas from "./rules/schemas.ts";
import { compileSchema } from "./validate.ts";

const rules: Rule[] = [
  references,
  expressions,
  conditions,
  requests,
  schemas,
  samples,
  access,
  authentication,
  hosts,
  derivations,
].flatMap((file): Rule[] => Object.values(file));

/**
 * All faults of a manifest: those of form and those only rules can see, each with the file and pointer where it stands.
 * A part with a fault of form is left out of the rules, since nothing can be said of it.
 */
export function checkManifest(loaded: LoadedManifest): Fault[] {
  const formal = compileSchema(schema)(loaded.manifest);
  const context = ruleContext(loaded.manifest, formal);
  return [...formal, ...rules.flatMap((rule) => rule(context))].map(({ pointer, message }) => {
    const origin = loaded.locate(pointer);
    return { ...(origin.file && { file: origin.file }), pointer: origin.pointer, message };
  });
}
