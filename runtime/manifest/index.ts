export { checkManifest } from "./check.ts";
export type { CompiledCursor, CompiledPagination, CompiledReads, CompiledRecovery } from "./compile-reads.ts";
export type { CompiledRecords } from "./compile-records.ts";
export {
  compileConnector,
  type Answer,
  type CompiledAction,
  type CompiledAuthentication,
  type CompiledEnrich,
  type CompiledErrorMatcher,
  type CompiledResource,
  type CompiledStep,
  type CompiledStream,
  type CompiledTrigger,
  type Connector,
} from "./connector.ts";
export { compileExpression, compileText, type Getter, type Scope } from "./expressions.ts";
export { compileCondition, compileJmespath } from "./jmespath.ts";
export { builtInConnectors, loadManifest, packageRoot, type LoadedManifest, type LoadOptions } from "./load.ts";
export type { CompiledRequest } from "./requests.ts";
export { compileTarget, type RequestParts, type Target } from "./targets.ts";
export { compilePath, compileTemplate, type TemplateOptions } from "./templates.ts";
export { checkSchema, compileSchema, type Validator } from "./validate.ts";
