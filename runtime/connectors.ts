import { HooklineError, withFaults, type Fault } from "./core/errors.ts";
import { rememberTokenPrefixes } from "./core/secrets.ts";
import { checkManifest } from "./manifest/check.ts";
import { compileConnector, type Connector } from "./manifest/connector.ts";
import { isManifestPath, loadManifest, type LoadedManifest } from "./manifest/load.ts";

/**
 * Loads, checks and compiles connectors, by name.
 * @throws HooklineError `invalid_config` with each source that leads to no manifest, or to a connector that is there already;
 * `invalid_manifest` with every fault of every manifest
 */
export async function loadConnectors(sources: readonly (string | object)[]): Promise<ReadonlyMap<string, Connector>> {
  const connectors = new Map<string, Connector>();
  const misplaced: Fault[] = [];
  const faults: Fault[] = [];
  for (const [index, source] of sources.entries()) {
    const pointer = `/connectors/${index}`;
    // A manifest that was given as an object stands in the options.
    const placed = (fault: Fault): Fault => (fault.file ? fault : { ...fault, pointer: pointer + fault.pointer });
    const loaded = await loadManifest(source).catch((error: unknown) => {
      if (!(error instanceof HooklineError)) throw error;
      faults.push(...error.faults.map(placed));
      if (error.faults.length === 0) misplaced.push({ pointer, message: error.message });
    });
    if (loaded === undefined) continue;
    const found = faultsOf(source, loaded);
    faults.push(...found.map(placed));
    if (found.length > 0) continue;
    const connector = compileConnector(loaded);
    if (connectors.has(connector.name))
      misplaced.push({
        pointer,
        message: `${JSON.stringify(connector.name)} is given twice; give each connector once`,
      });
    connectors.set(connector.name, connector);
    rememberTokenPrefixes(tokenPrefixes(connector));
  }
  if (misplaced.length > 0) throw withFaults("invalid_config", "The connectors have", misplaced);
  if (faults.length > 0) throw withFaults("invalid_manifest", "The manifests have", faults);
  return connectors;
}

function tokenPrefixes({ manifest: { authentication } }: Connector): readonly string[] {
  const methods = "oneOf" in authentication ? authentication.oneOf : [authentication];
  return methods.flatMap((method) => ("tokenPrefixes" in method ? (method.tokenPrefixes ?? []) : []));
}

/** Built-in manifests are checked by their tests: a start does not pay for it again. */
function faultsOf(source: string | object, loaded: LoadedManifest): Fault[] {
  return typeof source === "string" && !isManifestPath(source) ? [] : checkManifest(loaded);
}
