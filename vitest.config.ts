import { globSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { DEEP_TEST_MS, TEST_MS, WAIT_MS } from "./test/fixtures/limits.ts";

const TESTS = "test/**/*.test.ts";

/** Tests whose size depends on the tier. */
const campaigns = (): string[] =>
  globSync(TESTS).filter((file) => readFileSync(file, "utf8").includes("fixtures/tier.ts"));

/** Files whose tests wait for processes and leases: they begin first, so that nothing waits for them at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const waits = ({ moduleId }: TestSpecification): boolean => /\/test\/(faults|cli|engine|testing)\//.test(moduleId);
    return [...sorted.filter(waits), ...sorted.filter((file) => !waits(file))];
  }
}

/** `--mode deep` and `--mode campaign` are the larger tiers: see test/fixtures/tier.ts. */
export default defineConfig(({ mode }) => {
  const large = mode === "deep" || mode === "campaign";
  return {
    test: {
      include: large ? campaigns() : [TESTS],
      globalSetup: ["test/global-setup.ts"],
      setupFiles: ["test/setup.ts"],
      pool: "forks",
      // A process for each file takes longer than most files do. See test/setup.ts for what files do not share.
      isolate: false,
      env: {
        HOOKLINE_TIER: mode,
        // Many tests start processes of their own, which then need not compile everything anew.
        NODE_COMPILE_CACHE: join(tmpdir(), "hookline-compile-cache"),
      },
      // Tests mostly wait, for a timer or a child process: more of them than cores can be under way.
      maxWorkers: 4,
      sequence: { sequencer: LongestFirst },
      testTimeout: mode === "campaign" ? 0 : mode === "deep" ? DEEP_TEST_MS : TEST_MS,
      hookTimeout: TEST_MS,
      expect: { poll: { timeout: WAIT_MS, interval: 20 } },
    },
  };
});
