import { TOKEN_DEADLINE_MS } from "../runtime/accounts/token-endpoint.ts";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { readConfig, type ServiceConfig } from "../runtime/cli/config.ts";
import { createMetrics } from "../runtime/core/metrics.ts";
import { formatFault } from "../runtime/core/errors.ts";
import { systemRoutes } from "../runtime/http/routes/system.ts";
import { compileSchema } from "../runtime/manifest/validate.ts";
import { openDatabase } from "../runtime/store/open.ts";
import { createTestStore } from "./postgres.ts";
import { operations, readme, root } from "./readme-tables.ts";

const guide = await readFile(operations, "utf8");

/** The block of a language that has these words, as it stands in the guide to operations. */
function example(language: string, words: string): string {
  const blocks = [...guide.matchAll(/```(\w+)\n([^]*?)```/g)];
  return blocks.find(([, of, block]) => of === language && block!.includes(words))![2]!;
}

const schemaOf = async (name: string): Promise<object> =>
  JSON.parse(await readFile(join(import.meta.dirname, "fixtures", "deploy", `${name}.schema.json`), "utf8")) as object;

const faultsOf = (schema: object, document: unknown): string[] => compileSchema(schema)(document).map(formatFault);

/** What `hookline start` makes of a configuration file beside which the secret of Google lies. */
async function accept(config: string, env: Record<string, string>): Promise<ServiceConfig> {
  await mkdir(join(root, ".hookline"), { recursive: true });
  const folder = await mkdtemp(join(root, ".hookline", "deploy-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "google"), "secret");
  await writeFile(join(folder, "hookline.config.json"), config.replace("/run/secrets/google", "google"));
  return readConfig({ env, cwd: folder });
}

const STORE = "postgres://hookline:secret@postgres/hookline";
const ENVIRONMENT = {
  DATABASE_URL: STORE,
  HOOKLINE_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
  HOOKLINE_API_KEY: "key",
  GOOGLE_ID: "id",
  GOOGLE_SECRET: "secret",
};

interface Compose {
  services: Record<
    string,
    { environment: Record<string, string>; secrets?: string[]; depends_on?: object; stop_grace_period?: string }
  >;
  secrets: object;
}

/** A token call, and the one that repeats it. */
const LONGEST_STOP_S = (2 * TOKEN_DEADLINE_MS) / 1000;

describe("the compose example", () => {
  const compose = parse(example("yaml", "services:")) as Compose;

  it("is as the Compose Specification has it", async () => {
    expect(faultsOf(await schemaOf("compose"), compose)).toEqual([]);
  });

  it("would not pass with a misspelt property or a value of another form", async () => {
    const { hookline } = compose.services;
    const wrong = { ...compose, services: { hookline: { ...hookline, replicas: 2, stop_grace_period: 15 } } };
    expect(faultsOf(await schemaOf("compose"), wrong)).toEqual([
      expect.stringMatching(/services\/hookline\/replicas/),
      expect.stringMatching(/services\/hookline\/stop_grace_period/),
    ]);
  });

  it("gives a process the time to wait for its token calls before it is killed", () => {
    const [, seconds] = /^(\d+)s$/.exec(compose.services["hookline"]!.stop_grace_period!)!;
    expect(Number(seconds)).toBeGreaterThan(LONGEST_STOP_S);
  });

  it("names only services and secrets there are", () => {
    const { services, secrets } = compose;
    expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(services["hookline"]!.depends_on!)));
    expect(Object.keys(secrets)).toEqual(services["hookline"]!.secrets);
  });

  it("gives the service of the README's configuration all it needs", async () => {
    const given = Object.entries(compose.services["hookline"]!.environment).map(([name, value]) => {
      const filled = value.replace("${POSTGRES_PASSWORD:?}", "secret");
      return [name, filled.replace(/\$\{(\w+):\?\}/, (_, key: keyof typeof ENVIRONMENT) => ENVIRONMENT[key])];
    });
    const config = await accept(
      /```json\n([^]*?)```/.exec(await readFile(readme, "utf8"))![1]!,
      Object.fromEntries(given),
    );
    expect(config.runtime.store).toBe(STORE);
    expect(config.runtime.clients).toEqual({ "google-contacts": { clientId: "id", clientSecret: "secret" } });
  });
});

