import { globSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { DEEP_TEST_MS, TEST_MS, WAIT_MS } from "./test/fixtures/limits.ts";

const TESTS = "test/**/*.test.ts";

/** Tests whose size depends on the tier. */
const campaigns = (): string[] =>
  globSync(TESTS).filter((file) => readFileSync(file, "utf8").includes("fixtures/tier.ts"));

/** `--mode deep` and `--mode campaign` are the larger tiers: see test/fixtures/tier.ts. */
export default defineConfig(({ mode }) => {
  const large = mode === "deep" || mode === "campaign";
  return {
    test: {
      include: large ? campaigns() : [TESTS],
      globalSetup: ["test/global-setup.ts"],
      pool: "forks",
      env: {
        HOOKLINE_TIER: mode,
        // Many tests start processes of their own, which then need not compile everything anew.
        NODE_COMPILE_CACHE: join(tmpdir(), "hookline-compile-cache"),
      },
      // Tests mostly wait, for a timer or a child process: more of them than cores can be under way.
      maxWorkers: 4,
      testTimeout: mode === "campaign" ? 0 : mode === "deep" ? DEEP_TEST_MS : TEST_MS,
      hookTimeout: TEST_MS,
      expect: { poll: { timeout: WAIT_MS, interval: 20 } },
    },
  };
});
