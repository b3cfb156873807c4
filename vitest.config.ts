import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/global-setup.ts"],
    pool: "forks",
    // Many tests start processes of their own, which then need not compile everything anew.
    env: { NODE_COMPILE_CACHE: join(tmpdir(), "hookline-compile-cache") },
    // Tests mostly wait, for a timer or a child process: more of them than cores can be under way.
    maxWorkers: 4,
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