interface KubernetesObject {
  kind: string;
  data: Record<string, string>;
  spec: {
    selector: { matchLabels: object };
    template: {
      metadata: { labels: object };
      spec: {
        terminationGracePeriodSeconds: number;
        containers: Container[];
        volumes: { name: string; configMap: { name: string } }[];
      };
    };
  };
}

interface Container {
  args: string[];
  volumeMounts: { name: string; mountPath: string }[];
  readinessProbe: { httpGet: { path: string; port: string } };
  livenessProbe: { httpGet: { path: string; port: string } };
}

describe("the Kubernetes example", () => {
  const objects = parseAllDocuments(example("yaml", "kind:")).map((found) => found.toJS() as KubernetesObject);
  const of = (kind: string): KubernetesObject => objects.find((object) => object.kind === kind)!;
  const { template, selector } = of("Deployment").spec;
  const [container] = template.spec.containers as [Container];

  it("has objects as the Kubernetes API has them", async () => {
    const schema = await schemaOf("kubernetes");
    expect(objects.flatMap((object) => faultsOf(schema, object))).toEqual([]);
    expect(objects.map(({ kind }) => kind)).toEqual(["ConfigMap", "Deployment", "Service", "PodDisruptionBudget"]);
  });

  it("would not pass with a misspelt property or a value of another form", async () => {
    const deployment = structuredClone(of("Deployment"));
    Object.assign(deployment.spec, { replica: 2, replicas: "2" });
    expect(faultsOf(await schemaOf("kubernetes"), deployment).toSorted()).toEqual([
      expect.stringMatching(/spec\/replica[^s]/),
      expect.stringMatching(/spec\/replicas/),
    ]);
  });

  it("gives a process the time to wait for its token calls before it is killed", () => {
    expect(template.spec.terminationGracePeriodSeconds).toBeGreaterThan(LONGEST_STOP_S);
  });

  it("selects the pods it makes", () => {
    expect(template.metadata.labels).toEqual(selector.matchLabels);
    expect(of("Service").spec.selector).toEqual(selector.matchLabels);
    expect(of("PodDisruptionBudget").spec.selector).toEqual(selector);
  });

  it("starts the service with a configuration that is accepted", async () => {
    const [[file, config]] = Object.entries(of("ConfigMap").data) as [[string, string]];
    const [mount] = container.volumeMounts;
    expect(container.args).toEqual(["hookline", "start", "--config", `${mount!.mountPath}/${file}`]);
    expect(template.spec.volumes).toEqual([{ name: mount!.name, configMap: { name: "hookline" } }]);
    const { runtime, port } = await accept(config, ENVIRONMENT);
    expect(runtime.store).toBe(STORE);
    expect(runtime.clients).toEqual({ "google-contacts": { clientId: "id", clientSecret: "secret" } });
    expect(port).toBe(8080);
  });

  it("probes what the service answers", () => {
    const routes = systemRoutes({ describe: () => ({}) });
    const paths = routes.filter(({ auth }) => auth === "public").map(({ path }) => path);
    expect(paths).toContain(container.readinessProbe.httpGet.path);
    expect(paths).toContain(container.livenessProbe.httpGet.path);
  });
});

describe("what the guide says to watch", () => {
  it("is measured", async () => {
    const there = await createMetrics().registry.getMetricsAsJSON();
    const named = new Set([...guide.matchAll(/\bhookline_\w+_(?:total|seconds)\b/g)].map(([name]) => name));
    expect(named.size).toBeGreaterThan(2);
    expect(there.map(({ name }) => name)).toEqual(expect.arrayContaining([...named]));
  });

  it("finds due jobs that nobody takes up", async () => {
    const store = await createTestStore();
    onTestFinished(() => store.drop());
    const db = await openDatabase(store.url);
    onTestFinished(() => db.close());
    const query = example("sql", "hookline_jobs");
    expect(await db.all(query)).toEqual([]);
    await db.run(
      `insert into hookline_jobs.job (name, data, start_after) values
       ('poll', '{}', now() - interval '5 minutes'), ('poll', '{}', now() + interval '5 minutes')`,
    );
    expect(await db.all(query)).toEqual([{ queue: "poll", due: 1, late: expect.objectContaining({ minutes: 5 }) }]);
  });
});
