import { randomBytes } from "node:crypto";
import { access, constants, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HooklineError } from "../../core/errors.ts";

/** Keys of the demonstration; made once. */
export interface DemoKeys {
  encryptionKey: string;
  apiKey: string;
}

/** The folder in which a demonstration survives being stopped. */
export interface DemoFolder {
  readonly path: string;
  readonly keys: DemoKeys;
  /** What was saved under a name; undefined the first time. */
  load<T>(name: string): Promise<T | undefined>;
  /** Replaces the file as a whole, so that a kill leaves the old or the new one; readable by its owner alone. */
  save(name: string, value: unknown): Promise<void>;
}

/**
 * Opens the folder, made when it is not there.
 * @throws HooklineError `invalid_config` when it cannot be made or written, or has files of somebody else
 */
export async function openFolder(path: string): Promise<DemoFolder> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.W_OK);
  } catch (cause) {
    const message = `${path}: cannot be used as a folder (${(cause as NodeJS.ErrnoException).code}); name another with --data`;
    throw new HooklineError("invalid_config", message, { cause });
  }
  const load = async <T>(name: string): Promise<T | undefined> => {
    const file = join(path, `${name}.json`);
    const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      const message = `${file}: is not what the demo wrote; delete the folder ${path} to begin again`;
      throw new HooklineError("invalid_config", message, { cause });
    }
  };
  const save = async (name: string, value: unknown): Promise<void> => {
    const file = join(path, `${name}.json`);
    await writeFile(`${file}.new`, JSON.stringify(value), { mode: 0o600 });
    await rename(`${file}.new`, file);
  };
  let keys = await load<DemoKeys>("keys");
  if (!keys) {
    keys = {
      encryptionKey: randomBytes(32).toString("base64"),
      apiKey: `demo_${randomBytes(18).toString("base64url")}`,
    };
    await save("keys", keys);
  }
  return { path, keys, load, save };
}
